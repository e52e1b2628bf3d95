"""Time over whatever happens: clocks go forward, what is due happens once, the bots speak no more turns than
were asked for, and of a scene without you nothing reaches you but its digest.

A person does what may be done about time and about the past, and in between the stages' runs are begun,
ended, broken off and lost with their process, in any order that the ledger allows.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from actors.addressee import addressee
from actors.auto import auto
from actors.digest import digest
from actors.narrate import narrate
from actors.remember import remember
from actors.skip import skip
from pipeline.context import Context
from pipeline.endpoints import Endpoints
from pipeline.feed import Feed
from pipeline.inference.endpoints import Profile
from pipeline.inference.types import Capabilities, Chunk, Heard, Request, Sent, ignored, unheard
from pipeline.opened import Opened
from pipeline.passing import Passing
from pipeline.play import Play
from pipeline.rewriting import Rewriting
from pipeline.skipping import Landing, Skip, container_of, next_scene
from pipeline.stage import Emits, Lane, Pipeline, stage
from pipeline.tokens import TokenCounter
from store import history, ledger, live, log, meanwhile, places, plot, rebuild, views
from store.errors import FabulaError
from store.events import (
    YOU,
    AutoModeSet,
    AutoTicked,
    BotAuthored,
    Condition,
    Event,
    FloorGiven,
    Payload,
    StoryEventPlanned,
    StoryPlan,
    TurnAssistant,
    TurnUser,
)
from store.ledger import Claim
from store.rows import rows
from store.store import Store, open_store
from store.txn import Txn
from workers import outcomes

M = TypeVar("M", bound=BaseModel)
LATER = "Ada, hours later."
HOURS = 300
AMONG_THEMSELVES = "Between us."
DUE = (760, 1000, 1000, 1400, 2500)
"""When story events are to begin by themselves."""
BOOT = "INSERT OR IGNORE INTO boot(id, pid, started_at, seen_at, code_version) VALUES (1, 1, 1, 1, 't')"
COUNTER = TokenCounter()


@dataclass
class Voice:
    """An endpoint in this process: whoever is asked says a word, and there is always something to learn."""

    name: str = "voice"
    model: str = "voice"

    async def generate(self, request: Request, sent: Sent = ignored) -> AsyncGenerator[Chunk, None]:
        alone = "is not present" in str(request.messages[0].content)
        yield Chunk(AMONG_THEMSELVES if alone else "Hm.")
        yield Chunk(finish="stop")

    async def decide(self, request: Request, schema: type[M], heard: Heard = unheard) -> M:
        return schema.model_validate({"learnt": "They have met."})

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise NotImplementedError

    async def probe(self) -> Capabilities:
        return Capabilities()

    async def count_tokens(self, text: str) -> int | None:
        return None


@stage("scene", on=(TurnUser,))
async def scene(turn: Event[TurnUser], ctx: Context) -> Emits:
    """As the stage does it, without a model: the words say so."""
    before = places.scene_before(ctx.db, turn.id)
    if before is None or turn.payload.text != LATER:
        return
    told = views.turn(ctx.db, turn.id)
    landing = Landing(container_of(ctx.db, before.id), from_turn_id=turn.id)
    gone = Skip("jump", HOURS, "", told.clock, turn.id)
    for payload in next_scene(
        ctx.db, told.chat_id, before.id, landing, clock=told.clock, reason="later", skip=gone
    ):
        yield payload


PIPELINE = Pipeline.of((addressee, auto, digest, narrate, remember, scene, skip))
LANES = tuple(lane.value for lane in Lane)


@dataclass
class World:
    """A chat of three, and the runs that have been begun and not ended, each with what it has found."""

    store: Store
    endpoints: Endpoints
    feed: Feed
    chat_id: int
    held: list[tuple[Context, list[Payload]]] = field(default_factory=list)

    @property
    def passing(self) -> Passing:
        return Passing(self.store)

    @property
    def rewriting(self) -> Rewriting:
        return Rewriting(self.store, self.store.path.parent)

    async def begin(self, which: int, only: Lane | None = None) -> bool:
        """Claim a run that is ready and let its stage find what it finds, without recording it."""

        lanes = [lane for (lane,) in rows(self.store.hot, READY) if only in (None, lane)]
        if not lanes:
            return False

        def step(txn: Txn) -> list[Claim]:
            ledger.wake_due(txn.connection, now=2**60)
            return ledger.claim(txn.connection, 1, lanes[which % len(lanes)], 1, now=txn.now)

        claims = await self.store.writer.submit(step)
        for claim in claims:
            ctx = Context(claim, self.store, self.feed, self.endpoints, COUNTER)
            actor = PIPELINE.stages[claim.stage]
            ctx.looks()
            try:
                found = [one async for one in actor(log.event(self.store.hot, claim.event_id), ctx)]
            except FabulaError as error:
                if live.is_live(self.store.hot, claim.event_id):
                    raise AssertionError(f"{claim.stage} failed") from error
                await self.store.writer.submit(outcomes.failed(ctx, actor, outcomes.reason_for(error)))
                continue
            self.held.append((ctx, found))
        return bool(claims)

    async def end(self, which: int) -> None:
        """One that was begun is over; what it found is recorded, if the run is still ours."""
        if self.held:
            ctx, found = self.held.pop(which % len(self.held))
            with suppress(outcomes.Fenced):
                await self.store.writer.submit(outcomes.done(ctx, PIPELINE.stages[ctx.claim.stage], found))

    async def work(self, limit: int = 1000) -> None:
        """Until nothing is left to do, or so many steps."""
        while limit and (await self.begin(0) or self.held):
            await self.end(0)
            limit -= 1


READY = "SELECT lane FROM run WHERE state IN ('ready', 'backoff') ORDER BY id"
Act = Callable[[World], Awaitable[object]]


def say(text: str) -> Act:
    return lambda world: Play(world.store).send_turn(world.chat_id, text)


def let_go_on(turns: int) -> Act:
    return lambda world: world.passing.auto(world.chat_id, turns)


def go_away(turns: int) -> Act:
    return lambda world: world.passing.meanwhile(world.chat_id, turns, "They talk.")


async def come_back(world: World) -> None:
    await world.passing.come_back(world.chat_id)


def jump(minutes: int) -> Act:
    return lambda world: world.passing.skip(world.chat_id, "jump", minutes=minutes)


def leave_out(minutes: int) -> Act:
    return lambda world: world.passing.skip(world.chat_id, "elision", minutes=minutes)


async def stop(world: World) -> None:
    await Play(world.store).stop(world.chat_id)


async def undo(world: World) -> None:
    await world.rewriting.undo(world.chat_id)


def upon(which: int, act: str) -> Act:
    """Something a person may do to a turn; the newest are likelier."""

    async def done(world: World) -> None:
        turns = views.turns_before(world.store.hot, world.chat_id, None, 6)[::-1]
        if turns:
            turn = turns[which % len(turns)]
            if act == "select":
                groups = history.alternatives(world.store.hot, world.chat_id, [turn.id])
                others = groups.get(turn.id, (turn.id,))
                await world.rewriting.select(world.chat_id, others[which % len(others)])
            else:
                await getattr(world.rewriting, act)(world.chat_id, turn.id)

    return done


def switch(which: int) -> Act:
    async def done(world: World) -> None:
        known = history.branches(world.store.hot, world.chat_id)
        await world.rewriting.switch(world.chat_id, known[which % len(known)].id)

    return done


def begin(which: int) -> Act:
    return lambda world: world.begin(which)


def begin_in(lane: Lane) -> Act:
    return lambda world: world.begin(0, lane)


def end(which: int) -> Act:
    return lambda world: world.end(which)


def work(limit: int) -> Act:
    return lambda world: world.work(limit)


async def die(world: World) -> None:
    """The process is killed; the next one takes back what it held."""
    await world.store.writer.submit(lambda txn: ledger.recover(txn.connection, 1, now=txn.now))
    if len(world.held) > 2:
        world.held.clear()


async def settle(world: World) -> None:
    await world.work()


WHICH, FEW = st.integers(0, 5), st.integers(0, 4)
ACTS: st.SearchStrategy[Act] = st.one_of(
    st.builds(say, st.sampled_from(["Ada, hm.", "Bea, hm.", LATER])),
    st.builds(let_go_on, FEW),
    st.builds(go_away, st.integers(1, 3)),
    st.just(come_back),
    st.builds(jump, st.integers(1, 1500)),
    st.builds(leave_out, st.integers(1, 300)),
    st.just(stop),
    st.just(undo),
    st.builds(upon, WHICH, st.sampled_from(["regenerate", "select", "retract", "rewind"])),
    st.builds(switch, WHICH),
    st.just(die),
    st.builds(begin, WHICH),
    st.builds(end, WHICH),
    st.builds(begin, WHICH),
    st.builds(end, WHICH),
    st.builds(work, st.integers(1, 6)),
    st.just(settle),
)


PLAY, NARRATION = begin_in(Lane.PLAY), begin_in(Lane.NARRATION)
SPEAKS_WHILE_THEY_DO: list[Act] = [
    *(go_away(3), PLAY, end(0), PLAY, end(0), NARRATION, say("Ada, hm."), end(0), settle),
]
STOPS_JUST_BEFORE_A_TICK: list[Act] = [let_go_on(2), PLAY, stop, end(0), let_go_on(1), settle]
CHANGES_PLANS: list[Act] = [
    *(let_go_on(1), go_away(1), settle, undo, settle, go_away(1), let_go_on(1), settle, undo, settle),
]
ASKS_FOR_ANOTHER_ONE: list[Act] = [let_go_on(3), settle, upon(2, "regenerate"), settle]
DOES_NOT_WAIT: list[Act] = [
    *(say("Ada, hm."), PLAY, end(0), NARRATION, say("Bea, hm."), say(LATER), end(0), settle),
]
COMES_AND_GOES: list[Act] = [
    *(go_away(1), settle, come_back, settle, go_away(2), settle, say("Ada, hm."), settle, jump(10), settle),
]
SLEEPS_IN: list[Act] = [jump(1500), settle, undo, settle, jump(1500), settle]


async def _begun(store: Store, feed: Feed) -> World:
    play, endpoints = Play(store), Endpoints()
    endpoints.use(Opened(Profile(name="voice", kind="embedded"), Voice(), Capabilities()))
    host, guest = (
        await play.author_bot(BotAuthored(name="Ada")),
        await play.author_bot(BotAuthored(name="Bea")),
    )
    chat_id = await play.start_chat(host, guest_id=guest)

    def planned(txn: Txn) -> None:
        txn.execute(BOOT)
        for clock in DUE:
            due = Condition(kind="time", clock=clock)
            plan = StoryPlan(title=f"Due at {clock}", triggers=(due,))
            txn.append(StoryEventPlanned(plan=plan), chat_id=chat_id)

    await store.writer.submit(planned)
    world = World(store, endpoints, feed, chat_id)
    await say("Ada, hm.")(world)
    await world.work()
    return world


async def _live_through(path: Path, acts: list[Act]) -> None:
    with open_store(path, PIPELINE.routes) as store:
        store.writer.attach(trio.lowlevel.current_trio_token())
        world = await _begun(store, Feed(store, tuple(PIPELINE.stages)))
        looked_at = 0
        for act in (*acts, settle, jump(1), settle):
            with suppress(FabulaError):
                await act(world)
            if looked_at == (looked_at := log.position(store.hot)):
                continue  # nothing has happened that a look could show
            _clocks_go_forward(world)
            _no_more_turns_than_asked(world)
            _nothing_reaches_you_but_digests(world)
            _what_is_due_happens_once(world)
        _what_is_due_has_happened(world)
        assert rebuild.check(store.hot) == []


def _clocks_go_forward(world: World) -> None:
    turns = views.turns_before(world.store.hot, world.chat_id, None, 1000)
    clocks = [one.clock for one in turns]
    assert clocks == sorted(clocks)
    assert not clocks or views.chat(world.store.hot, world.chat_id).clock > clocks[-1]


def _no_more_turns_than_asked(world: World) -> None:
    """Of those that were said at all: what was retracted or lies elsewhere was said all the same."""
    said: dict[int, int] = {}
    asked: dict[int, int] = {}
    ticks: dict[int, int] = {}
    last = 0
    for event in log.all_of_chat(world.store.hot, world.chat_id):
        match event.payload:
            case AutoModeSet():
                asked[event.id], last = event.payload.turns, event.id
            case AutoTicked():
                ticks[event.id] = last
            case TurnAssistant() if event.payload.unprompted_at is not None:
                if event.payload.alternative_of is None:
                    floor = log.event(world.store.hot, event.payload.unprompted_at)
                    assert isinstance(floor.payload, FloorGiven)
                    asking = ticks[floor.cause_id or 0]
                    said[asking] = said.get(asking, 0) + 1
    assert all(number <= asked[asking] for asking, number in said.items())


def _nothing_reaches_you_but_digests(world: World) -> None:
    db = world.store.hot
    without_you = [
        one.id for one in places.scenes(db, world.chat_id) if one.present and YOU not in one.present
    ]
    for scene_id in without_you:
        said = rows(
            db, "SELECT id, present FROM turn WHERE scene_id = ? AND speaker_id IS NOT NULL", (scene_id,)
        )
        mine = rows(db, "SELECT min(id) FROM turn WHERE scene_id = ? AND speaker_id IS NULL", (scene_id,))
        assert mine == [(None,)], "you do not speak where you are not"
        assert not [turn_id for turn_id, present in said if "0" in present.strip("[]").split(", ")]
        kept = rows(db, "SELECT witnesses FROM memory WHERE scene_id = ?", (scene_id,))
        assert not [one for (one,) in kept if "0" in one.strip("[]").split(", ")]
    heard = "SELECT id FROM turn WHERE text = ? AND alternative_of IS NULL AND present LIKE '[0%'"
    assert rows(db, heard, (AMONG_THEMSELVES,)) == [], "what they say without you"
    known = {one.id for one in meanwhile.digests(db, world.chat_id)}
    facts = rows(db, "SELECT how, drew_on FROM fact WHERE chat_id = ? AND observer_id = 0", (world.chat_id,))
    assert all(how == "digest" and int(drew_on.strip("[]")) in known for how, drew_on in facts)
    assert len(facts) <= len(known)


def _what_is_due_happens_once(world: World) -> None:
    """Each story event has begun once at most; those that one skip has begun, in the order of the story."""
    db = world.store.hot
    begun = [one for one in _begun_in(world) if live.is_live(db, one.id)]
    assert len({one.payload.story_event_id for one in begun}) == len(begun)
    for run_id in {one.run_id for one in begun}:
        clocks = [one.payload.clock for one in begun if one.run_id == run_id]
        assert clocks == sorted(clocks)


def _what_is_due_has_happened(world: World) -> None:
    db = world.store.hot
    now = views.chat(db, world.chat_id).clock
    due = [one for one in plot.story_events(db, world.chat_id) if (one.plan.triggers[0].clock or 0) < now]
    assert {one.state for one in due} <= {"active"}


def _begun_in(world: World) -> list[Event[Any]]:
    sql = "SELECT id FROM event WHERE chat_id = ? AND kind = 'story_event.started' ORDER BY id"
    return [log.event(world.store.hot, which) for (which,) in rows(world.store.hot, sql, (world.chat_id,))]


@settings(max_examples=15, deadline=None)
@given(acts=st.lists(ACTS, max_size=25))
@example(acts=SPEAKS_WHILE_THEY_DO)
@example(acts=STOPS_JUST_BEFORE_A_TICK)
@example(acts=CHANGES_PLANS)
@example(acts=ASKS_FOR_ANOTHER_ONE)
@example(acts=DOES_NOT_WAIT)
@example(acts=COMES_AND_GOES)
@example(acts=SLEEPS_IN)
def test_time_goes_forward_and_the_bots_keep_to_what_was_asked(
    fresh_path: Callable[[], Path], acts: list[Act]
) -> None:
    trio.run(_live_through, fresh_path(), acts)


@pytest.mark.slow
@settings(max_examples=1_000, deadline=None)
@given(acts=st.lists(ACTS, min_size=5, max_size=40))
def test_time_goes_forward_through_a_thousand_stories(
    fresh_path: Callable[[], Path], acts: list[Act]
) -> None:
    trio.run(_live_through, fresh_path(), acts)


@given(away=st.integers(1, 3), minutes=st.integers(1, 2000), again=st.integers(1, 2))
@settings(max_examples=8, deadline=None)
def test_a_skip_that_is_undone_and_asked_again_begins_what_is_due_once_more(
    fresh_path: Callable[[], Path], away: int, minutes: int, again: int
) -> None:
    async def lived(path: Path) -> None:
        with open_store(path, PIPELINE.routes) as store:
            store.writer.attach(trio.lowlevel.current_trio_token())
            world = await _begun(store, Feed(store, tuple(PIPELINE.stages)))
            due = [clock for clock in DUE if clock <= views.chat(store.hot, world.chat_id).clock + minutes]
            for number in range(1, 2 + again):
                await jump(minutes)(world)
                await world.work()
                begun = _begun_in(world)
                assert len(begun) == number * len(due)
                counting = [one.payload.clock for one in begun if live.is_live(store.hot, one.id)]
                assert counting == sorted(due)
                if number <= again:
                    await undo(world)
            _what_is_due_has_happened(world)

    trio.run(lived, fresh_path())
