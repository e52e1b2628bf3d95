"""Invariant 11 where a stage runs again: what a person said of a thing is so of the one in its place.

In every branch, as far as it was said there; and what they took back is taken back.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from store import ledger, memories, places, rebuild, replays, stale
from store.database import connect
from store.events import (
    BotAuthored,
    BranchForked,
    BranchSwitched,
    ChangeUndone,
    ChatStarted,
    Container,
    ContainerChanged,
    ContainerCreated,
    EdgeFactRemoved,
    EdgeUpdated,
    MemoryEdited,
    MemoryPinned,
    MemoryUnpinned,
    MemoryWitnessChanged,
    MemoryWritten,
    Payload,
    TurnRetracted,
    TurnUser,
)
from store.events.relationships import Fact
from store.projections.fold import FOREVER
from store.rows import row, rows
from store.txn import Txn
from tests.properties.stories import ROUTES
from workers import outcomes

Fresh = Callable[[], Path]
OWNERS, FACTS, PLACES = (1, 2, 3), ("sails", "is ill"), ("Pub", "Pier")
(REMEMBER,) = (route for route in ROUTES["turn.user"] if route.stage == "remember")


@dataclass
class Corrected:
    """What the person has made of what one turn left behind."""

    texts: dict[int, str] = field(default_factory=dict)
    pins: dict[int, str] = field(default_factory=dict)
    witnesses: dict[int, tuple[int, ...]] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    places: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Word:
    """Something a person said of what a turn left behind, and in which branch."""

    event_id: int
    branch_id: int
    which: int
    says: Callable[[Corrected], None]


@dataclass
class Story:
    db: apsw.Connection
    chat_id: int = 0
    turns: list[int] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    taken_back: list[tuple[int, int, int]] = field(default_factory=list)
    """Event, branch, what it takes back."""
    parents: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Branch → the one it left, and where."""
    branch_id: int = 0
    runs: int = 0

    @property
    def txn(self) -> Txn:
        return Txn(self.db, ROUTES, 1_700_000_000_000)

    def begin(self, turns: int) -> None:
        host = self.txn.append(BotAuthored(name="Ada"))
        self.chat_id = self.branch_id = self.txn.append(ChatStarted(title="x", host_id=host.id)).id
        self.db.execute(
            "INSERT INTO boot(id, pid, started_at, seen_at, code_version) VALUES (1, 1, 1, 1, '')"
        )
        for number in range(turns):
            turn = self.txn.append(TurnUser(text=f"turn {number}"), chat_id=self.chat_id)
            self.turns.append(turn.id)

    def hand(self, which: int, payload: Payload, says: Callable[[Corrected], None]) -> None:
        said = self.txn.append(payload, chat_id=self.chat_id)
        self.words.append(Word(said.id, self.branch_id, which, says))

    def take_back(self, event_id: int) -> None:
        word = self.txn.append(ChangeUndone(event_id=event_id), chat_id=self.chat_id)
        self.taken_back.append((word.id, self.branch_id, event_id))

    def counts(self, event_id: int, branch_id: int) -> bool:
        """Whether the branch the story is in has what was done in another at that point."""
        at, limit = self.branch_id, FOREVER
        while at != branch_id:
            if at not in self.parents:
                return False
            at, fork = self.parents[at]
            limit = min(limit, fork)
        return event_id <= limit

    def corrected(self, which: int) -> Corrected:
        back = {of for event_id, branch_id, of in self.taken_back if self.counts(event_id, branch_id)}
        corrected = Corrected()
        for word in self.words:
            if (
                word.which == which
                and word.event_id not in back
                and self.counts(word.event_id, word.branch_id)
            ):
                word.says(corrected)
        return corrected

    def again(self, turn_id: int) -> None:
        replays.enqueue(self.db, REMEMBER, self.chat_id, [turn_id], now=1)

    def work_off(self, owners: list[int], facts: list[str], place: str) -> None:
        """Each run finds the same things, under new ids and in words of its own."""
        while claims := ledger.claim(self.db, 1, REMEMBER.lane, 1, now=1):
            (claim,) = claims
            self.runs += 1
            ledger.finish(self.db, claim, "done", now=1)
            found: list[Payload] = [self._memory(owner, claim.event_id) for owner in owners]
            known = tuple(Fact(text=fact) for fact in facts)
            found.append(EdgeUpdated(observer_id=1, target_id=0, facts=known))
            found.append(ContainerCreated(container=Container(name=place)))
            outcomes.record(self.txn, claim, found)

    def remember_only(self, owners: list[int]) -> None:
        """As the stage does: then nothing else need be told again."""
        while claims := ledger.claim(self.db, 1, REMEMBER.lane, 1, now=1):
            (claim,) = claims
            self.runs += 1
            ledger.finish(self.db, claim, "done", now=1)
            outcomes.record(self.txn, claim, [self._memory(owner, claim.event_id) for owner in owners])

    def _memory(self, owner: int, turn_id: int) -> MemoryWritten:
        text = f"in the words of run {self.runs}"
        return MemoryWritten(
            owner_id=owner, turn_id=turn_id, speaker_name="x", text=text, witnesses=(0, owner)
        )


