"""Re-embedding: a vector of one model for all that was ever remembered, then the switch to that model.

Until its vectors are complete the model before answers, and a search never compares the two: the switch is
one row, written in a commit that has seen that nothing lacks (`store.embeddings.answering`). What is done is
kept, so work that was ended is gone on with by starting it again. Nothing is recorded in the log.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import apsw
import trio

from pipeline.inference.embedder import MODEL, Choice, Embedder
from pipeline.inference.endpoints import Profile
from pipeline.undertakings import Report
from store import embeddings, remembered
from store.embeddings import Answering, Embedding
from store.errors import Invalid, alone
from store.store import Store
from store.txn import Txn

AT_ONCE = 64
SAMPLE = 16
AFRESH = "{model} (embedded afresh)"
"""Under this name vectors gather that will replace those of the same model."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which embedder memories are to be found by: what config.toml calls it, and how to open it."""

    name: str
    open: Callable[[], AbstractAsyncContextManager[Embedder | None]]
    keep: Callable[[], None] = lambda: None
    """Write it into config.toml, so that the next start has it too."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How much there is to do. `seconds` is None where nothing is; it was measured on `sampled` texts."""

    embedder: str
    model: str
    answering: str
    texts: int
    cached: int
    lacking: int
    sampled: int
    seconds: float | None


def name_of(choice: Choice) -> str:
    """What config.toml calls an embedder."""
    return choice.name if isinstance(choice, Profile) else choice


def model_of(choice: Choice) -> str:
    """The model an embedder would have, without opening it."""
    return choice.model if isinstance(choice, Profile) else MODEL


@dataclass(frozen=True)
class Reembedding:
    """The work itself. `afresh` embeds also what has a vector: the model behind the name has changed."""

    store: Store
    wanted: Wanted
    afresh: bool = False

    @property
    def kind(self) -> str:
        return "reembed"

    def asked(self) -> dict[str, Any]:
        return {"embedder": self.wanted.name, "afresh": self.afresh}

    async def work(self, report: Report) -> str:
        async with opened(self.wanted) as embedder:
            under = _under(embedder.model, self.afresh)
            embedded, upto = 0, 0
            while True:
                more, upto = await self._embed_after(upto, embedder, under, report)
                embedded += more
                if await self._switch(upto, embedder.model, under):
                    return f"{embedded} text(s) embedded with {embedder.model}, which answers now."

    async def _embed_after(
        self, event_id: int, embedder: Embedder, under: str, report: Report
    ) -> tuple[int, int]:
        """Embed what lacks after an event; returns how many texts, and the last event looked at."""
        total = await self.store.read(remembered.count)
        done = report.done
        embedded = 0
        while page := await self.store.read(
            partial(remembered.texts_after, event_id=event_id, limit=AT_ONCE)
        ):
            event_id = page[-1].event_id
            embedded += await _embed(self.store, embedder, [one.said for one in page], under)
            done += len(page)
            report(done, max(total, done))
        report(max(done, total), max(done, total))
        return embedded, event_id

    async def _switch(self, upto: int, model: str, under: str) -> bool:
        """Let the model answer, unless more was remembered meanwhile. The configuration is written first: a
        crash between the two leaves a configured model whose vectors are all there."""
        await trio.to_thread.run_sync(self.wanted.keep)

        def step(txn: Txn) -> bool:
            if remembered.last(txn.connection) > upto:
                return False
            if under != model:
                embeddings.replace(txn.connection, model, by=under)
            embeddings.answer_with(txn.connection, Answering(model, self.wanted.name))
            return True

        return await self.store.writer.submit(step, durable=True)


@asynccontextmanager
async def opened(wanted: Wanted) -> AsyncIterator[Embedder]:
    """The embedder for the block.

    Raises:
        Invalid: there is none by that name, because none is wanted.
    """
    try:
        async with wanted.open() as embedder:
            if embedder is None:
                raise Invalid(
                    "No embedder is configured.", hint='Set [profile] embed, or give --model "bundled".'
                )
            yield embedder
    except BaseExceptionGroup as group:
        one = alone(group)  # what keeps the bundled model running never fails, so it is the block's own
        raise one from one.__cause__


async def estimate(store: Store, wanted: Wanted, *, afresh: bool = False) -> Estimate:
    """How much work it would be, measured on a few of the texts; their vectors are kept.

    Raises:
        Invalid: no embedder is wanted; EndpointFailed, EmbedderUnusable: it cannot be had.
    """
    async with opened(wanted) as embedder:
        under = _under(embedder.model, afresh)
        every, lacking = await store.read(partial(_counted, model=under))
        one, some = lacking[:1], lacking[1 : 1 + SAMPLE]
        began = time.monotonic()
        await _embed(store, embedder, one, under)
        loaded = time.monotonic()
        await _embed(store, embedder, some, under)
        each_s = (time.monotonic() - loaded) / len(some) if some else loaded - began
        left = len(lacking) - len(one) - len(some)
        now = embeddings.answering(store.hot)
        return Estimate(
            embedder=wanted.name,
            model=embedder.model,
            answering=now.model if now is not None else "",
            texts=every,
            cached=every - left,
            lacking=left,
            sampled=len(one) + len(some),
            seconds=round(each_s * left, 1) if left else None,
        )


def _under(model: str, afresh: bool) -> str:
    return AFRESH.format(model=model) if afresh else model


def _counted(db: apsw.Connection, model: str) -> tuple[int, list[str]]:
    """How many different texts were ever remembered, and those without a vector of the model."""
    texts = {embeddings.digest_of(one.said): one.said for one in remembered.texts(db)}
    known = embeddings.digests(db, model)
    return len(texts), [text for digest, text in texts.items() if digest not in known]


async def _embed(store: Store, embedder: Embedder, texts: list[str], under: str) -> int:
    """Embed those that lack a vector and keep them under that name; returns how many."""
    lacking = await store.read(partial(embeddings.lacking, texts=texts, model=under))
    if not lacking:
        return 0
    vectors = await embedder.embed(list(lacking.values()))
    made = [embeddings.embedding(under, numbers) for numbers in vectors]
    known: list[tuple[str, Embedding]] = list(zip(lacking, made, strict=True))
    await store.writer.submit(lambda txn: embeddings.keep(txn.connection, known))
    return len(lacking)
