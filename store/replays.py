"""Replays: a stage run again, in a new generation, for events it has answered before.

A replay goes through the queue like any other run. When it is done, what the earlier generations had recorded
for the same event is superseded in the same commit; when it dies, they stay in force.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import apsw

from store import interventions, ledger, log
from store.events import Event
from store.ledger import Claim, Route
from store.live import counting, lineage, of_log
from store.rows import row, rows

SET_ASIDE = "set aside"
"""The reason, in `run.stop`, why a queued run was given up: what it answers did not count any more."""


def triggers(
    db: apsw.Connection, chat_id: int, kinds: Iterable[str], *, first: int | None, last: int | None
) -> list[int]:
    """The events of these kinds that count, between two ids (both included), in log order."""
    wanted = frozenset(kinds)
    return [
        event.id
        for event in counting(db, log.all_of_chat(db, chat_id), {chat_id: of_log(db, chat_id)})
        if event.kind in wanted
        and (first is None or first <= event.id)
        and (last is None or event.id <= last)
    ]


def unsettled(db: apsw.Connection, stage: str, event_ids: Sequence[int]) -> frozenset[int]:
    """Those of the events for which the stage has a run that is still to be settled by working or waiting."""
    found = rows(
        db,
        "SELECT event_id FROM run WHERE stage = ? AND state IN ('waiting', 'ready', 'running', 'backoff')",
        (stage,),
    )
    return frozenset(event_id for (event_id,) in found) & frozenset(event_ids)


def enqueue(
    db: apsw.Connection, route: Route, chat_id: int, event_ids: Sequence[int], *, now: int
) -> dict[int, int]:
    """Enqueue the stage again for these events; returns those it was enqueued for, each with its new run.

    An event that the stage is still to answer, for the first time or the next, is left to that run.
    """
    busy = unsettled(db, route.stage, event_ids)
    made: dict[int, int] = {}
    for event_id in sorted(set(event_ids) - busy):
        found = row(
            db,
            "SELECT coalesce(max(generation) + 1, 0) FROM run WHERE stage = ? AND event_id = ?",
            (route.stage, event_id),
        )
        generation = found[0] if found else 0
        ledger.enqueue(db, route, event_id, chat_id, now=now, generation=generation)
        for (run_id,) in rows(
            db,
            "UPDATE run SET branch_id = (SELECT branch_id FROM chat WHERE id = ?)"
            " WHERE stage = ? AND event_id = ? AND generation = ? RETURNING id",
            (chat_id, route.stage, event_id, generation),
        ):
            made[event_id] = run_id
    return made


def is_outdone(db: apsw.Connection, claim: Claim) -> bool:
    """Whether a later generation has already answered the same event."""
    return (
        row(
            db,
            "SELECT 1 FROM run WHERE stage = ? AND event_id = ? AND generation > ? AND state = 'done'",
            (claim.stage, claim.event_id, claim.generation),
        )
        is not None
    )


def outcomes_in_force(db: apsw.Connection, claim: Claim) -> list[int]:
    """The finished runs of earlier generations whose events count until now where this one was asked for,
    oldest first: what supersedes one in another branch does so there alone. A run that recorded nothing has
    nothing to supersede."""
    if claim.generation == 0:
        return []
    found = rows(
        db,
        "SELECT id FROM run WHERE stage = ? AND event_id = ? AND generation < ? AND state = 'done'"
        " AND EXISTS (SELECT 1 FROM event WHERE event.run_id = run.id) ORDER BY generation",
        (claim.stage, claim.event_id, claim.generation),
    )
    asked = row(db, "SELECT branch_id FROM run WHERE id = ?", (claim.run_id,))
    reaches = lineage(db, claim.chat_id, branch_id=asked[0] if asked else None)
    return [run_id for (run_id,) in found if not _is_superseded(db, run_id, reaches)]


def _is_superseded(db: apsw.Connection, run_id: int, reaches: Mapping[int, int]) -> bool:
    words = rows(
        db,
        "SELECT id, branch_id FROM event WHERE kind = 'outcome.superseded'"
        " AND payload ->> 'superseded_run_id' = ?",
        (run_id,),
    )
    return any(word <= reaches.get(branch_id, 0) for word, branch_id in words)


def set_aside(db: apsw.Connection, fallen: Iterable[Event[Any]], *, now: int) -> None:
    """Give up what is queued for events that no longer count, until they do. What is running records what it
    finds, which counts when its event does."""
    queued = "SELECT id FROM run WHERE event_id = ? AND state IN ('waiting', 'ready', 'backoff')"
    idle = [run_id for event in fallen for (run_id,) in rows(db, queued, (event.id,))]
    interventions.discard(db, idle, now=now)
    db.executemany("UPDATE run SET stop = ? WHERE id = ?", [(SET_ASIDE, run_id) for run_id in idle])


def taken_up(db: apsw.Connection, stage: str, event_id: int, *, now: int) -> bool:
    """Whether the stage has a run for this event; one that was set aside is queued again."""
    found = rows(db, "SELECT id, stop FROM run WHERE stage = ? AND event_id = ?", (stage, event_id))
    interventions.retry(db, [run_id for run_id, stop in found if stop == SET_ASIDE], now=now)
    return bool(found)
