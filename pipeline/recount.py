"""Recount: what has just been said, as plain lines for whoever judges a turn.

With observers, only the turns that all of them perceived: a judgement from somebody's point of view must not
rest on what that somebody never saw.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import apsw

from pipeline.prompt.ooc import strip_ooc
from pipeline.tokens import ModelCounter
from store import views
from store.events import YOU
from store.views import Turn

LEAST_TURNS = 2
CUT = " […] "
"""Stands where the middle of a long turn was left out."""


@dataclass(frozen=True, slots=True)
class Recounted:
    """The lines, and the turns they were taken from, oldest first."""

    text: str
    turn_ids: tuple[int, ...]


def recounted(
    db: apsw.Connection,
    turn_id: int,
    known: Mapping[int, str],
    counter: ModelCounter,
    *,
    room: int,
    observers: tuple[int, ...] = (),
) -> Recounted:
    """The dialogue up to and including a turn, as far back as `room` tokens reach. No single turn takes more
    than the whole room."""
    lines: list[str] = []
    told: list[int] = []
    left = room
    for turn in views.dialogue_back_from(db, turn_id):
        text = strip_ooc(turn.text).strip()
        if not text or turn.hidden or not set(observers) <= set(turn.present):
            continue
        line = _fitting(f"{speaker_name(db, turn, known)}: {text}", counter, room)
        left -= counter.text(line)
        if left < 0 and len(lines) >= LEAST_TURNS:
            break
        lines.append(line)
        told.append(turn.id)
        if left < 0:
            break
    return Recounted("\n".join(reversed(lines)), tuple(reversed(told)))


def _fitting(line: str, counter: ModelCounter, room: int) -> str:
    """The line, or its beginning and its end where it is too long for the room."""
    kept = min(len(line), room * 8)
    while kept > len(CUT):
        shown = line if kept == len(line) else f"{line[: kept // 2]}{CUT}{line[-(kept // 2) :]}"
        if counter.text(shown) <= room:
            return shown
        kept //= 2
    return line[: len(CUT)]


def speaker_name(db: apsw.Connection, turn: Turn, known: Mapping[int, str]) -> str:
    """The name of who spoke, also of one who has left, and yours in a scene without you."""
    entity = YOU if turn.speaker_id is None else turn.speaker_id
    if entity in known:
        return known[entity]
    return views.chat(db, turn.chat_id).you_name if entity == YOU else views.bot(db, entity).name
