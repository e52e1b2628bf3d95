"""Checking: the projections compared with a fold of the log from its beginning; nothing is changed."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import trio

from pipeline.undertakings import Report
from store import rebuild
from store.errors import FabulaError
from store.rebuild import Difference
from store.rows import row
from store.store import Store

EACH = 500


@dataclass
class Checking:
    """The work itself; `differences` are told when it has ended."""

    store: Store
    differences: list[Difference] = field(default_factory=list)
    events: int = 0

    @property
    def kind(self) -> str:
        return "rebuild --check"

    def asked(self) -> dict[str, Any]:
        return {}

    async def work(self, report: Report) -> str:
        counted = row(self.store.hot, "SELECT count(*) FROM event")
        self.events = int(counted[0]) if counted else 0

        def progress(folded: int) -> None:
            if folded % EACH == 0:
                trio.from_thread.check_cancelled()
                report(folded, max(folded, self.events))

        self.differences = await self.store.read(partial(rebuild.check, progress=progress))
        report(self.events, self.events)
        told = f"{self.events} event(s); {len(self.differences)} difference(s)."
        if self.differences:
            raise FabulaError(told, hint="`fabula rebuild` folds the log again; no model is asked.")
        return told
