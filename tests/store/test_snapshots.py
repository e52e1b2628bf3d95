"""Snapshot files: what is listed, kept and refused; nothing that is wrong in a file reaches the log."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import rebuild, snapshot_arrivals, snapshot_files, snapshot_returns, snapshots
from store.database import connect
from store.errors import DataFromNewerVersion, FabulaError, Invalid, NotFound, Refused
from store.events import BotAuthored, ChatStarted, TurnUser
from store.rows import rows
from store.stamps import DAY_MS, stamp
from store.store import open_store
from store.txn import Txn
from tests.properties.stories import ONE_OF_EACH, ROUTES, play, play_on, record, say

Fresh = Callable[[], Path]
NOW = 1_700_000_000_000
Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def taken(fresh_path: Fresh) -> Path:
    """A snapshot of a story in which everything happens; its chat is 2."""
    path = fresh_path()
    db = connect(path, query_only=False)
    (chat_id, *_) = play(db, list(ONE_OF_EACH)).chats
    snapshot = snapshots.take(
        db, path.parent / "snapshots", chat_id, why="by-hand", now=NOW, note="before the storm"
    )
    db.close()
    return snapshot


def edited(path: Path, edit: Edit) -> Path:
    plain = json.loads(path.read_text(encoding="utf-8"))
    edit(plain)
    there = path.with_name("edited.json")
    there.write_text(json.dumps(plain), encoding="utf-8")
    return there


def bring_in(database: Path, snapshot: Path, *, accept_edited: bool = False) -> int:
    arriving = snapshot_arrivals.checked(snapshot_files.read(snapshot), accept_edited=accept_edited)
    with open_store(database, ROUTES) as store:
        return store.writer.call(lambda txn: snapshot_arrivals.bring_in(txn, arriving))


def test_a_snapshot_is_listed_with_what_it_holds(taken: Path) -> None:
    (one,) = snapshots.listed(taken.parent)
    assert (one.path, one.chat_id, one.made_at, one.why) == (taken, 2, NOW, "by-hand")
    assert one.head is not None
    assert (one.head.title, one.head.note, one.head.turns) == ("the light", "before the storm", 2)
    assert (one.head.first_line, one.head.last_line) == ("Who goes there?", "Me.")
    assert one.head.bots == ["Ada", "Beatrice"]


def test_a_file_of_another_name_is_none_of_ours_and_one_that_does_not_read_is_listed_bare(
    taken: Path,
) -> None:
    (taken.parent / "notes.json").write_text("{}")
    taken.write_text("[]")
    (one,) = snapshots.listed(taken.parent)
    assert (one.path, one.head) == (taken, None)


def test_automatic_snapshots_go_after_fourteen_days_and_others_never(taken: Path, fresh_path: Fresh) -> None:
    folder = taken.parent
    for days, why in ((13, "automatic"), (14, "automatic"), (20, "before-rewind"), (400, "by-hand")):
        stamped = stamp(NOW - days * DAY_MS)
        (folder / f"chat-2-{stamped}-{why}.json").write_text("{}")
    gone = snapshots.prune(folder, now=NOW)
    assert len(gone) == 2
    assert sorted(one.why for one in snapshots.listed(folder)) == ["automatic", "by-hand", "by-hand"]


def test_a_snapshot_of_a_chat_that_is_not_there_is_told(database: apsw.Connection, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="7"):
        snapshots.take(database, tmp_path / "snapshots", 7, why="by-hand", now=NOW)
    assert not (tmp_path / "snapshots").exists()


async def test_a_snapshot_is_taken_beside_the_event_loop_and_within_a_step(fresh_path: Fresh) -> None:
    path = fresh_path()
    folder = path.parent / "snapshots"
    with open_store(path, {}) as store:

        def step(txn: Txn) -> Path:
            bot = txn.append(BotAuthored(name="Ada"))
            chat = txn.append(ChatStarted(title="one", host_id=bot.id))
            txn.append(TurnUser(text="Only here so far."), chat_id=chat.id)
            return snapshots.take(txn.connection, folder, chat.id, why="before-rewind", now=NOW)

        within = store.writer.call(step)
        beside = await store.read(lambda db: snapshots.take(db, folder, 2, why="automatic", now=NOW))
    one, other = (snapshot_files.read(found).content for found in (within, beside))
    assert one.events == other.events
    assert len(one.events) == 2


def test_an_edited_file_is_refused_unless_somebody_stands_by_it(taken: Path, fresh_path: Fresh) -> None:
    def rename(plain: dict[str, Any]) -> None:
        plain["events"][0]["payload"]["title"] = "another night"

    target = fresh_path()
    changed = edited(taken, rename)
    with pytest.raises(Refused, match="edited since") as refused:
        bring_in(target, changed)
    assert "--accept-edited" in refused.value.hint
    chat_id = bring_in(target, changed, accept_edited=True)
    db = connect(target, query_only=True)
    assert rows(db, "SELECT title FROM chat WHERE id = ?", (chat_id,)) == [("the light",)]
    assert rebuild.check(db) == []
    db.close()


def test_a_file_that_was_only_laid_out_anew_is_still_the_same(taken: Path) -> None:
    plain = json.loads(taken.read_text(encoding="utf-8"))
    there = taken.with_name("pretty.json")
    there.write_text(json.dumps(plain, indent=2, sort_keys=True), encoding="utf-8")
    assert not snapshot_files.read(there).edited


def _first(plain: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(line for line in plain["events"] if line["kind"] == kind)


EDITS: list[tuple[str, Edit, type[FabulaError], str]] = [
    ("format", lambda p: p.update(format="card"), Invalid, "no snapshot of Fabula's"),
    ("newer", lambda p: p.update(version=2), DataFromNewerVersion, "newer Fabula .it has the format 2"),
    ("no version", lambda p: p.update(version="1"), Invalid, "field version is '1'"),
    ("no head", lambda p: p.pop("head"), Invalid, "field head"),
    ("more", lambda p: p.update(extra=1), Invalid, "field extra"),
    ("no events", lambda p: p.update(events=[]), Invalid, "must begin with the start"),
    ("text for a list", lambda p: p.update(events="none"), Invalid, "field events"),
    ("id", lambda p: p["events"][3].update(id="x"), Invalid, r"field events\.3\.id.*'x'"),
    ("huge id", lambda p: p["events"][-1].update(id=2**62), Invalid, r"field events.*id"),
    ("id 0", lambda p: p["events"][0].update(id=0), Invalid, r"field events\.0\.id"),
    ("twice", lambda p: p["events"].append(p["events"][-1]), Invalid, "out of order"),
    ("order", lambda p: p["events"].reverse(), Invalid, "must begin|out of order"),
    ("unknown kind", lambda p: p["events"][1].update(kind="dragon.hatched"), DataFromNewerVersion, "dragon"),
    ("schema", lambda p: p["events"][1].update(schema=99), DataFromNewerVersion, "version 99"),
    (
        "payload",
        lambda p: _first(p, "turn.user")["payload"].update(text=""),
        Invalid,
        r"turn\.user.*field text",
    ),
    (
        "payload field",
        lambda p: _first(p, "turn.user")["payload"].update(mood="x"),
        Invalid,
        "field mood",
    ),
    ("nul", lambda p: _first(p, "turn.user")["payload"].update(text="a\0b"), Invalid, "NUL"),
    ("half", lambda p: _first(p, "turn.user")["payload"].update(text="\ud800"), Invalid, "turn.user"),
    ("cause", lambda p: p["events"][-1].update(cause_id=999), Invalid, "answers event 999, which is not"),
    (
        "itself",
        lambda p: p["events"][-1].update(cause_id=p["events"][-1]["id"]),
        Invalid,
        "not in the file before it",
    ),
    (
        "reference",
        lambda p: _first(p, "memory.written")["payload"].update(turn_id=888),
        Invalid,
        "names the event 888, which is not in the file",
    ),
    (
        "entity",
        lambda p: _first(p, "turn.assistant")["payload"].update(speaker_id=77),
        Invalid,
        "names the entity 77, which is not in the file",
    ),
    ("run", lambda p: p["runs"].clear(), Invalid, r"run \d+, which is not in the file"),
    ("runs twice", lambda p: p["runs"].append(p["runs"][0]), Invalid, "a run is in it twice"),
    ("run's event", lambda p: p["runs"][0].update(event_id=777), Invalid, "answers event 777"),
    ("library lost", lambda p: p["library"].clear(), Invalid, "names the entity 1"),
    ("misplaced", lambda p: p["events"][-1].update(p["library"][0] | {"id": 900}), Invalid, "wrong part"),
    ("outside", lambda p: p["outside"].update(dragon=[1]), Invalid, "dragon"),
]


@pytest.mark.parametrize(("edit", "kind", "words"), [one[1:] for one in EDITS], ids=[one[0] for one in EDITS])
def test_a_file_with_anything_wrong_in_it_is_refused_by_name(
    taken: Path, fresh_path: Fresh, edit: Edit, kind: type[FabulaError], words: str
) -> None:
    """Also when somebody stands by their edit: events must fit their kind, references lead somewhere."""
    target = fresh_path()
    with pytest.raises(kind, match=words) as told:
        bring_in(target, edited(taken, edit), accept_edited=True)
    assert told.value.hint
    db = connect(target, query_only=True)
    assert rows(db, "SELECT count(*) FROM event") == [(0,)]
    db.close()


def test_events_that_fit_one_by_one_and_not_together_change_nothing(taken: Path, fresh_path: Fresh) -> None:
    def repeat_ordinal(plain: dict[str, Any]) -> None:
        recorded = next(line for line in plain["events"] if line["run_id"])
        again = recorded | {"id": plain["events"][-1]["id"] + 1}
        plain["events"].append(again)

    target = fresh_path()
    with pytest.raises(Invalid, match="do not fit together"):
        bring_in(target, edited(taken, repeat_ordinal), accept_edited=True)
    db = connect(target, query_only=True)
    assert rows(db, "SELECT count(*) FROM event") == [(0,)]
    assert rows(db, "SELECT count(*) FROM bot") == [(0,)]
    db.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "cut off"),
        (b"once upon a time", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[1, 2]", "no snapshot"),
        (b'{"format": NaN}', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"format":"fabula-snapshot","version":1,"head":' + b"[" * 500 + b"]" * 500 + b"}", "field|nested"),
        (b'{"format":"fabula-snapshot","version":' + b"9" * 5000 + b"}", "no JSON"),
    ],
)
def test_what_is_no_snapshot_is_told(tmp_path: Path, text: bytes, words: str) -> None:
    path = tmp_path / "chat.json"
    path.write_bytes(text)
    with pytest.raises(Invalid, match=words):
        snapshot_files.read(path)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as handle:
        handle.truncate(500_000_000)  # a sparse file: reading it would need the memory, making it no disk
    with pytest.raises(Invalid, match=r"500\.0 MB; a snapshot has at most 268\.4 MB"):
        snapshot_files.read(path)


@settings(max_examples=40)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_snapshot_cut_off_anywhere_is_never_taken_for_whole(taken: Path, share: float) -> None:
    whole = taken.read_bytes().rstrip()
    cut = taken.with_name("cut.json")
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(Invalid, match="is cut off"):
        snapshot_files.read(cut)


def test_half_of_any_value_is_told_as_cut_off(tmp_path: Path) -> None:
    """Also where the reader of JSON stops before the end: at half a word, number, escape or character."""
    whole = json.dumps(
        {"a": False, "b": None, "c": -1.5e-3, "d": 'Ä "}" \x07 \\', "e": [{}, True]}, ensure_ascii=False
    ).encode()
    cut = tmp_path / "cut.json"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        with pytest.raises(Invalid, match="is cut off"):
            snapshot_files.read(cut)


def test_what_a_stage_found_since_comes_along(fresh_path: Fresh) -> None:
    """A branch never lacks what came of the turns it shares."""
    db = connect(fresh_path(), query_only=False)
    world = play(db, [*ONE_OF_EACH[:2], say(0, "Who goes there?")])
    chat_id = world.chat(0)
    path = snapshots.take(db, fresh_path().parent, chat_id, why="by-hand", now=NOW)
    play_on(world, [record(0, 0, "Found late.", again=False), say(0, "Said later.")])
    origin = snapshot_returns.origin_of(db, snapshot_arrivals.checked(snapshot_files.read(path)))
    with db:
        snapshot_returns.go_back_to(world.txn(), origin, "as it was")
    assert rows(db, "SELECT text FROM turn") == [("Who goes there?",)]
    assert rows(db, "SELECT text FROM memory") == [("Found late.",)]
    db.close()


def test_a_chat_of_the_same_number_that_is_another_story_gets_no_branch(
    taken: Path, fresh_path: Fresh
) -> None:
    arriving = snapshot_arrivals.checked(snapshot_files.read(taken))
    for acts, why in (([], "not here"), (list(ONE_OF_EACH[:-3]), "another story"), (list(ONE_OF_EACH), "")):
        db = connect(fresh_path(), query_only=False)
        play(db, acts)
        if why:
            with pytest.raises(Refused, match=why):
                snapshot_returns.origin_of(db, arriving)
        else:
            assert snapshot_returns.origin_of(db, arriving).branch_id == 2
        db.close()
