"""The timeline: the scenes of a chat as they were told, and what lies between its turns."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import apsw

from store import meanwhile, places, stale
from store.events import YOU
from store.meanwhile import Skipped
from store.places import Scene, SceneSummary
from store.rows import Row, row, rows
from store.views import Chat, Turn


@dataclass(frozen=True, slots=True)
class Told:
    """A scene, and of its turns the first, how many there are and who perceived one; how much it matters as
    a person said, or else the highest significance of a turn; what its witnesses tell of it. `scene` None is
    what was said before the first one opened. `outdated` are the summaries that tell of other turns than lie
    in it now; `retimed` the times a person said of it, where it could not keep them."""

    scene: Scene | None
    clock: int
    first_turn_id: int | None = None
    turns: int = 0
    significance: int = 0
    present: frozenset[int] = field(default_factory=frozenset)
    summaries: tuple[SceneSummary, ...] = ()
    outdated: tuple[int, ...] = ()
    retimed: tuple[int, int | None] | None = None

    @property
    def by_hand(self) -> bool:
        """Whether its significance was set by hand."""
        return self.scene is not None and self.scene.significance is not None


def told(db: apsw.Connection, chat_id: int) -> list[Told]:
    """All scenes in the order of the story, those in which nothing was said too."""
    scenes = places.scenes(db, chat_id)
    retimed = stale.retimed(db, scenes)
    of: dict[int | None, Told] = {
        one.id: Told(one, one.clock, present=frozenset(one.present), retimed=retimed.get(one.id))
        for one in scenes
    }
    for scene_id, turn_id, present, significance, clock in rows(
        db,
        "SELECT scene_id, id, present, significance, clock FROM turn WHERE chat_id = ?"
        " ORDER BY anchor_id, id",
        (chat_id,),
    ):
        known = of.get(scene_id) or Told(None, clock)
        of[scene_id] = replace(
            known,
            first_turn_id=known.first_turn_id or turn_id,
            turns=known.turns + 1,
            significance=max(known.significance, significance or 0),
            present=known.present | frozenset(json.loads(present)),
        )
    all_told = places.all_summaries(db, chat_id)
    outdated = stale.outdated(db, chat_id, all_told)
    summaries: dict[int, tuple[SceneSummary, ...]] = {}
    for told_of in all_told:
        summaries[told_of.scene_id] = (*summaries.get(told_of.scene_id, ()), told_of)
    return sorted((_as_said(one, summaries, outdated) for one in of.values()), key=_in_order)


def _in_order(one: Told) -> tuple[int, int]:
    return (-1, 0) if one.scene is None else (one.scene.clock, one.scene.id)


def _as_said(one: Told, summaries: Mapping[int, tuple[SceneSummary, ...]], outdated: Collection[int]) -> Told:
    if one.scene is None:
        return one
    judged = one.significance if one.scene.significance is None else one.scene.significance
    told_of = summaries.get(one.scene.id, ())
    old = tuple(summary.id for summary in told_of if summary.id in outdated)
    return replace(one, significance=judged, summaries=told_of, outdated=old)


class Moment(NamedTuple):
    """When something is told, whether you are there, and in which scene."""

    clock: int
    with_you: bool
    scene_id: int | None


@dataclass(frozen=True, slots=True)
class Break:
    """Something that lies between two turns: time that was skipped, until `clock`; or that a scene without
    you begins, `words` saying what it is about, or that it is over."""

    kind: Literal["skip", "away", "back"]
    clock: int
    words: str = ""
    minutes: int = 0


def breaks(
    db: apsw.Connection, chat: Chat, turns: Sequence[Turn], *, to_the_end: bool = False
) -> dict[int | None, list[Break]]:
    """Turn → what lies between it and the one before it; under None, if asked for, what lies after the last
    one, which is then the last of the chat."""
    before = _before(db, turns[0]) if turns else None
    moments: list[tuple[int | None, Moment]] = [(turn.id, _moment(turn)) for turn in turns]
    if to_the_end:
        moments.append((None, Moment(chat.clock, YOU in chat.cast, chat.scene_id)))
    skips = meanwhile.skips(db, chat.id)
    found: dict[int | None, list[Break]] = {}
    for key, moment in moments:
        if before is not None:
            found[key] = list(_between(db, skips, before, moment))
        before = moment
    return found


def _moment(turn: Turn) -> Moment:
    return Moment(turn.clock, YOU in turn.present, turn.scene_id)


def _before(db: apsw.Connection, turn: Turn) -> Moment | None:
    found: Row | None = row(
        db,
        "SELECT clock, present, scene_id FROM turn WHERE chat_id = ? AND (anchor_id, id) < (?, ?)"
        " ORDER BY anchor_id DESC, id DESC LIMIT 1",
        (turn.chat_id, turn.anchor_id, turn.id),
    )
    return Moment(found[0], YOU in json.loads(found[1]), found[2]) if found else None


def _between(db: apsw.Connection, skips: Sequence[Skipped], one: Moment, other: Moment) -> Iterator[Break]:
    """By the clock, so that a skip which a turn told of stands before that turn."""
    if other.with_you and not one.with_you:
        yield Break("back", other.clock)
    for skip in skips:
        until = skip.clock + skip.minutes
        if one.clock < until <= other.clock:
            yield Break("skip", until, skip.words, skip.minutes)
    if one.with_you and not other.with_you:
        scene = places.scene(db, other.scene_id) if other.scene_id is not None else None
        yield Break("away", other.clock, scene.title if scene else "")
