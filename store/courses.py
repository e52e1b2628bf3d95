"""The course of the edges over a chat, told from its log: the same clamped sums as the fold.

A long chat has tens of thousands of changes, so they are read as plain JSON and not as events.
"""

import json
from collections import deque
from dataclasses import dataclass

import apsw

from store.rows import rows

LIMIT = 100
MAX_POINTS = 400
CHANGES = "SELECT id, payload FROM event WHERE chat_id = ? AND kind = 'edge.updated' ORDER BY id"


@dataclass(frozen=True, slots=True)
class Point:
    """Where an edge stood after one event."""

    event_id: int
    affinity: int
    trust: int


Courses = dict[tuple[int, int], list[Point]]
"""(observer, target) → its points in log order."""


def courses(db: apsw.Connection, chat_id: int) -> Courses:
    """The newest points at which each directed edge of a chat moved."""
    steps: dict[tuple[int, int], deque[tuple[int, int, int]]] = {}
    fallen = _fallen(db, chat_id)
    for event_id, payload in rows(db, CHANGES, (chat_id,)):
        change = json.loads(payload)
        affinity, trust = change["affinity_delta"], change["trust_delta"]
        if event_id in fallen or not (affinity or trust):
            continue
        pair = (change["observer_id"], change["target_id"])
        known = steps.get(pair) or steps.setdefault(pair, deque(maxlen=MAX_POINTS))
        _, stood, trusted = known[-1] if known else (0, 0, 0)
        known.append((event_id, _clamped(stood + affinity), _clamped(trusted + trust)))
    return {pair: [Point(*step) for step in known] for pair, known in steps.items()}


def _clamped(strength: int) -> int:
    return max(-LIMIT, min(LIMIT, strength))


def _fallen(db: apsw.Connection, chat_id: int) -> set[int]:
    """The events that no longer count, as `store.rebuild.live` has it; hardly any chat has one."""
    superseded = {
        run_id
        for (run_id,) in rows(
            db,
            "SELECT payload ->> 'superseded_run_id' FROM event WHERE chat_id = ?"
            " AND kind = 'outcome.superseded'",
            (chat_id,),
        )
    }
    fallen: set[int] = set()
    if not superseded:
        return fallen
    chain = rows(db, "SELECT id, run_id, cause_id FROM event WHERE chat_id = ? ORDER BY id", (chat_id,))
    for event_id, run_id, cause_id in chain:
        if run_id in superseded or cause_id in fallen:
            fallen.add(event_id)
    return fallen
