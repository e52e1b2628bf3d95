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
        for statement in LATER:
            db.execute(
                statement,
                {
                    "minutes": skipped.minutes,
                    "chat": event.chat_id,
                    "turn": skipped.turn_id,
                    "skip": event.id,
                    "said": said[0],
                },
            )


SINCE = "SELECT id FROM turn WHERE chat_id = :chat AND anchor_id >= :turn"
LATER = (
    f"UPDATE memory SET clock = clock + :minutes WHERE turn_id IN ({SINCE})"
    " OR (turn_id IS NULL AND chat_id = :chat AND clock > :said)",
    f"UPDATE turn SET clock = clock + :minutes WHERE id IN ({SINCE})",
    "UPDATE scene SET clock = clock + :minutes, closed_clock = closed_clock + :minutes"
    " WHERE chat_id = :chat AND id IN (SELECT scene_id FROM turn WHERE chat_id = :chat GROUP BY scene_id"
    " HAVING min(anchor_id) > :turn)",
    "UPDATE skip SET clock = clock + :minutes WHERE chat_id = :chat AND clock > :said AND id != :skip",
    "UPDATE story_event SET started_clock = started_clock + :minutes"
    " WHERE chat_id = :chat AND started_clock > :said",
    "UPDATE story_event SET ended_clock = ended_clock + :minutes"
    " WHERE chat_id = :chat AND ended_clock > :said",
)
"""What lies after a turn that says that time has passed, where the story has gone on since."""
