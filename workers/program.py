"""The program: every part composed once, in the order they depend on each other, and taken down in reverse.

Nothing below this module reaches for a part of its own; everything is passed in from here.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import trio

import actors
from pipeline import tokens
from pipeline.config import Config, load
from pipeline.config_paths import DataPaths
from pipeline.endpoints import BUNDLED, EMBEDDED, Endpoints
from pipeline.engine import Engine
from pipeline.feed import Feed
from pipeline.foreground import Foreground
from pipeline.habits import Habits
from pipeline.inference.discovery import USUAL, Candidate
from pipeline.inference.endpoints import Profile
from pipeline.inference.gguf import checked_model
from pipeline.inference.metering import Meter
from pipeline.longwork import LongWork
from pipeline.offer import Offer
from pipeline.play import Play
from pipeline.stage import Lane, Pipeline
from pipeline.tokens import TokenCounter
from pipeline.undertakings import Undertakings
from store.store import Store, open_store
from workers.consumer import Consumer
from workers.deciders import open_deciders
from workers.embedding import EmbedderKeeper
from workers.logs import BLOT
from workers.telemetry import Telemetry


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
    paths: DataPaths,
    *,
    model: str | None = None,
    work: bool = True,
    environ: Mapping[str, str] = os.environ,
    candidates: Sequence[Candidate] = USUAL,
) -> AsyncIterator[Program]:
    """Open everything; on the way out the consumer finishes or hands back what it holds, within seconds.
    `candidates` are the servers that are looked for where none is configured.

    Raises:
        FabulaError: the data folder, the database or the configuration cannot be used.
    """
    config = load(paths, environ)
    BLOT.hide(config)
    if model:
        checked_model(model)
    if work:
        tokens.encoding()  # the first turn does not wait for it
    pipeline = pipeline_of_actors()
    with open_store(paths.database, pipeline.routes) as store:
        store.writer.attach(trio.lowlevel.current_trio_token())
        foreground = Foreground()
        feed = Feed(store, watched(pipeline))
        telemetry = Telemetry(store)
        offer = Offer(_endpoints(config, model, telemetry.exchanged), paths, environ, candidates, work)
        counter = TokenCounter()
        undertakings = Undertakings(store)
        keeper = EmbedderKeeper(store, offer.endpoints, paths, environ, undertakings)
        longwork = LongWork(store, offer.endpoints, paths, environ, pipeline.stages, undertakings)
        consumer = Consumer(store, pipeline, feed, offer.endpoints, counter, foreground) if work else None
        trouble = _trouble(store, offer.endpoints, work)
        offer.followers.append(partial(_hide, paths, environ))
        habits = Habits()
        habits.follow(config.play)
        play = Play(store, foreground, habits)
        told = (telemetry.render, trouble, counter, pipeline, paths, longwork, habits)
        engine = Engine(store, feed, play, offer.endpoints, offer, work, *told)
        async with trio.open_nursery() as background, trio.open_nursery() as working:
            background.start_soon(feed.run)
            background.start_soon(store.wake.run)
            await background.start(offer.endpoints.run)
            await background.start(undertakings.run)
            background.start_soon(_begin, offer, bool(model) or config.narrator is not None)
            if consumer is not None:
                telemetry.listen_to(consumer.huey)
                await background.start(keeper.run)
                offer.followers.append(keeper.follow)
                background.start_soon(open_deciders, offer.endpoints, config)
                await working.start(consumer.run)
            try:
                yield Program(engine, config, paths, consumer)
            finally:
                with trio.CancelScope(shield=True):
                    await _take_down(consumer, working)
                background.cancel_scope.cancel()


async def _hide(paths: DataPaths, environ: Mapping[str, str]) -> None:
    """A key that was given meanwhile is in no log line either."""
    BLOT.hide(load(paths, environ))


async def _take_down(consumer: Consumer | None, working: trio.Nursery) -> None:
    if consumer is not None:
        consumer.close()
        await consumer.ended.wait()
    working.cancel_scope.cancel()


def _endpoints(config: Config, model: str | None, meter: Meter) -> Endpoints:
    """The model asked for, else the configured endpoint, else the one that is installed with Fabula."""
    asked = Profile(name=EMBEDDED, kind="embedded", model_path=model) if model else config.narrator
    layout = config.prompt.layout
    return Endpoints(config.sampler, config.budget, asked or BUNDLED, layout=layout, meter=meter)


async def _begin(offer: Offer, configured: bool) -> None:
    """Open what narrates first. This machine's ports are asked only where nothing is configured, or where
    what is configured cannot be had."""
    endpoints = offer.endpoints
    if not configured:
        await offer.look()
    if offer.works and endpoints.intended is not None:
        await endpoints.begin(endpoints.intended)
        if endpoints.failure is not None and not offer.looked:
            await offer.look()


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
