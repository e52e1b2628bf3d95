"""Metering: what every exchange with a model took, told once when it is over, however it ends.

Figures only: no text, no address, no key.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from pipeline.inference.errors import EndpointFailed
from pipeline.inference.types import Chunk, Usage

Use = Literal["generate", "decide", "embed"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request to a model. `outcome` is complete, stopped (by us) or an error class; `first_s` the time to
    the first word, where there was one."""

    endpoint: str
    use: Use
    outcome: str
    seconds: float
    first_s: float | None = None
    usage: Usage | None = None


Meter = Callable[[Exchange], None]


def unmetered(_: Exchange) -> None:
    """For those who have nobody to tell."""


@dataclass(slots=True)
class Seen:
    """What has come of one exchange so far."""

    began: float
    first_s: float | None = None
    usage: Usage | None = None

    def chunk(self, one: Chunk) -> None:
        if one.text and self.first_s is None:
            self.first_s = time.monotonic() - self.began
        self.usage = one.usage or self.usage


@contextmanager
def measured(meter: Meter, endpoint: str, use: Use) -> Iterator[Seen]:
    """Around one exchange: the meter is told when the block is left."""
    seen, outcome = Seen(time.monotonic()), "stopped"
    try:
        yield seen
        outcome = "complete"
    except EndpointFailed as error:
        outcome = error.error_class.value
        raise
    finally:
        meter(Exchange(endpoint, use, outcome, time.monotonic() - seen.began, seen.first_s, seen.usage))
