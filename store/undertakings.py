"""Undertakings: long work somebody asked for, as rows beside the log, so that every page and process sees it.

One at a time on a database: whoever works holds a kernel lock while it does. A row that says `running` while
nobody holds the lock was interrupted by the end of its process; what it had done by then is kept.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import apsw

from store.rows import Row, row, rows
from store.txn import Txn

State = Literal["running", "done", "cancelled", "failed", "interrupted"]
KEPT = 50
"""So many are remembered."""
MAX_ID = 2**62
PROCESS_ENDED = "Its process ended."
GO_ON = "What was done is kept: start it again to go on."
NOTHING_LEFT = "Nothing of it was kept: start it again."
WHOLE = frozenset({"restore"})
"""Kinds that are done in one transaction or not at all."""
COLUMNS = "id, kind, asked, state, done, total, stop, outcome, hint, began_at, ended_at"


@dataclass(frozen=True, slots=True)
class Undertaking:
    """A piece of long work. `total` is 0 while nobody knows how much it is; times are UTC ms."""

    id: int
    kind: str
    asked: dict[str, Any]
    state: State
    done: int
    total: int
    stop: bool
    outcome: str
    hint: str
    began_at: int
    ended_at: int | None


def lock_path(database: Path) -> Path:
    """What the process at work holds a lock on."""
    return database.with_name(database.name + ".work")


def begin(txn: Txn, kind: str, asked: dict[str, Any]) -> int:
    """Record that it begins; whoever calls holds the lock, so what still says `running` is over."""
    interrupt(txn, upto=MAX_ID)
    txn.execute(
        "INSERT INTO undertaking(kind, asked, state, began_at) VALUES (?, ?, 'running', ?)",
        (kind, json.dumps(asked), txn.now),
    )
    begun = txn.connection.last_insert_rowid()
    txn.execute("DELETE FROM undertaking WHERE id <= ?", (begun - KEPT,))
    return begun


def interrupt(txn: Txn, *, upto: int) -> None:
    """Record that what says `running`, up to a number, is not: nobody holds the lock."""
    left = rows(
        txn.connection, "SELECT id, kind FROM undertaking WHERE state = 'running' AND id <= ?", (upto,)
    )
    for number, kind in left:
        end(txn, number, "interrupted", PROCESS_ENDED, to_go_on(kind))


def to_go_on(kind: str) -> str:
    """What is left of work that was cut short, and how to have it after all."""
    return NOTHING_LEFT if kind in WHOLE else GO_ON


def interrupted(one: Undertaking) -> Undertaking:
    """The same, as it stands when nobody holds the lock."""
    if one.state != "running":
        return one
    return replace(one, state="interrupted", outcome=PROCESS_ENDED, hint=to_go_on(one.kind))


def tell(txn: Txn, undertaking_id: int, done: int, total: int) -> None:
    """How far it is."""
    txn.execute(
        "UPDATE undertaking SET done = ?, total = ? WHERE id = ? AND state = 'running'",
        (done, total, undertaking_id),
    )


def ask_to_stop(txn: Txn, undertaking_id: int) -> bool:
    """Ask whoever works on it to end it; False when it is over already."""
    txn.execute("UPDATE undertaking SET stop = 1 WHERE id = ? AND state = 'running'", (undertaking_id,))
    return txn.connection.changes() > 0


def end(txn: Txn, undertaking_id: int, state: State, outcome: str, hint: str = "") -> None:
    """Record how it ended, unless that is recorded already."""
    txn.execute(
        "UPDATE undertaking SET state = ?, outcome = ?, hint = ?, ended_at = ?"
        " WHERE id = ? AND state = 'running'",
        (state, outcome, hint, txn.now, undertaking_id),
    )


def made(txn: Txn, undertaking_id: int, chat_id: int) -> None:
    """Beside what was asked for, the chat that came of it."""
    txn.execute(
        "UPDATE undertaking SET asked = json_set(asked, '$.made', ?) WHERE id = ?", (chat_id, undertaking_id)
    )


def undertaking(db: apsw.Connection, undertaking_id: int) -> Undertaking | None:
    found = row(db, f"SELECT {COLUMNS} FROM undertaking WHERE id = ?", (undertaking_id,))
    return _undertaking(found) if found else None


def listed(db: apsw.Connection, limit: int = KEPT) -> list[Undertaking]:
    """The newest first."""
    found = rows(db, f"SELECT {COLUMNS} FROM undertaking ORDER BY id DESC LIMIT ?", (limit,))
    return [_undertaking(one) for one in found]


def _undertaking(found: Row) -> Undertaking:
    known, (kind, asked, state, done, total, stop), rest = found[0], found[1:7], found[7:]
    return Undertaking(known, kind, json.loads(asked), state, done, total, bool(stop), *rest)
