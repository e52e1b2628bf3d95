"""Replay: a stage run again; the new outcome counts, the old one and all that came of it do not."""

from pathlib import Path

import pytest
import trio

from pipeline import wording
from pipeline.context import Context
from pipeline.desk import Desk
from pipeline.recollections import Recollections
from pipeline.replaying import replayable
from pipeline.scenes import Scenes, Wording
from pipeline.stage import Emits, Pipeline, Stage, stage
from store import places, replays, stale, views
from store.errors import NotFound, Refused
from store.events import (
    DecisionDefaulted,
    Event,
    MemoryEdited,
    MemoryPinned,
    MemoryWritten,
    OutcomeSuperseded,
    TurnUser,
)
from store.rows import rows
from tests.actors.bench import QUICK, Table, empty_table
from tests.fakes.behaviour import decides
from workers.program import pipeline_of_actors

STAGES = pipeline_of_actors().stages


def judging(verdict: dict[str, str]) -> tuple[Stage, Stage]:
    """A stage that writes down the verdict of the hour, and one that pins what was written."""

    @stage("remember", on=(TurnUser,), retry=QUICK)
    async def remember(turn: Event[TurnUser], ctx: Context) -> Emits:
        if verdict["says"] == "break":
            raise KeyError("broken")
        if verdict["says"]:
            text = f"{verdict['says']}: {turn.payload.text}"
            yield MemoryWritten(owner_id=1, turn_id=turn.id, speaker_name="x", text=text, witnesses=(1,))

    @stage("pin", on=(MemoryWritten,), retry=QUICK)
    async def pin(memory: Event[MemoryWritten], ctx: Context) -> Emits:
        yield MemoryPinned(memory_id=memory.id, by="auto")

    return remember, pin


async def _replay(on: Table, remember: Stage) -> dict[int, int]:
    found = replays.triggers(on.store.hot, on.chat_id, ["turn.user"], first=None, last=None)
    return await on.store.writer.submit(
        lambda txn: replays.enqueue(txn.connection, remember.route, on.chat_id, found, now=txn.now)
    )


def _memories(on: Table) -> list[tuple[str, str]]:
    return [
        (text, pinned) for text, pinned in rows(on.store.hot, "SELECT text, pinned FROM memory ORDER BY id")
    ]


async def test_the_new_outcome_takes_the_place_of_the_old_and_of_what_came_of_it(tmp_path: Path) -> None:
    verdict = {"says": "first"}
    remember, pin = judging(verdict)
    async with empty_table(tmp_path / "chat.db", others=(remember, pin)) as on:
        await on.start(await on.bot("Ada"))
        turns = [await on.say(text) for text in ("one", "two")]
        for number, word in enumerate(("second", "third"), start=1):
            verdict["says"] = word
            assert list(await _replay(on, remember)) == turns
            await on.settled()
            assert _memories(on) == [(f"{word}: one", "auto"), (f"{word}: two", "auto")]
            assert len(on.told(OutcomeSuperseded)) == 2 * number
        superseding = on.events(OutcomeSuperseded)[0]
        assert (superseding.ordinal, superseding.cause_id) == (0, turns[0])
        verdict["says"] = ""
        await _replay(on, remember)
        await on.settled()
        assert _memories(on) == []
        on.check()


async def test_a_replay_that_dies_leaves_the_earlier_outcome_in_force(tmp_path: Path) -> None:
    verdict = {"says": "first"}
    remember, pin = judging(verdict)
    async with empty_table(tmp_path / "chat.db", others=(remember, pin)) as on:
        await on.start(await on.bot("Ada"))
        await on.say("one")
        verdict["says"] = "break"
        await _replay(on, remember)
        await on.settled()
        assert _memories(on) == [("first: one", "auto")]
        assert on.told(OutcomeSuperseded) == []


async def test_asking_twice_runs_it_once(tmp_path: Path) -> None:
    gate = trio.Event()

    @stage("slow", on=(TurnUser,))
    async def slow(turn: Event[TurnUser], ctx: Context) -> Emits:
        await gate.wait()
        yield DecisionDefaulted.model_validate(
            {"stage": "slow", "decision": "x", "error_class": "timeout", "reason": turn.payload.text}
        )

    async with empty_table(tmp_path / "chat.db", others=(slow,)) as on:
        chat_id = await on.start(await on.bot("Ada"))
        await on.play.send_turn(chat_id, "one")
        assert await _replay(on, slow) == {}
        gate.set()
        await on.settled()
        assert len(await _replay(on, slow)) == 1
        await on.settled()
        assert rows(on.store.hot, "SELECT generation, state FROM run ORDER BY id") == [
            (0, "done"),
            (1, "done"),
        ]
        on.check()


