"""The log, the run ledger, the first projections, and what lives beside the log."""

LOG = """
CREATE TABLE event (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id     INTEGER,
    branch_id   INTEGER,
    kind        TEXT    NOT NULL,
    schema      INTEGER NOT NULL,
    payload     TEXT    NOT NULL,
    cause_id    INTEGER REFERENCES event(id),
    run_id      INTEGER REFERENCES run(id),
    ordinal     INTEGER NOT NULL DEFAULT 0,
    recorded_at INTEGER NOT NULL
) STRICT;
CREATE INDEX event_chat  ON event(chat_id, id);
CREATE INDEX event_cause ON event(cause_id) WHERE cause_id IS NOT NULL;
CREATE UNIQUE INDEX event_once ON event(run_id, ordinal) WHERE run_id IS NOT NULL;
CREATE TRIGGER event_is_never_updated BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'the log is append-only: events are never updated'); END;
CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'the log is append-only: events are never deleted'); END;
"""

LEDGER = """
CREATE TABLE boot (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    pid          INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    seen_at      INTEGER NOT NULL,
    ended_at     INTEGER,
    code_version TEXT    NOT NULL
) STRICT;
CREATE TABLE stage (
    name   TEXT    PRIMARY KEY,
    paused INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE run (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    stage        TEXT    NOT NULL,
    event_id     INTEGER NOT NULL REFERENCES event(id),
    chat_id      INTEGER NOT NULL,
    generation   INTEGER NOT NULL DEFAULT 0,
    state        TEXT    NOT NULL CHECK (state IN
                 ('waiting', 'ready', 'running', 'backoff', 'done', 'dead', 'cancelled')),
    lane         TEXT    NOT NULL,
    priority     INTEGER NOT NULL,
    due          INTEGER NOT NULL DEFAULT 0,
    attempt      INTEGER NOT NULL DEFAULT 0,
    crashes      INTEGER NOT NULL DEFAULT 0,
    token        INTEGER NOT NULL DEFAULT 0,
    boot_id      INTEGER REFERENCES boot(id),
    stop         TEXT,
    enqueued_at  INTEGER NOT NULL,
    started_at   INTEGER,
    finished_at  INTEGER,
    UNIQUE (stage, event_id, generation)
) STRICT;
CREATE UNIQUE INDEX run_head    ON run(stage, chat_id) WHERE state IN ('ready', 'running', 'backoff');
CREATE INDEX run_ready   ON run(lane, priority DESC, id)          WHERE state = 'ready';
CREATE INDEX run_waiting ON run(stage, chat_id, event_id, id)     WHERE state = 'waiting';
CREATE INDEX run_backoff ON run(due)                              WHERE state = 'backoff';
CREATE INDEX run_running ON run(boot_id)                          WHERE state = 'running';
CREATE INDEX run_dead    ON run(stage, finished_at)               WHERE state = 'dead';
CREATE INDEX run_chat    ON run(chat_id, stage, id);
CREATE INDEX run_event   ON run(event_id);
CREATE TABLE attempt (
    run_id      INTEGER NOT NULL REFERENCES run(id),
    token       INTEGER NOT NULL,
    boot_id     INTEGER,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    outcome     TEXT,
    error_class TEXT,
    error       TEXT,
    prompt      TEXT,
    response    TEXT,
    figures     TEXT,
    PRIMARY KEY (run_id, token)
) STRICT, WITHOUT ROWID;
"""

BESIDE_THE_LOG = """
CREATE TABLE partial (
    run_id     INTEGER PRIMARY KEY REFERENCES run(id),
    chat_id    INTEGER NOT NULL,
    token      INTEGER NOT NULL,
    speaker_id INTEGER NOT NULL,
    text       TEXT    NOT NULL
) STRICT;
CREATE INDEX partial_chat ON partial(chat_id);
CREATE TABLE submission (
    key      TEXT    PRIMARY KEY,
    digest   TEXT    NOT NULL,
    event_id INTEGER NOT NULL REFERENCES event(id)
) STRICT, WITHOUT ROWID;
"""

PROJECTIONS = """
CREATE TABLE bot (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL,
    aliases       TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    personality   TEXT    NOT NULL,
    first_message TEXT    NOT NULL,
    post_history  TEXT    NOT NULL,
    archived      INTEGER NOT NULL DEFAULT 0,
    changed_by    INTEGER NOT NULL
) STRICT;
CREATE TABLE chat (
    id          INTEGER PRIMARY KEY,
    branch_id   INTEGER NOT NULL,
    title       TEXT    NOT NULL,
    host_id     INTEGER NOT NULL,
    you_name    TEXT    NOT NULL,
    you_persona TEXT    NOT NULL,
    turns       INTEGER NOT NULL DEFAULT 0,
    archived    INTEGER NOT NULL DEFAULT 0,
    changed_by  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL
) STRICT;
CREATE TABLE turn (
    id          INTEGER PRIMARY KEY,
    chat_id     INTEGER NOT NULL,
    branch_id   INTEGER NOT NULL,
    anchor_id   INTEGER NOT NULL,
    ordinal     INTEGER NOT NULL,
    speaker_id  INTEGER,
    text        TEXT    NOT NULL,
    answers     INTEGER,
    truncated   INTEGER NOT NULL DEFAULT 0,
    ended       TEXT    NOT NULL,
    model       TEXT    NOT NULL DEFAULT '',
    usage       TEXT,
    run_id      INTEGER,
    recorded_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX turn_order ON turn(chat_id, anchor_id, id);
CREATE TABLE memory (
    id           INTEGER PRIMARY KEY,
    chat_id      INTEGER NOT NULL,
    owner_id     INTEGER NOT NULL,
    turn_id      INTEGER NOT NULL,
    speaker_name TEXT    NOT NULL,
    text         TEXT    NOT NULL,
    witnesses    TEXT    NOT NULL
) STRICT;
CREATE INDEX memory_owner ON memory(chat_id, owner_id, id);
CREATE INDEX memory_turn  ON memory(turn_id);
"""


def up(migrator, db):
    for statements in (LOG, LEDGER, BESIDE_THE_LOG, PROJECTIONS):
        db.connection().execute(statements)
