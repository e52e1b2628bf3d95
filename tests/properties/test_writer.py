"""Invariant 4 in the writer: steps share a commit, yet each leaves all of itself or nothing."""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import apsw
from hypothesis import example, given, settings
from hypothesis import strategies as st

from store import rebuild
from store.database import connect
from store.rows import Row, rows
from store.store import open_store
from store.txn import Txn
from tests.properties.stories import ACTS, ONE_OF_EACH, ROUTES, Act, World

NOW = 1_700_000_000_000
Step = tuple[list[Act], bool]
"""Acts of one step, and whether it breaks after them."""
STEPS = st.lists(st.tuples(st.lists(ACTS, max_size=4), st.booleans()), max_size=10)
BEGIN: Step = (list(ONE_OF_EACH[:2]), False)


def _everything(db: apsw.Connection) -> dict[str, list[Row]]:
    tables = [name for (name,) in rows(db, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: sorted(rows(db, f"SELECT * FROM {name}"), key=repr) for name in tables}


def _perform(world: World, txn: Txn, *, acts: list[Act], breaks: bool) -> None:
    if breaks:  # what a step that is undone brought into being must not be referred to later
        turns = {chat_id: list(turns) for chat_id, turns in world.turns.items()}
        world = replace(world, bots=list(world.bots), chats=list(world.chats), turns=turns)
    for act in acts:
        act(world, txn)
    if breaks:
        raise ZeroDivisionError


@settings(max_examples=40)
@given(steps=STEPS)
@example(steps=[(list(ONE_OF_EACH[2:]), True), (list(ONE_OF_EACH[2:]), False)])
def test_a_step_that_breaks_is_as_if_it_had_never_been(
    fresh_path: Callable[[], Path], steps: list[Step]
) -> None:
    """The file after sound and broken steps in one commit is the file after the sound ones alone."""
    path, gathered = fresh_path(), threading.Event()
    with open_store(path, ROUTES, clock=lambda: NOW) as store:
        world = World(store.hot)
        store.writer.post(lambda _: gathered.wait())
        for acts, breaks in [BEGIN, *steps]:
            store.writer.post(partial(_perform, world, acts=acts, breaks=breaks))
        gathered.set()
        store.writer.call(lambda _: None)
        assert store.writer.failure is None
        kept = _everything(store.hot)
        assert rebuild.check(store.hot) == []
    assert kept == _everything(_with_the_sound_steps(fresh_path(), [BEGIN, *steps]))


def _with_the_sound_steps(path: Path, steps: list[Step]) -> apsw.Connection:
    db = connect(path, query_only=False)
    world = World(db)
    for acts, breaks in steps:
        if not breaks:
            with db:
                _perform(world, Txn(db, ROUTES, NOW), acts=acts, breaks=False)
    return db
