"""The floor: whether somebody is speaking, who is to speak again, whether the bots keep it to themselves."""

import apsw

from pipeline.forking import short
from pipeline.prompt.ooc import strip_ooc
from pipeline.stage import Lane
from store import log, meanwhile, views
from store.errors import Conflict, Refused
from store.events import AutoModeSet, Event, FloorGiven
from store.rows import row
from store.txn import Txn
from store.views import Turn

FAILED = (
    "SELECT 1 FROM run JOIN event ON event.id = run.event_id WHERE run.chat_id = ?1 AND run.state = 'dead'"
    " AND run.stage IN ('addressee', 'narrate') AND ?2 IN (event.id, event.cause_id)"
)
"""What should have led to the reply to a turn and is waiting to be retried."""


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


def floor_for(db: apsw.Connection, turn: Turn, *, extend: bool) -> Event[FloorGiven]:
    """How a bot was given the floor for a turn, or is given it to answer yours.

    Raises:
        Refused: it was not: the turn is a first message, or yours and cannot be carried on or answered.
    """
    if turn.speaker_id is None and not extend:
        return _floor_after(db, turn)
    if turn.speaker_id is not None and turn.answers is not None:
        floor = FloorGiven(turn_id=turn.answers, speaker_id=turn.speaker_id)
        return Event(0, turn.chat_id, None, floor, turn.answers, None, 0, 0)
    said = log.event(db, turn.alternative_of or turn.id)
    given = log.event(db, said.cause_id) if said.cause_id is not None else said
    if turn.speaker_id is None or not isinstance(given.payload, FloorGiven):
        raise Refused(
            f"The turn “{short(turn)}” is not an answer, so there is no other one to it.",
            hint="Edit its text instead.",
        )
    return given


def _floor_after(db: apsw.Connection, turn: Turn) -> Event[FloorGiven]:
    """The floor to answer a turn of the person's that has no reply, or whose reply was taken out: given to
    whoever had it first, if they are still there."""
    settled(db, turn.chat_id)
    if row(
        db,
        "SELECT 1 FROM turn WHERE chat_id = ? AND anchor_id = ? AND id != ?",
        (turn.chat_id, turn.id, turn.id),
    ):
        raise Refused(f"“{short(turn)}” has its reply.", hint="Tell the reply again.")
    if row(db, FAILED, (turn.chat_id, turn.id)):
        raise Refused(f"The reply to “{short(turn)}” has failed.", hint="Retry it, or discard it first.")
    if not strip_ooc(turn.text).strip():
        raise Refused(f"All of “{short(turn)}” is out of character.", hint="Say something in character.")
    first, there = views.floor_given(db, turn.chat_id, turn.id), views.chat(db, turn.chat_id).bots
    floor = FloorGiven(turn_id=turn.id, speaker_id=first if first in there else there[0])
    return Event(0, turn.chat_id, None, floor, turn.id, None, 0, 0)