Step = Callable[[Story], None]
TURNS = st.integers(0, 1)
OF = st.sampled_from(OWNERS)


def replayed(which: int, owners: list[int], facts: list[str], place: str) -> Step:
    def step(story: Story) -> None:
        story.again(story.turns[which])
        story.work_off(owners, facts, place)

    return step


def remembered_again(which: int, owners: list[int]) -> Step:
    def step(story: Story) -> None:
        story.again(story.turns[which])
        story.remember_only(owners)

    return step


def _memory_of(story: Story, which: int, owner: int) -> memories.Memory | None:
    kept = memories.of_turn(story.db, story.turns[which])
    return next((one for one in kept if one.owner_id == owner), None)


def _facts_of(story: Story, which: int) -> dict[str, int]:
    """Text → id of the facts that one turn taught."""
    found = rows(
        story.db,
        "SELECT fact.text, fact.id FROM fact JOIN event ON event.id = fact.event_id WHERE event.cause_id = ?",
        (story.turns[which],),
    )
    return dict(found)


def _places_of(story: Story, which: int) -> dict[str, places.Place]:
    """Name → the place that one turn told of."""
    caused = {
        one for (one,) in rows(story.db, "SELECT id FROM event WHERE cause_id = ?", (story.turns[which],))
    }
    found = places.places(story.db, story.chat_id)
    return {one.container.name: one for one in found if one.id in caused}


def edited(which: int, owner: int, text: str) -> Step:
    def step(story: Story) -> None:
        if memory := _memory_of(story, which, owner):
            word = MemoryEdited(memory_id=memory.id, text=text)
            story.hand(which, word, lambda now: now.texts.update({owner: text}))

    return step


def pinned(which: int, owner: int, *, pin: bool) -> Step:
    def step(story: Story) -> None:
        if memory := _memory_of(story, which, owner):
            change = MemoryPinned if pin else MemoryUnpinned
            word = change(memory_id=memory.id, by="manual")
            story.hand(which, word, lambda now: now.pins.update({owner: "manual" if pin else ""}))

    return step


def pinned_by_itself(which: int, owner: int) -> Step:
    """As another stage would, whose outcome no replay of this one touches."""

    def step(story: Story) -> None:
        if memory := _memory_of(story, which, owner):
            word = MemoryPinned(memory_id=memory.id, by="auto")
            story.hand(which, word, lambda now: now.pins.update({owner: now.pins.get(owner) or "auto"}))

    return step


def seen_by(which: int, owner: int, witnesses: tuple[int, ...]) -> Step:
    def step(story: Story) -> None:
        if memory := _memory_of(story, which, owner):
            word = MemoryWitnessChanged(memory_id=memory.id, witnesses=witnesses)
            story.hand(which, word, lambda now: now.witnesses.update({owner: witnesses}))

    return step


def forgotten(which: int, text: str) -> Step:
    def step(story: Story) -> None:
        if fact_id := _facts_of(story, which).get(text):
            story.hand(which, EdgeFactRemoved(fact_id=fact_id), lambda now: now.forgotten.add(text))

    return step


def described(which: int, description: str) -> Step:
    def step(story: Story) -> None:
        for name, place in _places_of(story, which).items():
            held = Container(name=name, description=description)
            word = ContainerChanged(container_id=place.id, container=held)

            def says(now: Corrected, name: str = name) -> None:
                now.places[name] = description

            story.hand(which, word, says)

    return step


def taken_back(which: int) -> Step:
    def step(story: Story) -> None:
        gone = {of for _, _, of in story.taken_back}
        left = [one for one in story.words if one.event_id not in gone]
        here = [one for one in left if story.counts(one.event_id, one.branch_id)]
        if here:
            story.take_back(here[which % len(here)].event_id)

    return step


def forked(story: Story) -> None:
    (at,) = row(story.db, "SELECT max(id) FROM event") or (0,)
    parent = story.branch_id
    made = story.txn.append(BranchForked(parent_id=parent, at=at, name="x"), chat_id=story.chat_id)
    story.parents[made.id] = (parent, at)
    _switched_to(story, made.id)


def switched(which: int) -> Step:
    def step(story: Story) -> None:
        others = [story.chat_id, *story.parents]
        _switched_to(story, others[which % len(others)])

    return step


def _switched_to(story: Story, branch_id: int) -> None:
    story.txn.append(BranchSwitched(branch_id=branch_id), chat_id=story.chat_id)
    story.branch_id = branch_id


