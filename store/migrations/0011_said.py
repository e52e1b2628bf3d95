"""What was said of a thing, by its address, and how the story stood then; a scene's weather, and the event
that last changed the quotes beside its summary."""

SAID = """
CREATE TABLE said (
    id       INTEGER PRIMARY KEY,
    chat_id  INTEGER NOT NULL,
    address  TEXT    NOT NULL,
    thing_id INTEGER,
    scene_id INTEGER,
    clock    INTEGER NOT NULL,
    weather  TEXT
) STRICT;
CREATE INDEX said_address ON said(chat_id, address);
ALTER TABLE scene ADD COLUMN weather TEXT;
ALTER TABLE scene_summary ADD COLUMN quotes_by INTEGER;
"""


def up(migrator, db):
    db.connection().execute(SAID)
