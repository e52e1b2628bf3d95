"""The ledger as Huey's storage: enqueue joins the caller's transaction, dequeue hands out a fenced claim.

Stock storages delete a task when they hand it out, so a crash loses it. Here the row stays until the step
that answers it commits. Messages are JSON of ids only: nothing a renamed module could break. Schedules and
retries live in the ledger's own `due`, so Huey's are refused.
"""

import json
import time
from collections import deque
from collections.abc import Mapping

from huey.registry import Message
from huey.storage import MemoryStorage

from store import ledger
from store.errors import Refused
from store.ledger import Claim, Route
from store.writer import current_txn


class MessageSerializer:
    """Huey's serializer, narrowed to JSON: a queue must never unpickle what a file says."""

    def serialize(self, message: object) -> bytes:
        if not isinstance(message, Message):
            return json.dumps(message).encode()
        return json.dumps({"id": message.id, "name": message.name, "kwargs": message.kwargs}).encode()

    def deserialize(self, data: bytes) -> object:
        read = json.loads(data)
        if not isinstance(read, dict) or "name" not in read:
            return read
        return Message(id=read["id"], name=read["name"], retries=0, args=(), kwargs=read["kwargs"])


class LedgerStorage(MemoryStorage):
    """Huey's view of the run table. Rate limits, locks and revocations are kept in memory by the parent."""

    def __init__(self, name: str = "fabula", *, routes: Mapping[str, Route], module: str) -> None:
        super().__init__(name)
        self.routes = routes
        self.module = module
        self.claimed: deque[Claim] = deque()

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        """Insert the run in the transaction of the step that calls; it is rolled back with it."""
        txn = current_txn()
        if txn is None:
            raise Refused(
                "A run can only be enqueued inside a step of the writer.",
                hint="Call huey.enqueue from within a function given to Writer.submit.",
            )
        read = json.loads(data)
        route, wanted = self.routes[read["name"].rpartition(".")[2]], read["kwargs"]
        ledger.enqueue(
            txn.connection,
            route,
            wanted["event_id"],
            wanted["chat_id"],
            now=txn.now,
            generation=wanted.get("generation", 0),
            due=wanted.get("due", 0),
        )

    def dequeue(self) -> bytes | None:
        """The next run this process has claimed; the claim itself was part of a commit."""
        if not self.claimed:
            return None
        claim = self.claimed.popleft()
        message = {"id": str(claim.run_id), "name": f"{self.module}.{claim.stage}"}
        return json.dumps({**message, "kwargs": {"claim": claim, "dequeued_at": time.monotonic()}}).encode()

    def queue_size(self) -> int:
        return len(self.claimed)

    def enqueued_items(self, limit: int | None = None) -> list[bytes]:
        return []

    def flush_queue(self) -> None:
        raise Refused("Accepted runs are not flushed.", hint="Discard them one by one or by stage.")

    def add_to_schedule(self, data: bytes, ts: object) -> None:
        raise Refused("Huey's schedule is not used: give the run a due time instead.")

    def read_schedule(self, ts: object) -> list[bytes]:
        return []
