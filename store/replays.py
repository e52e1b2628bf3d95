"""Replays: a stage run again, in a new generation, for events it has answered before.

A replay goes through the queue like any other run. When it is done, what the earlier generations had recorded
for the same event is superseded in the same commit; when it dies, they stay in force.
"""

from collections.abc import Iterable, Sequence

import apsw

from store import interventions, ledger, log
from store.ledger import Claim, Route
from store.rebuild import is_live, live
from store.rows import row, rows


def triggers(
    db: apsw.Connection, chat_id: int, kinds: Iterable[str], *, first: int | None, last: int | None
) -> list[int]:
    """The events of these kinds that count, between two ids (both included), in log order."""
    wanted = frozenset(kinds)
    return [
        event.id
        for event in live(db, log.all_of_chat(db, chat_id))
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
) -> list[int]:
    """Enqueue the stage again for these events; returns those it was enqueued for.

    An event that the stage is still to answer, for the first time or the next, is left to that run.
    """
    busy = unsettled(db, route.stage, event_ids)
    asked = [event_id for event_id in sorted(set(event_ids)) if event_id not in busy]
    for event_id in asked:
        found = row(
            db,
            "SELECT coalesce(max(generation) + 1, 0) FROM run WHERE stage = ? AND event_id = ?",
            (route.stage, event_id),
        )
        generation = found[0] if found else 0
        ledger.enqueue(db, route, event_id, chat_id, now=now, generation=generation)
    return asked


def is_wanted(db: apsw.Connection, claim: Claim) -> bool:
    """Whether a run's outcome still matters: its event counts, and no later generation has answered it."""
    outdone = row(
        db,
        "SELECT 1 FROM run WHERE stage = ? AND event_id = ? AND generation > ? AND state = 'done'",
        (claim.stage, claim.event_id, claim.generation),
    )
    return outdone is None and is_live(db, claim.event_id)


def outcomes_in_force(db: apsw.Connection, claim: Claim) -> list[int]:
    """The finished runs of earlier generations whose events count until now, oldest first. A run that
    recorded nothing has nothing to supersede."""
    if claim.generation == 0:
        return []
    found = rows(
        db,
        "SELECT id FROM run WHERE stage = ? AND event_id = ? AND generation < ? AND state = 'done'"
        " AND EXISTS (SELECT 1 FROM event WHERE event.run_id = run.id)"
        " AND NOT EXISTS (SELECT 1 FROM event WHERE kind = 'outcome.superseded'"
        " AND payload ->> 'superseded_run_id' = +run.id) ORDER BY generation",
        (claim.stage, claim.event_id, claim.generation),
    )
    return [run_id for (run_id,) in found]


def discard_unwanted(db: apsw.Connection, chat_id: int, *, now: int) -> int:
    """Give up what is queued for events that no longer count; returns how many. What is running already
    finds out when it ends."""
    queued = rows(
        db,
        "SELECT id, event_id FROM run WHERE chat_id = ? AND state IN ('waiting', 'ready', 'backoff')",
        (chat_id,),
    )
    unwanted = [run_id for run_id, event_id in queued if not is_live(db, event_id)]
    return interventions.discard(db, unwanted, now=now)
