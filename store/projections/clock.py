"""The story clock: one per chat. Turns move it by themselves (see `turns`), skips by as much as they say."""

import apsw

from store.events import Event, TimeSkipped
from store.projections.fold import projects
from store.rows import row


@projects(TimeSkipped)
def time_skipped(db: apsw.Connection, event: Event[TimeSkipped]) -> None:
    """Where a turn said so, it and what has been said since lie after the skip."""
    skipped = event.payload
    found = row(db, "SELECT clock FROM chat WHERE id = ?", (event.chat_id,))
    if found is None:
        return
    said = row(db, "SELECT clock FROM turn WHERE id = ? AND chat_id = ?", (skipped.turn_id, event.chat_id))
    db.execute(
        "INSERT INTO skip(id, chat_id, mode, minutes, words, clock) VALUES (?, ?, ?, ?, ?, ?)",
        (event.id, event.chat_id, skipped.mode, skipped.minutes, skipped.words, (said or found)[0]),
    )
    db.execute("UPDATE chat SET clock = clock + ? WHERE id = ?", (skipped.minutes, event.chat_id))
    if said is not None:
        later = "SELECT id FROM turn WHERE chat_id = ?2 AND anchor_id >= ?3"
        values = (skipped.minutes, event.chat_id, skipped.turn_id)
        db.execute(f"UPDATE memory SET clock = clock + ?1 WHERE turn_id IN ({later})", values)
        db.execute(f"UPDATE turn SET clock = clock + ?1 WHERE id IN ({later})", values)
