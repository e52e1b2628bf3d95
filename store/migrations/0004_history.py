"""Branches and alternatives: the live set, and a trail by which the newest events can be taken back."""

LIVE_SET = """
CREATE TABLE branch (
    id        INTEGER PRIMARY KEY,
    chat_id   INTEGER NOT NULL,
    parent_id INTEGER,
    at        INTEGER,
    name      TEXT    NOT NULL
) STRICT;
CREATE INDEX branch_chat ON branch(chat_id);
CREATE TABLE lineage (
    id      INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL,
    upto    INTEGER NOT NULL
) STRICT;
CREATE INDEX lineage_chat ON lineage(chat_id);
CREATE TABLE fallen (
    id      INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL
) STRICT;
CREATE INDEX fallen_chat ON fallen(chat_id);
CREATE INDEX event_alternative ON event(chat_id, id)
    WHERE kind = 'turn.assistant' AND payload ->> 'alternative_of' IS NOT NULL;
CREATE INDEX event_said ON event(branch_id, id) WHERE kind IN ('turn.user', 'turn.assistant');
ALTER TABLE turn ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;
ALTER TABLE turn ADD COLUMN edited_by INTEGER;
ALTER TABLE turn ADD COLUMN alternative_of INTEGER;
ALTER TABLE run ADD COLUMN branch_id INTEGER;
"""

TRAIL = """
CREATE TABLE trail (
    id      INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL,
    changes TEXT    NOT NULL
) STRICT;
CREATE INDEX trail_chat ON trail(chat_id, id);
CREATE TABLE retelling (
    chat_id INTEGER PRIMARY KEY,
    since   INTEGER NOT NULL DEFAULT 0,
    last    INTEGER NOT NULL DEFAULT 0
) STRICT;
"""


def up(migrator, db):
    for statements in (LIVE_SET, TRAIL):
        db.connection().execute(statements)
