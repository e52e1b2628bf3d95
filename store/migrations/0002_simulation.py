"""The simulation's projections: cast, scenes, edges, entities, places; memories with how they were learnt.

Projections are a fold of the log, so their tables are made anew; `store.database` folds the log again.
"""

LEDGER = """
ALTER TABLE run ADD COLUMN awaits TEXT;
CREATE INDEX run_open_of_chat ON run(chat_id, stage, event_id)
    WHERE state IN ('waiting', 'ready', 'running', 'backoff');
CREATE INDEX event_kind ON event(chat_id, kind, id);
CREATE INDEX event_superseded ON event(payload ->> 'superseded_run_id') WHERE kind = 'outcome.superseded';
DROP TABLE chat;
DROP TABLE turn;
DROP TABLE memory;
DELETE FROM bot;
"""

RECORDS = """
CREATE TABLE chat (
    id          INTEGER PRIMARY KEY,
    branch_id   INTEGER NOT NULL,
    title       TEXT    NOT NULL,
    host_id     INTEGER NOT NULL,
    guest_id    INTEGER,
    scene_id    INTEGER,
    you_name    TEXT    NOT NULL,
    you_persona TEXT    NOT NULL,
    opening     TEXT    NOT NULL,
    proposal    TEXT,
    begun       INTEGER NOT NULL,
    note        TEXT    NOT NULL DEFAULT '',
    note_depth  INTEGER NOT NULL DEFAULT 0,
    turns       INTEGER NOT NULL DEFAULT 0,
    archived    INTEGER NOT NULL DEFAULT 0,
    changed_by  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL
) STRICT;
CREATE TABLE turn (
    id           INTEGER PRIMARY KEY,
    chat_id      INTEGER NOT NULL,
    branch_id    INTEGER NOT NULL,
    anchor_id    INTEGER NOT NULL,
    ordinal      INTEGER NOT NULL,
    speaker_id   INTEGER,
    text         TEXT    NOT NULL,
    answers      INTEGER,
    scene_id     INTEGER,
    present      TEXT    NOT NULL,
    significance INTEGER,
    truncated    INTEGER NOT NULL DEFAULT 0,
    ended        TEXT    NOT NULL,
    model        TEXT    NOT NULL DEFAULT '',
    usage        TEXT,
    run_id       INTEGER,
    recorded_at  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX turn_order ON turn(chat_id, anchor_id, id);
CREATE INDEX turn_scene ON turn(scene_id, id);
CREATE TABLE memory (
    id           INTEGER PRIMARY KEY,
    chat_id      INTEGER NOT NULL,
    owner_id     INTEGER NOT NULL,
    turn_id      INTEGER,
    scene_id     INTEGER,
    form         TEXT    NOT NULL,
    speaker_name TEXT    NOT NULL,
    text         TEXT    NOT NULL,
    witnesses    TEXT    NOT NULL,
    how          TEXT    NOT NULL,
    from_id      INTEGER,
    drew_on      TEXT    NOT NULL,
    significance INTEGER NOT NULL DEFAULT 0,
    pinned       TEXT    NOT NULL DEFAULT '',
    pinned_by    INTEGER,
    embedded     TEXT    NOT NULL DEFAULT '',
    changed_by   INTEGER NOT NULL
) STRICT;
CREATE INDEX memory_owner ON memory(chat_id, owner_id, id);
CREATE INDEX memory_turn  ON memory(turn_id);
CREATE INDEX memory_pinned ON memory(chat_id, owner_id, pinned_by) WHERE pinned != '';
CREATE VIRTUAL TABLE memory_text USING fts5(scope, text, tokenize = 'porter unicode61');
"""

STATE = """
CREATE TABLE container (
    id            INTEGER PRIMARY KEY,
    chat_id       INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    slots         TEXT    NOT NULL,
    moving        INTEGER NOT NULL,
    public        INTEGER NOT NULL,
    audible_range TEXT    NOT NULL,
    changed_by    INTEGER NOT NULL
) STRICT;
CREATE INDEX container_chat ON container(chat_id);
CREATE TABLE scene (
    id           INTEGER PRIMARY KEY,
    chat_id      INTEGER NOT NULL,
    container_id INTEGER,
    title        TEXT    NOT NULL,
    present      TEXT    NOT NULL,
    closed_by    INTEGER,
    reason       TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX scene_chat ON scene(chat_id, id);
CREATE TABLE scene_summary (
    id         INTEGER PRIMARY KEY,
    chat_id    INTEGER NOT NULL,
    scene_id   INTEGER NOT NULL,
    owner_id   INTEGER NOT NULL,
    summary    TEXT    NOT NULL,
    quotes     TEXT    NOT NULL,
    drew_on    TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX scene_summary_owner ON scene_summary(chat_id, owner_id, scene_id);
CREATE TABLE world (
    id         INTEGER PRIMARY KEY,
    chat_id    INTEGER NOT NULL UNIQUE,
    time       TEXT    NOT NULL,
    weather    TEXT    NOT NULL,
    changed_by INTEGER NOT NULL
) STRICT;
CREATE TABLE edge (
    id          INTEGER PRIMARY KEY,
    chat_id     INTEGER NOT NULL,
    observer_id INTEGER NOT NULL,
    target_id   INTEGER NOT NULL,
    affinity    INTEGER NOT NULL,
    trust       INTEGER NOT NULL,
    summary     TEXT    NOT NULL,
    last_interaction_id INTEGER,
    changed_by  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX edge_pair ON edge(chat_id, observer_id, target_id);
CREATE TABLE fact (
    id          INTEGER PRIMARY KEY,
    chat_id     INTEGER NOT NULL,
    observer_id INTEGER NOT NULL,
    target_id   INTEGER NOT NULL,
    text        TEXT    NOT NULL,
    how         TEXT    NOT NULL,
    from_id     INTEGER,
    event_id    INTEGER NOT NULL,
    drew_on     TEXT    NOT NULL
) STRICT;
CREATE INDEX fact_observer ON fact(chat_id, observer_id, target_id);
CREATE TABLE group_node (
    id         INTEGER PRIMARY KEY,
    chat_id    INTEGER NOT NULL,
    members    TEXT    NOT NULL,
    summary    TEXT    NOT NULL,
    drew_on    TEXT    NOT NULL,
    changed_by INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX group_of_members ON group_node(chat_id, members);
CREATE TABLE entity (
    id         INTEGER PRIMARY KEY,
    chat_id    INTEGER NOT NULL,
    entity_id  INTEGER NOT NULL,
    mood       TEXT    NOT NULL,
    goals      TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    activity   TEXT    NOT NULL,
    slot       TEXT    NOT NULL,
    inventory  TEXT    NOT NULL,
    changed_by INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX entity_of_chat ON entity(chat_id, entity_id);
"""

BESIDE_THE_LOG = """
CREATE TABLE vector (
    digest TEXT NOT NULL,
    model  TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (digest, model)
) STRICT, WITHOUT ROWID;
"""


def up(migrator, db):
    for statements in (LEDGER, RECORDS, STATE, BESIDE_THE_LOG):
        db.connection().execute(statements)
