"""A paused stage: no process starts a run of it, a restart keeps it paused, what waited is run afterwards."""

from pathlib import Path

import pytest
import trio
import trio.testing

from pipeline.context import Context
from pipeline.desk import Desk
from pipeline.feed import Feed
from pipeline.play import Play
from pipeline.stage import Emits, Pipeline, Stage, stage
from store import account, ledger, queries
from store.errors import NotFound
from store.events import Event, MemoryWritten, TurnUser
from store.rows import rows
from store.selection import Selection
from store.store import Store, open_store
from tests.settling import LIMIT_S, settled
from tests.workers.test_consumer import at_work, replying


def noting(done: list[int]) -> tuple[Stage, Stage]:
    """A stage that notes each turn, and one that awaits it."""

    @stage("note", on=(TurnUser,))
    async def note(turn: Event[TurnUser], _ctx: Context) -> Emits:
        done.append(turn.id)
        yield MemoryWritten(owner_id=1, turn_id=turn.id, speaker_name="x", text="noted", witnesses=())

    @stage("after", on=(TurnUser,), awaits=("note",))
    async def after(turn: Event[TurnUser], _ctx: Context) -> Emits:
        done.append(-turn.id)
        yield MemoryWritten(owner_id=1, turn_id=turn.id, speaker_name="x", text="after", witnesses=())

    return note, after


async def until_nothing_moves(store: Store) -> None:
    with trio.fail_after(LIMIT_S):
        while ledger.something_moves(store.hot):
            await trio.testing.wait_all_tasks_blocked(0.01)


async def test_a_pause_outlives_a_restart_and_a_resume_elsewhere_lets_everything_go_on(
    tmp_path: Path,
) -> None:
    done: list[int] = []
    path, stages = tmp_path / "chat.db", (*noting(done), replying())
    async with at_work(path, *stages) as bench:
        desk = Desk(bench.store, Pipeline.of(stages))
        assert await desk.pause("note", "the model is changed")
        assert not await desk.pause("note")
        first = await bench.play.send_turn(bench.chat_id, "one")
        await until_nothing_moves(bench.store)
        assert done == [], "neither the paused stage nor the one that awaits it"
        assert queries.counts(bench.store.hot)["narrate", "done"] == 1, "play goes on"
    async with at_work(path, *stages) as bench:
        second = await bench.play.send_turn(bench.chat_id, "two")
        await until_nothing_moves(bench.store)
        assert done == []
        with open_store(path, {}) as elsewhere:
            elsewhere.writer.attach(trio.lowlevel.current_trio_token())
            await Desk(elsewhere, Pipeline.of(stages)).resume("note")
            await settled(bench.store)
        one, two = first.event_id, second.event_id
        assert sorted(done) == sorted((one, two, -one, -two))
        assert done.index(one) < done.index(two)
        assert done.index(one) < done.index(-one)
        acts = [(one.act, one.stage, one.note) for one in account.newest(bench.store.hot, 9)]
        assert acts == [("resumed", "note", ""), ("paused", "note", "the model is changed")]
        with pytest.raises(NotFound, match="no stage 'nothing'"):
            await Desk(bench.store, Pipeline.of(stages)).pause("nothing")


async def test_whoever_waits_for_a_reply_is_told_that_narration_is_paused(tmp_path: Path) -> None:
    async with at_work(tmp_path / "chat.db", replying()) as bench:
        desk = Desk(bench.store, Pipeline.of((replying(),)))
        await desk.pause("narrate")
        sent = await bench.play.send_turn(bench.chat_id, "hello?")
        feed = Feed(bench.store, ("narrate",))
        (told,) = (item.data for item in feed.standing(bench.chat_id))
        assert '"paused": true' in told
        assert '"state": "ready"' in told
        await desk.resume("narrate")
        await bench.settled()
        assert rows(bench.store.hot, "SELECT answers FROM turn WHERE speaker_id = 1") == [(sent.event_id,)]


async def test_acts_on_many_runs_are_counted_first_and_written_down_with_their_note(tmp_path: Path) -> None:
    broken = True

    @stage("moody", on=(TurnUser,))
    async def moody(turn: Event[TurnUser], _ctx: Context) -> Emits:
        if broken:
            raise KeyError("mood")
        yield MemoryWritten(owner_id=1, turn_id=turn.id, speaker_name="x", text="fine", witnesses=())

    async with at_work(tmp_path / "chat.db", moody, replying()) as bench:
        desk, play = Desk(bench.store, Pipeline.of((moody, replying()))), Play(bench.store)
        for number in range(3):
            await play.send_turn(bench.chat_id, f"turn {number}")
        await bench.settled()
        dead = Selection(stage="moody", error_class="bug")
        assert await desk.count("retry", dead) == 3
        broken = False
        assert await desk.do_to_all("retry", dead, 3, "mended") == 3
        await bench.settled()
        assert await desk.count("retry", dead) == 0
        order = rows(
            bench.store.hot, "SELECT event_id FROM run WHERE stage = 'moody' ORDER BY started_at, id"
        )
        assert order == sorted(order), "in mailbox order"
        assert await desk.do_to_all("replay", Selection(stage="moody"), 3) == 3
        await bench.settled()
        assert rows(bench.store.hot, "SELECT count(*) FROM memory") == [(3,)], "new outcomes take the place"
        told = [(one.act, one.stage, one.note, one.runs) for one in account.newest(bench.store.hot, 9)]
        assert told == [("replayed", "moody", "", 3), ("retried", "moody", "mended", 3)]
        assert [one.act for one in account.of_run(bench.store.hot, 1)] == ["retried"]
