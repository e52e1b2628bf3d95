"""The life of story events over whatever happens: what is due happens once and in order, four things survive
an end, and nothing else of what is over stands in a prompt."""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pipeline.plot import conditions
from pipeline.plot.due import fired, fired_between, started
from pipeline.plot.ending import completed, ended
from pipeline.plot.standing import Standing
from pipeline.prompt.budget import Budgets
from pipeline.prompt.compose import Measure, compose
from pipeline.tokens import TokenCounter
from store import live, log, memories, plot, rebuild, views
from store.database import connect, prepare
from store.events import (
    YOU,
    ActivityChanged,
    BotAuthored,
    BranchForked,
    BranchSwitched,
    ChangeUndone,
    ChatStarted,
    Condition,
    Container,
    ContainerCreated,
    Effect,
    EntityChanged,
    GuestAdded,
    InventoryChanged,
    MemoryWritten,
    Payload,
    Prop,
    SceneClosed,
    SceneOpened,
    SkipRequested,
    StoryEventCancelled,
    StoryEventCompleted,
    StoryEventExpired,
    StoryEventPlanned,
    StoryEventStarted,
    StoryPlan,
    TimeSkipped,
    TurnRetracted,
    TurnUser,
)
from store.plot import StoryEvent
from store.rows import Row, rows
from store.txn import Txn
from tests.properties.test_log_and_projections import dump

COUNTER = TokenCounter().for_model("x")
MEASURE = Measure(COUNTER, Budgets(), "cache")
WHICH = st.integers(0, 20)
MINUTES = st.integers(1, 90)
WHO = st.integers(0, 2)
PLACES = ("Pub", "Pier")
SAID = st.sampled_from(["Hm.", "There goes the bell.", "((the bell))", "The bells ring."])
TOUCHED = ("chat", "story_event", "memory", "memory_text", "entity", "edge", "fact")
"""What an end may change."""
UNDONE = ("time.skip_requested", "story_event.completed", "story_event.started", "story_event.cancelled")


@cache
def _migrated() -> Path:
    path = Path(tempfile.mkdtemp(prefix="fabula-plot-")) / "chat.db"
    prepare(path)
    connection = connect(path, query_only=False)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE")
    connection.close()
    return path


