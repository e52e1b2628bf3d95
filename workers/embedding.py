"""The embedder of this process: the one whose model memories are searched by, then the next.

What is configured and what answers may differ for a time: until everything has a vector of a new model the
one before goes on (`pipeline.reembedding`). A switch made by any process is followed at once, and whoever
still waits for the embedder before is answered before it is closed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
import trio

from pipeline.config import load
from pipeline.config_paths import DataPaths
from pipeline.endpoints import Endpoints, Notice
from pipeline.inference.embedder import OFF, Choice, Lent, open_embedder
from pipeline.reembedding import model_of, name_of
from pipeline.undertakings import Undertakings
from store import embeddings
from store.embeddings import Answering
from store.errors import FabulaError, alone
from store.store import Store


@dataclass(eq=False)
class EmbedderKeeper:
    """Keeps `endpoints.embedder` what it should be."""

    store: Store
    endpoints: Endpoints
    paths: DataPaths
    environ: Mapping[str, str]
    undertakings: Undertakings
    _nursery: trio.Nursery | None = None
    _following: trio.Lock = field(default_factory=trio.Lock)
    _kept: Choice | None = None
    _replaced: trio.Event = field(default_factory=trio.Event)
    """Tells whoever keeps the embedder that another has taken over."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Have an embedder before the first memory asks for it, until cancelled; without one, words alone
        find memories."""
        changed = trio.Event()

        def look() -> None:
            if embeddings.answering(self.store.hot) != known:
                changed.set()

        self.store.wake.listeners.append(look)
        self.undertakings.listeners.append(look)
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                known = embeddings.answering(self.store.hot)
                await self.follow()
                known = known or embeddings.answering(self.store.hot)
                task_status.started()
                while True:
                    changed = trio.Event()
                    look()  # it may have been switched while the embedder was being opened
                    await changed.wait()
                    known = embeddings.answering(self.store.hot)
                    await self.follow()
        finally:
            self.store.wake.listeners.remove(look)
            self.undertakings.listeners.remove(look)

    async def follow(self) -> None:
        """Open what should answer by now, unless it is open."""
        async with self._following:
            try:
                choice = self._choice()
                if choice != self._kept or (choice != OFF and self.endpoints.embedder is None):
                    await self._open(choice)
            except FabulaError as error:
                self._kept = None
                self.endpoints.without_embedder(error)

    async def _open(self, choice: Choice) -> None:
        if self._nursery is None:
            raise FabulaError("No embedder can be opened: the program is not running.")
        before, self._replaced = self._replaced, trio.Event()
        try:
            await self._nursery.start(self._keep, choice, self._replaced)
            self._kept = choice
        finally:
            before.set()

    async def _keep(
        self, choice: Choice, replaced: trio.Event, *, task_status: trio.TaskStatus[None]
    ) -> None:
        try:
            async with open_embedder(choice, meter=self.endpoints.meter) as embedder:
                lent = Lent(embedder) if embedder is not None else None
                if lent is not None:
                    first = Answering(lent.model, name_of(choice))
                    await self.store.writer.submit(
                        lambda txn: embeddings.answer_first_with(txn.connection, first)
                    )
                self.endpoints.embedder = lent
                task_status.started()
                await replaced.wait()
                if lent is not None:
                    await lent.until_idle()
        except BaseExceptionGroup as group:
            raise alone(group) from None

    def _choice(self) -> Choice:
        """What answers now, where it can still be had; else what is configured."""
        config = load(self.paths, self.environ)
        self.endpoints.text_weight = config.text_weight
        self.endpoints.embedder_notice = None
        now, wanted = embeddings.answering(self.store.hot), config.embed
        if now is None or wanted == OFF or now.model == model_of(wanted):
            return wanted
        self.endpoints.embedder_notice = Notice(
            f"Memories are found by {now.model}; {model_of(wanted)} is configured, and answers once"
            " everything has a vector of it.",
            "Start the re-embedding under Long work (/work), or with `fabula reembed`.",
        )
        try:
            before = load(self.paths, {**self.environ, "FABULA_EMBED": now.choice}).embed
        except FabulaError as error:
            structlog.get_logger().warning(
                "embedder before is gone", embedder=now.choice, error=error.message
            )
            return wanted
        return before if before != OFF and model_of(before) == now.model else wanted
