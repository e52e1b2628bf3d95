"""Invariants 1 to 4: the log is the truth, replay is blind, rebuild equals live, one transaction per step."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from store import log, rebuild, views
from store.database import connect
from store.events import (
    BotArchived,
    BotAuthored,
    BotEdited,
    ChatArchived,
    ChatRenamed,
    ChatStarted,
    MemoryEdited,
    MemoryWritten,
    OutcomeSuperseded,
    TurnAssistant,
    TurnUser,
    WorldChanged,
    decode,
    encode,
)
from store.projections import PROJECTIONS
from store.rebuild import KEYS
from store.rows import Row, rows
from tests.properties.stories import ONE_OF_EACH, Act, World, play, record, stories

Fresh = Callable[[], Path]


def dump(db: apsw.Connection, tables: tuple[str, ...] = PROJECTIONS) -> dict[str, list[Row]]:
    return {table: rows(db, f"SELECT {KEYS.get(table, '')} * FROM {table} ORDER BY 1, 2") for table in tables}


@settings(max_examples=25)
@given(story=stories())
def test_no_event_can_be_changed_or_removed(fresh_path: Fresh, story: list[Act]) -> None:
    db = connect(fresh_path(), query_only=False)
    play(db, story)
    before = rows(db, "SELECT * FROM event")
    for statement in ("UPDATE event SET payload = '{}'", "UPDATE event SET id = id + 1", "DELETE FROM event"):
        with pytest.raises(apsw.ConstraintError, match="append-only"):
            db.execute(statement)
    assert rows(db, "SELECT * FROM event") == before
    db.close()


@settings(max_examples=60)
@given(story=stories(40))
@example(story=list(ONE_OF_EACH))
def test_a_rebuild_gives_the_live_projections_to_the_byte(fresh_path: Fresh, story: list[Act]) -> None:
    db = connect(fresh_path(), query_only=False)
    play(db, story)
    live = dump(db)
    assert rebuild.check(db) == []
    with db:
        rebuild.rebuild(db)
    assert dump(db) == live
    db.close()


def test_what_comes_late_of_a_superseded_outcome_falls_with_it(fresh_path: Fresh) -> None:
    """A run that was under way when what it answers was superseded still commits, and counts no more."""
    db = connect(fresh_path(), query_only=False)
    world = play(db, [*ONE_OF_EACH, record(0, 0, "Gone.", again=True)])
    gone = max(event.id for event in log.everything(db) if isinstance(event.payload, MemoryWritten))
    with db:
        world.txn().append(WorldChanged(weather="rain"), chat_id=world.chats[0], cause_id=gone)
    assert rebuild.check(db) == []
    db.close()


@settings(max_examples=60)
@given(story=stories(40))
@example(story=list(ONE_OF_EACH))
def test_the_projections_hold_the_newest_word_of_the_log(fresh_path: Fresh, story: list[Act]) -> None:
    """A fold that loses something loses it live and rebuilt alike; only the log itself can tell."""
    db = connect(fresh_path(), query_only=False)
    play(db, story)
    names: dict[int, tuple[str, tuple[str, ...], str]] = {}
    titles: dict[int | None, str] = {}
    archived, texts = set[int | None](), dict[int, str]()
    events = list(log.everything(db))
    superseded = {e.payload.superseded_run_id for e in events if isinstance(e.payload, OutcomeSuperseded)}
    for event in (event for event in events if event.run_id not in superseded):
        match event.payload:
            case BotAuthored() as bot:
                names[event.id] = (bot.name, bot.aliases, bot.description)
            case BotEdited() as bot:
                names[bot.bot_id] = (bot.name, bot.aliases, bot.description)
            case ChatStarted(title=title) | ChatRenamed(title=title):
                titles[event.chat_id] = title
            case BotArchived(bot_id=bot_id):
                archived.add(bot_id)
            case ChatArchived():
                archived.add(event.chat_id)
            case TurnUser(text=text) | TurnAssistant(text=text) | MemoryWritten(text=text):
                texts[event.id] = text
            case MemoryEdited(memory_id=memory_id, text=text) if memory_id in texts:
                texts[memory_id] = text
    bots = [views.bot(db, bot_id) for bot_id in names]
    chats = [views.chat(db, chat_id or 0) for chat_id in titles]
    assert {bot.id: (bot.name, bot.aliases, bot.description) for bot in bots} == names
    assert {chat.id: chat.title for chat in chats} == titles
    put_away = {bot.id for bot in bots if bot.archived} | {chat.id for chat in chats if chat.archived}
    assert put_away == archived
    assert dict(rows(db, "SELECT id, text FROM turn UNION ALL SELECT id, text FROM memory")) == texts
    db.close()


@settings(max_examples=20)
@given(story=stories(15))
def test_check_sees_a_projection_that_was_touched_behind_the_logs_back(
    fresh_path: Fresh, story: list[Act]
) -> None:
    db = connect(fresh_path(), query_only=False)
    play(db, story)
    db.execute("UPDATE chat SET title = title || '!' WHERE id = (SELECT min(id) FROM chat)")
    db.execute("UPDATE bot SET archived = 1 - archived WHERE id = (SELECT min(id) FROM bot)")
    db.execute("INSERT INTO memory_text(rowid, scope, text) VALUES (999999, 'c1o1', 'never happened')")
    db.execute("DELETE FROM turn WHERE id = (SELECT max(id) FROM turn)")
    removed = {"turn"} if db.changes() else set()
    differences = rebuild.check(db)
    assert {difference.table for difference in differences} == {"bot", "chat", "memory_text"} | removed
    assert [d.rebuilt for d in differences if d.table == "memory_text"] == [None]
    db.close()


@settings(max_examples=40)
@given(story=stories(12))
@example(story=list(ONE_OF_EACH))
def test_every_payload_reads_back_as_it_was_written(fresh_path: Fresh, story: list[Act]) -> None:
    db = connect(fresh_path(), query_only=False)
    play(db, story)
    stored = rows(db, "SELECT payload FROM event ORDER BY id")
    for event, (text,) in zip(log.everything(db), stored, strict=True):
        # what was never stored reads back as its default, twice the same
        assert json.loads(text).keys() == type(event.payload).model_fields.keys()
        assert decode(event.kind, event.payload.schema_version, encode(event.payload)) == event.payload
    db.close()


class _PowerCut(Exception):
    """Raised in the middle of a step."""


@settings(max_examples=60)
@given(story=stories(12), cut=st.integers(0, 12), kept=st.integers(0, 12))
def test_a_step_that_breaks_anywhere_leaves_nothing(
    fresh_path: Fresh, story: list[Act], cut: int, kept: int
) -> None:
    """All acts of the story in one transaction, broken off after `cut` of them."""
    db = connect(fresh_path(), query_only=False)
    first, rest = story[: 2 + kept], story[2 + kept :]
    world = play(db, first)
    everything = (*PROJECTIONS, "event", "run")
    before = dump(db, everything)
    with pytest.raises(_PowerCut), db:
        _perform_until(world, rest, cut)
    assert dump(db, everything) == before
    assert rebuild.check(db) == []
    db.close()


def _perform_until(world: World, acts: list[Act], cut: int) -> None:
    txn = world.txn()
    for act in acts[:cut]:
        act(world, txn)
    txn.append(TurnUser(text="half done"), chat_id=world.chats[0])
    raise _PowerCut


BLIND_REBUILD = """
import json, sys
def refuse(name, args):
    if name.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn")):
        raise RuntimeError(f"a rebuild must not use {name}")
from pathlib import Path
from store import rebuild
from store.database import connect
from store.projections import PROJECTIONS
db = connect(Path(sys.argv[1]), query_only=False)
sys.addaudithook(refuse)
with db:
    rebuild.rebuild(db)
key = rebuild.KEYS.get
rows = {t: db.execute(f"SELECT {key(t, '')} * FROM {t} ORDER BY 1").fetchall() for t in PROJECTIONS}
print(json.dumps(rows))
"""


@settings(max_examples=2)
@given(story=stories(40))
def test_a_rebuild_calls_no_model_and_depends_on_no_clock_or_chance(
    fresh_path: Fresh, story: list[Act]
) -> None:
    """Two processes with other hash seeds, time zones and no way out rebuild the same rows."""
    path = fresh_path()
    db = connect(path, query_only=False)
    play(db, [*ONE_OF_EACH, *story])
    live = json.loads(json.dumps(dump(db)))
    db.close()
    for seed, zone in (("1", "Pacific/Kiritimati"), ("2", "America/Los_Angeles")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}
        ran = subprocess.run(
            [sys.executable, "-c", BLIND_REBUILD, str(path)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(ran.stdout) == live
