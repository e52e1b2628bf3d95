"""Opened: an endpoint while it is open, and the seat of whoever does one thing with it.

Another may take a seat at any time. Whoever has begun to ask the one before is answered by it, and only then
is it closed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from pipeline.inference.endpoints import Profile, open_endpoint
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.metering import Meter
from pipeline.inference.types import Capabilities, Endpoint


@dataclass(eq=False)
class Opened:
    """An open endpoint. It is closed, its child process ended, once it is retired and nobody borrows it."""

    profile: Profile
    endpoint: Endpoint
    capabilities: Capabilities
    _borrowers: int = 0
    _retired: bool = False
    _over: trio.Event = field(default_factory=trio.Event)

    @contextmanager
    def lent(self) -> Iterator[tuple[Endpoint, Capabilities]]:
        """Open at least as long as this block."""
        self._borrowers += 1
        try:
            yield self.endpoint, self.capabilities
        finally:
            self._borrowers -= 1
            self._look_whether_it_is_over()

    def retire(self) -> None:
        """Nobody borrows it from now on; whoever does already may finish."""
        self._retired = True
        self._look_whether_it_is_over()

    async def until_over(self) -> None:
        """Wait until it may be closed."""
        await self._over.wait()

    def _look_whether_it_is_over(self) -> None:
        if self._retired and not self._borrowers:
            self._over.set()


@dataclass(eq=False)
class Seat:
    """Who does one thing: what is wanted for it, and what is open. They differ while it is being opened, and
    where it could not be had."""

    wanted: Profile | None = None
    opened: Opened | None = None

    def take(self, opened: Opened | None) -> None:
        """From now on this one does it, or nobody. What the one before has begun it finishes."""
        before, self.opened = self.opened, opened
        self.wanted = opened.profile if opened is not None else None
        if before is not None:
            before.retire()

    @contextmanager
    def lent(self) -> Iterator[Endpoint | None]:
        """Whoever does it now, for the whole of this block; None where nobody does."""
        if self.opened is None:
            yield None
            return
        with self.opened.lent() as (endpoint, _):
            yield endpoint


async def hold(
    profile: Profile, meter: Meter, must_answer: bool, *, task_status: trio.TaskStatus[Opened]
) -> None:
    """Open an endpoint and keep it open until it is over."""
    async with open_endpoint(profile, meter=meter) as endpoint:
        try:
            capabilities = await endpoint.probe()
        except EndpointFailed:
            if must_answer:
                raise
            capabilities = Capabilities()
        opened = Opened(profile, endpoint, capabilities)
        task_status.started(opened)
        await opened.until_over()
