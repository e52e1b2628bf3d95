"""Backups: whole, verified, rotated; and a restore that loses nothing, whatever file it is given."""

import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import backups, rebuild, restoring
from store.backups import Backup, Why, kept
from store.copies import checked, content_of, copy
from store.database import connect
from store.errors import Conflict, DataFromNewerVersion, Invalid, NotFound, Refused, StoreFailed
from store.occupancy import alone, shared
from store.stamps import DAY_MS, ms_of, stamp
from store.store import open_store
from tests.properties.stories import ONE_OF_EACH, play

Fresh = Callable[[], Path]
NOW = 1_700_000_000_000


@pytest.fixture
def played(fresh_path: Fresh) -> Path:
    path = fresh_path()
    db = connect(path, query_only=False)
    play(db, list(ONE_OF_EACH))
    db.close()
    return path


def everything(path: Path) -> list[tuple[object, ...]]:
    db = connect(path, query_only=True)
    found = [tuple(one) for one in db.execute("SELECT * FROM event ORDER BY id")]
    db.close()
    return found


def make(database: Path, *, why: Why = "by-hand", now: int = NOW) -> Backup:
    return backups.make(database, database.parent / "backups", why=why, now=now)


def test_a_backup_holds_everything_and_stands_alone(played: Path) -> None:
    made = make(played)
    assert everything(made.path) == everything(played)
    assert {path.name for path in made.path.parent.iterdir()} == {made.path.name, ".making"}
    db = connect(made.path, query_only=False)
    assert rebuild.check(db) == []
    db.close()
    assert backups.listed(made.path.parent) == [made]


def test_a_backup_shows_one_moment_while_others_write(fresh_path: Fresh) -> None:
    """The writer commits between any two steps; the copy neither waits, nor begins anew, nor holds it up."""
    path = fresh_path()
    db = connect(path, query_only=False)
    play(db, list(ONE_OF_EACH))
    before = content_of(db)
    writes = 0

    def write_on(*_: object) -> bool:
        nonlocal writes
        if writes < 3:
            writes += 1
            play(db, list(ONE_OF_EACH))
        return False

    source = connect(path, query_only=True)
    source.set_progress_handler(write_on, 1)
    target = path.parent / "copy.db"
    content = copy(source, target)
    assert writes == 3
    assert checked(target) == content
    assert content.events >= before.events
    source.close()
    db.close()


def test_two_backups_of_one_millisecond_are_two(played: Path) -> None:
    assert make(played).path != make(played).path
    assert len(backups.listed(played.parent / "backups")) == 2


def test_what_a_killed_backup_left_is_tidied_up_and_foreign_files_stay(played: Path) -> None:
    folder = played.parent / "backups"
    folder.mkdir()
    (folder / ".fabula-x.db.1.part").write_text("half")
    for name in ("mine.db", "fabula-20261399T990000.000Z-nightly.db"):
        (folder / name).write_text("mine")
    make(played)
    assert not list(folder.glob("*.part"))
    assert (folder / "mine.db").exists()
    assert len(backups.listed(folder)) == 1


def test_nothing_to_back_up_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no database .*chat\.db"):
        make(tmp_path / "chat.db")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_database_gives_no_backup(played: Path) -> None:
    scratched(played)
    with pytest.raises(StoreFailed):
        make(played)
    assert backups.listed(played.parent / "backups") == []
    assert not list((played.parent / "backups").glob("*.db"))


