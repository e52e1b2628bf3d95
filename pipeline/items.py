"""Items: what subscribers of a chat are told, as they get it on the wire.

Log entries have an id and can be asked for again; pieces of a text and the state of runs are told once. What
was said, or is about to be, carries whether it counts in the branch the story is in.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import apsw

from store import events, ledger, live, log, queries
from store.events import Event, FloorGiven

OF_A_BRANCH = frozenset(("turn.user", "turn.assistant", "floor.given"))
"""Kinds of which a reader must know whether they belong to what it shows."""


@dataclass(frozen=True)
class Item:
    """One thing to show. `id` is the log position; tokens, partials and run states have none."""

    id: int | None
    event: str
    data: str

    @cached_property
    def sse(self) -> bytes:
        """The item as a server-sent event; encoded once, however many subscribers there are."""
        head = f"id: {self.id}\n" if self.id is not None else ""
        return f"{head}event: {self.event}\ndata: {self.data}\n\n".encode()

    @cached_property
    def chunk(self) -> bytes:
        """The same as one chunk of a chunked HTTP body (RFC 9112, section 7.1)."""
        return b"%x\r\n%b\r\n" % (len(self.sse), self.sse)


@dataclass(frozen=True)
class Ping(Item):
    @cached_property
    def sse(self) -> bytes:
        return b": ping\n\n"


PING = Ping(None, "ping", "")


class Rest(Item):
    """The rest of an item that a sink could not take whole; to be written before anything else."""

    def __init__(self, data: bytes) -> None:
        super().__init__(None, "rest", "")
        self.__dict__["chunk"] = data


Sink = Callable[[Item], bytes]
"""Takes an item at once and returns what it could not take."""


def item_of(db: apsw.Connection, event: Event[Any]) -> Item:
    """A log entry; `live` says of what is shown in the dialogue whether it counts as things stand."""
    facts = {
        "id": event.id,
        "kind": event.kind,
        "chat_id": event.chat_id,
        "branch_id": event.branch_id,
        "cause_id": event.cause_id,
        "run_id": event.run_id,
        "ordinal": event.ordinal,
        "recorded_at": event.recorded_at,
    }
    if event.kind in OF_A_BRANCH:
        facts["live"] = live.is_live(db, event.id)
    return Item(
        event.id, event.kind, f'{json.dumps(facts)[:-1]}, "payload": {events.encode(event.payload)}}}'
    )


def run_item(db: apsw.Connection, run: queries.Run) -> Item:
    """The state of a run a person waits for, whether its stage is paused, who speaks in it where that is
    decided, and the reply it tells again, if it does."""
    answered = log.event(db, run.event_id).payload
    told = {
        "run_id": run.id,
        "stage": run.stage,
        "event_id": run.event_id,
        "speaker_id": answered.speaker_id if isinstance(answered, FloorGiven) else None,
        "alternative_of": getattr(answered, "alternative_of", None),
        "live": live.is_live(db, run.event_id),
        "state": run.state,
        "paused": run.stage in ledger.paused(db),
        "due": run.due,
        "error": run.error if run.state in ("backoff", "dead") else None,
    }
    return Item(None, "run", json.dumps(told))
