"""A chat on a real store, its stages run by the real consumer, with a scripted model behind the decisions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import trio

import actors
from pipeline.endpoints import Endpoints, Opened
from pipeline.feed import Feed
from pipeline.inference.endpoints import Profile
from pipeline.inference.lines import Patience
from pipeline.inference.types import Capabilities
from pipeline.play import Play
from pipeline.retry import Retry
from pipeline.stage import Pipeline, Stage
from pipeline.tokens import TokenCounter
from store import log, queries, rebuild
from store.events import BotAuthored, Event, Payload
from store.store import Store, open_store
from tests.fakes.behaviour import Behaviour, answers, decides, drops, says, stalls
from tests.fakes.endpoint import FakeEndpoint
from tests.pipeline.inference import upstream
from tests.settling import settled
from workers.consumer import Consumer

P = TypeVar("P", bound=Payload)
QUICK = Retry(attempts=3, base_s=0.001, cap_s=0.002)
SHORT = Patience(connect_s=0.5, first_s=0.3, between_s=0.3, decide_s=0.3)
UNUSABLE: dict[str, Behaviour] = {
    "prose": says("Well, who can say? It was a lovely evening."),
    "the wrong shape": decides({"change": 7, "summary": [], "first": "x", "place": []}),
    "half an answer": says('{"summary": "We met and'),
    "a refusal": answers(403, {"message": "I cannot help with that."}),
    "silence": stalls(),
    "a broken line": drops(after=0),
    "nothing": says(" "),
}
"""Ways in which a model gives no usable answer."""


@dataclass
class Troupe:
    """A store at work, and the model its decisions are put to."""

    store: Store
    play: Play
    fake: FakeEndpoint

    async def bot(self, name: str, **fields: Any) -> int:
        return await self.play.author_bot(BotAuthored(name=name, **fields))

    async def say(self, chat_id: int, text: str) -> int:
        """Send a turn and wait until all that follows from it has settled."""
        turn_id = (await self.play.send_turn(chat_id, text)).event_id
        await self.settled()
        return turn_id

    async def append(self, chat_id: int, payload: Payload, cause_id: int | None = None) -> int:
        event = await self.store.writer.submit(
            lambda txn: txn.append(payload, chat_id=chat_id, cause_id=cause_id)
        )
        return event.id

    async def settled(self) -> None:
        """Wait until nothing is pending."""
        await settled(self.store)

    def told(self, chat_id: int, kind: type[P]) -> list[Event[P]]:
        """Every event of one kind in the chat, in order, whether it still counts or not."""
        return [one for one in log.all_of_chat(self.store.hot, chat_id) if isinstance(one.payload, kind)]

    def check(self) -> None:
        """No run has died, and folding the log again gives what is there."""
        assert [(run.stage, run.error) for run in queries.runs(self.store.hot, state="dead")] == []
        assert rebuild.check(self.store.hot) == []


@asynccontextmanager
async def troupe(path: Path, *names: str, others: tuple[Stage, ...] = ()) -> AsyncIterator[Troupe]:
    """Work with the named stages of Fabula's own, retried at once, and any `others`."""
    chosen = [replace(one, retry=QUICK) for one in actors.ALL if one.name in names]
    pipeline = Pipeline.of([*chosen, *others])
    async with upstream(patience=SHORT) as (fake, endpoint):
        fake.default = decides({})
        endpoints = Endpoints()
        profile = Profile(name="fake", kind="openai", base_url=fake.base_url)
        endpoints.use(Opened(profile, endpoint, Capabilities()))
        with open_store(path, pipeline.routes) as store:
            store.writer.attach(trio.lowlevel.current_trio_token())
            feed = Feed(store, tuple(pipeline.stages))
            consumer = Consumer(store, pipeline, feed, endpoints, TokenCounter(), grace_s=0.1)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(store.wake.run)
                nursery.start_soon(feed.run)
                await nursery.start(consumer.run)
                yield Troupe(store, Play(store), fake)
                consumer.close()
                await consumer.ended.wait()
                nursery.cancel_scope.cancel()


def asked(fake: FakeEndpoint) -> list[str]:
    """The whole prompt of each request, in order."""
    return ["\n".join(str(one["content"]) for one in seen.json["messages"]) for seen in fake.requests]
