"""Long work that is shown on the page, and the one model by which memories are searched.

Both lie beside the log: neither changes what happened.
"""

BESIDE_THE_LOG = """
CREATE TABLE undertaking (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT    NOT NULL,
    asked    TEXT    NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('running', 'done', 'cancelled', 'failed', 'interrupted')),
    done     INTEGER NOT NULL DEFAULT 0,
    total    INTEGER NOT NULL DEFAULT 0,
    stop     INTEGER NOT NULL DEFAULT 0,
    outcome  TEXT    NOT NULL DEFAULT '',
    hint     TEXT    NOT NULL DEFAULT '',
    began_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;
CREATE TABLE answering (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    model    TEXT    NOT NULL,
    choice   TEXT    NOT NULL,
    switches INTEGER NOT NULL DEFAULT 0
) STRICT;
"""


def up(migrator, db):
    db.connection().execute(BESIDE_THE_LOG)
