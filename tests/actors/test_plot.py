"""Plot: what a turn begins, what it ends, and who gets what came of it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import actors
from pipeline.context import Context
from pipeline.plotting import Plotting
from pipeline.prompt.budget import Budgets
from pipeline.prompt.compose import Measure, compose
from pipeline.rewriting import Rewriting
from pipeline.stage import Emits, Stage
from pipeline.tokens import TokenCounter
from store import memories, places, plot, queries, relations, replays, views
from store.events import (
    PIVOTAL,
    YOU,
    ActivityChanged,
    Condition,
    Container,
    ContainerCreated,
    DecisionDefaulted,
    Effect,
    EntityChanged,
    Event,
    InventoryChanged,
    MemoryWritten,
    Prop,
    SceneClosed,
    SceneOpened,
    StoryEventCompleted,
    StoryEventExpired,
    StoryEventPlanned,
    StoryEventStarted,
    StoryPlan,
    TimeSkipped,
)
from store.plot import StoryEvent
from store.selection import Selection
from tests.actors.bench import BEGUN, OVER, SHORT, SIGNIFICANCE, UNUSABLE, Table, table
from tests.fakes.behaviour import Behaviour, decides

FEAST = StoryPlan(
    title="The feast",
    description="Everybody must stay MASKED.",
    props=(Prop(name="a silver bowl", description="very old"), Prop(name="the drums")),
)
ENDS = {
    "over": "the feast",
    "ending_words": "the feast is done",
    "gist": "We danced until morning.",
    "gains": [{"who": "Ada", "thing": "the silver bowl"}, {"who": "Nobody", "thing": "a crown"}],
    "insights": [{"who": "Bea", "about": "Ada", "fact": "Ada cannot dance."}],
    "feelings": [{"who": "Bea", "towards": "Ada", "affinity": 90}],
}


def event_of(on: Table, story_event_id: int) -> StoryEvent:
    return plot.story_event(on.store.hot, on.chat_id, story_event_id)


def prompt_of(on: Table, speaker_id: int) -> str:
    turn = views.turns_before(on.store.hot, on.chat_id, None, 1)[-1]
    measure = Measure(TokenCounter().for_model("x"), Budgets(), "cache")
    composed = compose(on.store.hot, turn, speaker_id, measure)
    assert composed.leaks == ()
    return "\n".join(message.content for message in composed.prompt.messages)


async def begun(on: Table, plan: StoryPlan = FEAST) -> int:
    planned = await Plotting(on.store).plan(on.chat_id, plan)
    await Plotting(on.store).start(on.chat_id, planned)
    return planned


async def test_each_trigger_begins_what_waits_for_it_without_a_model(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", "plot") as on:
        plotting = Plotting(on.store)
        inn = await on.append(ContainerCreated(container=Container(name="The Inn")))

        async def plan(kind: str, *needs: Condition, **what: object) -> int:
            trigger = Condition.model_validate({"kind": kind, **what})
            return await plotting.plan(
                on.chat_id, StoryPlan(title=kind, triggers=(trigger,), preconditions=needs)
            )

        phrase = await plan("phrase", phrase="the BELL")
        clock = await plan("time", clock=800)
        place = await plan("place", place="the inn")
        both = await plan("present", Condition(kind="phrase", phrase="welcome"), entity_ids=(0,))
        await on.say("The bells ring. ((the bell))")
        assert on.events(StoryEventStarted) == []
        await on.say("There goes the bell!")
        assert [one.story_event_id for one in on.told(StoryEventStarted)] == [phrase]
        await on.append(TimeSkipped(mode="elision", minutes=200))
        await on.say("It is late.")
        await on.append(SceneOpened(container_id=inn))
        await on.say("Welcome.")
        assert [one.story_event_id for one in on.told(StoryEventStarted)] == [phrase, clock, place, both]
        assert event_of(on, phrase).present == (YOU, on.host_id)
        turn = on.events(StoryEventStarted)[0].cause_id
        assert turn is not None
        assert event_of(on, phrase).started_clock == views.turn(on.store.hot, turn).clock
        over = [*on.fake.decisions]
        assert all("drums" not in str(one.json) for one in over)
        on.check()


@pytest.mark.parametrize("retracted", [False, True])
async def test_an_end_recorded_while_a_run_was_ending_the_same_is_the_only_one(
    tmp_path: Path, retracted: bool
) -> None:
    """Between the run's last look and its commit somebody ends the story event by hand."""
    acts: list[Callable[[], Awaitable[object]]] = []

    def overtaken(stage: Stage) -> Stage:
        async def actor(event: Event[Any], ctx: Context) -> Emits:
            async for payload in stage(event, ctx):
                yield payload
            while acts:
                await acts.pop(0)()

        return replace(stage, actor=actor)

    async with table(tmp_path / "chat.db", "plot", wrap=overtaken, judging={OVER: decides(ENDS)}) as on:
        plotting, rewriting = Plotting(on.store), Rewriting(on.store, tmp_path)
        feast = await begun(on)
        turn_id = 0
        gains = Effect(kind="gains", entity_id=on.host_id, text="the silver bowl")
        acts.append(partial(plotting.complete, on.chat_id, feast, effects=[gains], gist="We danced."))
        if retracted:
            acts.append(lambda: rewriting.retract(on.chat_id, turn_id))
        turn_id = await on.send("And so the feast is done.")
        await on.settled()
        if retracted:
            await rewriting.undo(on.chat_id)
            await on.settled()
        assert [(one.run_id, one.payload.gist) for one in on.events(StoryEventCompleted)] == [
            (None, "We danced.")
        ]
        assert relations.states(on.store.hot, on.chat_id)[on.host_id].inventory == ("the silver bowl",)
        assert len(on.told(MemoryWritten)) == 1
        runs = queries.runs(on.store.hot, Selection(stage="plot"))
        assert {(run.event_id, run.state) for run in runs} >= {(turn_id, "done")}
        assert len(on.fake.decisions) == 1
        on.check()


