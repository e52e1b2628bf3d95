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
    TokenUsage,
    TurnAssistant,
    TurnUser,
)
from store.ledger import Route
from store.txn import Routes, Txn

ROUTES: Routes = {
    "turn.user": (Route("addressee", "play", 50), Route("remember", "bookkeeping", 0)),
    "floor.given": (Route("narrate", "narration", 100),),
    "turn.assistant": (Route("remember", "bookkeeping", 0),),
}
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=60).filter(
    lambda text: bool(text.strip())
)
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


def _say(number: int, text: str) -> Act:
    def act(world: World, txn: Txn) -> None:
        chat_id = world.chat(number)
        world.turns[chat_id].append(txn.append(TurnUser(text=text), chat_id=chat_id).id)

    return act


def _answer(number: int, which: int, text: str, ended: str) -> Act:
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


def _floor(number: int, which: int) -> Act:
    def act(world: World, txn: Txn) -> None:
        chat_id = world.chat(number)
        if world.turns[chat_id]:
            turn_id = world.turns[chat_id][which % len(world.turns[chat_id])]
            txn.append(FloorGiven(turn_id=turn_id, speaker_id=world.bot(number)), chat_id=chat_id)

    return act


def _remember(number: int, which: int, text: str) -> Act:
    def act(world: World, txn: Txn) -> None:
        chat_id = world.chat(number)
        if world.turns[chat_id]:
            turn_id = world.turns[chat_id][which % len(world.turns[chat_id])]
            memory = MemoryWritten(
                owner_id=world.bot(number), turn_id=turn_id, speaker_name="x", text=text, witnesses=(which, 0)
            )
            txn.append(memory, chat_id=chat_id, cause_id=turn_id)

    return act


ACTS: st.SearchStrategy[Act] = st.one_of(
    st.builds(_author, TEXTS, TEXTS),
    st.builds(_edit, NUMBERS, TEXTS),
    st.builds(_archive_bot, NUMBERS),
    st.builds(_start, NUMBERS, TEXTS),
    st.builds(_rename, NUMBERS, TEXTS),
    st.builds(_archive_chat, NUMBERS),
    st.builds(_say, NUMBERS, TEXTS),
    st.builds(_say, NUMBERS, TEXTS),
    st.builds(_answer, NUMBERS, NUMBERS, TEXTS, ENDINGS),
    st.builds(_answer, NUMBERS, NUMBERS, TEXTS, ENDINGS),
    st.builds(_floor, NUMBERS, NUMBERS),
    st.builds(_remember, NUMBERS, NUMBERS, TEXTS),
)


ONE_OF_EACH: tuple[Act, ...] = (
    _author("Ada", "Keeps the light."),
    _start(0, "one"),
    _author("Bea", ""),
    _edit(1, "Beatrice"),
    _rename(0, "the light"),
    _say(0, "Who goes there?"),
    _floor(0, 0),
    _answer(0, 0, "Me.", "stopped"),
    *(_remember(0, number, "Me.") for number in range(9)),
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
    for act in acts:
        with connection:
            act(world, world.txn())
    return world
