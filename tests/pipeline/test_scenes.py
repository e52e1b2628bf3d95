"""Scenes in a person's words: they stand in every later prompt, and what stood there before in none."""

from pathlib import Path

import pytest

from pipeline.corrections import Corrections
from pipeline.passing import Passing
from pipeline.prompt.budget import Budgets
from pipeline.prompt.compose import Measure, compose
from pipeline.recollections import Recollections
from pipeline.rewriting import Rewriting
from pipeline.scenes import Scenes, Wording
from pipeline.tokens import TokenCounter
from store import meanwhile, memories, places, replays, timeline, views
from store.errors import Conflict, Invalid, NotFound, Refused
from store.events import (
    Container,
    MemoryEdited,
    MemoryWitnessChanged,
    SceneSummarized,
    TurnAssistant,
    TurnRetracted,
)
from store.places import SceneSummary
from tests.actors.bench import Table, table
from tests.fakes.behaviour import decides
from workers.program import pipeline_of_actors

TOLD = '\\"quotes\\"'
SUMMARIZE = pipeline_of_actors().stages["summarize"].route


def prompt(on: Table) -> str:
    """What the host would be sent to answer the newest turn."""
    (turn,) = views.turns_before(on.store.hot, on.chat_id, None, 1)
    measure = Measure(TokenCounter().for_model("m"), Budgets(), "cache")
    made = compose(on.store.hot, turn, on.host_id, measure)
    assert made.leaks == ()
    return "\n".join(str(one.content) for one in made.prompt.messages)


def summary(on: Table) -> SceneSummary:
    (found,) = places.summaries(on.store.hot, on.chat_id, on.host_id)
    return found


async def two_scenes(on: Table) -> tuple[int, int]:
    """One on the old pier that is over and told of, and one that goes on there."""
    await on.say("Here we are.")
    await Corrections(on.store).place(on.chat_id, Container(name="Oldpier"), seen=0)
    on.fake.judging = {TOLD: decides({"summary": "OLDWORDS of an evening."})}
    await Passing(on.store).skip(on.chat_id, "jump", words="next morning")
    await on.settled()
    await on.say("Good morning.")
    first, second = [one.scene.id for one in timeline.told(on.store.hot, on.chat_id)[-2:] if one.scene]
    return first, second


async def test_what_a_person_says_of_a_scene_is_in_the_prompts_instead_of_what_was_there(
    tmp_path: Path,
) -> None:
    async with table(tmp_path / "chat.db") as on:
        first, second = await two_scenes(on)
        assert ("OLDWORDS" in prompt(on), "Oldpier" in prompt(on)) == (True, True)
        scenes, recollections = Scenes(on.store), Recollections(on.store)
        wording = Wording(title="NEWTITLE", place="Newpier")
        await scenes.edit(on.chat_id, second, wording, seen=places.scene(on.store.hot, second).changed_by)
        told = summary(on)
        assert told.memory_id is not None
        await recollections.memory(
            on.chat_id, MemoryEdited(memory_id=told.memory_id, text="NEWWORDS."), seen=told.changed_by
        )
        shown = prompt(on)
        assert [word in shown for word in ("NEWTITLE", "Newpier", "NEWWORDS")] == [True] * 3
        assert [word in shown for word in ("Oldpier", "OLDWORDS")] == [False] * 2

        weighed = Wording(significance=2)
        await scenes.edit(on.chat_id, first, weighed, seen=places.scene(on.store.hot, first).changed_by)
        assert memories.memory(on.store.hot, told.memory_id).significance == 2
        assert timeline.told(on.store.hot, on.chat_id)[-2].significance == 2

        on.fake.judging = {TOLD: decides({"summary": "OTHERWORDS."})}
        closed = places.scene(on.store.hot, first).closed_by or 0
        await on.store.writer.submit(
            lambda txn: replays.enqueue(txn.connection, SUMMARIZE, on.chat_id, [closed], now=txn.now)
        )
        await on.settled()
        assert [one.summary for one in on.told(SceneSummarized)][-1] == "OTHERWORDS."
        assert ("NEWWORDS" in prompt(on), "OTHERWORDS" in prompt(on)) == (True, False)
        again = summary(on)
        assert again.memory_id not in (None, told.memory_id)
        (shown_scene,) = [one for one in timeline.told(on.store.hot, on.chat_id) if one.summaries]
        assert (shown_scene.outdated, shown_scene.retimed) == ((), None)
        assert memories.memory(on.store.hot, again.memory_id or 0).significance == 2

        unknown = MemoryWitnessChanged(memory_id=again.memory_id or 0, witnesses=())
        assert await recollections.witnesses(on.chat_id, unknown, seen=again.changed_by)
        assert "NEWWORDS" not in prompt(on), "who did not perceive it does not tell of it"
        assert await Rewriting(on.store, tmp_path).undo(on.chat_id) == ("memory.witness_changed",)

        undone = [await Rewriting(on.store, tmp_path).undo(on.chat_id) for _ in range(3)]
        assert undone == [("scene.edited",), ("memory.edited",), ("scene.edited", "container.created")]
        shown = prompt(on)
        assert [word in shown for word in ("NEWTITLE", "Newpier")] == [False] * 2
        assert "Oldpier" in shown
        on.check()


