"""Invariants 1, 5 and 11 at the front door: what a person does is an event, once, and is never destroyed.

A person does everything `Play` offers, in any order, also what is refused. Nobody works on the runs, so that
every turn stays as open as it can be.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.desk import Desk
from pipeline.play import Play
from pipeline.stage import Pipeline
from store import log, rebuild, views
from store.errors import Conflict, FabulaError
from store.events import BotAuthored, BotEdited, TurnUser
from store.rows import rows
from store.store import Store, open_store
from tests.properties.simulation import TEXTS
from tests.properties.stories import NUMBERS, ROUTES


@dataclass
class Person:
    """What the person remembers of what they wrote; the store must remember no less."""

    store: Store
    play: Play
    bots: dict[int, tuple[str, str]] = field(default_factory=dict)
    chats: dict[int, str] = field(default_factory=dict)
    turns: dict[int, str] = field(default_factory=dict)
    keys: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    def bot(self, number: int) -> int:
        return list(self.bots)[number % len(self.bots)]

    def chat(self, number: int) -> int:
        return list(self.chats)[number % len(self.chats)]


Act = Callable[[Person], Awaitable[None]]


def author(name: str, text: str) -> Act:
    async def act(me: Person) -> None:
        bot = BotAuthored(name=name, description=text, first_message=text)
        me.bots[await me.play.author_bot(bot)] = (bot.name, text)

    return act


def edit(number: int, name: str, text: str) -> Act:
    async def act(me: Person) -> None:
        bot = BotEdited(bot_id=me.bot(number), name=name, description=text)
        await me.play.edit_bot(bot)
        me.bots[bot.bot_id] = (bot.name, text)

    return act


def start(number: int, title: str) -> Act:
    async def act(me: Person) -> None:
        me.chats[await me.play.start_chat(me.bot(number), title=title)] = title.strip()

    return act


def rename(number: int, title: str) -> Act:
    async def act(me: Person) -> None:
        await me.play.rename_chat(me.chat(number), title)
        me.chats[me.chat(number)] = title.strip()

    return act


def archive(number: int, chat: bool) -> Act:
    async def act(me: Person) -> None:
        await (me.play.archive_chat(me.chat(number)) if chat else me.play.archive_bot(me.bot(number)))

    return act


def send(number: int, text: str, key: str | None) -> Act:
    """Keys are few, so that they are often used again: for the same turn, and for another."""

    async def act(me: Person) -> None:
        chat_id, before = me.chat(number), log.position(me.store.hot)
        earlier = me.keys.get(key or "")
        try:
            sent = await me.play.send_turn(chat_id, text, key=key)
        except Conflict:
            assert earlier is not None
            assert earlier[1:] != (chat_id, text)
            raise
        if earlier is not None:
            assert (sent.event_id, chat_id, text) == earlier
        assert sent.repeated == (earlier is not None) == (log.position(me.store.hot) == before)
        me.turns[sent.event_id] = text.strip()
        if key is not None:
            me.keys[key] = (sent.event_id, chat_id, text)

    return act


def repeat(number: int) -> Act:
    """Send an earlier turn once more, as a browser does that heard no answer."""

    async def act(me: Person) -> None:
        if me.keys:
            key = list(me.keys)[number % len(me.keys)]
            event_id, chat_id, text = me.keys[key]
            sent = await me.play.send_turn(chat_id, text, key=key)
            assert (sent.event_id, sent.repeated) == (event_id, True)

    return act


def stop(number: int) -> Act:
    async def act(me: Person) -> None:
        await me.play.stop(me.chat(number))

    return act


def give_up_or_retry(number: int, retry: bool) -> Act:
    async def act(me: Person) -> None:
        runs = [run_id for (run_id,) in rows(me.store.hot, "SELECT id FROM run")]
        if runs:
            desk = Desk(me.store, Pipeline.of(()))
            await desk.do("retry" if retry else "discard", [runs[number % len(runs)]])

    return act


ACTS: st.SearchStrategy[Act] = st.one_of(
    st.builds(author, TEXTS, TEXTS),
    st.builds(edit, NUMBERS, TEXTS, TEXTS),
    st.builds(start, NUMBERS, TEXTS),
    st.builds(rename, NUMBERS, TEXTS),
    st.builds(archive, NUMBERS, st.booleans()),
    st.builds(send, NUMBERS, TEXTS, st.none() | st.sampled_from("abc")),
    st.builds(send, st.integers(0, 1), st.sampled_from(["yes", "no"]), st.sampled_from("abc")),
    st.builds(repeat, NUMBERS),
    st.builds(stop, NUMBERS),
    st.builds(give_up_or_retry, NUMBERS, st.booleans()),
)
EVERYTHING: list[Act] = [
    send(0, "Who goes there?", "a"),
    repeat(0),
    send(0, "Somebody else?", "a"),
    give_up_or_retry(0, False),
    give_up_or_retry(0, True),
    stop(0),
    edit(0, "Adeline", "Keeps the light."),
    rename(0, "the light"),
    archive(0, True),
    repeat(0),
    archive(0, False),
]


@settings(max_examples=30)
@given(acts=st.lists(ACTS, max_size=20))
@example(acts=EVERYTHING)
def test_what_a_person_wrote_is_an_event_once_and_outlives_everything_they_do(
    fresh_path: Callable[[], Path], acts: list[Act]
) -> None:
    trio.run(_live_through, fresh_path(), [author("Ada", "Good evening."), start(0, "one"), *acts])


async def _live_through(path: Path, acts: list[Act]) -> None:
    with open_store(path, ROUTES) as store:
        store.writer.attach(trio.lowlevel.current_trio_token())
        me = Person(store, Play(store))
        for act in acts:
            before = log.position(store.hot)
            try:
                await act(me)
            except FabulaError:
                assert log.position(store.hot) == before, "what is refused changes nothing"
            _assert_all_is_there(me)
        assert rebuild.check(store.hot) == [], "every change is an event"


def _assert_all_is_there(me: Person) -> None:
    said = {e.id: e.payload.text for e in log.everything(me.store.hot) if isinstance(e.payload, TurnUser)}
    assert said == me.turns
    assert {turn_id: views.turn(me.store.hot, turn_id).text for turn_id in said} == said
    bots = {bot_id: views.bot(me.store.hot, bot_id) for bot_id in me.bots}
    assert {bot_id: (bot.name, bot.description) for bot_id, bot in bots.items()} == me.bots
    assert {chat_id: views.chat(me.store.hot, chat_id).title for chat_id in me.chats} == me.chats
