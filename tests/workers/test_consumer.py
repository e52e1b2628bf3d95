"""The consumer on a real store: play goes on whatever bookkeeping does, and failures wait their turn."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from pipeline.context import Context
from pipeline.desk import Desk
from pipeline.endpoints import Endpoints
from pipeline.feed import Feed
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.types import Message, Request
from pipeline.play import Play
from pipeline.retry import Retry, delay_s
from pipeline.stage import Emits, Lane, Pipeline, Stage, stage
from pipeline.tokens import TokenCounter
from store import attempts, queries, rebuild, views
from store.errors import ErrorClass
from store.events import BotAuthored, Event, FloorGiven, MemoryWritten, TurnAssistant, TurnUser
from store.rows import row, rows
from store.selection import Selection
from store.store import Store, open_store
from store.txn import Txn
from tests.settling import LIMIT_S, settled
from workers.consumer import Consumer


@dataclass
class Bench:
    """A consumer at work and a chat to play in."""

    store: Store
    play: Play
    consumer: Consumer
    chat_id: int
    log: list[str] = field(default_factory=list)

    async def settled(self) -> None:
        """Wait until nothing is pending."""
        await settled(self.store)


@asynccontextmanager
async def at_work(path: Path, *stages: Stage, **options: Any) -> AsyncIterator[Bench]:
    pipeline = Pipeline.of(stages)
    with open_store(path, pipeline.routes) as store:
        store.writer.attach(trio.lowlevel.current_trio_token())
        feed = Feed(store, tuple(pipeline.stages))
        consumer = Consumer(store, pipeline, feed, Endpoints(), TokenCounter(), **options)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.wake.run)
            nursery.start_soon(feed.run)
            await nursery.start(consumer.run)
            play = Play(store)
            chats = await store.read(queries.chats)
            chat_id = (
                chats[0].id
                if chats
                else await play.start_chat(await play.author_bot(BotAuthored(name="Ada")))
            )
            yield Bench(store, play, consumer, chat_id)
            consumer.close()
            await consumer.ended.wait()
            nursery.cancel_scope.cancel()


def replying(gate: trio.Event | None = None) -> Stage:
    """A play stage that answers at once, or when the gate opens."""

    @stage("narrate", on=(TurnUser,), lane=Lane.NARRATION, priority=100)
    async def narrate(turn: Event[TurnUser], ctx: Context) -> Emits:
        ctx.waits_for_others()
        if gate is not None:
            await gate.wait()
        yield TurnAssistant(speaker_id=1, text=f"answer to {turn.payload.text}", answers=turn.id)

    return narrate


async def test_bookkeeping_that_hangs_fails_and_breaks_never_delays_or_loses_a_turn(tmp_path: Path) -> None:
    never = trio.Event()

    @stage("hangs", on=(TurnUser,))
    async def hangs(turn: Event[TurnUser], ctx: Context) -> Emits:
        await never.wait()
        yield turn.payload

    @stage("breaks", on=(TurnUser, TurnAssistant))
    async def breaks(turn: Event[Any], ctx: Context) -> Emits:
        yield turn.payload.model_copy(update={"text": 1 / 0})

    async with at_work(tmp_path / "chat.db", hangs, breaks, replying(), grace_s=0.1) as bench:
        with trio.fail_after(LIMIT_S):
            for number in range(12):
                sent = await bench.play.send_turn(bench.chat_id, f"turn {number}")
                while not row(bench.store.hot, "SELECT 1 FROM turn WHERE answers = ?", (sent.event_id,)):
                    await trio.testing.wait_all_tasks_blocked(0.01)
        counted = queries.counts(bench.store.hot)
        assert counted["narrate", "done"] == 12
        assert counted["hangs", "running"] == 1
        assert counted["breaks", "dead"] >= 1
    assert "hangs" in {stage for stage, _ in counted}


async def test_a_dead_run_says_why_and_a_retry_runs_it_again(tmp_path: Path) -> None:
    broken = True

    @stage("moody", on=(TurnUser,))
    async def moody(turn: Event[TurnUser], ctx: Context) -> Emits:
        if broken:
            raise KeyError("mood")
        yield MemoryWritten(owner_id=1, turn_id=turn.id, speaker_name="x", text="fine", witnesses=())

    async with at_work(tmp_path / "chat.db", moody) as bench:
        await bench.play.send_turn(bench.chat_id, "hello")
        await bench.settled()
        (run,) = queries.runs(bench.store.hot, Selection(state="dead"))
        assert run.error_class == "bug"
        assert run.error is not None
        assert "KeyError" in run.error["what"]
        assert "Traceback" in run.error["detail"]
        broken = False
        await Desk(bench.store, Pipeline.of([moody])).do("retry", [run.id])
        await bench.settled()
        assert queries.runs(bench.store.hot, Selection(state="done"))[0].id == run.id
        assert row(bench.store.hot, "SELECT text FROM memory") == ("fine",)


async def test_a_failing_run_backs_off_keeps_its_place_and_dies_after_its_attempts(tmp_path: Path) -> None:
    tried: list[str] = []

    @stage("flaky", on=(TurnUser,), retry=Retry(attempts=3, base_s=0.01, cap_s=0.02))
    async def flaky(turn: Event[TurnUser], ctx: Context) -> Emits:
        tried.append(turn.payload.text)
        if turn.payload.text == "first":
            raise EndpointFailed("It broke.", error_class=ErrorClass.CONNECTION)
        yield MemoryWritten(owner_id=1, turn_id=turn.id, speaker_name="x", text="ok", witnesses=())

    async with at_work(tmp_path / "chat.db", flaky) as bench:
        await bench.play.send_turn(bench.chat_id, "first")
        await bench.play.send_turn(bench.chat_id, "second")
        await bench.settled()
        assert tried == ["first", "first", "first", "second"]
        assert [run.state for run in queries.runs(bench.store.hot)] == ["done", "dead"]
        outcomes = rows(bench.store.hot, "SELECT outcome FROM attempt WHERE run_id = 1 ORDER BY token")
        assert outcomes == [("backoff",), ("backoff",), ("dead",)]


async def test_a_run_tried_again_at_once_is_not_lost_between_its_claims(tmp_path: Path) -> None:
    tries = 0

    @stage("hasty", on=(TurnUser,), retry=Retry(attempts=99, base_s=0.0001, cap_s=0.0001))
    async def hasty(turn: Event[TurnUser], ctx: Context) -> Emits:
        nonlocal tries
        tries += 1
        if tries < 60:
            raise EndpointFailed("It broke.", error_class=ErrorClass.CONNECTION)
        yield MemoryWritten(owner_id=1, turn_id=turn.id, speaker_name="x", text="ok", witnesses=())

    async with at_work(tmp_path / "chat.db", hasty) as bench:
        await bench.play.send_turn(bench.chat_id, "hello")
        await bench.settled()
        assert [run.state for run in queries.runs(bench.store.hot)] == ["done"]


async def test_a_rate_limit_waits_as_long_as_asked_and_costs_no_attempt(tmp_path: Path) -> None:
    tries = 0

    @stage("limited", on=(TurnUser,), retry=Retry(attempts=1, base_s=0.01))
    async def limited(turn: Event[TurnUser], ctx: Context) -> Emits:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise EndpointFailed("Slow down.", error_class=ErrorClass.RATE_LIMITED, retry_after_s=0.05)
        yield MemoryWritten(owner_id=1, turn_id=turn.id, speaker_name="x", text="ok", witnesses=())

    async with at_work(tmp_path / "chat.db", limited) as bench:
        began = bench.store.clock()
        await bench.play.send_turn(bench.chat_id, "hello")
        await bench.settled()
        assert bench.store.clock() - began >= 3 * 50
        assert [run.state for run in queries.runs(bench.store.hot)] == ["done"]


async def test_two_processes_worth_of_consumers_share_the_work_without_doubling_it(tmp_path: Path) -> None:
    """Two stores on one file, as two worker processes have them."""
    path = tmp_path / "chat.db"
    ran: list[int] = []

    def remembering() -> Stage:
        @stage("remember", on=(TurnUser,))
        async def remember(turn: Event[TurnUser], ctx: Context) -> Emits:
            ran.append(turn.id)
            yield MemoryWritten(owner_id=1, turn_id=turn.id, speaker_name="x", text="x", witnesses=())

        return remember

    async with at_work(path, remembering()) as one, at_work(path, remembering()) as other:
        bot = await one.play.author_bot(BotAuthored(name="Bea"))
        chats = [await one.play.start_chat(bot) for _ in range(4)]
        for number in range(40):
            await (one if number % 2 else other).play.send_turn(chats[number % 4], f"turn {number}")
        with trio.fail_after(LIMIT_S):
            while queries.pending(one.store.hot):
                await trio.testing.wait_all_tasks_blocked(0.02)
        assert sorted(ran) == sorted(set(ran))
        assert len(ran) == 40
        assert rebuild.check(one.store.hot) == []


async def test_shutdown_hands_back_what_cannot_finish_and_the_next_start_takes_it_up(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    gate = trio.Event()
    async with at_work(path, replying(gate), grace_s=0.1) as bench:
        await bench.play.send_turn(bench.chat_id, "hello")
        await trio.testing.wait_all_tasks_blocked(0.05)
    gate.set()
    async with at_work(path, replying(gate)) as bench:
        await bench.settled()
        (run,) = queries.runs(bench.store.hot)
        assert (run.state, run.attempt, run.crashes) == ("done", 1, 0)
        assert [turn.text for turn in views.turns_before(bench.store.hot, bench.chat_id, None, 9)] == [
            "hello",
            "answer to hello",
        ]


async def test_the_feed_hands_a_late_subscriber_the_same_story(tmp_path: Path) -> None:
    async with at_work(tmp_path / "chat.db", replying()) as bench:
        for number in range(5):
            await bench.play.send_turn(bench.chat_id, f"turn {number}")
        await bench.settled()
        seen: list[int] = []
        stored = rows(bench.store.hot, "SELECT id FROM event WHERE chat_id = ? ORDER BY id", (bench.chat_id,))
        with bench.consumer.feed.subscribe(bench.chat_id, 0) as subscription:
            async with aclosing(aiter(subscription)) as items:
                while len(seen) < len(stored):
                    item = await anext(items)
                    assert item.id is not None
                    assert json.loads(item.data)["id"] == item.id
                    seen.append(item.id)
        assert seen == [event_id for (event_id,) in stored]


@pytest.mark.parametrize("attempt", [1, 2, 5, 50])
def test_the_wait_doubles_is_capped_and_the_same_every_time(attempt: int) -> None:
    retry = Retry(attempts=9, base_s=2.0, cap_s=30.0)
    wait_s = delay_s(retry, run_id=7, attempt=attempt)
    plain = min(30.0, 2.0 * 2 ** (attempt - 1))
    assert plain * 0.5 <= wait_s < plain * 1.5
    assert wait_s == delay_s(retry, run_id=7, attempt=attempt)
    assert delay_s(retry, run_id=7, attempt=attempt, retry_after_s=99.0) == 99.0


async def test_a_subscriber_that_lags_is_caught_up_from_the_log(tmp_path: Path) -> None:
    """Four hundred events while nobody reads: more than its buffer holds."""
    async with at_work(tmp_path / "chat.db") as bench:
        with bench.consumer.feed.subscribe(bench.chat_id, 0) as subscription:
            async with aclosing(aiter(subscription)) as items:
                seen = [(await anext(items)).id]
                for number in range(400):
                    floor = FloorGiven(turn_id=number, speaker_id=1)
                    await bench.store.writer.submit(partial(_append, payload=floor, chat_id=bench.chat_id))
                with trio.fail_after(LIMIT_S):
                    while len(seen) < 401:
                        item = await anext(items)
                        seen += [item.id] if item.id is not None else []
        assert len(set(seen)) == 401


def _append(txn: Txn, *, payload: FloorGiven, chat_id: int) -> None:
    txn.append(payload, chat_id=chat_id)


async def test_what_a_finished_run_asked_is_kept_for_a_while_and_what_a_failed_one_asked_for_good(
    tmp_path: Path,
) -> None:
    @stage("asks", on=(TurnUser,))
    async def asks(turn: Event[TurnUser], ctx: Context) -> Emits:
        ctx.asking(Request(messages=(Message(role="user", content="?"),))).answers.append("raw")
        if turn.payload.text == "fails":
            raise KeyError("no")
        yield MemoryWritten(owner_id=1, turn_id=turn.id, speaker_name="x", text="x", witnesses=())

    kept = "SELECT run_id, prompt ->> '$[0].messages[0].content', response FROM attempt ORDER BY run_id"
    async with at_work(tmp_path / "chat.db", asks) as bench:
        for text in ("one", "fails"):
            await bench.play.send_turn(bench.chat_id, text)
        await bench.settled()
        assert rows(bench.store.hot, kept) == [(1, "?", '[["raw"]]'), (2, "?", '[["raw"]]')]
        past = "UPDATE sqlite_sequence SET seq = ? WHERE name = 'run'"
        await bench.store.writer.submit(lambda txn: txn.execute(past, (attempts.EXCHANGES_KEPT,)).fetchall())
        for text in ("much later", "later still"):
            await bench.play.send_turn(bench.chat_id, text)
        await bench.settled()
        assert rows(bench.store.hot, kept)[:2] == [(1, None, None), (2, "?", '[["raw"]]')]
