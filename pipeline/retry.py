"""Retry: whether a failed run is tried again, and when.

The class of the error decides whether trying again makes sense and whether it uses up an attempt; the jitter
comes from the run and the attempt, so that a replay of the ledger sees the same due times.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from store.errors import ErrorClass


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a stage is attempted; the wait doubles from `base_s` up to `cap_s` (seconds)."""

    attempts: int = 4
    base_s: float = 1.0
    cap_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Treatment:
    """What an error class means for the run."""

    again: bool
    counts: bool = True


TREATMENTS: Mapping[ErrorClass, Treatment] = {
    ErrorClass.RATE_LIMITED: Treatment(again=True, counts=False),
    ErrorClass.QUOTA: Treatment(again=False),
    ErrorClass.TIMEOUT: Treatment(again=True),
    ErrorClass.CONNECTION: Treatment(again=True),
    ErrorClass.REFUSED: Treatment(again=False),
    ErrorClass.INVALID_OUTPUT: Treatment(again=True),
    ErrorClass.CONTEXT_OVERFLOW: Treatment(again=False),
    ErrorClass.CRASH: Treatment(again=True),
    ErrorClass.BUG: Treatment(again=False),
}


def delay_s(retry: Retry, run_id: int, attempt: int, retry_after_s: float | None = None) -> float:
    """min(cap, base · 2^(attempt − 1)) · (0.5 … 1.5); never less than what the endpoint asked for."""
    backoff = min(retry.cap_s, retry.base_s * 2.0 ** (attempt - 1)) * (0.5 + _jitter(run_id, attempt))
    return max(backoff, retry_after_s or 0.0)


def _jitter(run_id: int, attempt: int) -> float:
    """A fixed number in [0, 1) for this run and attempt."""
    digest = hashlib.blake2b(f"{run_id}:{attempt}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
