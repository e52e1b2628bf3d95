"""Long work as pages and commands ask for it: what there is, how much it would be, begun and cancelled."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

import apsw

from pipeline.checking import Checking
from pipeline.config import load
from pipeline.config_embedders import embedders, save_embedder
from pipeline.config_endpoints import known_endpoints
from pipeline.config_paths import DataPaths
from pipeline.endpoints import Endpoints
from pipeline.inference.embedder import BUNDLED, MODEL, OFF, Choice, Embedder, Lent, open_embedder
from pipeline.inference.metering import Meter, unmetered
from pipeline.reembedding import Estimate, Reembedding, Wanted, estimate, model_of, name_of
from pipeline.replaying import Planned, Replay, Replaying, Stages, planned, replayable
from pipeline.restoring import Restored, Restoring
from pipeline.undertakings import Undertakings
from store.errors import Invalid, Refused
from store.store import Store
from store.undertakings import Undertaking


def wanted_embedder(
    paths: DataPaths,
    environ: Mapping[str, str],
    name: str,
    *,
    endpoints: Endpoints | None = None,
    urgent: bool = False,
    meter: Meter = unmetered,
) -> Wanted:
    """An embedder by the name config.toml has for it; without a name, the configured one. One that this
    process has open already, in `endpoints`, is not opened twice.

    Raises:
        Invalid: there is none of that name, or the configuration is not right.
    """
    there = known_endpoints(paths, environ)
    if name and name not in (*there, BUNDLED, MODEL, OFF):
        choices = ", ".join((BUNDLED, *there))
        raise Invalid(f"embedder: there is none called {name[:60]!r}.", hint=f"Name one of {choices}.")
    choice = load(paths, {**environ, "FABULA_EMBED": name} if name else environ).embed

    @asynccontextmanager
    async def opened() -> AsyncIterator[Embedder | None]:
        known = endpoints.embedder if endpoints is not None else None
        if known is not None and choice != "off" and known.model == model_of(choice):
            with known.held() if isinstance(known, Lent) else nullcontext():
                yield known
            return
        async with open_embedder(choice, urgent=urgent, meter=meter) as embedder:
            yield embedder

    return Wanted(name_of(choice), opened, partial(save_embedder, paths, name_of(choice)))


@dataclass
class LongWork:
    """What a person may have done, one piece at a time."""

    store: Store
    endpoints: Endpoints
    paths: DataPaths
    environ: Mapping[str, str]
    stages: Stages
    undertakings: Undertakings

    def shown(self) -> list[Undertaking]:
        """What is under way and what was, the newest first."""
        return self.undertakings.shown()

    def under_way(self) -> Undertaking | None:
        """What is going on now, in whatever process. It is the newest, for there is one at a time."""
        return next((one for one in self.undertakings.shown(1) if one.state == "running"), None)

    async def cancel(self, number: int) -> bool:
        """Ask whoever works on it, in whatever process, to end it; False when it is over already.

        Raises:
            NotFound: there is no such work.
        """
        return await self.undertakings.cancel(number)

    def embedders(self) -> dict[str, Choice]:
        """The embedders one may choose between, by the names config.toml has for them."""
        return embedders(self.paths, self.environ)

    async def estimate(self, name: str, *, afresh: bool) -> Estimate:
        """How much re-embedding would be, measured on a few texts."""
        return await estimate(self.store, self._wanted(name), afresh=afresh)

    async def reembed(self, name: str, *, afresh: bool) -> int:
        """Begin to embed everything with this embedder, which answers when it is done."""
        return await self.undertakings.start(Reembedding(self.store, self._wanted(name), afresh))

    def _wanted(self, name: str) -> Wanted:
        return wanted_embedder(
            self.paths, self.environ, name, endpoints=self.endpoints, meter=self.endpoints.meter
        )

    def replayable(self) -> list[str]:
        """The stages that may be replayed."""
        return sorted(name for name, one in self.stages.items() if one.replayable)

    async def planned(self, asked: Replay) -> list[Planned]:
        """What a replay would do; nothing is done."""

        def plan(db: apsw.Connection) -> list[Planned]:
            return planned(db, self.stages, asked)

        return await self.store.read(plan)

    async def replay(self, asked: Replay) -> int:
        """Begin to run a stage again over a chat."""
        replayable(self.stages, asked.stage)
        return await self.undertakings.start(Replaying(self.store, self.stages, asked))

    async def restore(self, what: Restoring) -> int:
        """Begin to bring a snapshot in."""
        return await self.undertakings.start(what)

    async def restored(self, what: Restoring) -> Restored:
        """The same, and wait until it is there; whoever leaves meanwhile does not end it.

        Raises:
            Refused: it came to another end, which the list of long work tells.
        """
        number = await self.restore(what)
        await self.undertakings.ended(number)
        if what.restored is None:
            told = next((one for one in self.shown() if one.id == number), None)
            raise Refused(told.outcome if told else "It was not restored.", hint=told.hint if told else "")
        return what.restored

    async def check(self) -> int:
        """Begin to compare the projections with the log."""
        return await self.undertakings.start(Checking(self.store))
