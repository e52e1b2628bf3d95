"""Runs of a turn that does not count: set aside, taken up again; and what a late one finds waits with it."""

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from store import interventions, ledger, rebuild
from store.database import connect
from store.events import BotAuthored, ChangeUndone, ChatStarted, MemoryWritten, TurnRetracted, TurnUser
from store.ledger import Claim, Route
from store.replays import SET_ASIDE
from store.rows import rows
from store.txn import Txn
from workers import outcomes

ROUTES = {
    "turn.user": (Route("remember", "bookkeeping", 0), Route("edges", "bookkeeping", 0)),
    "memory.written": (Route("embed", "bookkeeping", 0),),
}


class Ground:
    """A chat with one turn, of which `remember` is running and `edges` is queued."""

    def __init__(self, path: Path) -> None:
        self.db = connect(path, query_only=False)
        self.clock = 1
        with self.db:
            txn = self.txn()
            self.bot = txn.append(BotAuthored(name="Ada")).id
            self.chat = txn.append(ChatStarted(title="one", host_id=self.bot)).id
            self.turn = txn.append(TurnUser(text="Hello"), chat_id=self.chat).id
            sql = "INSERT INTO boot(id, pid, started_at, seen_at, code_version) VALUES (1, 1, 1, 1, 't')"
            txn.execute(sql)
            (self.claim,) = ledger.claim(self.db, 1, "bookkeeping", 1, now=self.clock)

    def txn(self) -> Txn:
        self.clock += 1
        return Txn(self.db, ROUTES, self.clock)

    def do(self, act: Callable[[Txn], object]) -> None:
        with self.db:
            act(self.txn())
        assert rebuild.check(self.db) == []

    def retract(self) -> None:
        self.do(lambda txn: txn.append(TurnRetracted(turn_id=self.turn), chat_id=self.chat))

    def undo(self) -> None:
        ((last,),) = rows(self.db, "SELECT max(id) FROM event WHERE kind = 'turn.retracted'")
        self.do(lambda txn: txn.append(ChangeUndone(event_id=last), chat_id=self.chat))

    def finish(self, claim: Claim) -> None:
        """The run ends with a memory of the turn."""
        memory = MemoryWritten(
            owner_id=self.bot, turn_id=self.turn, speaker_name="You", text="Hello", witnesses=(0, self.bot)
        )

        def step(txn: Txn) -> None:
            ledger.finish(txn.connection, claim, "done", now=txn.now)
            outcomes.record(txn, claim, [memory])

        self.do(step)

    def states(self) -> dict[str, tuple[str, str | None]]:
        found = rows(self.db, "SELECT stage, state, stop FROM run ORDER BY id")
        return {stage: (state, stop) for stage, state, stop in found}


@pytest.fixture
def ground(fresh_path: Callable[[], Path]) -> Ground:
    return Ground(fresh_path())


def _memories(db: apsw.Connection) -> int:
    return len(rows(db, "SELECT 1 FROM memory"))


def test_what_is_queued_is_set_aside_and_taken_up_again(ground: Ground) -> None:
    queued = next(stage for stage, (state, _) in ground.states().items() if state == "ready")
    ground.retract()
    assert ground.states()[queued] == ("cancelled", SET_ASIDE)
    ground.undo()
    assert ground.states()[queued][0] == "ready"


def test_what_a_person_gave_up_stays_given_up(ground: Ground) -> None:
    queued = next(stage for stage, (state, _) in ground.states().items() if state == "ready")

    ((run_id,),) = rows(ground.db, "SELECT id FROM run WHERE stage = ?", (queued,))
    ground.do(lambda txn: interventions.discard(txn.connection, [run_id], now=txn.now))
    ground.retract()
    ground.undo()
    assert ground.states()[queued][0] == "cancelled"


def test_what_a_late_run_finds_waits_until_its_turn_counts_again(ground: Ground) -> None:
    ground.retract()
    ground.finish(ground.claim)
    assert _memories(ground.db) == 0
    assert "embed" not in ground.states()
    ground.undo()
    assert _memories(ground.db) == 1
    assert ground.states()["embed"][0] == "ready"
    ground.retract()
    assert (_memories(ground.db), ground.states()["embed"]) == (0, ("cancelled", SET_ASIDE))
