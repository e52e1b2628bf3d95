"""The program: every part composed once, in the order they depend on each other, and taken down in reverse.

Nothing below this module reaches for a part of its own; everything is passed in from here.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

import actors
from pipeline.config import Config, load
from pipeline.config_paths import DataPaths
from pipeline.endpoints import Endpoints, Notice
from pipeline.engine import Engine
from pipeline.feed import Feed
from pipeline.inference.discovery import discover
from pipeline.inference.endpoints import Profile, open_endpoint
from pipeline.inference.gguf import checked_model
from pipeline.play import Play
from pipeline.stage import Lane, Pipeline
from pipeline.tokens import TokenCounter
from store.errors import FabulaError
from store.store import Store, open_store
from workers.consumer import Consumer
from workers.telemetry import Telemetry

EMBEDDED = "embedded"


@dataclass
class Program:
    """A running Fabula: the engine that pages and commands use, and the consumer if this process works."""

    engine: Engine
    config: Config
    paths: DataPaths
    consumer: Consumer | None

    @property
    def recovered(self) -> int:
        """Runs taken back at start from a process that had ended."""
        return self.consumer.recovered if self.consumer is not None else 0


def pipeline_of_actors() -> Pipeline:
    return Pipeline.of(actors.ALL)


def watched(pipeline: Pipeline) -> tuple[str, ...]:
    """The stages whose runs a person waits for."""
    return tuple(name for name, stage in pipeline.stages.items() if stage.lane is not Lane.BOOKKEEPING)


@asynccontextmanager
async def open_program(
    paths: DataPaths, *, model: str | None = None, work: bool = True, environ: Mapping[str, str] = os.environ
) -> AsyncIterator[Program]:
    """Open everything; on the way out the consumer finishes or hands back what it holds, within seconds.

    Raises:
        FabulaError: the data folder, the database or the configuration cannot be used.
    """
    config = load(paths, environ)
    if model:
        checked_model(model)
    pipeline = pipeline_of_actors()
    with open_store(paths.database, pipeline.routes) as store:
        store.writer.attach(trio.lowlevel.current_trio_token())
        feed = Feed(store, watched(pipeline))
        endpoints = Endpoints(config.sampler, config.budget)
        counter = TokenCounter()
        telemetry = Telemetry(store)
        consumer = Consumer(store, pipeline, feed, endpoints, counter) if work else None
        engine = Engine(
            store, feed, Play(store), endpoints, work, telemetry.render, _trouble(store, endpoints, work)
        )
        async with trio.open_nursery() as background, trio.open_nursery() as working:
            background.start_soon(feed.run)
            background.start_soon(store.wake.run)
            if consumer is not None:
                telemetry.listen_to(consumer.huey)
                background.start_soon(_keep_endpoint, endpoints, config, model)
                background.start_soon(_warm, counter)
                await working.start(consumer.run)
            try:
                yield Program(engine, config, paths, consumer)
            finally:
                with trio.CancelScope(shield=True):
                    await _take_down(consumer, working)
                background.cancel_scope.cancel()


async def _take_down(consumer: Consumer | None, working: trio.Nursery) -> None:
    if consumer is not None:
        consumer.close()
        await consumer.ended.wait()
    working.cancel_scope.cancel()


async def _warm(counter: TokenCounter) -> None:
    """Load the token tables before the first turn needs them, off the event loop."""
    await trio.to_thread.run_sync(counter.count, "warm")


async def _keep_endpoint(endpoints: Endpoints, config: Config, model: str | None) -> None:
    """Open the narrating endpoint and keep it for as long as the program runs."""
    try:
        profile, notice = await _choose(config, model)
        endpoints.notice = notice
        async with open_endpoint(profile) as endpoint:
            capabilities = await endpoint.probe()
            endpoints.use(endpoint, capabilities)
            await trio.sleep_forever()
    except FabulaError as error:
        endpoints.notice = Notice(error.message, error.hint)
        endpoints.give_up(error)


async def _choose(config: Config, model: str | None) -> tuple[Profile, Notice | None]:
    """The model asked for, else the configured endpoint, else the embedded one with a word about it."""
    if model:
        return Profile(name=EMBEDDED, kind="embedded", model_path=model), None
    if config.narrator is not None:
        return config.narrator, None
    found = await discover()
    offer = " ".join(
        f"{one.name} answers at {one.base_url}: put it into data/config.toml to use it." for one in found
    )
    how = (
        "Run `fabula connect URL` with the address of an OpenAI-compatible server, or start Fabula with"
        " --model PATH.gguf for a model file of your own."
    )
    notice = Notice(
        "This is the embedded model, SmolLM2 with 135 million parameters: it shows that everything works,"
        " but it is tiny and its prose is poor.",
        f"{offer} {how}".strip(),
    )
    return Profile(name=EMBEDDED, kind="embedded"), notice


def _trouble(store: Store, endpoints: Endpoints, work: bool) -> Callable[[], list[str]]:
    """Why this process is not ready, in a person's words; empty when it is."""

    def trouble() -> list[str]:
        reasons = []
        if store.writer.failure is not None:
            reasons.append(store.writer.failure.message)
        if work and endpoints.failure is not None:
            reasons.append(endpoints.failure.message)
        elif work and not endpoints.ready:
            reasons.append("The model is still being loaded.")
        return reasons

    return trouble
