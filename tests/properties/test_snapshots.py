"""A snapshot holds a chat whole: restored, it folds to the same rows, wherever it is brought in."""

from collections.abc import Callable
from pathlib import Path

import apsw
from hypothesis import example, given, settings
from hypothesis import strategies as st

from store import rebuild, snapshot_arrivals, snapshot_files, snapshot_returns, snapshots
from store.database import connect
from store.events import BranchSwitched
from store.projections import INDEXES, OF_CHATS
from store.projections.fold import LIVE_SET
from store.rows import Row, rows
from store.txn import Txn
from tests.properties.rewriting import BEGUN, REWRITING, fork
from tests.properties.stories import (
    ACTS,
    BY_HAND,
    ONE_OF_EACH,
    ROUTES,
    Act,
    play,
    play_on,
    say,
    stories,
)
from tests.properties.test_log_and_projections import dump

Fresh = Callable[[], Path]
NOW = 1_700_000_000_000
REWRITTEN = st.lists(ACTS | REWRITING, max_size=15).map(lambda acts: [*BEGUN, *acts])
ELSEWHERE: list[Act] = [*BEGUN, fork(0, 0, "elsewhere", switch=True), say(0, "Here now.")]
"""Said and told again, and then in another branch."""

TURNS = (
    "SELECT turn.text, bot.name, scene.title, answered.text FROM turn"
    " LEFT JOIN bot ON bot.id = turn.speaker_id LEFT JOIN scene ON scene.id = turn.scene_id"
    " LEFT JOIN turn answered ON answered.id = turn.answers"
    " WHERE turn.chat_id = ? ORDER BY turn.anchor_id, turn.id"
)
MEMORIES = (
    "SELECT memory.text, bot.name, turn.text, scene.title FROM memory LEFT JOIN bot ON bot.id = owner_id"
    " LEFT JOIN turn ON turn.id = turn_id LEFT JOIN scene ON scene.id = memory.scene_id"
    " WHERE memory.chat_id = ? ORDER BY memory.id"
)
"""What a row means, by words instead of ids."""


def of_chat(db: apsw.Connection, chat_id: int, bots: set[int]) -> dict[str, list[Row]]:
    """The rows that a chat and its bots have in all projections."""
    found = {
        table: rows(db, f"SELECT * FROM {table} WHERE chat_id = ? ORDER BY id", (chat_id,))
        for table in (*OF_CHATS, *LIVE_SET)
    }
    found["chat"] = rows(db, "SELECT * FROM chat WHERE id = ?", (chat_id,))
    found["bot"] = [one for one in rows(db, "SELECT * FROM bot ORDER BY id") if one[0] in bots]
    for index, table in INDEXES.items():
        mine = f"rowid IN (SELECT id FROM {table} WHERE chat_id = ?)"
        found[index] = rows(db, f"SELECT rowid, * FROM {index} WHERE {mine} ORDER BY rowid", (chat_id,))
    return found


def bring_in(db: apsw.Connection, path: Path) -> int:
    arriving = snapshot_arrivals.checked(snapshot_files.read(path))
    db.execute("BEGIN IMMEDIATE")
    new_id = snapshot_arrivals.bring_in(Txn(db, ROUTES, NOW), arriving)
    db.execute("COMMIT")
    return new_id


@settings(max_examples=60)
@given(story=stories(20), after=REWRITTEN, which=st.integers(0, 5))
@example(story=list(ONE_OF_EACH), after=[], which=0)
def test_a_snapshot_restored_into_an_empty_database_folds_to_the_same_rows(
    fresh_path: Fresh, story: list[Act], after: list[Act], which: int
) -> None:
    db = connect(fresh_path(), query_only=False)
    chat_id = play(db, [*story, *after]).chat(which)
    path = snapshots.take(db, fresh_path().parent, chat_id, why="by-hand", now=NOW)
    empty = connect(fresh_path(), query_only=False)
    assert bring_in(empty, path) == chat_id
    bots = {bot_id for (bot_id,) in rows(empty, "SELECT id FROM bot")}
    assert dump(empty) == of_chat(db, chat_id, bots)
    assert rebuild.check(empty) == []
    assert rows(empty, "SELECT count(*) FROM run WHERE state NOT IN ('done', 'cancelled')") == [(0,)]
    again = snapshots.take(empty, path.parent, chat_id, why="by-hand", now=NOW)
    first, second = (snapshot_files.read(one).content for one in (path, again))
    assert first.events == second.events
    assert first.library == second.library
    empty.close()
    db.close()


