"""What the actors' tests share: a chat on a real store, played by the real consumer, with the scripted
endpoint as the model behind every decision."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import trio

import actors
from pipeline.context import Context
from pipeline.endpoints import Endpoints
from pipeline.feed import Feed
from pipeline.inference.endpoints import Profile
from pipeline.inference.lines import Patience
from pipeline.inference.types import Capabilities
from pipeline.opened import Opened
from pipeline.play import Play
from pipeline.retry import Retry
from pipeline.stage import Emits, Lane, Pipeline, Stage, stage
from pipeline.tokens import TokenCounter
from store import log, queries, rebuild
from store.events import BotAuthored, Event, FloorGiven, Payload, TurnAssistant
from store.selection import Selection
from store.store import Store, open_store
from tests.fakes.behaviour import Behaviour, answers, decides, drops, says, stalls
from tests.fakes.endpoint import FakeEndpoint
from tests.pipeline.inference import upstream
from tests.settling import settled
from workers.consumer import Consumer

P = TypeVar("P", bound=Payload)
QUICK = Retry(attempts=3, base_s=0.001, cap_s=0.002)
SHORT = Patience(connect_s=0.5, first_s=0.3, between_s=0.3, decide_s=0.3)
"""For tests in which the model stalls for good."""

ADDRESSEE, INTERJECTION = '\\"host\\", \\"guest\\"', '\\"interjects\\"'
SIGNIFICANCE, EDGES, ACTIVITIES = '\\"score\\"', '\\"learnt\\"', '\\"slots\\"'
OVER, BEGUN = '\\"ending_words\\"', '\\"beginning_words\\"'
"""Words of each decision's schema, as they stand in its prompt."""
UNUSABLE: dict[str, Behaviour] = {
    "prose": says("Well, who can say? It was a lovely evening."),
    "the wrong shape": decides(
        {"change": 7, "summary": [], "first": "x", "place": [], "opened": 7, "gains": 7}
    ),
    "half an answer": says('{"summary": "We met and'),
    "a refusal": answers(403, {"message": "I cannot help with that."}),
    "silence": stalls(),
    "a broken line": drops(after=0),
    "nothing": says(" "),
}
"""Ways in which a model gives no usable answer."""


@dataclass
class Table:
    """A store at work, the model its decisions are put to, and the chat that is played there.

    `chat_id` and `host_id` are 0 until one is started, `guest_id` without a guest.
    """

    store: Store
    play: Play
    fake: FakeEndpoint
    endpoints: Endpoints
    chat_id: int = 0
    host_id: int = 0
    guest_id: int = 0

    async def bot(self, name: str, **fields: Any) -> int:
        return await self.play.author_bot(BotAuthored(name=name, **fields))

    async def start(self, host_id: int, *, guest_id: int | None = None, **fields: Any) -> int:
        """Start the chat that everything here is about from now on."""
        self.chat_id = await self.play.start_chat(host_id, guest_id=guest_id, **fields)
        self.host_id, self.guest_id = host_id, guest_id or 0
        return self.chat_id

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

    async def add_guest(self, name: str, **fields: Any) -> int:
        self.guest_id = await self.bot(name, **fields)
        await self.play.add_guest(self.chat_id, self.guest_id)
        return self.guest_id

    async def remove_guest(self) -> None:
        await self.play.remove_guest(self.chat_id)

    async def settled(self) -> None:
        """Wait until nothing is pending."""
        await settled(self.store)

    def events(self, kind: type[P]) -> list[Event[P]]:
        """Every event of one kind in the chat, in order, whether it still counts or not."""
        return [one for one in log.all_of_chat(self.store.hot, self.chat_id) if isinstance(one.payload, kind)]

    def told(self, kind: type[P]) -> list[P]:
        """What those events say."""
        return [one.payload for one in self.events(kind)]

    def asked(self) -> list[str]:
        """The whole prompt of each request, in order."""
        prompts = [seen.json["messages"] for seen in self.fake.requests]
        return ["\n".join(str(one["content"]) for one in messages) for messages in prompts]

    def check(self) -> None:
        """No run has died, and folding the log again gives what is there."""
        assert [(run.stage, run.error) for run in queries.runs(self.store.hot, Selection(state="dead"))] == []
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
async def empty_table(
    path: Path,
    *names: str,
    others: Sequence[Stage] = (),
    patience: Patience | None = None,
    shares_cpu: bool = False,
    wrap: Callable[[Stage], Stage] = lambda stage: stage,
    judging: dict[str, Behaviour] | None = None,
) -> AsyncIterator[Table]:
    """A table where no chat is played yet: the named stages of Fabula's own, retried at once, and any
    `others`. Decisions that are not scripted are `{}`."""
    own = [wrap(replace(one, retry=QUICK)) for one in actors.ALL if one.name in names]
    pipeline = Pipeline.of([*own, *others])
    async with upstream(patience=patience) as (fake, endpoint):
        fake.default, fake.judging = decides({}), judging
        endpoints = Endpoints()
        profile = Profile(name="fake", kind="openai", base_url=fake.base_url)
        endpoints.use(Opened(profile, endpoint, Capabilities(shares_cpu=shares_cpu)))
        with open_store(path, pipeline.routes) as store:
            async with at_work(store, pipeline, endpoints):
                yield Table(store, Play(store), fake, endpoints)


@asynccontextmanager
async def table(
    path: Path,
    *names: str,
    narrate: Stage | None = None,
    host: dict[str, Any] | None = None,
    guest: dict[str, Any] | None = None,
    you: dict[str, Any] | None = None,
    judging: dict[str, Behaviour] | None = None,
    **how: Any,
) -> AsyncIterator[Table]:
    """A chat with you, a host and perhaps a guest, with a narrator and the named stages (all without names).
    Decisions are scripted by `judging`, and kept apart from what is narrated."""
    own = names or tuple(one.name for one in actors.ALL if one.name != "narrate")
    others = (narrate or replies("Indeed."),)
    async with empty_table(path, *own, others=others, judging=judging or {}, **how) as seated:
        await seated.start(await seated.bot(**{"name": "Ada", **(host or {})}), **(you or {}))
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
