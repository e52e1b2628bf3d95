"""The floor: whether somebody is speaking, and whether the bots keep it to themselves."""

import apsw

from pipeline.stage import Lane
from store import meanwhile, views
from store.errors import Conflict
from store.events import AutoModeSet
from store.rows import row
from store.txn import Txn


def quiet(db: apsw.Connection, chat_id: int) -> None:
    """Nothing takes the place of a reply, or is asked of the model besides it, while one is on its way.

    Raises:
        Conflict: one is.
    """
    _nothing_runs(db, chat_id, f"lane = '{Lane.NARRATION.value}'")


def settled(db: apsw.Connection, chat_id: int) -> None:
    """Nobody goes elsewhere in the story while a reply is on its way, or it is being decided whose it is: it
    would land on the other side.

    Raises:
        Conflict: it is.
    """
    deciding = "stage = 'auto' AND state = 'running'"
    _nothing_runs(db, chat_id, f"(stage IN ('addressee', 'skip', 'narrate') OR {deciding})")


def _nothing_runs(db: apsw.Connection, chat_id: int, which: str) -> None:
    running = row(
        db,
        f"SELECT 1 FROM run WHERE chat_id = ? AND {which}"
        " AND state IN ('waiting', 'ready', 'running', 'backoff')",
        (chat_id,),
    )
    if running:
        raise Conflict("A reply is just being written here.", hint="Wait for it or stop it, then try again.")


def end_auto(txn: Txn, chat_id: int) -> None:
    """Auto-mode is over: the person has taken the floor."""
    if views.chat(txn.connection, chat_id).auto_left:
        txn.append(AutoModeSet(turns=0), chat_id=chat_id)


def forget_auto(txn: Txn, chat_id: int) -> None:
    """Auto-mode is over, also where its turns are used up: the person has chosen what was said, and turns
    that no longer count, now or when the choice comes true, are not said anew by themselves."""
    if not meanwhile.auto_is_over(txn.connection, chat_id):
        txn.append(AutoModeSet(turns=0), chat_id=chat_id)