async def test_a_scene_is_left_as_it_is_where_nothing_new_is_said_of_it_and_asked_about_where_it_changed(
    tmp_path: Path,
) -> None:
    async with table(tmp_path / "chat.db") as on:
        first, second = await two_scenes(on)
        scenes, seen = Scenes(on.store), places.scene(on.store.hot, first).changed_by
        same = Wording(title=" ", place="the OLDPIER", significance="turns")
        assert await scenes.edit(on.chat_id, first, same, seen=seen) is None
        assert await scenes.edit(on.chat_id, first, Wording(title="The quarrel"), seen=seen)
        with pytest.raises(Conflict, match=r"quarrel.*The peace"):
            await scenes.edit(on.chat_id, first, Wording(title="The peace"), seen=seen)
        assert await scenes.edit(on.chat_id, second, Wording(place=""), seen=second)
        assert places.scene(on.store.hot, second).container_id is None
        with pytest.raises(NotFound, match="no scene 99999"):
            await scenes.edit(on.chat_id, 99999, Wording(title="x"), seen=0)
        again = places.scene(on.store.hot, first)
        assert (again.title, again.significance) == ("The quarrel", None)
        rated = Wording(significance=0)
        assert await scenes.edit(on.chat_id, first, rated, seen=again.changed_by)
        seen = places.scene(on.store.hot, first).changed_by
        assert await scenes.edit(on.chat_id, first, Wording(significance="turns"), seen=seen)
        after = places.scene(on.store.hot, first)
        assert (after.title, after.significance, after.container_id) == (
            "The quarrel",
            None,
            again.container_id,
        )
        on.check()


async def test_a_scene_moved_in_time_takes_along_all_that_has_a_time_in_it(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db") as on:
        first, second = await two_scenes(on)
        scenes, db = Scenes(on.store), on.store.hot

        async def moved(**times: int | str) -> int | None:
            seen = places.scene(db, first).changed_by
            return await scenes.edit(on.chat_id, first, Wording.model_validate(times), seen=seen)

        was = places.scene(db, first)
        turns = [one for one in views.turns_before(db, on.chat_id, None, 9) if one.scene_id == first]
        kept = memories.of_scene(db, on.chat_id, on.host_id, first)
        assert (was.clock, was.closed_clock) == (720, 722)
        assert await moved(begins="day 1, 13:00", ends=13 * 60 + 20) is not None
        now = places.scene(db, first)
        assert (now.clock, now.closed_clock) == (780, 800)
        after = {one.id: one.clock for one in views.turns_before(db, on.chat_id, None, 9)}
        assert [after[one.id] for one in turns] == [one.clock + 60 for one in turns]
        assert [memories.memory(db, one.id).clock for one in kept] == [one.clock + 60 for one in kept]
        assert memories.memory(db, summary(on).memory_id or 0).clock == 800
        (skip,) = meanwhile.skips(db, on.chat_id)
        next_begins = places.scene(db, second).clock
        assert (skip.clock, skip.clock + skip.minutes) == (800, next_begins)
        assert await moved(begins=780, ends="13:20") is None
        for times, said in (
            ({"ends": next_begins}, "would not be over"),
            ({"ends": 780}, "too short"),
            ({"begins": 800}, "too short"),
            ({"begins": "day 1, 11:00"}, "before what came before"),
            ({"begins": "day 0, 09:00"}, "tells no time"),
        ):
            with pytest.raises(Invalid, match=said):
                await moved(**times)
        with pytest.raises(Refused, match="goes on"):
            wrong = Wording(weather="fog")
            await scenes.edit(on.chat_id, second, wrong, seen=places.scene(db, second).changed_by)
        with pytest.raises(Invalid, match="before what came before"):
            wrong = Wording(begins=799)
            await scenes.edit(on.chat_id, second, wrong, seen=places.scene(db, second).changed_by)
        on.check()
        assert await Rewriting(on.store, tmp_path).undo(on.chat_id) == ("scene.edited",)
        assert places.scene(db, first) == was
        on.check()


async def test_quotes_are_in_the_prompt_as_a_person_wants_them_and_what_is_told_of_other_turns_is_marked(
    tmp_path: Path,
) -> None:
    async with table(tmp_path / "chat.db") as on:
        first, _ = await two_scenes(on)
        scenes, told = Scenes(on.store), summary(on)
        words = ("Here we are.", "Indeed.")
        assert await scenes.quotes(on.chat_id, first, on.host_id, words, seen=told.quotes_by)
        assert '"Here we are." "Indeed."' in prompt(on)
        with pytest.raises(Conflict, match="Here we are"):
            await scenes.quotes(on.chat_id, first, on.host_id, ("No.",), seen=told.quotes_by)
        with pytest.raises(Invalid, match="empty"):
            await scenes.quotes(on.chat_id, first, on.host_id, (" ",), seen=summary(on).quotes_by)
        edited = MemoryEdited(memory_id=told.memory_id or 0, text="NEWWORDS.")
        await Recollections(on.store).memory(on.chat_id, edited, seen=told.changed_by)
        (turn, *_) = on.events(TurnAssistant)
        await on.append(TurnRetracted(turn_id=turn.id))
        marked = [one for one in timeline.told(on.store.hot, on.chat_id) if one.outdated]
        assert [one.scene.id for one in marked if one.scene] == [first]
        assert await Rewriting(on.store, tmp_path).undo(on.chat_id) == ("turn.retracted",)
        assert not [one for one in timeline.told(on.store.hot, on.chat_id) if one.outdated]
        on.check()