class Life(RuleBasedStateMachine):
    """A chat of three in which story events are planned, begin, run out and end, while turns are said, time
    is skipped, and all of that is retracted, undone and left for other branches. The words of every plan
    occur nowhere else, so that a prompt can be searched for them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="fabula-plot-"))
        self.db = connect(Path(shutil.copy(_migrated(), self.folder / "chat.db")), query_only=False)
        self.now, self.plans, self.looked_at = 1_700_000_000_000, 0, 0
        self.kept: set[int] = set()
        self.host = self.append(BotAuthored(name="Ada"))
        self.guest = self.append(BotAuthored(name="Bea"))
        self.chat_id = 0
        self.chat_id = self.append(ChatStarted(title="x", host_id=self.host))
        self.append(GuestAdded(guest_id=self.guest))
        self.places = [self.append(ContainerCreated(container=Container(name=name))) for name in PLACES]
        self.append(SceneOpened(container_id=self.places[0]))
        self.marks = [self.append(TurnUser(text="Here we are."))]

    def teardown(self) -> None:
        assert rebuild.check(self.db) == []
        self.db.close()
        shutil.rmtree(self.folder)

    # What happens.

    @rule(
        at=st.integers(-60, 200),
        kind=st.sampled_from(["time", "time", "place", "phrase", "event", "none"]),
        expires=st.none() | st.integers(1, 250),
        given=st.none() | WHO,
        which=WHICH,
        at_once=st.booleans(),
    )
    def plan(
        self, at: int, kind: str, expires: int | None, given: int | None, which: int, at_once: bool
    ) -> None:
        self.plans += 1
        named = f"zq{self.plans}"
        others = self.events()
        told: dict[str, dict[str, object]] = {
            "time": {"clock": max(0, self.chat.clock + at)},
            "place": {"place": "PIER"},
            "phrase": {"phrase": "The Bell"},
            "event": {"event_id": others[which % len(others)].id if others else 1},
        }
        triggers = () if kind == "none" else (Condition.model_validate({"kind": kind, **told[kind]}),)
        on_start = () if given is None else (self.gains(given, f"the {named.upper()}PROP"),)
        plan = StoryPlan(
            title=f"{named}title",
            description=f"{named}told",
            props=(Prop(name=f"a {named}prop", description=f"{named}looks"),),
            triggers=triggers,
            on_start=on_start,
            expires=None if expires is None else self.chat.clock + expires,
        )
        self.act([StoryEventPlanned(plan=plan)])
        if at_once:
            self.start(len(self.events("planned")) - 1, which % 3)

    @rule(said=SAID)
    def turn(self, said: str) -> None:
        """A turn, and what the stage does about it without a model."""
        turn_id = self.append(TurnUser(text=said))
        turn = views.turn(self.db, turn_id)
        situation, standing = conditions.of_turn(self.db, turn), Standing.of(self.db, self.chat_id)
        opened = plot.open_story_events(self.db, self.chat_id)
        for payload in [*fired(self.chat, opened, standing, situation, turn.clock)]:
            self.append(payload, cause_id=turn_id)
        heard = "bell." in said and "((" not in said
        for one in self.events("planned"):
            assert not (heard and one.plan.triggers and one.plan.triggers[0].kind == "phrase"), one
        self.marks.append(log.position(self.db))

    @rule(minutes=MINUTES, moves=st.booleans())
    def skip(self, minutes: int, moves: bool) -> None:
        """What is due happens in the order of the story; undone it has not, and once again made anew."""
        before, clock = self.stand(), self.chat.clock
        told = self.skipped(minutes, moves=moves)
        after = self.stand()
        self.assert_due(told, clock, clock + minutes, before)
        self.append(ChangeUndone(event_id=self.asked))
        assert self.stand() == before
        assert self.skipped(minutes, moves=moves) == told
        assert self.stand() == after
        self.marks.append(log.position(self.db))

    def skipped(self, minutes: int, *, moves: bool) -> list[Payload]:
        chat = self.chat
        assert chat.scene_id is not None
        self.asked = self.append(SkipRequested(mode="jump", minutes=minutes))
        self.append(SceneClosed(scene_id=chat.scene_id), cause_id=self.asked)
        self.append(TimeSkipped(mode="jump", minutes=minutes), cause_id=self.asked)
        told = [*fired_between(self.db, chat.id, chat.clock, chat.clock + minutes)]
        for payload in (*told, SceneOpened(container_id=self.places[moves])):
            self.append(payload, cause_id=self.asked)
        return told

    def start(self, which: int, who: int) -> None:
        for event in self.one_of("planned", which):
            present = (YOU, self.entity(who))
            self.act(started(self.chat, event, present, reason="by hand"))

    @rule(which=WHICH, who=WHO, how=st.sets(st.sampled_from(["takes", "does", "feels"]), min_size=1))
    def handle(self, which: int, who: int, how: set[str]) -> None:
        """Somebody has to do with a prop."""
        for event in self.one_of("active", which):
            prop, entity = event.plan.title.replace("title", "prop"), self.entity(who)
            done: dict[str, Payload] = {
                "takes": InventoryChanged(entity_id=entity, gained=(f"my {prop}",)),
                "does": ActivityChanged(entity_id=entity, activity=f"holding the {prop.upper()}.", slot=prop),
                "feels": EntityChanged(entity_id=entity, mood=f"afraid of {prop}", goals=prop),
            }
            for one in sorted(how):
                self.act([done[one]])

    @rule(which=WHICH, who=WHO, keeps=st.booleans(), learns=st.booleans(), feels=st.integers(-9, 9))
    def complete(self, which: int, who: int, keeps: bool, learns: bool, feels: int) -> None:
        for event in self.one_of("active", which):
            entity = self.entity(who)
            about = {"entity_id": entity, "about_id": YOU if entity != YOU else self.host}
            effects = [self.gains(who, event.plan.props[0].name)] if keeps else []
            if learns:
                effects.append(Effect.model_validate({"kind": "learns", "text": "Known now.", **about}))
            if feels:
                effects.append(Effect.model_validate({"kind": "feels", "affinity": feels, **about}))
            saw = dict.fromkeys(sorted(set(event.present) & set(self.chat.cast)), "x")
            over = StoryEventCompleted(story_event_id=event.id, gist="It was long ago.")
            standing, cast = Standing.of(self.db, self.chat_id), self.chat.cast
            pins = partial(memories.pinned, self.db, self.chat_id)
            told = completed(self.chat, event, over, effects, standing, there=cast, witnesses=saw, pins=pins)
            before = dump(self.db)
            ended_by = self.act(told)
            if keeps:
                self.kept.add(ended_by)
            self.assert_only_the_four(event, effects, [one for one in saw if one != YOU], before)

    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        for event in self.one_of("active", which):
            word = StoryEventCancelled(story_event_id=event.id)
            self.act(ended(event, word, Standing.of(self.db, self.chat_id)))

    @rule(which=WHICH, how=st.sampled_from(["retract", "undo", "undo", "fork", "switch"]))
    def go_back(self, which: int, how: str) -> None:
        branches = rows(self.db, "SELECT id FROM branch WHERE chat_id = ? ORDER BY id", (self.chat_id,))
        if how == "retract":
            self.about(("turn.user",), which, lambda one: TurnRetracted(turn_id=one))
        elif how == "undo":
            self.about(UNDONE, which, lambda one: ChangeUndone(event_id=one))
        elif how == "fork":
            at = self.marks[-1 - which % min(len(self.marks), 6)]
            made = self.append(BranchForked(parent_id=self.chat.branch_id, at=at, name="aside"))
            self.act([BranchSwitched(branch_id=made)])
        else:
            self.act([BranchSwitched(branch_id=branches[which % len(branches)][0])])

    # What must be so.

    @invariant()
    def a_prompt_tells_of_what_goes_on_and_of_nothing_that_is_over(self) -> None:
        if self.looked_at == (looked_at := log.position(self.db)):
            return  # nothing has happened that a prompt could show
        self.looked_at = looked_at
        newest = views.turns_before(self.db, self.chat_id, None, 1)
        for speaker in self.chat.bots if newest else ():
            composed = compose(self.db, newest[-1], speaker, MEASURE)
            assert composed.leaks == ()
            words = "\n".join(one.content for one in composed.prompt.messages).casefold()
            for one in self.events():
                named = one.plan.title.removesuffix("title")
                shown = [part for part in ("title", "told", "looks") if f"{named}{part}" in words]
                knows = speaker in one.present or one.scene_id == self.chat.scene_id
                assert len(shown) == (3 if one.state == "active" and knows else 0), one
                over = one.state in ("completed", "cancelled", "expired") and one.started_by is not None
                if over and one.ended_by not in self.kept:
                    assert f"{named}prop" not in words, one

    @invariant()
    def what_begins_begins_once(self) -> None:
        begun = rows(
            self.db,
            "SELECT id, payload ->> 'story_event_id' FROM event WHERE chat_id = ?"
            " AND kind = 'story_event.started'",
            (self.chat_id,),
        )
        counted = [which for event_id, which in begun if live.is_live(self.db, event_id)]
        assert len(counted) == len(set(counted))

    def assert_due(self, told: list[Payload], clock: int, until: int, before: list[Row]) -> None:
        moments = [one for one in told if isinstance(one, StoryEventStarted | StoryEventExpired)]
        clocks = [one.clock or 0 for one in moments]
        assert clocks == sorted(clocks)
        assert len({(one.kind, one.story_event_id) for one in moments}) == len(moments)
        begun = {one.story_event_id: one.clock for one in moments if isinstance(one, StoryEventStarted)}
        gone = {one.story_event_id: one.clock for one in moments if isinstance(one, StoryEventExpired)}
        states = {one[0]: one[1] for one in before}
        for one in self.events():
            if states.get(one.id) not in ("planned", "active"):
                assert one.id not in {*begun, *gone}
                continue
            ends = one.plan.expires
            assert gone.get(one.id) == (ends if ends is not None and ends < until else None)
            trigger = one.plan.triggers[0] if one.plan.triggers else None
            if states[one.id] == "planned" and trigger is not None and trigger.kind == "time":
                due = max(trigger.clock or 0, clock)
                happens = due <= until and (ends is None or due <= ends)
                assert begun.get(one.id) == (due if happens else None)

    def assert_only_the_four(
        self, event: StoryEvent, effects: list[Effect], saw: list[int], before: dict[str, list[Row]]
    ) -> None:
        """Objects for whoever keeps them, knowledge, relationships, and a memory for each who saw it all."""
        after = dump(self.db)
        untouched = [table for table in after if table not in TOUCHED]
        assert {table: after[table] for table in untouched} == {table: before[table] for table in untouched}
        learns, gains, edges = (
            [one for one in effects if one.kind in kinds]
            for kinds in (("learns",), ("gains",), ("learns", "feels"))
        )
        assert len(after["fact"]) - len(before["fact"]) == len(learns)
        assert len([one for one in after["edge"] if one not in before["edge"]]) <= len(edges)
        new = [one for one in after["memory"] if one not in before["memory"]]
        assert len(new) == len(after["memory"]) - len(before["memory"]) == len(saw)
        written = [one.payload for one in log.all_of_chat(self.db, self.chat_id)]
        kept = [one for one in written if isinstance(one, MemoryWritten)][-len(saw) :] if saw else []
        assert [(one.owner_id, one.text) for one in kept] == [(one, "It was long ago.") for one in saw]
        prop = event.plan.title.replace("title", "prop")
        keepers = {one.entity_id for one in gains}
        holding = {who for who, things in self.inventories() if prop in things.casefold()}
        assert holding == keepers

    # How it is done.

    def append(self, payload: Payload, cause_id: int | None = None) -> int:
        self.now += 7
        chat_id = None if isinstance(payload, BotAuthored) else self.chat_id
        with self.db:
            event = Txn(self.db, {}, self.now).append(payload, chat_id=chat_id, cause_id=cause_id)
        return event.id

    def act(self, told: Iterable[Payload]) -> int:
        """Something done by hand, with all that answers it."""
        done, *answers = told
        act_id = self.append(done)
        for payload in answers:
            self.append(payload, cause_id=act_id)
        self.marks.append(log.position(self.db))
        return act_id

    def about(self, kinds: tuple[str, ...], which: int, made: Callable[[int], Payload]) -> None:
        """Something done about one of the newest acts of these kinds."""
        marks = ", ".join("?" for _ in kinds)
        sql = (
            f"SELECT id FROM event WHERE chat_id = ? AND kind IN ({marks}) AND cause_id IS NULL"
            " ORDER BY id DESC LIMIT 5"
        )
        found = rows(self.db, sql, (self.chat_id, *kinds))
        if found:
            self.act([made(found[which % len(found)][0])])

    @property
    def chat(self) -> views.Chat:
        return views.chat(self.db, self.chat_id)

    def entity(self, who: int) -> int:
        return (YOU, self.host, self.guest)[who]

    def gains(self, who: int, text: str) -> Effect:
        return Effect(kind="gains", entity_id=self.entity(who), text=text)

    def events(self, state: str = "") -> list[StoryEvent]:
        return [one for one in plot.story_events(self.db, self.chat_id) if state in ("", one.state)]

    def one_of(self, state: str, which: int) -> list[StoryEvent]:
        found = self.events(state)
        return [found[which % len(found)]] if found else []

    def inventories(self) -> list[Row]:
        return rows(self.db, "SELECT entity_id, inventory FROM entity WHERE chat_id = ?", (self.chat_id,))

    def stand(self) -> list[Row]:
        """Every story event as it stands, without the ids that a new telling gives, and what all carry."""
        events = self.events()
        told = [(one.id, one.state, one.started_clock, one.ended_clock, one.present) for one in events]
        return [*told, *sorted(self.inventories())]


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@pytest.mark.slow
def test_a_long_life_of_story_events() -> None:
    long = settings(max_examples=1_000, stateful_step_count=15, deadline=None)
    run_state_machine_as_test(Life, settings=long)


def test_what_a_new_scene_put_away_does_not_come_back_with_the_old_one() -> None:
    """The rare story of a machine: over while nobody did anything, and then the new scene was taken back."""
    life = Life()
    life.plan(at=0, kind="none", expires=None, given=None, which=0, at_once=True)
    life.handle(which=0, who=1, how={"does"})
    life.skip(minutes=10, moves=True)
    life.cancel(which=0)
    life.go_back(which=1, how="undo")
    life.a_prompt_tells_of_what_goes_on_and_of_nothing_that_is_over()
    life.teardown()
