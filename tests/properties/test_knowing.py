"""Invariant 8: a speaker knows only what it witnessed, was told, or has as its own.

Random casts, entrances, exits, scenes and corrections. Every text that is written bears a marker of its own,
and a second account of who may know it is kept by the test; then every prompt is searched for markers its
speaker must not have.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.prompt.assembly import Layout
from pipeline.prompt.blocks import Block, Origin, Piece, Tier
from pipeline.prompt.budget import Budgets
from pipeline.prompt.compose import Measure, compose
from pipeline.prompt.lineage import leaks
from pipeline.tokens import TokenCounter
from store import memories, rebuild, views
from store.database import connect
from store.events import (
    YOU,
    ActivityChanged,
    BotAuthored,
    ChatStarted,
    Container,
    ContainerCreated,
    EdgeSummarized,
    EdgeUpdated,
    EntityChanged,
    Fact,
    GroupUpdated,
    GuestAdded,
    GuestRemoved,
    MemoryEdited,
    MemoryPinned,
    MemoryWitnessChanged,
    MemoryWritten,
    SceneClosed,
    SceneOpened,
    SceneSummarized,
    TurnAssistant,
    TurnUser,
)
from store.txn import Txn

COUNTER = TokenCounter()
HOST, GUEST, LATER_GUEST = 0, 1, 2


@dataclass
class World:
    """A chat being played, and who may know each marker."""

    db: apsw.Connection
    bots: list[int] = field(default_factory=list)
    chat_id: int = 0
    clock: int = 0
    markers: dict[str, set[int]] = field(default_factory=dict)
    turns: list[int] = field(default_factory=list)
    perceived: dict[int, tuple[str, set[int]]] = field(default_factory=dict)
    """Turn → its marker and who perceived it."""

    def txn(self) -> Txn:
        self.clock += 10
        return Txn(self.db, {}, self.clock)

    def marker(self, *knowers: int) -> str:
        marker = f"mark{len(self.markers):03d}x"
        self.markers[marker] = set(knowers)
        return marker

    @property
    def chat(self) -> views.Chat:
        return views.chat(self.db, self.chat_id)


Act = Callable[[World, int], None]


def begin(path: Path) -> World:
    world = World(connect(path, query_only=False))
    with world.db:
        txn = world.txn()
        world.bots = [txn.append(BotAuthored(name=name, description="x")).id for name in ("Ada", "Bo", "Cy")]
        chat = txn.append(ChatStarted(title="one", host_id=world.bots[HOST]))
        world.chat_id = chat.id
        txn.append(SceneOpened(), chat_id=chat.id)
    return world


def say(world: World, which: int) -> None:
    """A turn of yours or of a bot in the scene; each bot that perceived it remembers it."""
    chat, txn = world.chat, world.txn()
    speakers = [None if one == YOU else one for one in chat.cast]
    speaker = speakers[which % len(speakers)]
    present = {*chat.cast, YOU if speaker is None else speaker}
    marker = world.marker(*present)
    text = f"{marker} is said"
    said = TurnUser(text=text) if speaker is None else TurnAssistant(speaker_id=speaker, text=text)
    turn = txn.append(said, chat_id=chat.id)
    world.turns.append(turn.id)
    world.perceived[turn.id] = (marker, set(present))
    for owner in present - {YOU}:
        memory = MemoryWritten(
            owner_id=owner, turn_id=turn.id, speaker_name="S", text=text, witnesses=tuple(present)
        )
        written = txn.append(memory, chat_id=chat.id)
        if which % 3 == 0:
            txn.append(MemoryPinned(memory_id=written.id, by="auto"), chat_id=chat.id)


def guest_comes(world: World, which: int) -> None:
    if world.chat.guest_id is None:
        guest = GuestAdded(guest_id=world.bots[1 + which % 2])
        world.txn().append(guest, chat_id=world.chat_id)


def guest_goes(world: World, _: int) -> None:
    guest = world.chat.guest_id
    if guest is not None:
        world.txn().append(GuestRemoved(guest_id=guest), chat_id=world.chat_id)


def scene_changes(world: World, which: int) -> None:
    """A new scene with some of the cast; those who saw the old one may get a summary of it."""
    chat, txn = world.chat, world.txn()
    old = chat.scene_id or 0
    txn.append(SceneClosed(scene_id=old), chat_id=chat.id)
    casts = [(), (YOU, *chat.members), (YOU, chat.members[0]), (YOU, chat.members[-1]), chat.members]
    place = txn.append(ContainerCreated(container=Container(name="a place")), chat_id=chat.id)
    present = casts[which % len(casts)] if len(chat.members) > 1 else ()
    txn.append(SceneOpened(container_id=place.id, present=present), chat_id=chat.id)
    for owner in chat.bots:
        if which % 2:
            told = SceneSummarized(scene_id=old, owner_id=owner, summary=world.marker(owner))
            txn.append(told, chat_id=chat.id)


def fact_is_learnt(world: World, which: int) -> None:
    observer = world.bots[which % 3]
    fact = Fact(text=world.marker(observer), how="told", from_id=YOU)
    edge = EdgeUpdated(
        observer_id=observer,
        target_id=(YOU, *world.bots)[which % 4],
        affinity_delta=which % 30,
        facts=(fact,),
    )
    world.txn().append(edge, chat_id=world.chat_id)


def edge_is_told(world: World, which: int) -> None:
    observer = world.bots[which % 3]
    told = EdgeSummarized(
        observer_id=observer, target_id=(YOU, *world.bots)[which % 4], summary=world.marker(observer)
    )
    world.txn().append(told, chat_id=world.chat_id)


def group_is_told(world: World, _: int) -> None:
    """What is told of a group is its members' own; a later guest is no member."""
    cast = world.chat.cast
    told = GroupUpdated(members=cast, summary=world.marker(*cast))
    world.txn().append(told, chat_id=world.chat_id)


