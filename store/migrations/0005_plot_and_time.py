"""Plot and time: the story clock, story events, threads, skips, digests, auto-mode."""

CLOCK = """
ALTER TABLE chat ADD COLUMN clock INTEGER NOT NULL DEFAULT 720;
ALTER TABLE chat ADD COLUMN auto_left INTEGER NOT NULL DEFAULT 0;
ALTER TABLE turn ADD COLUMN clock INTEGER NOT NULL DEFAULT 0;
ALTER TABLE memory ADD COLUMN clock INTEGER NOT NULL DEFAULT 0;
ALTER TABLE scene ADD COLUMN clock INTEGER NOT NULL DEFAULT 0;
ALTER TABLE scene ADD COLUMN closed_clock INTEGER;
CREATE TABLE skip (
    id      INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL,
    mode    TEXT    NOT NULL,
    minutes INTEGER NOT NULL,
    words   TEXT    NOT NULL,
    clock   INTEGER NOT NULL
) STRICT;
CREATE INDEX skip_chat ON skip(chat_id, id);
"""

PLOT = """
CREATE TABLE story_event (
    id            INTEGER PRIMARY KEY,
    chat_id       INTEGER NOT NULL,
    plan          TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    present       TEXT    NOT NULL DEFAULT '[]',
    scene_id      INTEGER,
    started_by    INTEGER,
    started_clock INTEGER,
    ended_by      INTEGER,
    ended_clock   INTEGER,
    gist          TEXT    NOT NULL DEFAULT '',
    reason        TEXT    NOT NULL DEFAULT '',
    changed_by    INTEGER NOT NULL
) STRICT;
CREATE INDEX story_event_open ON story_event(chat_id, id) WHERE state IN ('planned', 'active');
CREATE INDEX story_event_chat ON story_event(chat_id, id);
CREATE TABLE thread (
    id            INTEGER PRIMARY KEY,
    chat_id       INTEGER NOT NULL,
    title         TEXT    NOT NULL,
    summary       TEXT    NOT NULL,
    known_to      TEXT    NOT NULL,
    scene_id      INTEGER,
    drew_on       TEXT    NOT NULL,
    opened_clock  INTEGER NOT NULL,
    touched_clock INTEGER NOT NULL,
    closed_by     INTEGER,
    resolution    TEXT    NOT NULL DEFAULT '',
    changed_by    INTEGER NOT NULL
) STRICT;
CREATE INDEX thread_open ON thread(chat_id, id) WHERE closed_by IS NULL;
CREATE INDEX thread_chat ON thread(chat_id, id);
CREATE TABLE digest (
    id          INTEGER PRIMARY KEY,
    chat_id     INTEGER NOT NULL,
    scene_id    INTEGER NOT NULL,
    text        TEXT    NOT NULL,
    told_by     TEXT    NOT NULL,
    surfaced_by INTEGER,
    surfaced_in INTEGER,
    changed_by  INTEGER NOT NULL
) STRICT;
CREATE INDEX digest_chat ON digest(chat_id, id);
"""


def up(migrator, db):
    for statements in (CLOCK, PLOT):
        db.connection().execute(statements)
