"""The vector cache numbered, so that a search notices new vectors; memories found by what changed last.

A cache beside the log: nothing in it cannot be made again, so the old one is dropped.
"""

CACHE = """
DROP TABLE vector;
CREATE TABLE vector (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    digest TEXT NOT NULL,
    model  TEXT NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (digest, model)
) STRICT;
CREATE INDEX memory_changed ON memory(chat_id, owner_id, changed_by);
"""


def up(migrator, db):
    db.connection().execute(CACHE)
