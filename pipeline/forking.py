"""Forking: a branch that begins at a turn, and what is taken along when the story goes on in it.

A branch shares what was recorded up to its fork. What a person set right in the shared turns later lies
beyond it, so it is said again in the new branch: whoever goes back finds the turns as they stood, and is who
they were.
"""

from store import history, views
from store.errors import Refused
from store.events import (
    BranchForked,
    BranchSwitched,
    Significance,
    SignificanceScored,
    TurnEdited,
    TurnHidden,
    TurnSelected,
    YouChanged,
)
from store.projections.fold import FOREVER
from store.rows import row, rows
from store.txn import Txn
from store.views import Chat, Turn

SHOWN_CHARS = 40


def fork(txn: Txn, turn: Turn, name: str) -> int:
    """The branch shares everything up to the next thing the person said."""
    later = row(
        txn.connection,
        "SELECT min(id) FROM turn WHERE chat_id = ? AND anchor_id > ?",
        (turn.chat_id, turn.anchor_id),
    )
    upto = later[0] - 1 if later and later[0] is not None else FOREVER
    shared = row(
        txn.connection, "SELECT max(id) FROM event WHERE chat_id = ? AND id <= ?", (turn.chat_id, upto)
    )
    at = shared[0] if shared else turn.id
    parent = views.chat(txn.connection, turn.chat_id).branch_id
    return txn.append(BranchForked(parent_id=parent, at=at, name=name), chat_id=turn.chat_id).id


def go_on_from(txn: Txn, turn: Turn, name: str) -> int:
    """Fork at a turn and go on in the branch, in which the turns up to it stand as they stood.

    Raises:
        Refused: the turn is an alternative that was told after the story had gone on.
    """
    stood = rows(
        txn.connection,
        "SELECT id, text, hidden, CASE WHEN rated_by_hand THEN significance END FROM turn"
        " WHERE chat_id = ? AND (anchor_id, id) <= (?, ?)"
        " AND (edited_by IS NOT NULL OR hidden OR rated_by_hand)",
        (turn.chat_id, turn.anchor_id, turn.id),
    )
    you = views.chat(txn.connection, turn.chat_id)
    branch_id = fork(txn, turn, name)
    txn.append(BranchSwitched(branch_id=branch_id), chat_id=turn.chat_id)
    _hold(txn, turn)
    _stay(txn, you)
    for turn_id, text, hidden, rated in stood:
        _stand(txn, turn.chat_id, turn_id, text, bool(hidden))
        _rate(txn, turn.chat_id, turn_id, rated)
    return branch_id


def _hold(txn: Txn, turn: Turn) -> None:
    """Let the turn be the alternative that holds."""
    if row(txn.connection, "SELECT 1 FROM turn WHERE id = ?", (turn.id,)):
        return
    if turn.id not in history.alternatives(txn.connection, turn.chat_id, [turn.id]).get(turn.id, ()):
        raise Refused(
            f"The alternative “{short(turn)}” was told after the story had gone on, so no branch from there"
            " has it.",
            hint="Swipe to an earlier alternative and go back to that one.",
        )
    txn.append(TurnSelected(turn_id=turn.id), chat_id=turn.chat_id)


def _stay(txn: Txn, you: Chat) -> None:
    """Let the person be called what they were called, and known as they were."""
    then = views.chat(txn.connection, you.id)
    if (then.you_name, then.you_persona) != (you.you_name, you.you_persona):
        txn.append(YouChanged(name=you.you_name, persona=you.you_persona), chat_id=you.id)


def _stand(txn: Txn, chat_id: int, turn_id: int, text: str, hidden: bool) -> None:
    """Give a shared turn the words it had, and hide it if it was hidden."""
    found = row(txn.connection, "SELECT text, hidden FROM turn WHERE id = ?", (turn_id,))
    if found is None:
        return
    if found[0] != text:
        txn.append(TurnEdited(turn_id=turn_id, text=text), chat_id=chat_id)
    if bool(found[1]) != hidden:
        txn.append(TurnHidden(turn_id=turn_id, hidden=hidden), chat_id=chat_id)


def _rate(txn: Txn, chat_id: int, turn_id: int, rated: Significance | None) -> None:
    """Let a shared turn matter as much as a person had said it does."""
    found = row(txn.connection, "SELECT significance, rated_by_hand FROM turn WHERE id = ?", (turn_id,))
    if rated is not None and found is not None and found != (rated, 1):
        txn.append(SignificanceScored(turn_id=turn_id, score=rated), chat_id=chat_id)


def short(turn: Turn) -> str:
    """A turn's beginning, to be quoted in a sentence."""
    text = " ".join(turn.text.split())
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
