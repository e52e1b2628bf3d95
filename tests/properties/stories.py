"""Random stories: sequences of everything that can happen to the log, as hypothesis strategies.

A story is a list of acts; `perform` turns each into real events through the one way into the log. References
are drawn as numbers and taken modulo what exists, so every drawn story is a possible one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import apsw
from hypothesis import strategies as st

from store.events import (
    BotArchived,
    BotAuthored,
    BotEdited,
    ChatArchived,
    ChatRenamed,
    ChatStarted,
    FloorGiven,
    MemoryWritten,
    OutcomeSuperseded,
    Payload,
    TokenUsage,
    TurnAssistant,
    TurnUser,
    WorldChanged,
)
from store.events.relationships import MAX_FACTS
from store.ledger import Route
from store.rows import rows
from store.txn import Routes, Txn
from tests.properties.simulation import SIMULATED, TEXTS

ROUTES: Routes = {
    "turn.user": (Route("addressee", "play", 50), Route("remember", "bookkeeping", 0)),
    "floor.given": (Route("narrate", "narration", 100),),
    "turn.assistant": (Route("remember", "bookkeeping", 0),),
}
NUMBERS = st.integers(0, 1_000)
ENDINGS = st.sampled_from(["complete", "length", "stopped", "dropped", "crashed", "shutdown"])


@dataclass
class World:
    """What a story has brought into being so far."""

    connection: apsw.Connection
    clock: int = 1_700_000_000_000
    bots: list[int] = field(default_factory=list)
    chats: list[int] = field(default_factory=list)
    turns: dict[int, list[int]] = field(default_factory=dict)

    def txn(self) -> Txn:
        self.clock += 7
        return Txn(self.connection, ROUTES, self.clock)

    def bot(self, number: int) -> int:
        return self.bots[number % len(self.bots)]

    def chat(self, number: int) -> int:
        return self.chats[number % len(self.chats)]


Act = Callable[[World, Txn], None]


def _author(name: str, description: str) -> Act:
    def act(world: World, txn: Txn) -> None:
        world.bots.append(txn.append(BotAuthored(name=name, description=description)).id)

    return act


def _edit(number: int, name: str) -> Act:
    def act(world: World, txn: Txn) -> None:
        txn.append(BotEdited(bot_id=world.bot(number), name=name, aliases=(name,)))

    return act


def _archive_bot(number: int) -> Act:
    def act(world: World, txn: Txn) -> None:
        txn.append(BotArchived(bot_id=world.bot(number)))

    return act


def _start(number: int, title: str) -> Act:
    def act(world: World, txn: Txn) -> None:
        chat = txn.append(ChatStarted(title=title, host_id=world.bot(number)))
        world.chats.append(chat.id)
        world.turns[chat.id] = []

    return act


def _rename(number: int, title: str) -> Act:
    def act(world: World, txn: Txn) -> None:
        txn.append(ChatRenamed(title=title), chat_id=world.chat(number))

    return act


def _archive_chat(number: int) -> Act:
    def act(world: World, txn: Txn) -> None:
        txn.append(ChatArchived(), chat_id=world.chat(number))

    return act


def say(number: int, text: str) -> Act:
    def act(world: World, txn: Txn) -> None:
        chat_id = world.chat(number)
        world.turns[chat_id].append(txn.append(TurnUser(text=text), chat_id=chat_id).id)

    return act


def answer(number: int, which: int, text: str, ended: str) -> Act:
    """An answer to any earlier turn of the chat, not only the newest; or to none."""

    def act(world: World, txn: Txn) -> None:
        chat_id = world.chat(number)
        turns = world.turns[chat_id]
        answers = turns[which % len(turns)] if turns else None
        said = TurnAssistant.model_validate(
            {"speaker_id": world.bot(number), "text": text, "answers": answers, "ended": ended}
            | {"truncated": ended == "stopped", "usage": TokenUsage(prompt_tokens=which)}
        )
        turns.append(txn.append(said, chat_id=chat_id, cause_id=answers).id)

    return act


def go_on(number: int, which: int, text: str) -> Act:
    """A bot goes on by itself; what it says comes at once, or after what is said in between."""

    def act(world: World, txn: Txn) -> None:
        chat_id = world.chat(number)
        turns = world.turns[chat_id]
        if not turns:
            return
        given = FloorGiven(turn_id=turns[-1], speaker_id=world.bot(number), unprompted=True)
        floor = txn.append(given, chat_id=chat_id, cause_id=turns[-1])
        if which % 2:
            turns.append(txn.append(TurnUser(text=text), chat_id=chat_id).id)
        said = TurnAssistant(speaker_id=world.bot(number), text=text, unprompted_at=floor.id)
        turns.append(txn.append(said, chat_id=chat_id, cause_id=floor.id).id)

    return act


def _floor(number: int, which: int) -> Act:
    def act(world: World, txn: Txn) -> None:
        chat_id = world.chat(number)
        if world.turns[chat_id]:
            turn_id = world.turns[chat_id][which % len(world.turns[chat_id])]
            txn.append(FloorGiven(turn_id=turn_id, speaker_id=world.bot(number)), chat_id=chat_id)

    return act


def remember(number: int, which: int, text: str) -> Act:
    def act(world: World, txn: Txn) -> None:
        chat_id = world.chat(number)
        if world.turns[chat_id]:
            turn_id = world.turns[chat_id][which % len(world.turns[chat_id])]
            memory = MemoryWritten(
                owner_id=world.bot(number), turn_id=turn_id, speaker_name="x", text=text, witnesses=(which, 0)
            )
            txn.append(memory, chat_id=chat_id, cause_id=turn_id)

    return act


NAMES = {
    "turn_id": ("turn.user", "turn.assistant"),
    "from_turn_id": ("turn.user", "turn.assistant"),
    "memory_id": ("memory.written",),
    "scene_id": ("scene.opened",),
    "summary_id": ("scene.summarized",),
    "upto": ("turn.user", "turn.assistant"),
    "container_id": ("container.created",),
    "fact_id": ("edge.updated",),
}


def of_chat(db: apsw.Connection, chat_id: int, which: int, payload: Payload) -> Payload | None:
    """The payload with what it names of that chat and there: no event speaks of another's. None where there
    is nothing of the kind yet."""
    events = rows(db, "SELECT id, kind FROM event WHERE chat_id = ? ORDER BY id", (chat_id,))
    ids: dict[str, int] = {}
    for name, kinds in NAMES.items():
        if getattr(payload, name, None) is not None:
            found = [event_id for event_id, kind in events if kind in kinds]
            if not found:
                return None
            ids[name] = found[which % len(found)] * (MAX_FACTS if name == "fact_id" else 1)
    return payload.model_copy(update=ids)


def _simulate(number: int, which: int, payload: Payload, *, answers: bool) -> Act:
    """Any other event of a chat, as the answer to its start or to anything in it, which may have fallen."""

    def act(world: World, txn: Txn) -> None:
        chat_id = world.chat(number)
        placed = of_chat(txn.connection, chat_id, which, payload)
        events = rows(txn.connection, "SELECT id FROM event WHERE chat_id = ? ORDER BY id DESC", (chat_id,))
        cause_id = events[which % len(events)][0] if answers else chat_id
        if placed is not None:
            txn.append(placed, chat_id=chat_id, cause_id=cause_id)

    return act


def record(number: int, which: int, text: str, *, again: bool) -> Act:
    """What a run of the chat recorded, and what came of it; with `again` the stage has run anew, and all of
    that falls away."""

    def act(world: World, txn: Txn) -> None:
        chat_id = world.chat(number)
        of_chat = "SELECT id, event_id FROM run WHERE chat_id = ? ORDER BY id"
        found = rows(txn.connection, of_chat, (chat_id,))
        if not found:
            return
        run_id, event_id = found[which % len(found)]
        if rows(txn.connection, SUPERSEDED, (chat_id, run_id)):
            return
        ((ordinal,),) = rows(txn.connection, "SELECT count(*) FROM event WHERE run_id = ?", (run_id,))
        memory = MemoryWritten(owner_id=1, turn_id=event_id, speaker_name="x", text=text, witnesses=(1,))
        written = txn.append(memory, chat_id=chat_id, cause_id=event_id, run_id=run_id, ordinal=ordinal)
        txn.append(WorldChanged(time=text), chat_id=chat_id, cause_id=written.id)
        if again:
            txn.append(OutcomeSuperseded(superseded_run_id=run_id), chat_id=chat_id)

    return act


SUPERSEDED = (
    "SELECT 1 FROM event WHERE chat_id = ? AND kind = 'outcome.superseded'"
    " AND payload ->> 'superseded_run_id' = ?"
)
BY_HAND: st.SearchStrategy[Act] = st.one_of(
    st.builds(_author, TEXTS, TEXTS),
    st.builds(_edit, NUMBERS, TEXTS),
    st.builds(_archive_bot, NUMBERS),
    st.builds(_start, NUMBERS, TEXTS),
    st.builds(_rename, NUMBERS, TEXTS),
    st.builds(_archive_chat, NUMBERS),
    st.builds(say, NUMBERS, TEXTS),
    st.builds(say, NUMBERS, TEXTS),
    st.builds(answer, NUMBERS, NUMBERS, TEXTS, ENDINGS),
    st.builds(answer, NUMBERS, NUMBERS, TEXTS, ENDINGS),
    st.builds(go_on, NUMBERS, NUMBERS, TEXTS),
    st.builds(_floor, NUMBERS, NUMBERS),
    st.builds(remember, NUMBERS, NUMBERS, TEXTS),
    *(st.builds(_simulate, NUMBERS, NUMBERS, st.one_of(SIMULATED), answers=st.booleans()) for _ in range(4)),
)
"""What is recorded where the story is, and comes of nothing that a stage was still to answer."""
ACTS: st.SearchStrategy[Act] = BY_HAND | st.builds(record, NUMBERS, NUMBERS, TEXTS, again=st.booleans())


ONE_OF_EACH: tuple[Act, ...] = (
    _author("Ada", "Keeps the light."),
    _start(0, "one"),
    _author("Bea", ""),
    _edit(1, "Beatrice"),
    _rename(0, "the light"),
    say(0, "Who goes there?"),
    _floor(0, 0),
    answer(0, 0, "Me.", "stopped"),
    *(remember(0, number, "Me.") for number in range(9)),
    record(0, 1, "Gone.", again=True),
    record(0, 0, "Kept.", again=False),
    _archive_bot(1),
    _archive_chat(0),
)
"""A story in which everything happens, for properties that are too slow to wait for chance to draw it all."""


def stories(max_acts: int = 30) -> st.SearchStrategy[list[Act]]:
    """Every story begins with a bot and a chat."""
    return st.lists(ACTS, max_size=max_acts).map(lambda acts: [_author("Ada", ""), _start(0, "one"), *acts])


def play(connection: apsw.Connection, acts: list[Act]) -> World:
    """Perform a story, each act in a transaction of its own."""
    world = World(connection)
    play_on(world, acts)
    return world


def play_on(world: World, acts: list[Act]) -> None:
    for act in acts:
        with world.connection:
            act(world, world.txn())
