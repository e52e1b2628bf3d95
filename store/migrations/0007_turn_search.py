"""Turns found by their words, over all chats; and the prompts that were sent last, as they went out.

The index is a projection like any other. The prompts lie beside the log: the newest alone are kept, and
nothing that is told depends on them.
"""

FOUND_BY_WORDS = """
CREATE VIRTUAL TABLE turn_text USING fts5(text, tokenize = 'porter unicode61');
ALTER TABLE turn ADD COLUMN rated_by_hand INTEGER NOT NULL DEFAULT 0;
"""

BESIDE_THE_LOG = """
CREATE TABLE sent_prompt (
    id     INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL UNIQUE REFERENCES run(id),
    packed BLOB    NOT NULL
) STRICT;
"""


def up(migrator, db):
    for statements in (FOUND_BY_WORDS, BESIDE_THE_LOG):
        db.connection().execute(statements)
