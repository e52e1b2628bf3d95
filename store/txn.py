"""One step's transaction: append events, and everything that follows from them in the same commit.

`append` is the only way into the log. It inserts the event, folds it into the projections and enqueues one
run per stage that listens for its kind, so that a commit holds all of it or nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import apsw

from store import events, ledger
from store.events import ChatStarted, Event, OutcomeSuperseded, Payload
from store.ledger import Route
from store.projections import project
from store.rebuild import is_live, refold
from store.rows import row

P = TypeVar("P", bound=Payload)
Clock = Callable[[], int]
"""UTC in milliseconds."""
Routes = Mapping[str, Sequence[Route]]
"""Event kind → the stages that listen for it."""

INSERT_EVENT = (
    "INSERT INTO event(id, chat_id, branch_id, kind, schema, payload, cause_id, run_id, ordinal, recorded_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(slots=True)
class Txn:
    """What a step sees while it runs on the writer's thread; never kept beyond the step."""

    connection: apsw.Connection
    routes: Routes
    now: int
    freed: list[str] = field(default_factory=list)
    """Lanes in which a run of this process has just ended: the slot is filled in the same commit."""
    stop_requested: bool = False

    def execute(self, sql: str, values: Sequence[Any] = ()) -> apsw.Cursor:
        return self.connection.execute(sql, values)

    def append(
        self,
        payload: P,
        *,
        chat_id: int | None = None,
        cause_id: int | None = None,
        run_id: int | None = None,
        ordinal: int = 0,
    ) -> Event[P]:
        """Write one event with all its consequences. Ids are given here so that a chat's own first event
        can already carry the chat's id. What answers an event that no longer counts is recorded, and
        changes nothing."""
        event_id = self._next_event_id()
        chat_id = event_id if isinstance(payload, ChatStarted) else chat_id
        event = Event(
            event_id, chat_id, self._branch(event_id, chat_id), payload, cause_id, run_id, ordinal, self.now
        )
        self._write(event)
        if isinstance(payload, OutcomeSuperseded) and chat_id is not None:
            refold(self.connection, chat_id)
        elif is_live(self.connection, cause_id):
            project(self.connection, event)
        else:
            return event
        for route in self.routes.get(payload.kind, ()):
            ledger.enqueue(self.connection, route, event_id, chat_id or 0, now=self.now)
        return event

    def _write(self, event: Event[Any]) -> None:
        self.execute(
            INSERT_EVENT,
            (
                event.id,
                event.chat_id,
                event.branch_id,
                event.kind,
                event.payload.schema_version,
                events.encode(event.payload),
                event.cause_id,
                event.run_id,
                event.ordinal,
                event.recorded_at,
            ),
        )

    def _next_event_id(self) -> int:
        found = row(self.connection, "SELECT seq FROM sqlite_sequence WHERE name = 'event'")
        return found[0] + 1 if found else 1

    def _branch(self, event_id: int, chat_id: int | None) -> int | None:
        if chat_id is None or chat_id == event_id:
            return chat_id
        found = row(self.connection, "SELECT branch_id FROM chat WHERE id = ?", (chat_id,))
        return found[0] if found else chat_id
