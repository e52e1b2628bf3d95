"""An embedder for tests: three senses of a text, counted from its words; or one that fails as it is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from store.errors import FabulaError

SENSES = (("ship", "boat", "sea"), ("soup", "bread", "cake"), ("love", "heart", "kiss"))


@dataclass
class FakeEmbedder:
    """Remembers what it was asked; raises `failure` while it has one."""

    model: str = "three senses"
    failure: FabulaError | None = None
    asked: list[str] = field(default_factory=list)
    senses: tuple[tuple[str, ...], ...] = SENSES

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self.failure is not None:
            raise self.failure
        self.asked += texts
        lowered = [text.lower() for text in texts]
        return [[0.1 + sum(map(text.count, sense)) for sense in self.senses] for text in lowered]
