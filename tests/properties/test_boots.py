"""Invariant 5 between processes: the runs of the dead and the stuck are taken back, no others.

A process is a boot with a lock of its own; here all of them live in one, which the kernel's locks allow.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import boots, ledger
from store.boots import Boot
from store.database import connect
from store.events import ChatStarted, TurnUser
from store.ledger import Claim
from store.locks import HAS_LOCKS
from store.rows import rows
from store.txn import Txn
from tests.properties.stories import ROUTES

Fate = Literal["works", "dies", "sleeps"]
"""Still there; gone without a word; still there, but silent for longer than its lease."""
NOW = 1_700_000_000_000
LANE = "play"


@pytest.mark.skipif(not HAS_LOCKS, reason="without locks there is only the lease")
@settings(max_examples=30)
@given(fates=st.lists(st.sampled_from(["works", "dies", "sleeps"]), min_size=1, max_size=5))
def test_only_the_runs_of_the_dead_and_the_stuck_are_taken_back(
    fresh_path: Callable[[], Path], fates: list[Fate]
) -> None:
    path = fresh_path()
    db = connect(path, query_only=False)
    lives = [_begin_to_work(Txn(db, ROUTES, NOW), path) for _ in fates]
    for fate, (boot, _) in zip(fates, lives, strict=True):
        if fate == "dies":
            boot.lock.close()
        db.execute("UPDATE boot SET seen_at = ? WHERE id = ?", (NOW - 10**6 * (fate == "sleeps"), boot.id))
    lost = [claim for fate, (_, claim) in zip(fates, lives, strict=True) if fate != "works"]
    own = boots.begin(Txn(db, ROUTES, NOW), path)
    db.execute("UPDATE boot SET seen_at = 0 WHERE id = ?", (own.id,))
    assert boots.recover_orphans(Txn(db, ROUTES, NOW), path, own.id) == len(lost)
    ready = rows(db, "SELECT id FROM run WHERE state = 'ready' AND lane = ? ORDER BY id", (LANE,))
    assert [run_id for (run_id,) in ready] == [claim.run_id for claim in lost]
    for fate, (_, claim) in zip(fates, lives, strict=True):
        assert ledger.finish(db, claim, "done", now=NOW) == (fate == "works")
    for boot, _ in lives:
        boots.release(boot)
    boots.release(own)
    db.close()


def _begin_to_work(txn: Txn, path: Path) -> tuple[Boot, Claim]:
    """A boot with one run in a chat of its own."""
    boot = boots.begin(txn, path)
    chat = txn.append(ChatStarted(title="x", host_id=1))
    txn.append(TurnUser(text="hello"), chat_id=chat.id)
    (claim,) = ledger.claim(txn.connection, boot.id, LANE, 1, now=txn.now)
    return boot, claim
