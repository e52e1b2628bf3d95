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

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self.failure is not None:
            raise self.failure
        self.asked += texts
        return [[0.1 + sum(text.lower().count(word) for word in sense) for sense in SENSES] for text in texts]
