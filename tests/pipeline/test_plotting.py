"""Story events and threads by hand: begun, ended, and refused where they make no sense."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from pipeline.pinning import MAX_PINS
from pipeline.play import Play
from pipeline.plot.due import fired_between
from pipeline.plotting import Plotting
from pipeline.prompt.blocks import Block, Origin, Piece, Tier
from pipeline.prompt.budget import Budgets
from pipeline.prompt.compose import Measure, compose
from pipeline.prompt.lineage import leaks
from pipeline.rewriting import Rewriting
from pipeline.tokens import TokenCounter
from store import memories, plot, rebuild, relations, views
from store.errors import Conflict, Invalid, Refused
from store.events import (
    YOU,
    ActivityChanged,
    BotAuthored,
    Condition,
    Effect,
    EntityChanged,
    InventoryChanged,
    MemoryPinned,
    MemoryWritten,
    Payload,
    Prop,
    Significance,
    StoryEventExpired,
    StoryEventStarted,
    StoryPlan,
    ThreadUpdated,
    TimeSkipped,
    TurnUser,
)
from store.plot import StoryEvent
from store.store import Store, open_store

RITE = StoryPlan(title="The rite", description="Nobody may speak.", props=(Prop(name="a black candle"),))


@dataclass
class Board:
    store: Store
    plotting: Plotting
    rewriting: Rewriting
    chat_id: int
    host_id: int

    def event(self, story_event_id: int) -> StoryEvent:
        return plot.story_event(self.store.hot, self.chat_id, story_event_id)

    async def append(self, payload: Payload) -> int:
        step = await self.store.writer.submit(lambda txn: txn.append(payload, chat_id=self.chat_id))
        return step.id

    async def plan(self, plan: StoryPlan = RITE) -> int:
        return await self.plotting.plan(self.chat_id, plan)

    async def begin(self, plan: StoryPlan = RITE) -> int:
        planned = await self.plan(plan)
        await self.plotting.start(self.chat_id, planned)
        return planned

    def inventory(self, entity_id: int) -> tuple[str, ...]:
        states = relations.states(self.store.hot, self.chat_id)
        return states[entity_id].inventory if entity_id in states else ()


@asynccontextmanager
async def board(folder: Path) -> AsyncIterator[Board]:
    with open_store(folder / "chat.db", {}) as store:
        store.writer.attach(trio.lowlevel.current_trio_token())
        play = Play(store)
        host_id = await play.author_bot(BotAuthored(name="Ada"))
        chat_id = await play.start_chat(host_id)
        yield Board(store, Plotting(store), Rewriting(store, folder), chat_id, host_id)
        assert rebuild.check(store.hot) == []


@pytest.mark.parametrize("significance", [2, 3])
async def test_the_gist_is_kept_as_significant_as_it_was_planned_and_pinned_where_that_is_pivotal(
    tmp_path: Path, significance: Significance
) -> None:
    async with board(tmp_path) as on:
        for _ in range(MAX_PINS):
            words = MemoryWritten(owner_id=on.host_id, speaker_name="x", text="x", witnesses=(on.host_id,))
            await on.append(MemoryPinned(memory_id=await on.append(words), by="auto"))
        begun = await on.begin(StoryPlan(title="The flood", significance=significance))
        db, before = on.store.hot, memories.pinned(on.store.hot, on.chat_id, on.host_id)
        await on.plotting.complete(on.chat_id, begun, gist="The river took the mill.")
        (kept, *_) = memories.of_owner(db, on.chat_id, on.host_id)
        pivotal = significance == 3
        assert (kept.text, kept.significance) == ("The river took the mill.", significance)
        assert kept.pinned == ("auto" if pivotal else "")
        pins = [one.id for one in memories.pinned(db, on.chat_id, on.host_id)]
        assert pins == [one.id for one in before][pivotal:] + [kept.id] * pivotal
        await on.rewriting.undo(on.chat_id)
        assert memories.pinned(db, on.chat_id, on.host_id) == before


async def test_completion_leaves_the_four_and_nothing_else(tmp_path: Path) -> None:
    async with board(tmp_path) as on:
        begun = await on.begin()
        await on.append(InventoryChanged(entity_id=on.host_id, gained=("the black candle", "a coin")))
        doing = ActivityChanged(
            entity_id=on.host_id, activity="lighting the Black Candle", slot="by the door"
        )
        await on.append(doing)
        await on.append(EntityChanged(entity_id=on.host_id, mood="calm", goals="guard the black candle"))
        effects = (
            Effect(kind="gains", entity_id=YOU, text="a ring"),
            Effect(kind="learns", entity_id=on.host_id, about_id=YOU, text="You can keep silent."),
            Effect(kind="feels", entity_id=on.host_id, about_id=YOU, affinity=7),
        )
        with pytest.raises(Refused, match=r"'a black candle' by Ada"):
            await on.plotting.complete(on.chat_id, begun, effects=effects, gist="We kept silent.")
        await on.plotting.complete(
            on.chat_id, begun, effects=effects, gist="We kept silent.", keeps={"A black candle": None}
        )
        db = on.store.hot
        state = relations.states(db, on.chat_id)[on.host_id]
        assert (state.inventory, state.activity, state.slot) == (("a coin",), "", "by the door")
        assert (state.mood, state.goals) == ("calm", "")
        assert on.inventory(YOU) == ("a ring",)
        edge = relations.edge(db, on.chat_id, on.host_id, YOU)
        assert edge.affinity == 7
        (fact,) = relations.facts(db, on.chat_id, on.host_id)
        assert (fact.text, fact.how) == ("You can keep silent.", "witnessed")
        (kept,) = memories.of_owner(db, on.chat_id, on.host_id)
        assert (kept.text, kept.form, kept.witnesses) == ("We kept silent.", "summary", (YOU, on.host_id))
        assert on.event(begun).state == "completed"
        await on.rewriting.undo(on.chat_id)
        assert on.event(begun).state == "active"
        assert on.inventory(on.host_id) == ("the black candle", "a coin")
        assert memories.of_owner(db, on.chat_id, on.host_id) == []


async def test_who_keeps_a_prop_has_it_and_nobody_else(tmp_path: Path) -> None:
    async with board(tmp_path) as on:
        begun = await on.begin()
        await on.append(InventoryChanged(entity_id=on.host_id, gained=("Black candle",)))
        await on.append(InventoryChanged(entity_id=YOU, gained=("black candle",)))
        await on.plotting.complete(on.chat_id, begun, keeps={"a black candle": on.host_id})
        assert (on.inventory(on.host_id), on.inventory(YOU)) == (("Black candle",), ())


async def test_a_prop_of_another_that_goes_on_stays(tmp_path: Path) -> None:
    async with board(tmp_path) as on:
        first, second = await on.begin(), await on.begin(RITE.model_copy(update={"title": "Again"}))
        await on.append(InventoryChanged(entity_id=YOU, gained=("a black candle",)))
        await on.plotting.cancel(on.chat_id, first)
        assert on.inventory(YOU) == ("a black candle",)
        await on.plotting.cancel(on.chat_id, second)
        assert on.inventory(YOU) == ()


async def test_what_waits_for_another_begins_with_its_end_and_with_what_its_plan_says(tmp_path: Path) -> None:
    async with board(tmp_path) as on:
        first = await on.begin()
        waits = Condition(kind="event", event_id=first)
        mood = Effect(kind="mood", entity_id=on.host_id, text="awed")
        second = await on.plan(StoryPlan(title="The answer", triggers=(waits,), on_start=(mood,)))
        await on.plotting.complete(on.chat_id, first)
        assert on.event(second).state == "active"
        assert relations.states(on.store.hot, on.chat_id)[on.host_id].mood == "awed"
        await on.rewriting.undo(on.chat_id)
        assert (on.event(first).state, on.event(second).state) == ("active", "planned")


async def test_what_cannot_come_about_or_is_over_is_refused(tmp_path: Path) -> None:
    async with board(tmp_path) as on:
        one = await on.plan(StoryPlan(title="One"))
        after_one = (Condition(kind="event", event_id=one),)
        two = await on.plan(StoryPlan(title="Two", triggers=after_one))
        after_two = (Condition(kind="event", event_id=two),)
        edit = on.plotting.edit
        with pytest.raises(Invalid, match="'One' → 'Two' → 'One'"):
            await edit(on.chat_id, one, StoryPlan(title="One", preconditions=after_two), seen=one)
        with pytest.raises(Invalid, match="'One' → 'One'"):
            await edit(on.chat_id, one, StoryPlan(title="One", triggers=after_one), seen=one)
        with pytest.raises(Invalid, match=r"triggers\[0\].event_id: there is no story event 999"):
            await on.plan(StoryPlan(title="X", triggers=(Condition(kind="event", event_id=999),)))
        with pytest.raises(Invalid, match=r"on_start\[0\].entity_id: 999"):
            await on.plan(StoryPlan(title="X", on_start=(Effect(kind="mood", entity_id=999, text="x"),)))
        with pytest.raises(Invalid, match="expires: 5, which is day 1, 00:05, is past"):
            await on.plan(StoryPlan(title="X", expires=5))
        late = (Condition(kind="time", clock=2_000),)
        with pytest.raises(Invalid, match="before it can begin on day 2, 09:20"):
            await on.plan(StoryPlan(title="X", triggers=late, expires=1_000))
        with pytest.raises(Refused, match="has not begun"):
            await on.plotting.complete(on.chat_id, one)
        await on.plotting.start(on.chat_id, one)
        with pytest.raises(Conflict, match="goes on already"):
            await on.plotting.start(on.chat_id, one)
        await on.plotting.complete(on.chat_id, one)
        for again in (on.plotting.complete, on.plotting.cancel, on.plotting.start):
            with pytest.raises(Invalid, match="'One' is completed already"):
                await again(on.chat_id, one)
        with pytest.raises(Invalid, match="'One' is completed already"):
            await edit(on.chat_id, one, RITE, seen=one)
        with pytest.raises(Invalid, match="weather"):
            await on.plotting.complete(on.chat_id, two, effects=[Effect(kind="weather", text="fog")])


async def test_an_edit_that_comes_too_late_shows_both(tmp_path: Path) -> None:
    async with board(tmp_path) as on:
        planned = await on.plan()
        assert await on.plotting.edit(on.chat_id, planned, RITE, seen=planned) is None
        await on.plotting.edit(on.chat_id, planned, StoryPlan(title="The feast"), seen=planned)
        with pytest.raises(Conflict, match=r"feast.*wake"):
            await on.plotting.edit(on.chat_id, planned, StoryPlan(title="The wake"), seen=planned)
        assert on.event(planned).plan.title == "The feast"


async def test_over_a_skip_everything_due_happens_once_and_in_order(tmp_path: Path) -> None:
    async with board(tmp_path) as on:
        at = {name: (Condition(kind="time", clock=clock),) for name, clock in (("late", 900), ("soon", 800))}
        given = (Effect(kind="gains", entity_id=YOU, text="a lantern"),)
        late = await on.plan(StoryPlan(title="Late", triggers=at["late"]))
        soon = await on.plan(
            StoryPlan(
                title="Soon", triggers=at["soon"], expires=850, on_start=given, props=(Prop(name="lantern"),)
            )
        )
        gone = await on.plan(StoryPlan(title="Gone", triggers=at["late"], preconditions=(), expires=950))
        far = await on.plan(StoryPlan(title="Far", triggers=(Condition(kind="time", clock=9_000),)))
        told = [*fired_between(on.store.hot, on.chat_id, 720, 1_000)]
        moments = [
            (type(one).__name__, one.story_event_id, one.clock)
            for one in told
            if isinstance(one, StoryEventStarted | StoryEventExpired)
        ]
        assert moments == [
            ("StoryEventStarted", soon, 800),
            ("StoryEventExpired", soon, 850),
            ("StoryEventStarted", late, 900),
            ("StoryEventStarted", gone, 900),
            ("StoryEventExpired", gone, 950),
        ]
        for payload in (TimeSkipped(mode="jump", minutes=280), *told):
            await on.append(payload)
        assert on.inventory(YOU) == ()
        assert [*fired_between(on.store.hot, on.chat_id, 720, 1_000)] == []
        assert on.event(far).state == "planned"


async def test_a_thread_is_opened_edited_and_closed(tmp_path: Path) -> None:
    async with board(tmp_path) as on:
        opened = await on.plotting.open_thread(on.chat_id, "Who lit the lamp?")
        now = plot.thread(on.store.hot, on.chat_id, opened)
        assert now.known_to == (YOU, on.host_id)
        told = ThreadUpdated(thread_id=opened, summary="Not Ada.", known_to=(on.host_id,))
        await on.plotting.edit_thread(on.chat_id, told, seen=opened)
        with pytest.raises(Conflict, match=r"Not Ada.*Ada"):
            await on.plotting.edit_thread(
                on.chat_id, ThreadUpdated(thread_id=opened, summary="Ada."), seen=opened
            )
        with pytest.raises(Invalid, match="known_to: 77"):
            await on.plotting.open_thread(on.chat_id, "X", known_to=(77,))
        await on.plotting.close_thread(on.chat_id, opened, "The wind did.")
        with pytest.raises(Invalid, match="closed already"):
            await on.plotting.close_thread(on.chat_id, opened)
        assert views.chat(on.store.hot, on.chat_id).clock >= now.touched_clock


async def test_a_thread_of_others_is_kept_out_by_both_locks(tmp_path: Path) -> None:
    async with board(tmp_path) as on:
        turn_id = await on.append(TurnUser(text="Hm."))
        secret = await on.plotting.open_thread(on.chat_id, "The SECRET", known_to=(YOU,))
        shared = await on.plotting.open_thread(on.chat_id, "The key", "Lost.")
        db = on.store.hot
        turn, measure = views.turn(db, turn_id), Measure(TokenCounter().for_model("x"), Budgets(), "cache")
        composed = compose(db, turn, on.host_id, measure)
        words = "\n".join(one.content for one in composed.prompt.messages)
        assert ("Still open: The key: Lost." in words, "SECRET" in words) == (True, False)
        let_in = [
            Block("threads", Tier.SHOULD, (Piece("x", (one,), Origin.THREAD, "digest", row_id=one),), 1)
            for one in (secret, shared)
        ]
        assert [one.piece.row_id for one in leaks(db, on.chat_id, on.host_id, let_in)] == [secret]


async def test_many_ways_between_story_events_are_looked_through_in_no_time(tmp_path: Path) -> None:
    """Each waits for the two before it: the ways between them double with every other one."""
    async with board(tmp_path) as on:
        first = await on.plan(StoryPlan(title="The first"))
        before = [first, first]
        for number in range(60):
            waits = tuple(Condition(kind="event", event_id=one) for one in before)
            before = [before[1], await on.plan(StoryPlan(title=f"Event {number}", preconditions=waits))]
        last = StoryPlan(title="The last", triggers=(Condition(kind="event", event_id=before[1]),))
        changed = last.model_copy(update={"description": "Nobody knows when."})
        planned = await on.plan(last)
        assert await on.plotting.edit(on.chat_id, planned, changed, seen=planned) is not None
        circle = StoryPlan(title="The first", triggers=(Condition(kind="event", event_id=before[1]),))
        with pytest.raises(
            Invalid, match=r"wait for each other: 'The first' → 'Event 59' → .* → 'The first'"
        ):
            await on.plotting.edit(on.chat_id, first, circle, seen=first)