def mood_changes(world: World, which: int) -> None:
    """A mood is one's own; what one does is seen by those in the scene."""
    bot = world.bots[which % 3]
    txn = world.txn()
    txn.append(EntityChanged(entity_id=bot, mood=world.marker(bot)), chat_id=world.chat_id)
    if bot in world.chat.cast:
        doing = ActivityChanged(entity_id=bot, activity="reads")
        txn.append(doing, chat_id=world.chat_id)


def _some_memory(world: World, which: int) -> memories.Memory | None:
    held = [one for bot in world.bots for one in memories.of_owner(world.db, world.chat_id, bot)]
    return held[which % len(held)] if held else None


def memory_is_corrected(world: World, which: int) -> None:
    memory = _some_memory(world, which)
    if memory is not None:
        edited = MemoryEdited(memory_id=memory.id, text=world.marker(memory.owner_id))
        world.txn().append(edited, chat_id=world.chat_id)


def witness_is_struck(world: World, which: int) -> None:
    """The person says: this one did not perceive it. Its memory of it is its own no longer."""
    memory = _some_memory(world, which)
    if memory is None:
        return
    rest = tuple(one for one in memory.witnesses if one != memory.owner_id)
    world.txn().append(MemoryWitnessChanged(memory_id=memory.id, witnesses=rest), chat_id=world.chat_id)
    for marker, knowers in world.markers.items():
        if marker in memory.text and (memory.turn_id is None or world.perceived[memory.turn_id][0] != marker):
            knowers.discard(memory.owner_id)


ACTS: list[Act] = [
    say,
    say,
    say,
    guest_comes,
    guest_goes,
    scene_changes,
    fact_is_learnt,
    edge_is_told,
    group_is_told,
    mood_changes,
    memory_is_corrected,
    witness_is_struck,
]
STORIES = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 500)), max_size=30)


def perform(world: World, story: list[tuple[Act, int]]) -> None:
    for act, which in story:
        with world.db:
            act(world, which)
    with world.db:
        say(world, 0)


def brings_back(found: list[memories.Memory]) -> Callable[[frozenset[int]], list[memories.Memory]]:
    return lambda _shown: found