@settings(max_examples=40)
@given(story=stories(30), other=stories(20), which=st.integers(0, 5))
@example(story=list(ONE_OF_EACH), other=list(ONE_OF_EACH[:3]), which=0)
def test_a_snapshot_restored_beside_other_chats_leaves_them_as_they_were(
    fresh_path: Fresh, story: list[Act], other: list[Act], which: int
) -> None:
    db = connect(fresh_path(), query_only=False)
    chat_id = play(db, story).chat(which)
    path = snapshots.take(db, fresh_path().parent, chat_id, why="by-hand", now=NOW)
    there = connect(fresh_path(), query_only=False)
    play(there, other)
    before, log_before = dump(there), rows(there, "SELECT * FROM event ORDER BY id")
    new_id = bring_in(there, path)
    assert rebuild.check(there) == []
    assert rows(there, "SELECT * FROM event ORDER BY id LIMIT ?", (len(log_before),)) == log_before
    for table, found in dump(there).items():
        assert [one for one in found if one in before[table]] == before[table]
    for table in OF_CHATS:
        count = f"SELECT count(*) FROM {table} WHERE chat_id = ?"
        assert rows(there, count, (new_id,)) == rows(db, count, (chat_id,))
    for told in (TURNS, MEMORIES):
        assert rows(there, told, (new_id,)) == rows(db, told, (chat_id,))
    there.close()
    db.close()


@settings(max_examples=30)
@given(story=stories(30))
@example(story=list(ONE_OF_EACH))
def test_a_story_restored_beside_itself_finds_its_bots_again(fresh_path: Fresh, story: list[Act]) -> None:
    db = connect(fresh_path(), query_only=False)
    chat_id = play(db, story).chat(0)
    path = snapshots.take(db, fresh_path().parent, chat_id, why="by-hand", now=NOW)
    bots = rows(db, "SELECT * FROM bot ORDER BY id")
    new_id = bring_in(db, path)
    assert rows(db, "SELECT * FROM bot ORDER BY id") == bots
    assert rebuild.check(db) == []
    for told in (TURNS, MEMORIES):
        assert rows(db, told, (new_id,)) == rows(db, told, (chat_id,))
    db.close()


@settings(max_examples=40)
@given(
    story=stories(15),
    after=REWRITTEN,
    later=st.lists(REWRITING | BY_HAND, max_size=25),
    which=st.integers(0, 5),
)
@example(story=list(ONE_OF_EACH[:3]), after=ELSEWHERE, later=[*ELSEWHERE, *ELSEWHERE], which=0)
def test_a_snapshot_restored_as_a_branch_stands_as_it_stood(
    fresh_path: Fresh, story: list[Act], after: list[Act], later: list[Act], which: int
) -> None:
    """Whatever was done since, and wherever the story was when it was taken."""
    db = connect(fresh_path(), query_only=False)
    world = play(db, [*story, *after])
    chat_id = world.chat(which)
    path = snapshots.take(db, fresh_path().parent, chat_id, why="by-hand", now=NOW)
    held = standing(db, chat_id)
    play_on(world, later)
    left, there = standing(db, chat_id), rows(db, "SELECT branch_id FROM chat WHERE id = ?", (chat_id,))[0][0]
    arriving = snapshot_arrivals.checked(snapshot_files.read(path))
    origin = snapshot_returns.origin_of(db, arriving)
    with db:
        snapshot_returns.go_back_to(world.txn(), origin, "as it was")
    assert standing(db, chat_id) == held
    assert rebuild.check(db) == []
    with db:
        world.txn().append(BranchSwitched(branch_id=there), chat_id=chat_id)
    assert standing(db, chat_id) == left
    db.close()


def standing(db: apsw.Connection, chat_id: int) -> dict[str, list[Row]]:
    """A chat's rows, but for what concerns all of its branches."""
    everywhere = ("id", "title", "archived", "branch_id", "changed_by", "changed_at")
    columns = [name for _, name, *_ in rows(db, "PRAGMA table_info(chat)") if name not in everywhere]
    found = of_chat(db, chat_id, set())
    found["chat"] = rows(db, f"SELECT {', '.join(columns)} FROM chat WHERE id = ?", (chat_id,))
    return {table: told for table, told in found.items() if table not in ("branch", "lineage")}
