"""One step's transaction: append events, and everything that follows from them in the same commit.

`append` is the only way into the log. It inserts the event, folds it into the projections and enqueues one
run per stage that listens for its kind, so that a commit holds all of it or nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import apsw

from store import events, ledger, replays
from store.events import ChatStarted, Event, Payload
from store.ledger import Route
from store.live import changes_the_live_set, is_live
from store.projections import project
from store.rebuild import heed
from store.rows import row
from store.trail import followed

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
        can already carry the chat's id. What answers an event that does not count is recorded, and changes
        nothing until it does."""
        event_id = self._next_event_id()
        chat_id = event_id if isinstance(payload, ChatStarted) else chat_id
        branch_id = self._branch(event_id, chat_id, cause_id, run_id)
        event = Event(event_id, chat_id, branch_id, payload, cause_id, run_id, ordinal, self.now)
        self._write(event)
        if chat_id is not None and changes_the_live_set(payload):
            heeded = heed(self.connection, event)
            for returned in heeded.returned:
                self._enqueue(returned, again=True)
            replays.set_aside(self.connection, heeded.fallen, now=self.now)
            counts = is_live(self.connection, event_id)
        elif counts := isinstance(payload, ChatStarted) or is_live(self.connection, event_id):
            with followed(self.connection, event):
                project(self.connection, event)
        if counts:
            self._enqueue(event)
        return event

    def _enqueue(self, event: Event[Any], *, again: bool = False) -> None:
        """One run for each stage that listens. An event that counts again has its runs already, unless they
        were set aside or it never counted before."""
        for route in self.routes.get(event.kind, ()):
            if not (again and replays.taken_up(self.connection, route.stage, event.id, now=self.now)):
                ledger.enqueue(self.connection, route, event.id, event.chat_id or 0, now=self.now)

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

    def _branch(
        self, event_id: int, chat_id: int | None, cause_id: int | None, run_id: int | None
    ) -> int | None:
        """What a person does lies in the branch they are in; what a run finds, where it was asked for, also
        when the person has gone to another branch meanwhile."""
        if chat_id is None or chat_id == event_id:
            return chat_id
        if run_id is not None:
            asked = row(
                self.connection,
                "SELECT coalesce((SELECT branch_id FROM run WHERE id = ?),"
                " (SELECT branch_id FROM event WHERE id = ?))",
                (run_id, cause_id),
            )
            if asked and asked[0] is not None:
                return int(asked[0])
        found = row(self.connection, "SELECT branch_id FROM chat WHERE id = ?", (chat_id,))
        return found[0] if found else chat_id
