"""Restoring: a snapshot on its way in, checked to its last reference; a long one as long work.

It is brought in by one transaction, which also says that it is done: killed at any instant the chat is there
whole and said to be, or nothing of it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.floor import end_auto
from pipeline.seen import open_chat
from pipeline.undertakings import Report
from store import snapshot_arrivals, snapshot_returns, undertakings
from store.events import MAX_NAME_CHARS
from store.snapshot_arrivals import Arriving
from store.snapshot_returns import Origin
from store.store import Store
from store.txn import Txn

LONG_EVENTS = 4_000
"""From so many on it takes a second or more."""


@dataclass(frozen=True, slots=True)
class Restored:
    """The chat a snapshot was restored to, and the branch where it is one."""

    chat_id: int
    branch_id: int | None


@dataclass
class Restoring:
    """The work itself; with an `origin` the story goes on there, in a branch. `restored` is known when it has
    ended well."""

    store: Store
    arriving: Arriving
    origin: Origin | None = None
    restored: Restored | None = None

    @property
    def kind(self) -> str:
        return "restore"

    @property
    def is_long(self) -> bool:
        """Whether it is worth being shown as it goes."""
        return self.origin is None and len(self.arriving.events) >= LONG_EVENTS

    def asked(self) -> dict[str, Any]:
        opened = self.arriving.opened
        head = opened.content.head
        return {"file": opened.path.name, "title": head.title, "turns": head.turns}

    async def at_once(self) -> Restored:
        """Do it, without a word of how far it is."""
        return await self.store.writer.submit(self._step, durable=True)

    async def work(self, report: Report) -> str:
        total = 2 * len(self.arriving.events)
        title = self.arriving.opened.content.head.title

        def progress(done: int) -> None:
            report.check()
            report(done, total)

        def step(txn: Txn) -> Restored:
            restored = self._step(txn, progress)
            undertakings.tell(txn, report.number, total, total)
            undertakings.made(txn, report.number, restored.chat_id)
            undertakings.end(txn, report.number, "done", _done(title))
            return restored

        self.restored = await self.store.writer.submit(step, durable=True)
        return _done(title)

    def _step(self, txn: Txn, progress: Callable[[int], None] = lambda _: None) -> Restored:
        if self.origin is None:
            return Restored(snapshot_arrivals.bring_in(txn, self.arriving, progress), None)
        open_chat(txn.connection, self.origin.chat_id)
        branch_id = snapshot_returns.go_back_to(txn, self.origin, _name(self.arriving))
        end_auto(txn, self.origin.chat_id)
        return Restored(self.origin.chat_id, branch_id)


def _done(title: str) -> str:
    return f"“{title}” is here as a new chat."


def _name(arriving: Arriving) -> str:
    """What the branch is called, so that it is known again in the tree."""
    head = arriving.opened.content.head
    told = " ".join((head.note or head.last_line or head.title).split())
    return f"snapshot: {told}"[:MAX_NAME_CHARS]
