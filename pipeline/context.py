"""The context of a run: everything an actor may touch.

An actor reads views, asks endpoints and yields events. It never writes: what it yields is committed by the
consumer together with the end of its run.
"""

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import apsw
import trio

from pipeline.endpoints import Endpoints
from pipeline.feed import Feed
from pipeline.inference.types import Request
from pipeline.tokens import TokenCounter
from store import log, views
from store.events import MAX_TEXT_CHARS, Payload
from store.ledger import Claim
from store.store import Store


class Interrupted(Exception):
    """A run was asked to stop before it had anything to keep; `reason` is "stopped" or "shutdown"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Exchange:
    """A request to a model, and what came back, word for word; a decision may take more than one answer."""

    request: Request
    answers: list[str] = field(default_factory=list)


@dataclass
class Context:
    """One run's surroundings. `figures` and `exchanges` are kept for later questions."""

    claim: Claim
    store: Store
    feed: Feed
    endpoints: Endpoints
    counter: TokenCounter
    waits_for_others: Callable[[], None] = lambda: None
    """To be called when all that is left is waiting for an endpoint: bookkeeping may go on meanwhile."""
    until_calm: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
    """Wait while a turn is on its way to its model: those few milliseconds belong to it."""
    stop_reason: str = ""
    looked_at: int = 0
    """The newest event there was when the run last looked at what its outcome stands on, if anything."""
    figures: dict[str, Any] = field(default_factory=dict)
    beside: list[Payload] = field(default_factory=list)
    """Events about the run itself, such as a decision that was defaulted; committed after what it yields."""
    exchanges: list[Exchange] = field(default_factory=list)
    sent: bytes | None = None
    """The words of a finished narration's prompt, packed, to be kept for a while."""
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    _stoppable: trio.CancelScope = field(default_factory=trio.CancelScope)

    @property
    def db(self) -> apsw.Connection:
        """The projections, for queries that take microseconds."""
        return self.store.hot

    def asking(self, request: Request) -> Exchange:
        """Note that a model is asked this."""
        self.exchanges.append(Exchange(request))
        return self.exchanges[-1]

    def looks(self) -> None:
        """From here on the run goes by how things stand now."""
        self.looked_at = log.position(self.db)

    @property
    def stopped(self) -> bool:
        return self._stoppable.cancel_called

    def stop(self, reason: str) -> None:
        """Ask the run to keep what it has and end; safe at any moment, also before it begins to write."""
        self.stop_reason = self.stop_reason or reason
        self._stoppable.cancel()

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """The part of a run that Stop cuts short; what follows it still runs. Entered once."""
        with self._stoppable:
            yield

    def left_behind(self) -> str:
        """The text an earlier attempt of this run had written when its process died."""
        return views.partial_text(self.db, self.claim.run_id)

    def writing(self, speaker_id: int) -> "Writing":
        """Begin a text that subscribers watch being written."""
        return Writing(self, speaker_id)


@dataclass
class Writing:
    """A text on its way: each piece is published at once."""

    ctx: Context
    speaker_id: int
    text: str = ""
    _begun: str = ""

    @property
    def full(self) -> bool:
        """Whether a turn holds no more."""
        return len(self.text) >= MAX_TEXT_CHARS

    @property
    def grown(self) -> bool:
        """Whether anything was written beyond what it began with."""
        return self.text.strip() != self._begun.strip()

    def begin(self, text: str) -> None:
        """Carry on a text that stands already."""
        self._begun = text
        self.add(text)

    def add(self, piece: str) -> None:
        """Append a piece, as far as a turn holds it; white space before the first word is dropped, and there
        is some between a text that is carried on and a new word."""
        piece = piece if self.text else piece.lstrip()
        if self.text and self.text == self._begun and piece[:1].isalnum():
            piece = f" {piece}"
        piece = piece[: MAX_TEXT_CHARS - len(self.text)]
        if not piece:
            return
        self.ctx.feed.say(self.ctx.claim, self.speaker_id, piece)
        self.text += piece


def told(what: str, means: str, do: str, detail: str) -> str:
    """An error as a person reads it: what happened, what it means, what to do, and the technical part."""
    return json.dumps({"what": what, "means": means, "do": do, "detail": detail}, ensure_ascii=False)
