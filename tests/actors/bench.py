"""What the actors' tests share: a chat with you, a host and perhaps a guest, played on a real store by the
real consumer, with the scripted endpoint as the model behind every decision."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import trio

import actors
from pipeline.context import Context
from pipeline.endpoints import Endpoints, Opened
from pipeline.feed import Feed
from pipeline.inference.endpoints import Profile
from pipeline.inference.lines import Patience
from pipeline.inference.types import Capabilities
from pipeline.play import Play
from pipeline.retry import Retry
from pipeline.stage import Emits, Lane, Pipeline, Stage, stage
from pipeline.tokens import TokenCounter
from store import log, queries, rebuild
from store.events import (
    BotAuthored,
    ChatStarted,
    Event,
    FloorGiven,
    GuestAdded,
    GuestRemoved,
    Payload,
    TurnAssistant,
)
from store.store import Store, open_store
from tests.fakes.behaviour import Behaviour
from tests.fakes.endpoint import FakeEndpoint
from tests.pipeline.inference import upstream
from tests.settling import settled
from workers.consumer import Consumer

P = TypeVar("P", bound=Payload)
QUICK = Retry(attempts=3, base_s=0.001, cap_s=0.002)
SHORT = Patience(connect_s=0.5, first_s=0.2, between_s=0.2, decide_s=0.2)
"""For tests in which the model stalls for good."""

ADDRESSEE, INTERJECTION = '\\"host\\", \\"guest\\"', '\\"interjects\\"'
SIGNIFICANCE, EDGES, ACTIVITIES = '\\"score\\"', '\\"learnt\\"', '\\"slots\\"'
"""Words of each decision's schema, as they stand in its prompt."""


@dataclass
class Table:
    """A chat being played. `guest_id` is 0 without a guest."""

    store: Store
    play: Play
    fake: FakeEndpoint
    endpoints: Endpoints
    chat_id: int
    host_id: int
    guest_id: int

    async def say(self, text: str) -> int:
        """Send a turn and wait until all that follows from it has settled."""
        turn_id = await self.send(text)
        await self.settled()
        return turn_id

    async def send(self, text: str) -> int:
        return (await self.play.send_turn(self.chat_id, text)).event_id

    async def append(self, payload: Payload, cause_id: int | None = None) -> int:
        event = await self.store.writer.submit(
            lambda txn: txn.append(payload, chat_id=self.chat_id, cause_id=cause_id)
        )
        return event.id

    async def add_guest(self, **fields: Any) -> int:
        self.guest_id = await self.play.author_bot(BotAuthored(**fields))
        await self.append(GuestAdded(guest_id=self.guest_id))
        return self.guest_id

    async def remove_guest(self) -> None:
        await self.append(GuestRemoved(guest_id=self.guest_id))

    async def settled(self) -> None:
        """Wait until nothing is pending."""
        await settled(self.store)

    def told(self, kind: type[P]) -> list[P]:
        """Every payload of one kind in the chat, in order."""
        events = log.of_chat(self.store.hot, self.chat_id, 0, limit=5000)
        return [one.payload for one in events if isinstance(one.payload, kind)]

    def check(self) -> None:
        """Nothing died, and folding the log again gives what is there."""
        dead = [run for run in queries.runs(self.store.hot) if run.state == "dead"]
        assert dead == []
        assert rebuild.check(self.store.hot) == []


def replies(*lines: str) -> Stage:
    """A narrator that needs no model: it says these lines in turn, then the last for ever."""
    left = list(lines)

    @stage("narrate", on=(FloorGiven,), lane=Lane.NARRATION, priority=100)
    async def narrate(floor: Event[FloorGiven], ctx: Context) -> Emits:
        text = left.pop(0) if len(left) > 1 else left[0]
        yield TurnAssistant(speaker_id=floor.payload.speaker_id, text=text, answers=floor.payload.turn_id)

    return narrate


@asynccontextmanager
async def table(
    path: Path,
    *names: str,
    narrate: Stage | None = None,
    host: dict[str, Any] | None = None,
    guest: dict[str, Any] | None = None,
    you: dict[str, Any] | None = None,
    patience: Patience | None = None,
    shares_cpu: bool = False,
    wrap: Callable[[Stage], Stage] = lambda stage: stage,
    judging: dict[str, Behaviour] | None = None,
) -> AsyncIterator[Table]:
    """Play with the named stages (all without names), retried at once; decisions not scripted are `{}`."""
    chosen = [
        narrate or replies("Indeed.") if one.name == "narrate" else wrap(replace(one, retry=QUICK))
        for one in actors.ALL
        if not names or one.name in (*names, "narrate")
    ]
    pipeline = Pipeline.of(chosen)
    async with upstream(patience=patience) as (fake, endpoint):
        fake.judging = dict(judging or {})
        endpoints = Endpoints()
        profile = Profile(name="fake", kind="openai", base_url=fake.base_url)
        endpoints.use(Opened(profile, endpoint, Capabilities(shares_cpu=shares_cpu)))
        with open_store(path, pipeline.routes) as store:
            async with at_work(store, pipeline, endpoints):
                play = Play(store)
                host_id = await play.author_bot(BotAuthored(**{"name": "Ada", **(host or {})}))
                started = ChatStarted(title="A chat", host_id=host_id, **(you or {}))
                chat = await store.writer.submit(lambda txn: txn.append(started))
                seated = Table(store, play, fake, endpoints, chat.id, host_id, 0)
                if guest is not None:
                    await seated.add_guest(**{"name": "Bea", **guest})
                yield seated


@asynccontextmanager
async def at_work(store: Store, pipeline: Pipeline, endpoints: Endpoints) -> AsyncIterator[None]:
    """A consumer that runs the stages for as long as the block does."""
    store.writer.attach(trio.lowlevel.current_trio_token())
    feed = Feed(store, tuple(pipeline.stages))
    consumer = Consumer(store, pipeline, feed, endpoints, TokenCounter(), grace_s=0.1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.wake.run)
        nursery.start_soon(feed.run)
        await nursery.start(consumer.run)
        try:
            yield
        finally:
            with trio.CancelScope(shield=True):
                consumer.close()
                await consumer.ended.wait()
            nursery.cancel_scope.cancel()
