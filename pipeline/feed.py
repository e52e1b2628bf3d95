"""The feed: what subscribers of a chat see, in order, once, from this process or any other.

Three sources meet here: the log (items with an id, resumable), the text being written (tokens and partials)
and the state of the runs a person waits for. A subscriber that cannot keep up loses its buffer, never its
place: it is caught up from the log again. Everything runs on the trio thread; nothing here awaits but the
wait for news.
"""

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import apsw
import trio

from pipeline.items import PING, Item, Rest, Sink, item_of, run_item
from pipeline.partials import Partials
from store import live, log, queries
from store.ledger import Claim
from store.store import Store

BUFFER = 256
SILENCE_S = 15.0
PAGE = 200


@dataclass(slots=True)
class _Text:
    """A text being written, here or in another process, in answer to an event. It is `shown` while that
    event counts: what is written for another branch goes on unseen."""

    chat_id: int
    event_id: int
    attempt: int
    speaker_id: int
    text: str
    here: bool
    shown: bool

    def partial(self, run_id: int) -> Item:
        told = {"run_id": run_id, "attempt": self.attempt, "speaker_id": self.speaker_id, "text": self.text}
        return Item(None, "partial", json.dumps(told))


@dataclass(eq=False)
class Subscription:
    """An async iterator of items that ends with the feed; `position` is the last log id it has handed out."""

    feed: "Feed"
    chat_id: int
    position: int
    lagging: bool = False
    sink: Sink | None = None
    """Where an item may go at once while the iteration waits for one."""
    _parked: bool = False
    _send: trio.MemorySendChannel[Item] = field(init=False)
    _receive: trio.MemoryReceiveChannel[Item] = field(init=False)

    def __post_init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[Item](BUFFER)

    def offer(self, item: Item) -> None:
        if self._parked and self.sink is not None:
            if item.id is not None and not self._is_new(item.id):
                return
            rest = self.sink(item)
            if not rest:
                return
            self._parked = False
            item = Rest(rest)
        try:
            self._send.send_nowait(item)
        except trio.ClosedResourceError:
            return
        except trio.WouldBlock:
            self.lagging = True

    async def __aiter__(self) -> AsyncGenerator[Item, None]:
        while True:
            for item in self._missed():
                yield item
            while not self.lagging:
                try:
                    item = await self._next()
                except trio.EndOfChannel:
                    return
                if item.id is None or self._is_new(item.id):
                    yield item

    async def _next(self) -> Item:
        """The next item, or a ping after a while of silence: it keeps proxies and dead peers honest."""
        self._parked = self._receive.statistics().current_buffer_used == 0
        try:
            with trio.move_on_after(SILENCE_S):
                return await self._receive.receive()
            return PING
        finally:
            self._parked = False

    def end(self) -> None:
        """Let the iteration run dry."""
        self._send.close()

    def _is_new(self, position: int) -> bool:
        if position <= self.position:
            return False
        self.position = position
        return True

    def _missed(self) -> Iterator[Item]:
        """Everything from the log since `position`, then the texts and runs as they stand."""
        self._empty()
        while page := log.of_chat(self.feed.hot, self.chat_id, self.position, limit=PAGE):
            for event in page:
                self.position = event.id
                yield item_of(self.feed.hot, event)
        self._empty()
        yield from self.feed.standing(self.chat_id)

    def _empty(self) -> None:
        self.lagging = False
        while True:
            try:
                self._receive.receive_nowait()
            except (trio.WouldBlock, trio.EndOfChannel):
                return


