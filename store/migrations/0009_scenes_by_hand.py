"""Scenes set right by hand: what last changed one, how much it matters, and the memory its summary is."""

SCENES = """
ALTER TABLE scene ADD COLUMN significance INTEGER;
ALTER TABLE scene ADD COLUMN changed_by INTEGER NOT NULL DEFAULT 0;
ALTER TABLE scene_summary ADD COLUMN memory_id INTEGER;
CREATE INDEX scene_summary_memory ON scene_summary(memory_id) WHERE memory_id IS NOT NULL;
"""


def up(migrator, db):
    db.connection().execute(SCENES)
