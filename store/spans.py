"""Spans: when a scene was in the time of the story, and how far that can be moved.

Nothing is told out of order: a scene begins after what was before it and ends before what comes next, and
what was said in it lies between.
"""

from dataclasses import dataclass
from typing import Literal

import apsw

from store.projections.fold import FOREVER
from store.rows import row

Misfit = Literal["early", "late", "short"]
"""A scene would begin before what was before it is over, end after the next has begun, or be shorter than
what happened in it."""


@dataclass(frozen=True, slots=True)
class Span:
    """A scene's times, `ends` None while it goes on; how early it can begin and how late it can end; until
    when something happened in it, with `upto` the last turn; when the next one begins."""

    begins: int
    ends: int | None
    earliest: int
    latest: int
    until: int
    upto: int | None
    following: int | None

    def misfit(self, begins: int, ends: int | None) -> Misfit | None:
        """What is wrong with other times; None where they fit."""
        until = self.until + begins - self.begins
        if begins < self.earliest:
            return "early"
        if max(until, ends or 0) > self.latest:
            return "late"
        return "short" if ends is not None and until > ends else None


def span(db: apsw.Connection, scene_id: int, upto: int | None = None) -> Span | None:
    """When a scene was; with `upto` as if that turn were its last. None where the scene does not count."""
    found = row(db, "SELECT chat_id, clock, closed_clock, closed_by FROM scene WHERE id = ?", (scene_id,))
    if found is None:
        return None
    chat_id, begins, closed_clock, closed_by = found
    first, last = _said(db, scene_id, upto)
    before, after = _around(db, chat_id, first, last)
    previous, following = _scenes_around(db, chat_id, begins, scene_id)
    into = _jumped_from(db, chat_id, begins)
    out = None if following is None else _jumped_from(db, chat_id, following)
    now = row(db, "SELECT clock FROM chat WHERE id = ?", (chat_id,))
    return Span(
        begins,
        closed_clock if closed_by is not None else None,
        earliest=max(previous, 0 if into is None else into + 1, begins - first[2] + before if first else 0),
        latest=min(after, now[0] if now else 0)
        if following is None
        else min(after, following - (out is not None)),
        until=max(last[2] if last else begins, _elided(db, chat_id, begins, closed_clock)),
        upto=last[1] if last else None,
        following=following,
    )


Said = tuple[int, int, int]
"""A turn: its anchor, its id and its clock."""


def _said(db: apsw.Connection, scene_id: int, upto: int | None) -> tuple[Said | None, Said | None]:
    """The first and the last turn of the scene."""
    reached = row(db, "SELECT anchor_id, id FROM turn WHERE id = ? AND scene_id = ?", (upto, scene_id))
    of = "SELECT anchor_id, id, clock FROM turn WHERE scene_id = ? AND (anchor_id, id) <= (?, ?) ORDER BY"
    values = (scene_id, *(reached or (FOREVER, FOREVER)))
    first = row(db, f"{of} anchor_id, id LIMIT 1", values)
    last = row(db, f"{of} anchor_id DESC, id DESC LIMIT 1", values)
    return (first and (first[0], first[1], first[2])), (last and (last[0], last[1], last[2]))


def _around(db: apsw.Connection, chat_id: int, first: Said | None, last: Said | None) -> tuple[int, int]:
    """The clocks of the turn before and the turn after."""
    of = "SELECT clock FROM turn WHERE chat_id = ? AND (anchor_id, id)"
    before = first and row(
        db, f"{of} < (?, ?) ORDER BY anchor_id DESC, id DESC LIMIT 1", (chat_id, *first[:2])
    )
    after = last and row(db, f"{of} > (?, ?) ORDER BY anchor_id, id LIMIT 1", (chat_id, *last[:2]))
    return before[0] if before else 0, after[0] if after else FOREVER


def _scenes_around(db: apsw.Connection, chat_id: int, begins: int, scene_id: int) -> tuple[int, int | None]:
    """When the scene before was over, and when the next one begins."""
    before = row(
        db,
        "SELECT max(clock, coalesce(closed_clock, 0)) FROM scene WHERE chat_id = ? AND (clock, id) < (?, ?)"
        " ORDER BY clock DESC, id DESC LIMIT 1",
        (chat_id, begins, scene_id),
    )
    after = row(
        db,
        "SELECT clock FROM scene WHERE chat_id = ? AND (clock, id) > (?, ?) ORDER BY clock, id LIMIT 1",
        (chat_id, begins, scene_id),
    )
    return before[0] if before else 0, after[0] if after else None


def _jumped_from(db: apsw.Connection, chat_id: int, begins: int) -> int | None:
    """From when on the time was skipped that is over when a scene begins; of it a minute at least remains."""
    found = row(
        db,
        "SELECT max(clock) FROM skip WHERE chat_id = ? AND mode = 'jump' AND clock + minutes = ?",
        (chat_id, begins),
    )
    return found[0] if found else None


def _elided(db: apsw.Connection, chat_id: int, begins: int, ends: int | None) -> int:
    """Until when the time went that was left out within the scene."""
    found = row(
        db,
        "SELECT max(clock + minutes) FROM skip WHERE chat_id = ? AND mode = 'elision' AND clock >= ?"
        " AND clock + minutes <= ?",
        (chat_id, begins, FOREVER if ends is None else ends),
    )
    return (found[0] or 0) if found else 0
