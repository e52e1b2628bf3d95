"""The floor: whether somebody is speaking, and whether the bots keep it to themselves."""

import apsw

from pipeline.stage import Lane
from store import views
from store.errors import Conflict
from store.events import AutoModeSet
from store.rows import row
from store.txn import Txn


def quiet(db: apsw.Connection, chat_id: int) -> None:
    """Nothing takes the place of a reply, or is asked of the model besides it, while one is on its way.

    Raises:
        Conflict: one is.
    """
    writing = row(
        db,
        "SELECT 1 FROM run WHERE chat_id = ? AND lane = ? AND state IN ('ready', 'running', 'backoff')",
        (chat_id, Lane.NARRATION.value),
    )
    if writing:
        raise Conflict("A reply is just being written here.", hint="Wait for it or stop it, then try again.")


def end_auto(txn: Txn, chat_id: int) -> None:
    """Auto-mode is over: the person has taken the floor, or chosen what was said."""
    if views.chat(txn.connection, chat_id).auto_left:
        txn.append(AutoModeSet(turns=0), chat_id=chat_id)
