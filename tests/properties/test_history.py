"""Time travel: choosing which events count, and nothing else, changes what a chat is."""

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from store import history, log, rebuild, trail
from store.database import connect
from store.events import BranchSwitched, ChangeUndone, TurnEdited, TurnRetracted
from store.live import is_live
from store.projections import INDEXES, PROJECTIONS, project
from store.projections.fold import LIVE_SET
from store.rebuild import scratch
from store.rows import rows
from tests.properties.reruns import RERUNS
from tests.properties.rewriting import BEGUN, BRANCHES, REWRITING, TURNS, UNDOABLE, Reckoning, about, fork
from tests.properties.stories import ACTS, ONE_OF_EACH, Act, play, stories
from tests.properties.test_log_and_projections import dump

Fresh = Callable[[], Path]
FOLDED = tuple(table for table in PROJECTIONS if table not in LIVE_SET)
ANYTHING = st.one_of(ACTS, REWRITING, REWRITING, RERUNS)
SOME = st.lists(ANYTHING, min_size=3, max_size=15)


def _told_again(db: apsw.Connection, chat_id: int, branch_id: int | None = None) -> dict[str, object]:
    """A chat's projections as a fold of what counts by definition."""
    folded = scratch(db)
    for one in Reckoning(db, chat_id, branch_id).counting():
        project(folded, one, db)
    told = dump(folded, FOLDED)
    folded.close()
    return dict(told)


@settings(max_examples=150)
@given(story=stories(4), after=st.lists(ANYTHING, min_size=5, max_size=25))
def test_the_projections_are_the_fold_of_what_counts_by_definition(
    fresh_path: Fresh, story: list[Act], after: list[Act]
) -> None:
    db = connect(fresh_path(), query_only=False)
    world = play(db, [*story, *BEGUN])
    for act in after:
        with db:
            act(world, world.txn())
        assert rebuild.check(db) == []
    fallen = 0
    for chat_id in world.chats:
        reckoning = Reckoning(db, chat_id)
        for one in reckoning.events.values():
            assert is_live(db, one.id) == reckoning.counts(one), one
            fallen += not reckoning.counts(one)
        folded = _told_again(db, chat_id)
        for table in FOLDED:
            mine = "chat_id = ?" if table != "chat" else "id = ?"
            if table != "bot" and table not in INDEXES:
                live = rows(db, f"SELECT * FROM {table} WHERE {mine} ORDER BY 1, 2", (chat_id,))
                assert live == folded[table]
    event(f"fallen: {min(fallen, 5)}")
    db.close()


@settings(max_examples=100)
@given(story=stories(4), before=SOME, done=REWRITING)
def test_what_is_undone_leaves_the_projections_as_they_were(
    fresh_path: Fresh, story: list[Act], before: list[Act], done: Act
) -> None:
    db = connect(fresh_path(), query_only=False)
    world = play(db, [*story, *BEGUN, *before])
    was, end = dump(db, FOLDED), log.position(db)
    with db:
        done(world, world.txn())
    acts = [one for one in log.after(db, end) if one.kind in UNDOABLE]
    event(f"undone: {[one.kind for one in acts]}")
    for act in acts:
        with db:
            world.txn().append(ChangeUndone(event_id=act.id), chat_id=act.chat_id)
        assert dump(db, FOLDED) == was
    assert rebuild.check(db) == []
    db.close()


@pytest.mark.slow
@settings(max_examples=400)
@given(story=stories(4), before=SOME, done=REWRITING)
def test_what_is_done_in_one_branch_changes_no_other(
    fresh_path: Fresh, story: list[Act], before: list[Act], done: Act
) -> None:
    db = connect(fresh_path(), query_only=False)
    world = play(db, [*story, *BEGUN, *before])
    chat_id = world.chats[0]
    active = {branch for (branch,) in rows(db, "SELECT branch_id FROM chat WHERE id = ?", (chat_id,))}
    others = {one for (one,) in rows(db, "SELECT id FROM branch WHERE chat_id = ?", (chat_id,))} - active
    event(f"other branches: {min(len(others), 3)}")
    of_the_story = [table for table in FOLDED if table not in ("bot", "chat", "branch")]
    was = {one: _told_again(db, chat_id, one) for one in others}
    with db:
        done(world, world.txn())
    for one, told in was.items():
        now = _told_again(db, chat_id, one)
        assert {table: now[table] for table in of_the_story} == {table: told[table] for table in of_the_story}
    db.close()


@settings(max_examples=100)
@given(story=stories(4), before=SOME, which=st.integers(0, 20))
def test_a_preview_names_exactly_what_falls(
    fresh_path: Fresh, story: list[Act], before: list[Act], which: int
) -> None:
    db = connect(fresh_path(), query_only=False)
    world = play(db, [*story, *BEGUN, *before])
    found = rows(db, "SELECT id, chat_id FROM turn ORDER BY id DESC")
    if found:
        turn_id, chat_id = found[which % len(found)]
        counting = {one.id for one in Reckoning(db, chat_id).counting()}
        shown = [one.id for one in history.falls_with(db, turn_id)]
        with db:
            world.txn().append(TurnRetracted(turn_id=turn_id), chat_id=chat_id)
        left = {one.id for one in Reckoning(db, chat_id).counting()}
        assert shown == sorted(counting - left)
        assert turn_id in shown
    db.close()


OUT_OF_REACH = [
    about(0, 0, TURNS, lambda one: TurnEdited(turn_id=one, text="Somebody.")),
    fork(0, 7, "aside", switch=True),
    about(0, 1, BRANCHES, lambda one: BranchSwitched(branch_id=one)),
]
"""An edit that is left behind by going so far back that the trail does not reach, and returned to."""


@settings(max_examples=100)
@example(story=list(ONE_OF_EACH[:2]), after=OUT_OF_REACH, lost=frozenset({0}))
@given(story=stories(4), after=SOME, lost=st.frozensets(st.integers(0, 10), min_size=1))
def test_without_its_trail_a_chat_is_folded_from_its_beginning(
    fresh_path: Fresh, story: list[Act], after: list[Act], lost: frozenset[int]
) -> None:
    db = connect(fresh_path(), query_only=False)
    world = play(db, [*story, *BEGUN])
    for number, act in enumerate(after):
        with db:
            if number in lost:
                for chat_id in world.chats:
                    trail.begin(db, chat_id, log.position(db) + 1)
            act(world, world.txn())
    assert rebuild.check(db) == []
    db.close()


@pytest.mark.slow
@settings(max_examples=2_000)
@given(story=stories(3), after=st.lists(ANYTHING, min_size=2, max_size=14), done=REWRITING)
def test_a_long_history_stays_true_to_its_log(
    fresh_path: Fresh, story: list[Act], after: list[Act], done: Act
) -> None:
    """All of it at once, many times: live equals rebuilt, what counts is what should, and an act that is
    undone has changed nothing, here or in another branch."""
    db = connect(fresh_path(), query_only=False)
    world = play(db, [*story, *BEGUN, *after])
    assert rebuild.check(db) == []
    was, end = dump(db, FOLDED), log.position(db)
    with db:
        done(world, world.txn())
    assert rebuild.check(db) == []
    for act in [one for one in log.after(db, end) if one.kind in UNDOABLE]:
        with db:
            world.txn().append(ChangeUndone(event_id=act.id), chat_id=act.chat_id)
        assert dump(db, FOLDED) == was
    for chat_id in world.chats:
        reckoning = Reckoning(db, chat_id)
        assert [one.id for one in reckoning.events.values() if is_live(db, one.id)] == [
            one.id for one in reckoning.counting()
        ]
    db.close()
