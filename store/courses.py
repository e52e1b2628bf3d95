"""The course of the edges over a chat, told from its log: the same clamped sums as the fold.

A long chat has tens of thousands of changes, so they are read as plain JSON and not as events.
"""

import json
from collections import deque
from dataclasses import dataclass

import apsw

from store.live import every_event_counts, is_live
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
    plain = every_event_counts(db, chat_id)
    steps: dict[tuple[int, int], deque[tuple[int, int, int]]] = {}
    for event_id, payload in rows(db, CHANGES, (chat_id,)):
        change = json.loads(payload)
        affinity, trust = change["affinity_delta"], change["trust_delta"]
        if not (affinity or trust) or not (plain or is_live(db, event_id)):
            continue
        pair = (change["observer_id"], change["target_id"])
        known = steps.get(pair) or steps.setdefault(pair, deque(maxlen=MAX_POINTS))
        _, stood, trusted = known[-1] if known else (0, 0, 0)
        known.append((event_id, _clamped(stood + affinity), _clamped(trusted + trust)))
    return {pair: [Point(*step) for step in known] for pair, known in steps.items()}


def _clamped(strength: int) -> int:
    return max(-LIMIT, min(LIMIT, strength))