async def test_an_older_run_that_is_tried_again_too_late_changes_nothing(tmp_path: Path) -> None:
    verdict = {"says": "break"}
    remember, pin = judging(verdict)
    async with empty_table(tmp_path / "chat.db", others=(remember, pin)) as on:
        await on.start(await on.bot("Ada"))
        await on.say("one")
        verdict["says"] = "replayed"
        await _replay(on, remember)
        await on.settled()
        verdict["says"] = "late"
        ((late,),) = rows(on.store.hot, "SELECT id FROM run WHERE state = 'dead'")
        await Desk(on.store, Pipeline.of(())).do("retry", [late])
        await on.settled()
        assert _memories(on) == [("replayed: one", "auto")]
        on.check()


async def test_scenes_replayed_over_a_chat_lie_where_they_lay(tmp_path: Path) -> None:
    moved = {"change": "place", "words": "to the beach", "place": "Beach", "time": "", "weather": ""}
    async with empty_table(tmp_path / "chat.db", "scene", "summarize", "remember") as on:
        chat_id = await on.start(await on.bot("Ada"))
        on.fake.default = decides({"summary": "We left."})
        on.fake.judging = {"by You:\\nOff to the beach!": decides(moved)}
        for text in ("Hello.", "Off to the beach!", "Lovely here."):
            await on.say(text)

        def lie() -> list[int]:
            scenes = [turn.scene_id for turn in views.turns_before(on.store.hot, chat_id, None, 9)]
            order = list(dict.fromkeys(scenes))
            return [order.index(scene) for scene in scenes]

        assert lie() == [0, 1, 1]
        scenes = Scenes(on.store)
        for said in (Wording(title="At sea"), Wording(significance=2), Wording(place="Dunes")):
            last = places.scenes(on.store.hot, chat_id)[-1]
            assert await scenes.edit(chat_id, last.id, said, seen=last.changed_by)
        (told,) = places.all_summaries(on.store.hot, chat_id)
        fled = MemoryEdited(memory_id=told.memory_id or 0, text="We fled.")
        assert await Recollections(on.store).memory(chat_id, fled, seen=told.changed_by)
        assert await scenes.quotes(chat_id, told.scene_id, told.owner_id, ["Off!"], seen=told.quotes_by)
        found = replays.triggers(on.store.hot, chat_id, ["turn.user"], first=None, last=None)
        route = replayable(STAGES, "scene").route

        async def replay() -> None:
            await on.store.writer.submit(
                lambda txn: replays.enqueue(txn.connection, route, chat_id, found, now=txn.now)
            )
            await on.settled()

        await replay()
        assert lie() == [0, 1, 1]
        (retold,) = places.all_summaries(on.store.hot, chat_id)
        assert retold.id > told.id, "told anew, and put in the person's words"
        assert (retold.summary, retold.quotes) == ("We fled.", ("Off!",))
        again = places.scenes(on.store.hot, chat_id)[-1]
        assert again.id > last.changed_by, "another scene, of which the person's words hold"
        assert (again.title, again.significance) == ("At sea", 2)
        assert places.place(on.store.hot, again.container_id or 0).container.name == "Dunes"
        assert len(rows(on.store.hot, "SELECT id FROM scene")) == 2
        assert len(rows(on.store.hot, "SELECT id FROM scene_summary")) == 1
        on.check()

        on.fake.judging = {}
        await replay()
        assert lie() == [0, 0, 0]
        unheld = [wording.unheld(one, {1: "Ada"}) for one in stale.unheld(on.store.hot, chat_id)]
        assert unheld[0] == "change of a scene: “At sea”"
        assert unheld[-2:] == [
            "correction of a memory of Ada: “We fled.”",
            "change of the quotes of a scene of Ada: “Off!”",
        ]
        on.fake.judging = {"by You:\\nOff to the beach!": decides(moved)}
        await replay()
        (told,) = places.all_summaries(on.store.hot, chat_id)
        assert (told.summary, told.quotes) == ("We fled.", ("Off!",))
        assert stale.unheld(on.store.hot, chat_id) == []
        on.check()


def test_only_bookkeeping_can_be_replayed() -> None:
    assert replayable(STAGES, "summarize").name == "summarize"
    for name in ("narrate", "interjection"):  # a reply that is there is not taken back by another judgement
        with pytest.raises(Refused, match="part of the play"):
            replayable(STAGES, name)
    with pytest.raises(NotFound, match="no stage"):
        replayable(STAGES, "nonsense")
