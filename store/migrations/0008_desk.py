"""What the desk needs: an account of what people did to runs, and indexes for the last hour's figures."""

ACCOUNT = """
CREATE TABLE intervention (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    act     TEXT    NOT NULL,
    stage   TEXT,
    chat_id INTEGER,
    note    TEXT    NOT NULL,
    at      INTEGER NOT NULL
) STRICT;
CREATE TABLE intervened (
    run_id          INTEGER NOT NULL REFERENCES run(id),
    intervention_id INTEGER NOT NULL REFERENCES intervention(id),
    PRIMARY KEY (run_id, intervention_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX intervened_by ON intervened(intervention_id);
"""

FIGURES = """
ALTER TABLE boot ADD COLUMN ended_how TEXT;
CREATE INDEX run_standing ON run(stage, state, enqueued_at)
    WHERE state IN ('waiting', 'ready', 'running', 'backoff');
CREATE INDEX attempt_finished ON attempt(finished_at, started_at, outcome) WHERE finished_at IS NOT NULL;
CREATE INDEX attempt_failed ON attempt(error_class, run_id) WHERE error_class IS NOT NULL;
"""


def up(migrator, db):
    for statements in (ACCOUNT, FIGURES):
        db.connection().execute(statements)