def retracted_for_a_while(which: int) -> Step:
    """Gone with the turn, and back with it."""

    def step(story: Story) -> None:
        gone = story.txn.append(TurnRetracted(turn_id=story.turns[which]), chat_id=story.chat_id)
        assert memories.of_turn(story.db, story.turns[which]) == []
        assert not {one.of.cause_id for one in stale.unheld(story.db, story.chat_id)} & {story.turns[which]}
        story.txn.append(ChangeUndone(event_id=gone.id), chat_id=story.chat_id)

    return step


WORDS = st.sampled_from(["by hand", "by hand again"])
OUTCOMES = (st.lists(OF, unique=True), st.lists(st.sampled_from(FACTS), unique=True), st.sampled_from(PLACES))
STEPS: st.SearchStrategy[Step] = st.one_of(
    *(st.builds(replayed, TURNS, *OUTCOMES) for _ in range(3)),
    *(st.builds(remembered_again, TURNS, st.lists(OF, unique=True)) for _ in range(2)),
    st.builds(edited, TURNS, OF, WORDS),
    st.builds(pinned, TURNS, OF, pin=st.booleans()),
    st.builds(pinned_by_itself, TURNS, OF),
    st.builds(seen_by, TURNS, OF, st.lists(st.integers(0, 3), unique=True).map(sorted).map(tuple)),
    st.builds(forgotten, TURNS, st.sampled_from(FACTS)),
    st.builds(described, TURNS, WORDS),
    st.builds(taken_back, st.integers(0, 9)),
    st.just(forked),
    st.builds(switched, st.integers(0, 3)),
    st.builds(retracted_for_a_while, TURNS),
)


@pytest.mark.slow
@settings(max_examples=400)
@given(st.lists(STEPS, max_size=16))
def test_what_a_person_said_stands_however_often_the_stage_runs_again(
    fresh_path: Fresh, steps: list[Step]
) -> None:
    story = Story(connect(fresh_path(), query_only=False))
    with story.db:
        story.begin(2)
        story.work_off(list(OWNERS), list(FACTS), PLACES[0])
    for step in steps:
        with story.db:
            step(story)
        for which in range(len(story.turns)):
            _holds(story, which)
        assert rebuild.check(story.db) == []
    story.db.close()


def _holds(story: Story, which: int) -> None:
    corrected = story.corrected(which)
    for memory in memories.of_turn(story.db, story.turns[which]):
        owner = memory.owner_id
        event(f"corrected: {owner in corrected.texts}")
        assert memory.text == corrected.texts.get(owner, memory.text)
        assert owner in corrected.texts or memory.text.startswith("in the words of run")
        assert memory.pinned == corrected.pins.get(owner, "")
        assert memory.witnesses == corrected.witnesses.get(owner, (0, owner))
    assert not corrected.forgotten & set(_facts_of(story, which))
    for name, place in _places_of(story, which).items():
        assert place.container.description == corrected.places.get(name, "")


@settings(max_examples=20)
@given(st.lists(st.lists(OF, unique=True), min_size=1, max_size=3))
def test_what_a_run_misses_is_shown_to_hold_of_nothing_until_a_later_one_finds_it(
    fresh_path: Fresh, found: list[list[int]]
) -> None:
    story = Story(connect(fresh_path(), query_only=False))
    with story.db:
        story.begin(1)
        story.work_off(list(OWNERS), [], PLACES[0])
        for owner in OWNERS:
            edited(0, owner, f"by hand, of {owner}")(story)
        for owners in (*found, list(OWNERS)):
            replayed(0, owners, [], PLACES[0])(story)
            missed = {one.event.payload.text for one in stale.unheld(story.db, story.chat_id)}
            assert missed == {f"by hand, of {owner}" for owner in set(OWNERS) - set(owners)}
            _holds(story, 0)
    assert len(memories.of_turn(story.db, story.turns[0])) == len(OWNERS)
    assert rows(story.db, "SELECT count(*) FROM event WHERE kind = 'memory.edited'") == [(len(OWNERS),)]
    story.db.close()


@settings(max_examples=20)
@given(st.lists(st.booleans(), max_size=4))
def test_a_stage_run_again_in_two_branches_leaves_one_outcome_in_each(
    fresh_path: Fresh, there: list[bool]
) -> None:
    story = Story(connect(fresh_path(), query_only=False))
    with story.db:
        story.begin(1)
        story.work_off([1], list(FACTS), PLACES[0])
        forked(story)
        for back in (True, False, *there):
            switched(int(not back))(story)
            replayed(0, [1], list(FACTS), PLACES[0])(story)
            assert len(memories.of_turn(story.db, story.turns[0])) == 1
        for which in range(2):
            switched(which)(story)
            assert len(memories.of_turn(story.db, story.turns[0])) == 1
            assert len(places.places(story.db, story.chat_id)) == 1
    assert rebuild.check(story.db) == []
    story.db.close()
