"""Foreground: the milliseconds between a turn and its request to the model, which nothing else may take.

Runs a person waits for enter it when they are claimed and leave it when all that is left is waiting for an
endpoint. Bookkeeping, and even the answer that the turn has arrived, step back meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import trio


@dataclass
class Foreground:
    """Those before whom others step back; touched on the trio thread, `busy` read on any."""

    on_calm: Callable[[], None] = lambda: None
    """Called when the last one leaves."""
    _present: set[object] = field(default_factory=set)
    _calm: trio.Event = field(default_factory=trio.Event)

    @property
    def busy(self) -> bool:
        return bool(self._present)

    def enter(self, one: object) -> None:
        self._present.add(one)

    def leave(self, one: object) -> None:
        """Leaving twice, or without having entered, changes nothing."""
        if one not in self._present:
            return
        self._present.remove(one)
        if not self._present:
            self._calm.set()
            self._calm = trio.Event()
            self.on_calm()

    async def calm(self, within_s: float = float("inf")) -> None:
        """Wait until nobody is there, or no longer than this."""
        with trio.move_on_after(within_s):
            while self._present:
                await self._calm.wait()
