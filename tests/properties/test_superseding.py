"""A stage run again takes its earlier outcome out of force, and with it all that came of it."""

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from store import log, rebuild
from store.database import connect
from store.events import (
    MemoryWritten,
    OutcomeSuperseded,
    Payload,
    SignificanceScored,
    TurnRetracted,
    TurnUser,
)
from store.ledger import Route
from store.live import is_live
from store.projections import project
from store.rebuild import scratch
from store.rows import rows
from tests.properties.reruns import FOUND, REMEMBER, RERUNS, SUMMARIZE, finish_runs, run_again
from tests.properties.rewriting import BEGUN, REWRITING, TURNS, about
from tests.properties.simulation import IDS, SOMEBODY, TEXTS
from tests.properties.stories import ACTS, Act, World, play, play_on, say, stories
from tests.properties.test_log_and_projections import dump

Fresh = Callable[[], Path]


ROUTED = st.sampled_from([REMEMBER, SUMMARIZE])
MEMORIES: st.SearchStrategy[list[Payload]] = st.lists(
    st.builds(
        MemoryWritten,
        owner_id=st.integers(0, 1),
        turn_id=st.none() | IDS,
        speaker_name=st.just("Ada"),
        text=TEXTS,
        witnesses=SOMEBODY,
    ),
    min_size=1,
    max_size=2,
)
RATED = (
    say(0, "Still there?"),
    *(about(0, one, TURNS, lambda turn: SignificanceScored(turn_id=turn, score=2)) for one in range(5)),
)
"""A turn after which all that is remembered is changed once more."""
RETRACTED = about(0, 0, TURNS, lambda turn: TurnRetracted(turn_id=turn))


def _work_off(world: World, which: int, found: list[Payload]) -> None:
    """What bookkeeping there is to claim, and some of what comes of it: a story may go on for ever."""
    for _ in range(12):
        with world.connection:
            finish_runs(which, found)(world, world.txn())


def _fallen(db: apsw.Connection) -> set[int]:
    """The long way round: what the superseded runs recorded, and whatever answers what has fallen."""
    everything = list(log.everything(db))
    superseded = {
        one.payload.superseded_run_id for one in everything if isinstance(one.payload, OutcomeSuperseded)
    }
    fallen = {one.id for one in everything if one.run_id in superseded}
    while more := {one.id for one in everything if one.cause_id in fallen} - fallen:
        fallen |= more
    return fallen


@settings(max_examples=60)
@given(
    story=stories(20),
    after=st.lists(ACTS | RERUNS, max_size=10),
    found=st.lists(FOUND, min_size=3, max_size=3),
    which=st.integers(0, 1000),
    route=ROUTED,
)
def test_superseding_leaves_exactly_what_a_fold_of_the_remaining_log_gives(
    fresh_path: Fresh,
    story: list[Act],
    after: list[Act],
    found: list[list[Payload]],
    which: int,
    route: Route,
) -> None:
    db = connect(fresh_path(), query_only=False)
    world = play(db, story)
    with db:
        world.txn().append(TurnUser(text="hello"), chat_id=world.chats[0])
    _work_off(world, which, found[0])
    for outcome in found[1:]:
        with db:
            run_again(0, route)(world, world.txn())
        _work_off(world, which, outcome)
    for act in after:
        with db:
            act(world, world.txn())
    fallen = _fallen(db)
    event(f"fallen: {min(len(fallen), 3)}")
    folded = scratch(db)
    for one in log.everything(db):
        assert is_live(db, one.id) == (one.id not in fallen)
        if one.id not in fallen:
            project(folded, one, db)
    assert dump(folded) == dump(db)
    assert rebuild.check(db) == []
    db.close()


@pytest.mark.slow
@settings(max_examples=240)
@given(
    story=stories(3),
    first=MEMORIES,
    between=st.lists(ACTS | REWRITING, max_size=3),
    second=MEMORIES,
    after=st.lists(ACTS | REWRITING, max_size=6),
    which=st.integers(0, 1000),
)
def test_memories_taken_out_stay_out_whatever_happens_to_the_past(
    fresh_path: Fresh,
    story: list[Act],
    first: list[Payload],
    between: list[Act],
    second: list[Payload],
    after: list[Act],
    which: int,
) -> None:
    """They are taken out where they stand, and the trail must not bring them back."""
    db = connect(fresh_path(), query_only=False)
    world = play(db, [*story, *BEGUN])
    _work_off(world, which, first)
    play_on(world, [*RATED, *between, run_again(0, REMEMBER)])
    for act in (*[finish_runs(which, second, limit=2)] * 4, RETRACTED, *after):
        play_on(world, [act])
        assert rebuild.check(db) == []
    superseded = rows(db, "SELECT 1 FROM event WHERE kind = 'outcome.superseded'")
    event(f"superseded: {min(len(superseded), 3)}")
    db.close()


@settings(max_examples=40)
@given(
    story=stories(25),
    after=st.lists(ACTS | RERUNS, max_size=15),
    found=FOUND.filter(bool),
    which=st.integers(0, 1000),
)
def test_each_event_is_answered_by_one_generation_at_most(
    fresh_path: Fresh, story: list[Act], after: list[Act], found: list[Payload], which: int
) -> None:
    db = connect(fresh_path(), query_only=False)
    world = play(db, story)
    play_on(world, after)
    _work_off(world, which, found)
    play_on(world, [run_again(which, REMEMBER), run_again(which, SUMMARIZE)])
    _work_off(world, which, found)
    assert rows(db, ANSWERED_TWICE) == []
    db.close()


ANSWERED_TWICE = (
    "SELECT stage, event_id FROM run JOIN (SELECT DISTINCT run_id FROM event WHERE cause_id IS NOT NULL"
    " AND kind NOT IN ('outcome.superseded')) recorded ON recorded.run_id = run.id WHERE state = 'done'"
    " AND NOT EXISTS (SELECT 1 FROM event WHERE kind = 'outcome.superseded'"
    " AND payload ->> 'superseded_run_id' = +run.id) GROUP BY stage, event_id HAVING count(*) > 1"
)
