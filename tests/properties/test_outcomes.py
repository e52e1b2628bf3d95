"""Invariants 4 and 5 where a run ends: its outcome is written whole and by its holder, or not at all."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.context import Context
from pipeline.endpoints import Endpoints
from pipeline.feed import Feed
from pipeline.inference.errors import EndpointFailed
from pipeline.partials import checkpoint
from pipeline.stage import Emits, Lane, Pipeline, stage
from pipeline.tokens import TokenCounter
from store import ledger, rebuild
from store.database import connect
from store.errors import ErrorClass
from store.events import BotAuthored, ChatStarted, Event, FloorGiven, MemoryWritten, Payload, TurnAssistant
from store.ledger import Claim
from store.projections import PROJECTIONS
from store.rebuild import KEYS
from store.rows import Row, row, rows
from store.store import Store, open_store
from store.txn import Txn
from workers import outcomes

TABLES = (*PROJECTIONS, "event", "run", "attempt", "partial")
UNSTORABLE = MemoryWritten(owner_id=2**70, turn_id=1, speaker_name="x", text="x", witnesses=())
"""Goes into the log and breaks in its fold: no column holds so large a number."""


@stage("narrate", on=(FloorGiven,), lane=Lane.NARRATION)
async def narrate(floor: Event[FloorGiven], ctx: Context) -> Emits:
    yield TurnAssistant(speaker_id=1, text="never asked")


@stage("remember", on=(TurnAssistant,))
async def remember(turn: Event[TurnAssistant], ctx: Context) -> Emits:
    yield turn.payload


ROUTES = Pipeline.of((narrate, remember)).routes
ENDINGS = {
    "done": "done",
    "cancelled": "cancelled",
    "handed back": "ready",
    "again": "backoff",
    "dead": "dead",
}


def _dump(db: apsw.Connection) -> dict[str, list[Row]]:
    return {table: rows(db, f"SELECT {KEYS.get(table, '')} * FROM {table} ORDER BY 1, 2") for table in TABLES}


def _claimed(store: Store) -> Claim:
    """A narrate run in the middle of its work: some text of it is checkpointed."""

    def step(txn: Txn) -> Claim:
        bot = txn.append(BotAuthored(name="Ada"))
        chat = txn.append(ChatStarted(title="x", host_id=bot.id))
        txn.append(FloorGiven(turn_id=1, speaker_id=bot.id), chat_id=chat.id)
        claim = _claim(txn)
        checkpoint(claim, bot.id, "Half a sent")(txn)
        return claim

    return store.writer.call(step)


def _claim(txn: Txn) -> Claim:
    sql = "INSERT INTO boot(pid, started_at, seen_at, code_version) VALUES (1, 1, 1, '')"
    txn.execute(sql)
    boot_id = txn.connection.last_insert_rowid()
    return ledger.claim(txn.connection, boot_id, Lane.NARRATION.value, 1, now=txn.now)[0]


def _take_back(store: Store, *, claim_again: bool) -> None:
    def step(txn: Txn) -> None:
        ledger.recover(txn.connection, 1, now=txn.now)
        if claim_again:
            _claim(txn)

    store.writer.call(step)


def _ending(store: Store, claim: Claim, ending: str, payloads: Sequence[Payload]) -> outcomes.Step:
    ctx = Context(claim, store, Feed(store, ()), Endpoints(), TokenCounter())
    if ending == "done":
        return outcomes.done(ctx, narrate, payloads)
    if ending in ("again", "dead"):
        broken = EndpointFailed("It broke.", error_class=ErrorClass.CONNECTION, retryable=ending == "again")
        return outcomes.failed(ctx, narrate, outcomes.reason_for(broken))
    return outcomes.cancelled(claim) if ending == "cancelled" else outcomes.handed_back(claim)


@settings(max_examples=30)
@given(ending=st.sampled_from(sorted(ENDINGS)), said=st.integers(0, 3), claim_again=st.booleans())
def test_whoever_lost_a_run_can_end_it_in_no_way(
    fresh_path: Callable[[], Path], ending: str, said: int, claim_again: bool
) -> None:
    with open_store(fresh_path(), ROUTES) as store:
        claim = _claimed(store)
        _take_back(store, claim_again=claim_again)
        before = _dump(store.hot)
        with pytest.raises(outcomes.Fenced):
            store.writer.call(_ending(store, claim, ending, _turns(said)))
        assert _dump(store.hot) == before


@settings(max_examples=40)
@given(
    ending=st.sampled_from(sorted(ENDINGS)),
    said=st.integers(0, 3),
    broken_at=st.none() | st.integers(0, 3),
)
def test_an_outcome_is_written_whole_or_not_at_all(
    fresh_path: Callable[[], Path], ending: str, said: int, broken_at: int | None
) -> None:
    """The end of the run, its events, their folds and the runs that follow from them."""
    payloads = _turns(said)
    if broken_at is not None:
        payloads.insert(broken_at, UNSTORABLE)
    with open_store(fresh_path(), ROUTES) as store:
        claim = _claimed(store)
        before = _dump(store.hot)
        step = _ending(store, claim, ending, payloads)
        if ending == "done" and broken_at is not None:
            with pytest.raises(OverflowError):
                store.writer.call(step)
            assert _dump(store.hot) == before
            return
        store.writer.call(step)
        said = said if ending == "done" else 0
        assert row(store.hot, "SELECT state FROM run WHERE id = ?", (claim.run_id,)) == (ENDINGS[ending],)
        assert rows(store.hot, "SELECT ordinal FROM event WHERE run_id = ?", (claim.run_id,)) == [
            (ordinal,) for ordinal in range(said)
        ]
        assert row(store.hot, "SELECT count(*) FROM run WHERE stage = 'remember'") == (said,)
        assert row(store.hot, "SELECT count(*) FROM turn") == (said,)
        kept = ending in ("handed back", "again", "dead")
        assert bool(rows(store.hot, "SELECT 1 FROM partial")) == kept
        assert rebuild.check(store.hot) == []


def _turns(number: int) -> list[Payload]:
    return [TurnAssistant(speaker_id=1, text=f"turn {n}") for n in range(number)]


@settings(max_examples=20)
@given(ordinals=st.lists(st.integers(0, 3), max_size=6))
def test_the_log_itself_refuses_a_second_effect(fresh_path: Callable[[], Path], ordinals: list[int]) -> None:
    """One event per (run, ordinal), even against code that forgets its claim; a person's acts have no run."""
    db = connect(fresh_path(), query_only=False)
    with db:
        chat = Txn(db, ROUTES, 1).append(ChatStarted(title="x", host_id=1))
        Txn(db, ROUTES, 1).append(FloorGiven(turn_id=1, speaker_id=1), chat_id=chat.id)
    for number, ordinal in enumerate(ordinals):
        again = ordinal in ordinals[:number]
        with pytest.raises(apsw.ConstraintError) if again else nullcontext(), db:
            payload = FloorGiven(turn_id=1, speaker_id=1)
            Txn(db, ROUTES, 1).append(payload, chat_id=chat.id, run_id=1, ordinal=ordinal)
    kept = rows(db, "SELECT ordinal FROM event WHERE run_id = 1 ORDER BY ordinal")
    assert kept == [(ordinal,) for ordinal in sorted(set(ordinals))]
    db.close()
