"""Invariant 11 where scenes are found anew: what a person said of one holds of the scene that begins as it
did, in every branch as far as it was said there; where there is none, it is shown to hold of nothing.

And whatever they say of when a scene was, nothing is told out of order.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import apsw
from hypothesis import event, given, settings
from hypothesis import strategies as st

from pipeline.skipping import Landing, Skip, next_scene, no_scene
from store import ledger, log, memories, places, rebuild, replays, spans, stale, timeline, views
from store.database import connect
from store.events import (
    BotAuthored,
    BranchForked,
    BranchSwitched,
    ChangeUndone,
    ChatStarted,
    MemoryEdited,
    MemoryWritten,
    Payload,
    QuotesEdited,
    SceneClosed,
    SceneEdited,
    SceneOpened,
    SceneSummarized,
    TurnRetracted,
    TurnUser,
)
from store.ledger import Claim, Route
from store.live import is_live
from store.places import Scene
from store.projections.fold import FOREVER
from store.rows import row
from store.txn import Txn
from workers import outcomes

Fresh = Callable[[], Path]
SCENE = Route("scene", "bookkeeping", 0)
ROUTES = {
    "turn.user": (Route("remember", "bookkeeping", 0), SCENE),
    "scene.closed": (Route("summarize", "bookkeeping", 0, ("remember", "scene")),),
}
TURNS = 5
Opens = tuple[int | None, ...]
"""For each turn how many minutes are skipped with the scene that begins with it; None where none does."""


@dataclass(frozen=True)
class Word:
    event_id: int
    branch_id: int
    opening: int
    of: str
    said: object


@dataclass
class Story:
    db: apsw.Connection
    chat_id: int = 0
    branch_id: int = 0
    first: int = 0
    opens: Opens = ()
    turns: list[int] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    taken_back: list[tuple[int, int, int]] = field(default_factory=list)
    parents: dict[int, tuple[int, int]] = field(default_factory=dict)
    runs: int = 0

    @property
    def txn(self) -> Txn:
        return Txn(self.db, ROUTES, 1_700_000_000_000)

    def begin(self, opens: Opens) -> None:
        host = self.txn.append(BotAuthored(name="Ada"))
        self.chat_id = self.branch_id = self.txn.append(ChatStarted(title="x", host_id=host.id)).id
        self.first = self.hand(SceneOpened())
        self.db.execute(
            "INSERT INTO boot(id, pid, started_at, seen_at, code_version) VALUES (1, 1, 1, 1, '')"
        )
        self.opens = opens
        for number in range(TURNS):
            self.turns.append(self.hand(TurnUser(text=f"turn {number}")))
            self.work_off()

    def hand(self, payload: Payload) -> int:
        return self.txn.append(payload, chat_id=self.chat_id).id

    def say(self, scene: Scene, of: str, said: object, payload: Payload) -> None:
        word = Word(self.hand(payload), self.branch_id, self.opening(scene), of, said)
        self.words.append(word)

    def opening(self, scene: Scene) -> int:
        opened = log.event(self.db, scene.id)
        return opened.id if opened.run_id is None else opened.cause_id or 0

    def counts(self, event_id: int, branch_id: int) -> bool:
        at, limit = self.branch_id, FOREVER
        while at != branch_id:
            if at not in self.parents:
                return False
            at, fork = self.parents[at]
            limit = min(limit, fork)
        return event_id <= limit

    def said(self) -> dict[tuple[int, str], Word]:
        """Opening and what of it → the last word that counts."""
        back = {of for event_id, branch_id, of in self.taken_back if self.counts(event_id, branch_id)}
        here = [one for one in self.words if self.counts(one.event_id, one.branch_id)]
        return {(one.opening, one.of): one for one in here if one.event_id not in back}

    def work_off(self) -> None:
        while claims := ledger.claim(self.db, 1, "bookkeeping", 1, now=1):
            (claim,) = claims
            self.runs += 1
            if replays.is_outdone(self.db, claim):
                ledger.finish(self.db, claim, "cancelled", now=1)
                continue
            ledger.finish(self.db, claim, "done", now=1)
            outcomes.record(self.txn, claim, list(self._found(claim)))

    def _found(self, claim: Claim) -> Iterator[Payload]:
        text = f"in the words of run {self.runs}"
        match log.event(self.db, claim.event_id).payload:
            case TurnUser() if claim.stage == "remember":
                yield MemoryWritten(
                    owner_id=1, turn_id=claim.event_id, speaker_name="x", text=text, witnesses=(0, 1)
                )
            case TurnUser():
                yield from self._next_scene(claim.event_id)
            case SceneClosed(scene_id=scene_id):
                drew_on = tuple(one.id for one in memories.of_scene(self.db, self.chat_id, 1, scene_id))
                if drew_on:
                    yield SceneSummarized(
                        scene_id=scene_id, owner_id=1, summary=text, quotes=(text,), drew_on=drew_on
                    )
                    yield MemoryWritten(
                        owner_id=1,
                        speaker_name="x",
                        text=text,
                        witnesses=(1,),
                        form="summary",
                        scene_id=scene_id,
                        drew_on=drew_on,
                    )

    def _next_scene(self, turn_id: int) -> Iterator[Payload]:
        minutes = self.opens[self.turns.index(turn_id)] if turn_id in self.turns else self.opens[-1]
        before = places.scene_before(self.db, turn_id)
        if before is None:
            return
        if minutes is None:
            yield from no_scene(self.db, self.chat_id, turn_id, before.id)
            return
        clock = views.turn(self.db, turn_id).clock
        skip = Skip("jump", minutes, "", clock, turn_id) if minutes else None
        landing = Landing(None, from_turn_id=turn_id)
        yield from next_scene(self.db, self.chat_id, before.id, landing, clock=clock, reason="", skip=skip)


Step = Callable[[Story], None]
WHICH = st.integers(0, TURNS)
WORDS = st.sampled_from(["by hand", "by hand again"])
SKIPPED = st.sampled_from([None, 0, 60, 600])


def replayed(first: int, last: int, opens: Opens) -> Step:
    """The stage is run again for some of the turns, and finds scenes elsewhere."""

    def step(story: Story) -> None:
        story.opens = opens
        counting = [one for one in story.turns[first : last + 1] if is_live(story.db, one)]
        replays.enqueue(story.db, SCENE, story.chat_id, counting, now=1)
        story.work_off()

    return step


def _scene(story: Story, which: int) -> Scene:
    scenes = places.scenes(story.db, story.chat_id)
    return scenes[which % len(scenes)]


def called(which: int, title: str) -> Step:
    def step(story: Story) -> None:
        scene = _scene(story, which)
        story.say(scene, "title", title, SceneEdited(scene_id=scene.id, title=title))

    return step


def retold(which: int, text: str, *, quotes: bool) -> Step:
    def step(story: Story) -> None:
        for told in places.all_summaries(story.db, story.chat_id):
            scene = places.scene(story.db, told.scene_id)
            if scene.id != _scene(story, which).id or told.memory_id is None:
                continue
            if quotes:
                story.say(scene, "quotes", (text,), QuotesEdited(summary_id=told.id, quotes=(text,)))
            else:
                story.say(scene, "summary", text, MemoryEdited(memory_id=told.memory_id, text=text))

    return step


def moved(which: int, shift: int, stretch: int) -> Step:
    def step(story: Story) -> None:
        scene = _scene(story, which)
        span = spans.span(story.db, scene.id)
        assert span is not None
        begins = max(0, scene.clock + shift)
        ends = None if span.ends is None else max(0, span.ends + stretch)
        fits = span.misfit(begins, ends) is None
        event(f"fits: {fits}")
        if not fits:
            return
        word = SceneEdited(scene_id=scene.id, begins=begins, ends=ends, upto=span.upto)
        story.say(scene, "times", (begins, ends), word)
        assert places.scene(story.db, scene.id).clock == begins
        assert ends is None or places.scene(story.db, scene.id).closed_clock == ends

    return step


def taken_back(which: int) -> Step:
    def step(story: Story) -> None:
        gone = {of for _, _, of in story.taken_back}
        here = [one for one in story.words if story.counts(one.event_id, one.branch_id)]
        left = [one.event_id for one in here if one.event_id not in gone]
        if left:
            of = left[which % len(left)]
            story.taken_back.append((story.hand(ChangeUndone(event_id=of)), story.branch_id, of))

    return step


def forked(story: Story) -> None:
    (at,) = row(story.db, "SELECT max(id) FROM event") or (0,)
    made = story.hand(BranchForked(parent_id=story.branch_id, at=at, name="x"))
    story.parents[made] = (story.branch_id, at)
    _switched_to(story, made)


def switched(which: int) -> Step:
    def step(story: Story) -> None:
        others = [story.chat_id, *story.parents]
        _switched_to(story, others[which % len(others)])

    return step


def _switched_to(story: Story, branch_id: int) -> None:
    story.hand(BranchSwitched(branch_id=branch_id))
    story.branch_id = branch_id
    story.work_off()


def retracted_for_a_while(which: int) -> Step:
    def step(story: Story) -> None:
        gone = story.hand(TurnRetracted(turn_id=story.turns[which % TURNS]))
        story.work_off()
        _holds(story)
        story.hand(ChangeUndone(event_id=gone))
        story.work_off()

    return step


OPENS = st.tuples(*[SKIPPED] * TURNS)
SAYING: st.SearchStrategy[Step] = st.one_of(
    st.builds(called, WHICH, WORDS),
    *(st.builds(retold, WHICH, WORDS, quotes=st.booleans()) for _ in range(3)),
    *(st.builds(moved, WHICH, st.integers(-40, 40), st.integers(-40, 40)) for _ in range(3)),
)
STEPS: st.SearchStrategy[Step] = st.one_of(
    *(st.builds(replayed, WHICH, WHICH, OPENS) for _ in range(3)),
    *(st.builds(replayed, st.just(0), st.just(TURNS), OPENS) for _ in range(2)),
    SAYING,
    st.builds(taken_back, st.integers(0, 9)),
    st.just(forked),
    st.builds(switched, st.integers(0, 3)),
    st.builds(retracted_for_a_while, WHICH),
)


@settings(max_examples=60)
@given(
    OPENS.map(lambda opens: (*opens[:1], 60, opens[2], 600, opens[4])),
    st.lists(SAYING, min_size=3, max_size=6),
    st.lists(STEPS, min_size=1, max_size=6),
)
def test_what_a_person_said_of_a_scene_holds_of_the_one_that_begins_as_it_did(
    fresh_path: Fresh, opens: Opens, said: list[Step], steps: list[Step]
) -> None:
    story = Story(connect(fresh_path(), query_only=False))
    with story.db:
        story.begin(opens)
    for step in (*said, *steps):
        with story.db:
            step(story)
        _holds(story)
        assert rebuild.check(story.db) == []
    story.db.close()


def _holds(story: Story) -> None:
    said, unheld = story.said(), {one.event.id for one in stale.unheld(story.db, story.chat_id)}
    scenes = {story.opening(one): one for one in places.scenes(story.db, story.chat_id)}
    told = {one.scene_id: one for one in places.all_summaries(story.db, story.chat_id)}
    for opening, scene in scenes.items():
        if title := said.get((opening, "title")):
            assert scene.title == title.said
        if scene.id in told:
            summary = told[scene.id]
            words, quotes = said.get((opening, "summary")), said.get((opening, "quotes"))
            event(f"told by hand: {words is not None}")
            assert not words or summary.summary == words.said
            assert not quotes or summary.quotes == quotes.said
            assert words or quotes or summary.quotes == (summary.summary,)
            assert summary.memory_id is not None
            assert memories.memory(story.db, summary.memory_id).text == summary.summary
    for (opening, of), word in said.items():
        there = opening in scenes and (of in ("title", "times") or scenes[opening].id in told)
        assert (word.event_id in unheld) == (not there and is_live(story.db, opening))
    assert {one.scene_id for one in told.values()} <= {one.id for one in scenes.values()}
    running = views.chat(story.db, story.chat_id).scene_id
    assert all((one.closed_by is None) == (one.id == running) for one in scenes.values())
    _in_order(story)


def _in_order(story: Story) -> None:
    """Nothing is told out of order, and times that were said hold or are shown not to."""
    turns = views.turns_before(story.db, story.chat_id, None, 99)
    assert [one.clock for one in turns] == sorted(one.clock for one in turns)
    shown = [one for one in timeline.told(story.db, story.chat_id) if one.scene is not None]
    said = story.said()
    for one in shown:
        assert one.scene is not None
        lies = [turn.clock for turn in turns if turn.scene_id == one.scene.id]
        ends = one.scene.closed_clock if one.scene.closed_by is not None else None
        assert all(one.scene.clock <= clock <= (FOREVER if ends is None else ends) for clock in lies)
        word = said.get((story.opening(one.scene), "times"))
        if word is not None and one.retimed is None:
            begins, was = word.said if isinstance(word.said, tuple) else (None, None)
            assert one.scene.clock == begins
            assert was is None or one.scene.closed_clock == was
    over = [one.scene.closed_clock for one in shown[:-1] if one.scene is not None]
    begun = [one.scene.clock for one in shown[1:] if one.scene is not None]
    assert all(end is None or end <= begin for end, begin in zip(over, begun, strict=True))