class Feed:
    """Fans the news of one process and its neighbours out to subscribers."""

    def __init__(self, store: Store, watched: tuple[str, ...]) -> None:
        """`watched` names the stages whose runs a person waits for."""
        self.hot: apsw.Connection = store.hot
        self._watched = watched
        self._subscribers: dict[int, set[Subscription]] = {}
        self._texts: dict[int, _Text] = {}
        self._runs: dict[int, dict[int, str]] = {}
        self._partials = Partials(store.writer)
        self._position = 0
        self._closed = False
        self._news = trio.Event()
        store.writer.listeners.append(lambda _: self._ring())
        store.wake.listeners.append(self._ring)

    def _ring(self) -> None:
        self._news.set()

    async def run(self) -> None:
        """Tail the log, and keep what is being written here, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._partials.run)
            await self._follow()

    async def _follow(self) -> None:
        while True:
            await self._news.wait()
            self._news = trio.Event()
            if self._subscribers:
                self._tail()

    @contextmanager
    def subscribe(self, chat_id: int, after: int) -> Iterator[Subscription]:
        """Follow a chat from a log position on."""
        if not self._subscribers:
            self._position = log.position(self.hot)
        subscription = Subscription(self, chat_id, after)
        if self._closed:
            subscription.end()
        self._subscribers.setdefault(chat_id, set()).add(subscription)
        try:
            yield subscription
        finally:
            self._subscribers[chat_id].discard(subscription)
            if not self._subscribers[chat_id]:
                del self._subscribers[chat_id]
                self._runs.pop(chat_id, None)

    def close(self) -> None:
        """End every subscription: the program shuts down."""
        self._closed = True
        for subscribers in self._subscribers.values():
            for subscriber in subscribers:
                subscriber.end()

    def say(self, claim: Claim, speaker_id: int, text: str) -> None:
        """Publish the next piece of a text that is being written in this process."""
        known = self._texts.get(claim.run_id)
        if known is None or known.attempt != claim.token:
            known = self._begun(claim.run_id, claim.event_id, claim.chat_id, claim.token, speaker_id)
        self._grow(claim.run_id, known, text)
        self._partials.keep(claim, speaker_id, known.text)

    def fall_silent(self, claim: Claim) -> None:
        """The text is in the log now, or given up."""
        self._texts.pop(claim.run_id, None)
        self._partials.drop(claim)

    def standing(self, chat_id: int) -> Iterator[Item]:
        """What a new subscriber must know besides the log."""
        self._read_partials(chat_id)
        for run in queries.unsettled(self.hot, chat_id, self._watched):
            yield run_item(self.hot, run)
        for run_id, text in self._texts.items():
            if text.chat_id == chat_id and text.shown:
                yield text.partial(run_id)

    def _begun(
        self,
        run_id: int,
        event_id: int,
        chat_id: int,
        attempt: int,
        speaker_id: int,
        text: str = "",
        *,
        here: bool = True,
    ) -> _Text:
        shown = live.is_live(self.hot, event_id)
        self._texts[run_id] = _Text(chat_id, event_id, attempt, speaker_id, text, here, shown)
        return self._texts[run_id]

    def _grow(self, run_id: int, known: _Text, more: str) -> None:
        told = {
            "run_id": run_id,
            "attempt": known.attempt,
            "speaker_id": known.speaker_id,
            "offset": len(known.text),
            "text": more,
        }
        known.text += more
        if known.shown and self._subscribers.get(known.chat_id):
            self._publish(known.chat_id, Item(None, "token", json.dumps(told)))

    def _publish(self, chat_id: int | None, item: Item) -> None:
        for subscriber in self._subscribers.get(chat_id or 0, ()):
            subscriber.offer(item)

    def _tail(self) -> None:
        moved: set[int] = set()
        while news := log.after(self.hot, self._position):
            for event in news:
                self._position = event.id
                if event.chat_id in self._subscribers:
                    self._publish(event.chat_id, item_of(self.hot, event))
                if event.run_id is not None:
                    self._texts.pop(event.run_id, None)
                if live.changes_the_live_set(event.payload):
                    moved.add(event.chat_id or 0)
        self._judge_again(moved)
        for chat_id in self._subscribers:
            self._read_partials(chat_id)
            self._tell_runs(chat_id)

    def _judge_again(self, chats: set[int]) -> None:
        """Other events count in these chats now: whoever shows one of them is told what is written in it."""
        for run_id, text in self._texts.items():
            if text.chat_id in chats:
                text.shown = live.is_live(self.hot, text.event_id)
                if text.shown:
                    self._publish(text.chat_id, text.partial(run_id))

    def _read_partials(self, chat_id: int) -> None:
        """Follow texts that another process is writing, by what it has checkpointed."""
        stored = {partial.run_id: partial for partial in queries.partials(self.hot, chat_id)}
        for run_id, partial in stored.items():
            known = self._texts.get(run_id)
            if known is not None and known.here:
                continue
            if known is None or not (known.attempt == partial.token and partial.text.startswith(known.text)):
                known = self._begun(
                    run_id,
                    partial.event_id,
                    chat_id,
                    partial.token,
                    partial.speaker_id,
                    partial.text,
                    here=False,
                )
                if known.shown:
                    self._publish(chat_id, known.partial(run_id))
            elif len(partial.text) > len(known.text):
                self._grow(run_id, known, partial.text[len(known.text) :])
        gone = [r for r, t in self._texts.items() if t.chat_id == chat_id and not t.here and r not in stored]
        for run_id in gone:
            del self._texts[run_id]

    def _tell_runs(self, chat_id: int) -> None:
        before = self._runs.get(chat_id, {})
        now = {run.id: run_item(self.hot, run) for run in queries.unsettled(self.hot, chat_id, self._watched)}
        for run_id in before.keys() - now.keys():
            run = queries.run(self.hot, run_id)
            if run is not None:
                self._publish(chat_id, run_item(self.hot, run))
        for run_id, item in now.items():
            if before.get(run_id) != item.data:
                self._publish(chat_id, item)
        self._runs[chat_id] = {run_id: item.data for run_id, item in now.items()}
