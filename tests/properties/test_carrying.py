"""Invariant 11 where a stage runs again: what a person had corrected in one outcome is so in the next."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import apsw
from hypothesis import event, given, settings
from hypothesis import strategies as st

from store import ledger, memories, places, rebuild, replays
from store.database import connect
from store.events import (
    BotAuthored,
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
    TurnUser,
)
from store.events.relationships import Fact
from store.rows import rows
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


@dataclass
class Story:
    db: apsw.Connection
    chat_id: int = 0
    turns: list[int] = field(default_factory=list)
    corrected: dict[int, Corrected] = field(default_factory=dict)
    runs: int = 0

    @property
    def txn(self) -> Txn:
        return Txn(self.db, ROUTES, 1_700_000_000_000)

    def begin(self, turns: int) -> None:
        host = self.txn.append(BotAuthored(name="Ada"))
        self.chat_id = self.txn.append(ChatStarted(title="x", host_id=host.id)).id
        self.db.execute(
            "INSERT INTO boot(id, pid, started_at, seen_at, code_version) VALUES (1, 1, 1, 1, '')"
        )
        for number in range(turns):
            turn = self.txn.append(TurnUser(text=f"turn {number}"), chat_id=self.chat_id)
            self.turns.append(turn.id)
            self.corrected[turn.id] = Corrected()

    def hand(self, payload: Payload) -> None:
        self.txn.append(payload, chat_id=self.chat_id)

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
            story.hand(MemoryEdited(memory_id=memory.id, text=text))
            story.corrected[story.turns[which]].texts[owner] = text

    return step


def pinned(which: int, owner: int, *, pin: bool) -> Step:
    def step(story: Story) -> None:
        if memory := _memory_of(story, which, owner):
            change = MemoryPinned if pin else MemoryUnpinned
            story.hand(change(memory_id=memory.id, by="manual"))
            story.corrected[story.turns[which]].pins[owner] = "manual" if pin else ""

    return step


def seen_by(which: int, owner: int, witnesses: tuple[int, ...]) -> Step:
    def step(story: Story) -> None:
        if memory := _memory_of(story, which, owner):
            story.hand(MemoryWitnessChanged(memory_id=memory.id, witnesses=witnesses))
            story.corrected[story.turns[which]].witnesses[owner] = witnesses

    return step


def forgotten(which: int, text: str) -> Step:
    def step(story: Story) -> None:
        if fact_id := _facts_of(story, which).get(text):
            story.hand(EdgeFactRemoved(fact_id=fact_id))
            story.corrected[story.turns[which]].forgotten.add(text)

    return step


def described(which: int, description: str) -> Step:
    def step(story: Story) -> None:
        for name, place in _places_of(story, which).items():
            held = Container(name=name, description=description)
            story.hand(ContainerChanged(container_id=place.id, container=held))
            story.corrected[story.turns[which]].places[name] = description

    return step


WORDS = st.sampled_from(["by hand", "by hand again"])
OUTCOMES = (st.lists(OF, unique=True), st.lists(st.sampled_from(FACTS), unique=True), st.sampled_from(PLACES))
STEPS: st.SearchStrategy[Step] = st.one_of(
    *(st.builds(replayed, TURNS, *OUTCOMES) for _ in range(3)),
    st.builds(edited, TURNS, OF, WORDS),
    st.builds(pinned, TURNS, OF, pin=st.booleans()),
    st.builds(seen_by, TURNS, OF, st.lists(st.integers(0, 3), unique=True).map(sorted).map(tuple)),
    st.builds(forgotten, TURNS, st.sampled_from(FACTS)),
    st.builds(described, TURNS, WORDS),
)


@settings(max_examples=80)
@given(st.lists(STEPS, max_size=14))
def test_what_a_person_corrected_stands_however_often_the_stage_runs_again(
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
    corrected = story.corrected[story.turns[which]]
    for memory in memories.of_turn(story.db, story.turns[which]):
        owner = memory.owner_id
        event(f"corrected: {owner in corrected.texts}")
        assert memory.text == corrected.texts.get(owner, memory.text)
        assert memory.pinned == corrected.pins.get(owner, "")
        assert memory.witnesses == corrected.witnesses.get(owner, (0, owner))
    assert not corrected.forgotten & set(_facts_of(story, which))
    for name, place in _places_of(story, which).items():
        assert place.container.description == corrected.places.get(name, "")


@settings(max_examples=20)
@given(st.lists(st.lists(OF, unique=True), min_size=1, max_size=3))
def test_what_a_run_misses_is_as_it_was_corrected_when_a_later_one_finds_it(
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
    assert len(memories.of_turn(story.db, story.turns[0])) == len(OWNERS)
    _holds(story, 0)
    story.db.close()


@settings(max_examples=20)
@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_what_is_carried_over_is_only_the_last_word_and_answers_what_it_corrects(
    fresh_path: Fresh, pins: list[bool]
) -> None:
    story = Story(connect(fresh_path(), query_only=False))
    with story.db:
        story.begin(1)
        story.work_off([1], [], PLACES[0])
        for pin in pins:
            pinned(0, 1, pin=pin)(story)
        replayed(0, [1], [], PLACES[0])(story)
        replayed(0, [1], [], PLACES[0])(story)
        (memory,) = memories.of_turn(story.db, story.turns[0])
        found = rows(story.db, "SELECT kind FROM event WHERE cause_id = ? AND run_id IS NULL", (memory.id,))
    assert found == [("memory.pinned" if pins[-1] else "memory.unpinned",)]
    story.db.close()