@settings(max_examples=80, deadline=None)
@given(story=STORIES, layout=st.sampled_from(["cache", "classic"]), number=st.integers(0, 2))
def test_a_speaker_is_never_told_what_it_cannot_know(
    fresh_path: Callable[[], Path], story: list[tuple[Act, int]], layout: Layout, number: int
) -> None:
    world = begin(fresh_path())
    perform(world, story)
    turn = views.turn(world.db, world.turns[-1])
    for speaker in (one for one in turn.present if one != YOU):
        # as if retrieval had gone wrong and brought back everybody's memories
        everything = [one for bot in world.bots for one in memories.of_owner(world.db, world.chat_id, bot)]
        own = memories.of_owner(world.db, world.chat_id, speaker)
        for recalled in (own, everything[number:]):
            measure = Measure(COUNTER.for_model("x"), Budgets(), layout)
            made = compose(world.db, turn, speaker, measure, brings_back(recalled))
            text = "\n".join(message.content for message in made.prompt.messages)
            strange = [m for m, knowers in world.markers.items() if speaker not in knowers and m in text]
            assert strange == [], f"{speaker} of {world.chat.cast} was told {strange}"
            assert leaks(world.db, world.chat_id, speaker, made.prompt.blocks) == []
        made = compose(world.db, turn, speaker, measure, brings_back(own))
        assert made.leaks == (), "the gathering itself must not need the second lock"
    assert rebuild.check(world.db) == []
    world.db.close()


@settings(max_examples=40, deadline=None)
@given(story=STORIES)
def test_the_check_sees_every_turn_and_memory_a_speaker_has_no_part_in(
    fresh_path: Callable[[], Path], story: list[tuple[Act, int]]
) -> None:
    world = begin(fresh_path())
    perform(world, story)
    for bot in world.bots:
        for turn_id, (marker, present) in world.perceived.items():
            block = Block("dialogue", Tier.SHOULD, (Piece(marker, (turn_id,), Origin.TURN),), 1)
            assert bool(leaks(world.db, world.chat_id, bot, [block])) == (bot not in present)
    world.db.close()


@pytest.mark.parametrize("origin", [Origin.FACT, Origin.SUMMARY, Origin.MEMORY, Origin.EDGE])
def test_a_piece_that_names_no_row_is_a_leak(fresh_path: Callable[[], Path], origin: Origin) -> None:
    world = begin(fresh_path())
    block = Block("x", Tier.SHOULD, (Piece("from nowhere", (1,), origin),), 1)
    assert leaks(world.db, world.chat_id, world.bots[0], [block]) != []
    world.db.close()


def test_the_props_of_a_finished_scene_stay_behind(fresh_path: Callable[[], Path]) -> None:
    """The picnic basket: in the prompt while the picnic lasts, gone when the scene is over and told."""
    world = begin(fresh_path())
    host = world.bots[HOST]
    with world.db:
        txn = world.txn()
        basket = Container(name="a meadow", description="a picnic basket stands open", slots=("the blanket",))
        place = txn.append(ContainerCreated(container=basket), chat_id=world.chat_id)
        scene = txn.append(SceneOpened(container_id=place.id), chat_id=world.chat_id)
        doing = ActivityChanged(entity_id=host, activity="unpacks the picnic basket", slot="the blanket")
        txn.append(doing, chat_id=world.chat_id)
        turn = txn.append(TurnUser(text="Shall we open the picnic basket?"), chat_id=world.chat_id)
    during = _text(world, turn.id, host)
    assert during.count("picnic basket") == 3
    with world.db:
        txn = world.txn()
        txn.append(SceneClosed(scene_id=scene.id), chat_id=world.chat_id)
        home = txn.append(ContainerCreated(container=Container(name="the kitchen")), chat_id=world.chat_id)
        txn.append(SceneOpened(container_id=home.id), chat_id=world.chat_id)
        told = SceneSummarized(scene_id=scene.id, owner_id=host, summary="They spent the noon outdoors.")
        txn.append(told, chat_id=world.chat_id)
        turn = txn.append(TurnUser(text="Home at last."), chat_id=world.chat_id)
    after = _text(world, turn.id, host)
    assert "basket" not in after and "blanket" not in after
    assert "They spent the noon outdoors." in after and "the kitchen" in after
    world.db.close()


def _text(world: World, turn_id: int, speaker: int) -> str:
    made = compose(
        world.db, views.turn(world.db, turn_id), speaker, Measure(COUNTER.for_model("x"), Budgets(), "cache")
    )
    return "\n".join(message.content for message in made.prompt.messages)
