"""Precedence: who may keep the model busy when narration and decisions share one processor.

Narration goes first, then a decision somebody waits for, and bookkeeping in between. Where the model runs on
our own cores, a bookkeeping decision under way is broken off when a narration begins, and asked again when it
is over; elsewhere nothing is held. The ten seconds of a decision begin when its turn has come.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import trio

from pipeline.foreground import Foreground

T = TypeVar("T")


@dataclass
class Precedence:
    """One bookkeeping decision at a time, and on a shared processor only while nobody goes ahead."""

    _ahead: Foreground = field(default_factory=Foreground)
    _one: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(1))
    _asking: trio.CancelScope | None = None
    _yields: Callable[[], bool] = lambda: False

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """While this lasts, what yields waits."""
        one = object()
        self._ahead.enter(one)
        if self._asking is not None and self._yields():
            self._asking.cancel()
        try:
            yield
        finally:
            self._ahead.leave(one)

    async def between(self, ask: Callable[[], Awaitable[T]], *, yields: Callable[[], bool]) -> T:
        """Ask when it is our turn; `yields` says whether to step back for those who go ahead."""
        async with self._one:
            while True:
                while yields() and self._ahead.busy:
                    await self._ahead.calm()
                with trio.CancelScope() as scope:
                    self._asking, self._yields = scope, yields
                    try:
                        return await ask()
                    finally:
                        self._asking = None
