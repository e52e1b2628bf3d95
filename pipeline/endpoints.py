"""The endpoints a program uses, and what a person should know about them.

An endpoint may take a moment to be ready (the embedded model loads in a child process), so stages wait for
it here instead of the program waiting at its start.
"""

from dataclasses import dataclass, field

import trio

from pipeline.inference.types import Capabilities, Endpoint, Sampler
from pipeline.prompt.budget import Budgets
from store.errors import FabulaError


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about the endpoint that the page says plainly."""

    what: str
    do: str


@dataclass
class Endpoints:
    """Who narrates, with which sampler and budgets."""

    sampler: Sampler = field(default_factory=Sampler)
    budgets: Budgets = field(default_factory=Budgets)
    notice: Notice | None = None
    failure: FabulaError | None = None
    fallback: Endpoint | None = None
    """Who is asked once more when a decision is refused."""
    deciding: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(1))
    """One decision at a time: those that wait their turn do not spend their ten seconds waiting."""
    _narrator: Endpoint | None = None
    _classifier: Endpoint | None = None
    _capabilities: Capabilities | None = None
    _settled: trio.Event = field(default_factory=trio.Event)

    @property
    def ready(self) -> bool:
        return self._narrator is not None

    @property
    def model(self) -> str:
        """The narrator's model, as its endpoint names it; empty until it is ready."""
        return self._narrator.model if self._narrator is not None else ""

    def use(self, narrator: Endpoint, capabilities: Capabilities) -> None:
        """From now on this endpoint narrates."""
        self._narrator, self._capabilities = narrator, capabilities
        self.failure = None
        self._settled.set()

    def give_up(self, failure: FabulaError) -> None:
        """The endpoint cannot be had; runs that wait for it fail with this."""
        self.failure = failure
        self._settled.set()

    async def classifier(self) -> Endpoint:
        """Who answers structured decisions: the narrator, unless another is set up for it."""
        if self._classifier is not None:
            return self._classifier
        return (await self.narrator())[0]

    async def narrator(self) -> tuple[Endpoint, Capabilities]:
        """The narrating endpoint, as soon as it is ready.

        Raises:
            FabulaError: it could not be started.
        """
        await self._settled.wait()
        if self._narrator is None or self._capabilities is None:
            raise self.failure or FabulaError("No endpoint is set up to narrate.")
        return self._narrator, self._capabilities
