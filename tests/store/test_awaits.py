"""Runs that await other stages: they wait for what works, not for what is dead."""

import apsw

from store import ledger
from store.events import ChatStarted, TurnUser
from store.txn import Txn
from tests.properties.test_ledger import AWAITING, FAILURE, ROUTES, STAGES


def test_a_dead_run_that_is_awaited_holds_nobody_up(database: apsw.Connection) -> None:
    with database:
        txn = Txn(database, ROUTES, 1)
        txn.execute("INSERT INTO boot(id, pid, started_at, seen_at, code_version) VALUES (1, 1, 1, 1, 't')")
        chat = txn.append(ChatStarted(title="x", host_id=1))
        txn.append(TurnUser(text="a"), chat_id=chat.id)
        first, second = ledger.claim(database, 1, "bookkeeping", 9, now=2)
        assert {first.stage, second.stage} == set(STAGES)
        assert ledger.claim(database, 1, "bookkeeping", 9, now=3) == []
        ledger.finish(database, first, "done", now=4)
        ledger.fail(database, second, FAILURE, 900, now=4)
        assert ledger.claim(database, 1, "bookkeeping", 9, now=5) == []
        ledger.wake_due(database, now=900)
        (again,) = ledger.claim(database, 1, "bookkeeping", 9, now=900)
        ledger.fail(database, again, FAILURE, None, now=901)
        assert [one.stage for one in ledger.claim(database, 1, "bookkeeping", 9, now=902)] == [AWAITING]