def scratched(path: Path) -> None:
    """Overwrite pages in the middle of the file."""
    size = path.stat().st_size
    with path.open("r+b") as handle:
        handle.seek(size // 2 // 4096 * 4096)
        handle.write(b"\xff" * 4096 * 8)


MOMENTS = st.integers(NOW - 60 * DAY_MS, NOW)
WHYS: st.SearchStrategy[Why] = st.sampled_from(["nightly", "by-hand", "before-restore"])
KEPT = st.lists(
    st.builds(lambda at, why: Backup(Path(stamp(at)), at, why, 1), MOMENTS, WHYS),
    max_size=80,
    unique_by=lambda one: one.made_at,
)


@given(found=KEPT)
def test_rotation_keeps_days_weeks_and_what_was_asked_for(found: list[Backup]) -> None:
    keep = kept(found, now=NOW)
    assert kept(keep, now=NOW) == keep
    if found:
        assert max(one.made_at for one in found) in {one.made_at for one in keep}
    for one in found:
        if one.why != "nightly" and NOW - one.made_at < 14 * DAY_MS:
            assert one in keep
    assert len([one for one in keep if one.why == "nightly"]) <= backups.DAYS + backups.WEEKS


def test_a_year_of_nights_leaves_seven_days_and_four_weeks() -> None:
    nights = [Backup(Path(str(n)), NOW - n * DAY_MS, "nightly", 1) for n in range(365)]
    ages = sorted((NOW - one.made_at) // DAY_MS for one in kept(nights, now=NOW))
    assert ages[:7] == [0, 1, 2, 3, 4, 5, 6]
    assert 7 < len(ages) <= 11
    assert ages[-1] <= 28


@given(at=st.integers(0, 4_000_000_000_000))
def test_a_stamp_reads_back(at: int) -> None:
    assert ms_of(stamp(at)) == at


@pytest.mark.parametrize(
    ("age", "due"), [(0, False), (DAY_MS - 1, False), (DAY_MS, True), (DAY_MS + 1, True), (-DAY_MS, True)]
)
def test_a_backup_is_due_a_day_after_the_last(tmp_path: Path, age: int, due: bool) -> None:
    (tmp_path / f"fabula-{stamp(NOW - age)}-nightly.db").touch()
    assert backups.is_due(tmp_path, NOW) is due


def test_a_restore_goes_back_and_forth(played: Path) -> None:
    made = make(played)
    then = everything(played)
    db = connect(played, query_only=False)
    play(db, list(ONE_OF_EACH))
    db.close()
    later = everything(played)
    done = restoring.restore(made.path, played, played.parent / "backups", now=NOW + 1)
    assert everything(played) == then
    assert (done.was_damaged, done.content.events) == (False, len(then))
    assert done.kept is not None
    restoring.restore(done.kept, played, played.parent / "backups", now=NOW + 2)
    assert everything(played) == later


def test_a_log_of_commits_beside_the_database_is_saved_and_not_played_into_the_next(played: Path) -> None:
    """A crash leaves commits in the log beside the database: they belong to what is replaced."""
    made = make(played)
    then = everything(played)
    db = connect(played, query_only=False)
    play(db, list(ONE_OF_EACH))
    later = everything(played)
    crashed = played.parent / "crashed"
    crashed.mkdir()
    for path in played.parent.glob("chat.db*"):
        if path.is_file():
            shutil.copy(path, crashed / path.name)
    db.close()
    assert (crashed / "chat.db-wal").stat().st_size
    done = restoring.restore(made.path, crashed / "chat.db", crashed / "backups", now=NOW)
    assert everything(crashed / "chat.db") == then
    assert done.kept is not None
    assert everything(done.kept) == later


def test_a_damaged_database_is_set_aside_as_it_is(played: Path) -> None:
    made = make(played)
    then = everything(played)
    scratched(played)
    damaged = played.read_bytes()
    done = restoring.restore(made.path, played, played.parent / "backups", now=NOW)
    assert done.was_damaged
    assert done.kept is not None
    assert done.kept.read_bytes() == damaged
    assert everything(played) == then


def test_a_restore_into_an_empty_folder(played: Path, tmp_path: Path) -> None:
    made = make(played)
    done = restoring.restore(made.path, tmp_path / "new" / "chat.db", tmp_path / "new" / "backups", now=NOW)
    assert done.kept is None
    assert everything(tmp_path / "new" / "chat.db") == everything(played)


def test_a_restore_is_refused_while_somebody_has_the_database_open(played: Path) -> None:
    made = make(played)
    before = everything(played)
    with open_store(played, {}), pytest.raises(Refused, match="running"):
        restoring.restore(made.path, played, played.parent / "backups", now=NOW)
    assert everything(played) == before
    with alone(played), pytest.raises(Conflict, match="being restored"), open_store(played, {}):
        pass
    with shared(played), shared(played):
        pass


def _cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8192])


def _cut_to_a_page(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:150])


def _newer(path: Path) -> None:
    db = apsw.Connection(str(path))
    db.execute("UPDATE schema_migration SET name = '9999_later' WHERE name LIKE '0003%'")
    db.close()


def _foreign(path: Path) -> None:
    path.unlink()
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE event(id INTEGER)")
    db.close()


def _dangling(path: Path) -> None:
    db = apsw.Connection(str(path))
    db.execute(
        "INSERT INTO event(kind, schema, payload, cause_id, recorded_at)"
        " VALUES ('chat.archived', 1, '{}', 999999, 0)"
    )
    db.close()


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (Path.unlink, NotFound, "no file"),
        (lambda path: path.write_bytes(b""), Invalid, "no SQLite database"),
        (lambda path: path.write_text("a story, in words. " * 99), Invalid, "no SQLite database"),
        (_cut_off, Invalid, r"cut off: it has \d+ of \d+ bytes"),
        (_cut_to_a_page, Invalid, "cut off"),
        (scratched, Invalid, "damaged"),
        (_newer, DataFromNewerVersion, "newer Fabula"),
        (_foreign, Invalid, "not one of Fabula's"),
        (_dangling, Invalid, "damaged"),
    ],
)
def test_a_file_that_is_no_backup_is_refused_and_nothing_is_touched(
    played: Path, spoil: Callable[[Path], object], kind: type[Exception], words: str
) -> None:
    made = make(played)
    file = Path(shutil.copy(made.path, played.parent / "given.db"))
    spoil(file)
    before = played.read_bytes()
    with pytest.raises(kind, match=words):
        restoring.restore(file, played, played.parent / "backups", now=NOW)
    assert played.read_bytes() == before
    assert not played.with_name("chat.db.restoring").exists()
    assert backups.listed(played.parent / "backups") == [made]


def test_the_database_itself_is_no_backup_of_itself(played: Path) -> None:
    with pytest.raises(Invalid, match="the database itself"):
        restoring.restore(played, played, played.parent / "backups", now=NOW)


@settings(max_examples=20)
@given(cut=st.integers(0, 400_000))
def test_a_backup_cut_off_anywhere_is_never_taken_for_whole(fresh_path: Fresh, cut: int) -> None:
    path = fresh_path()
    whole = path.read_bytes()
    if cut < len(whole):
        path.write_bytes(whole[:cut])
        with pytest.raises(Invalid):
            checked(path)
