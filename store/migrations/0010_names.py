"""What the person was called in a chat before, and from which event to which; and an
index of what was done by hand, for whoever asks what can be undone."""

NAMES = """
ALTER TABLE chat ADD COLUMN you_before TEXT NOT NULL DEFAULT '[]';
CREATE INDEX event_by_hand ON event(chat_id, id)
    WHERE run_id IS NULL AND cause_id IS NULL AND kind != 'turn.user';
"""


def up(migrator, db):
    db.connection().execute(NAMES)