async def test_what_runs_out_is_gone_and_so_are_its_props(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", "plot") as on:
        short = await begun(on, FEAST.model_copy(update={"expires": 725}))
        await on.append(InventoryChanged(entity_id=YOU, gained=("a silver bowl", "a hat")))
        await on.say("Hm.")
        assert "MASKED" in prompt_of(on, on.host_id)
        assert "at hand: a silver bowl: very old" in prompt_of(on, on.host_id)
        await on.append(TimeSkipped(mode="elision", minutes=60))
        await on.say("Hm?")
        assert (event_of(on, short).state, event_of(on, short).ended_clock) == ("expired", 725)
        assert on.told(StoryEventExpired) == [StoryEventExpired(story_event_id=short, clock=725)]
        assert relations.states(on.store.hot, on.chat_id)[YOU].inventory == ("a hat",)
        for gone in ("MASKED", "silver bowl", "drums"):
            assert gone not in prompt_of(on, on.host_id)
        on.check()


async def test_what_is_judged_to_be_over_leaves_the_four_to_those_who_were_there(tmp_path: Path) -> None:
    judging = {OVER: decides(ENDS)}
    async with table(tmp_path / "chat.db", "plot", guest={}, judging=judging) as on:
        await on.remove_guest()
        feast = await begun(on, FEAST.model_copy(update={"significance": PIVOTAL}))
        await on.play.add_guest(on.chat_id, on.guest_id)
        await on.append(InventoryChanged(entity_id=on.guest_id, gained=("the drums",)))
        await on.say("We dance and drink.")
        assert event_of(on, feast).state == "active", "its words are not in the turn"
        assert "The feast: Everybody must stay MASKED." in str(on.fake.decisions[0].json)
        assert "the drums (held by Bea)" in str(on.fake.decisions[0].json)
        await on.say("At last the feast is done.")
        over = event_of(on, feast)
        assert (over.state, over.gist) == ("completed", "We danced until morning.")
        states = relations.states(on.store.hot, on.chat_id)
        assert states[on.host_id].inventory == ("the silver bowl",)
        assert states[on.guest_id].inventory == ()
        (fact,) = relations.facts(on.store.hot, on.chat_id, on.guest_id)
        assert (fact.text, fact.how) == ("Ada cannot dance.", "witnessed")
        assert relations.edge(on.store.hot, on.chat_id, on.guest_id, on.host_id).affinity == 10
        kept = [one for one in on.told(MemoryWritten) if one.form == "summary"]
        assert [(one.owner_id, one.witnesses) for one in kept] == [(on.host_id, (YOU, on.host_id))]
        (pinned,) = memories.pinned(on.store.hot, on.chat_id, on.host_id)
        assert (pinned.text, pinned.significance) == ("We danced until morning.", PIVOTAL)
        assert memories.of_owner(on.store.hot, on.chat_id, on.guest_id) == []
        assert len(on.told(StoryEventCompleted)) == 1
        on.check()


async def test_only_those_who_know_of_it_are_told_what_goes_on(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", "plot", guest={}) as on:
        await on.remove_guest()
        await begun(on)
        scene_id = views.chat(on.store.hot, on.chat_id).scene_id
        assert scene_id is not None
        await on.append(SceneClosed(scene_id=scene_id))
        await on.append(SceneOpened())
        await on.play.add_guest(on.chat_id, on.guest_id)
        await on.say("Welcome.")
        assert "MASKED" in prompt_of(on, on.host_id)
        assert "MASKED" not in prompt_of(on, on.guest_id)


async def test_what_a_turn_that_matters_begins_is_detected_and_lasts(tmp_path: Path) -> None:
    told = {
        "begun": "The storm",
        "beginning_words": "a storm breaks",
        "described": "Nobody can leave.",
        "props": ["the broken mast", "THE BROKEN MAST", ""],
    }
    matters = decides({"score": 2})
    judging = {BEGUN: decides(told), SIGNIFICANCE: matters}
    async with table(tmp_path / "chat.db", "plot", "significance", judging=judging) as on:
        await on.say("The sky is dark.")
        assert on.events(StoryEventPlanned) == []
        turn_id = await on.say("Suddenly a storm breaks over us.")
        (planned,) = on.events(StoryEventPlanned)
        assert planned.payload.plan == StoryPlan(
            title="The storm", description="Nobody can leave.", props=(Prop(name="the broken mast"),)
        )
        storm = event_of(on, planned.id)
        assert (storm.state, storm.present, planned.cause_id) == ("active", (YOU, on.host_id), turn_id)
        await on.say("Look, a storm breaks!")
        assert len(on.events(StoryEventPlanned)) == 1, "it goes on already"
        on.check()


async def test_a_routine_turn_with_nothing_going_on_costs_no_decision(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", "plot") as on:
        trigger = Condition(kind="phrase", phrase="never")
        await Plotting(on.store).plan(on.chat_id, StoryPlan(title="X", triggers=(trigger,)))
        await on.say("Good morning.")
        assert on.fake.decisions == []


async def test_a_completion_lets_the_next_begin_with_what_its_plan_says(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", "plot", judging={OVER: decides(ENDS)}) as on:
        feels = Effect(kind="feels", entity_id=on.host_id, about_id=YOU, affinity=30)
        feast = await begun(on, FEAST.model_copy(update={"on_complete": (feels,)}))
        waits = (Condition(kind="event", event_id=feast),)
        after = await Plotting(on.store).plan(on.chat_id, StoryPlan(title="After", triggers=waits))
        await on.say("And so the feast is done.")
        assert (event_of(on, feast).state, event_of(on, after).state) == ("completed", "active")
        assert relations.edge(on.store.hot, on.chat_id, on.host_id, YOU).affinity == 30
        on.check()


@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE)
async def test_without_a_usable_answer_it_goes_on_and_what_is_due_begins(
    tmp_path: Path, answer: Behaviour
) -> None:
    async with table(tmp_path / "chat.db", "plot", judging={OVER: answer}, patience=SHORT) as on:
        feast = await begun(on)
        trigger = Condition(kind="phrase", phrase="thunder")
        storm = await Plotting(on.store).plan(on.chat_id, StoryPlan(title="Storm", triggers=(trigger,)))
        await on.say("With thunder the feast is done.")
        assert (event_of(on, feast).state, event_of(on, storm).state) == ("active", "active")
        assert len(on.told(DecisionDefaulted)) >= 1
        on.check()


async def test_what_waited_for_an_end_does_not_begin_where_a_replay_finds_none(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", "plot", judging={OVER: decides(ENDS)}) as on:
        feast = await begun(on)
        waits = StoryPlan(title="After", triggers=(Condition(kind="event", event_id=feast),))
        after = await Plotting(on.store).plan(on.chat_id, waits)
        turn_id = await on.say("And so the feast is done.")
        assert (event_of(on, feast).state, event_of(on, after).state) == ("completed", "active")
        on.fake.judging = {OVER: decides({})}
        (route,) = (one for one in actors.ALL if one.name == "plot")
        await on.store.writer.submit(
            lambda txn: replays.enqueue(txn.connection, route.route, on.chat_id, [turn_id], now=txn.now)
        )
        await on.settled()
        assert (event_of(on, feast).state, event_of(on, after).state) == ("active", "planned")
        on.check()


async def test_a_replay_judges_the_turn_as_it_was_and_ends_it_once_more(tmp_path: Path) -> None:
    """What the first run cleared and taught is not so for the second, whose outcome takes its place."""
    learnt = [{"who": "Ada", "about": "You", "fact": "You can dance."}]
    async with table(
        tmp_path / "chat.db", "plot", judging={OVER: decides(ENDS | {"insights": learnt})}
    ) as on:
        feast = await begun(on)
        inn = Container(name="The Inn", slots=("by the drums", "the door"))
        place = await on.append(ContainerCreated(container=inn))
        await on.append(
            EntityChanged(entity_id=on.host_id, mood="wild", goals="beat the drums", status="hot")
        )
        await on.append(EntityChanged(entity_id=on.host_id, mood="loves the drums"))
        doing = {"activity": "beating the drums", "slot": "by the drums"}
        await on.append(ActivityChanged(entity_id=on.host_id, **doing))
        trigger = Condition(kind="phrase", phrase="is done")
        after = await Plotting(on.store).plan(on.chat_id, StoryPlan(title="After", triggers=(trigger,)))
        await on.append(InventoryChanged(entity_id=YOU, gained=("the drums",)))
        turn_id = await on.say("And so the feast is done.")
        await on.say("What a night.")
        (route,) = (one for one in actors.ALL if one.name == "plot")
        await on.store.writer.submit(
            lambda txn: replays.enqueue(txn.connection, route.route, on.chat_id, [turn_id], now=txn.now)
        )
        await on.say("Good night.")
        assert len(on.events(StoryEventCompleted)) == 2, "the first is superseded"
        assert (event_of(on, feast).state, event_of(on, after).state) == ("completed", "active")
        states = relations.states(on.store.hot, on.chat_id)
        assert (states[YOU].inventory, states[on.host_id].inventory) == ((), ("the silver bowl",))
        kept = memories.of_owner(on.store.hot, on.chat_id, on.host_id)
        assert [one.text for one in kept] == ["We danced until morning."]
        host = states[on.host_id]
        assert (host.mood, host.goals, host.status, host.activity, host.slot) == ("", "", "hot", "", "")
        assert places.place(on.store.hot, place).container.slots == ("the door",)
        facts = relations.facts(on.store.hot, on.chat_id, on.host_id, YOU)
        assert [one.text for one in facts] == ["You can dance."]
        on.check()
