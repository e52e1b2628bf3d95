"""The course of the edges over a chat, told from its log: the same clamped sums as the fold."""

from collections.abc import Iterator
from dataclasses import dataclass

import apsw

from store import log
from store.events import Event
from store.events.relationships import EdgeUpdated
from store.rebuild import live
from store.rows import row

LIMIT = 100
MAX_POINTS = 400


@dataclass(frozen=True, slots=True)
class Point:
    """Where an edge stood after one event."""

    event_id: int
    affinity: int
    trust: int


Courses = dict[tuple[int, int], list[Point]]
"""(observer, target) → its points in log order."""


def courses(db: apsw.Connection, chat_id: int) -> Courses:
    """The newest points of every directed edge of a chat."""
    found: Courses = {}
    for event in _updates(db, chat_id):
        change = event.payload
        points = found.setdefault((change.observer_id, change.target_id), [])
        before = points[-1] if points else Point(0, 0, 0)
        affinity = _clamped(before.affinity + change.affinity_delta)
        points.append(Point(event.id, affinity, _clamped(before.trust + change.trust_delta)))
        if len(points) > 2 * MAX_POINTS:
            del points[:-MAX_POINTS]
    return {pair: points[-MAX_POINTS:] for pair, points in found.items()}


def _clamped(strength: int) -> int:
    return max(-LIMIT, min(LIMIT, strength))


def _updates(db: apsw.Connection, chat_id: int) -> Iterator[Event[EdgeUpdated]]:
    """The updates that count. Only where an outcome was superseded must the rest of the log be asked."""
    replayed = row(
        db, "SELECT 1 FROM event WHERE chat_id = ? AND kind = 'outcome.superseded' LIMIT 1", (chat_id,)
    )
    events = (
        log.of_kind(db, chat_id, EdgeUpdated.kind)
        if replayed is None
        else live(db, log.all_of_chat(db, chat_id))
    )
    for event in events:
        if isinstance(event.payload, EdgeUpdated):
            yield event
