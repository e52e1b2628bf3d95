"""Branches: the ways a chat's story has gone. The first is the chat itself."""

import apsw

from store.events import BranchForked, BranchRenamed, BranchSwitched, Event
from store.projections.fold import projects

FIRST = "main"


@projects(BranchForked)
def branch_forked(db: apsw.Connection, event: Event[BranchForked]) -> None:
    fork = event.payload
    db.execute(
        "INSERT INTO branch(id, chat_id, parent_id, at, name) VALUES (?, ?, ?, ?, ?)",
        (event.id, event.chat_id, fork.parent_id, fork.at, fork.name),
    )


@projects(BranchSwitched)
def branch_switched(db: apsw.Connection, event: Event[BranchSwitched]) -> None:
    db.execute(
        "UPDATE chat SET branch_id = ?, changed_by = ?, changed_at = ? WHERE id = ?",
        (event.payload.branch_id, event.id, event.recorded_at, event.chat_id),
    )


@projects(BranchRenamed)
def branch_renamed(db: apsw.Connection, event: Event[BranchRenamed]) -> None:
    db.execute("UPDATE branch SET name = ? WHERE id = ?", (event.payload.name, event.payload.branch_id))
