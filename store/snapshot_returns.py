"""Returns: a snapshot restored as a branch of the chat it was taken of.

The log is append-only, so where that chat is still here, all that the file holds is in its log, and nothing
need be brought in. A branch is forked at the last event that the snapshot has, off the branch the story was
in then. What was chosen, edited, retracted or undone later lies beyond the fork, so in the new branch all of
it stands as it stood. What the stages have found since about the turns it shares comes along, as in any
branch.
"""

from dataclasses import dataclass
from itertools import takewhile, zip_longest
from typing import Any

import apsw

from store import log
from store.errors import Refused
from store.events import BranchForked, BranchSwitched, Event
from store.snapshot_arrivals import Arriving
from store.txn import Txn

ONLY_A_NEW_CHAT = "Restore it as a new chat."


@dataclass(frozen=True, slots=True)
class Origin:
    """Where in the log a snapshot was taken: the chat, the branch the story was in, its last event."""

    chat_id: int
    branch_id: int
    last_id: int


def origin_of(db: apsw.Connection, arriving: Arriving) -> Origin:
    """Where the snapshot comes from. Reads the chat's log up to there: to be run in a thread.

    Raises:
        Refused: it was edited by hand, or its chat is not here as it was taken; only a new chat can be made
            of it.
    """
    head = arriving.opened.content.head
    if arriving.opened.edited:
        raise Refused(
            "This snapshot was edited by hand, so it is no moment that its chat has seen.",
            hint=ONLY_A_NEW_CHAT,
        )
    if head.chat_id not in log.chats(db):
        raise Refused(f"The chat {head.chat_id} it was taken of is not here.", hint=ONLY_A_NEW_CHAT)
    last = arriving.events[-1].id
    here = takewhile(lambda event: event.id <= last, log.all_of_chat(db, head.chat_id))
    if not all(_is_same(one, other) for one, other in zip_longest(arriving.events, here)):
        raise Refused(f"The chat {head.chat_id} here is another story.", hint=ONLY_A_NEW_CHAT)
    switched = [event.payload for event in arriving.events if isinstance(event.payload, BranchSwitched)]
    return Origin(head.chat_id, switched[-1].branch_id if switched else head.chat_id, last)


def _is_same(told: Event[Any] | None, there: Event[Any] | None) -> bool:
    """Whether an event of the file is the one in the log; a cause or a run outside the story is not in the
    file."""
    if told is None or there is None:
        return False
    return (
        (told.id, told.branch_id, told.ordinal, told.recorded_at, told.payload)
        == (there.id, there.branch_id, there.ordinal, there.recorded_at, there.payload)
        and told.cause_id in (None, there.cause_id)
        and told.run_id in (None, there.run_id)
    )


def go_back_to(txn: Txn, origin: Origin, name: str) -> int:
    """Fork a branch at the snapshot's end and let the story go on there; returns the branch."""
    forked = BranchForked(parent_id=origin.branch_id, at=origin.last_id, name=name)
    branch_id = txn.append(forked, chat_id=origin.chat_id).id
    txn.append(BranchSwitched(branch_id=branch_id), chat_id=origin.chat_id)
    return branch_id
