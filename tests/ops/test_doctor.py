"""The doctor: each thing that may be wrong is broken for real, found, and mended by the command it names."""

import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ops.doctor.table import CHECKS
from store.copies import MAGIC
from store.database import connect
from tests.processes import FakeProcess, fake_process, narrate_with, run_fabula, server
from workers.cli import app

Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeProcess]:
    with fake_process() as process:
        yield process


@pytest.fixture(scope="module")
def played(fake: FakeProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a story in it and a backup of it; copy it, never write it."""
    data = tmp_path_factory.mktemp("played")
    narrate_with(data, fake.base_url)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("FABULA_EMBED", "off")
        for command in ("bot new Ada", "chat new 1", "say 2 'Only me.'", "drain", "backup"):
            assert run(data, command).exit_code == 0, command
    return data


@pytest.fixture
def data(played: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FABULA_EMBED", "off")
    return Path(shutil.copytree(played, tmp_path / "data"))


def run(data: Path, command: str) -> Result:
    return CliRunner().invoke(app, [*shlex.split(command), "--data", str(data)])


def mended(command: str, yes: bool = False) -> Result:
    """Do what the doctor says."""
    assert command.startswith("fabula "), command
    return CliRunner().invoke(app, [*shlex.split(command)[1:], *(["--yes"] if yes else [])])


def examined(data: Path) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and what is not well by the name of its check."""
    done = run(data, "doctor --json")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    told = json.loads(done.stdout)
    assert {one["check"] for one in told} == {name for name, _ in CHECKS}
    return done.exit_code, {one["check"]: one for one in told if one["state"] != "ok"}


def beside(data: Path) -> dict[str, bytes]:
    return {str(one): one.read_bytes() for one in data.rglob("*") if one.is_file()}


def test_a_sound_folder_is_told_so_and_left_as_it_is(data: Path) -> None:
    before = beside(data)
    assert examined(data) == (0, {})
    assert beside(data) == before
    told = run(data, "doctor")
    assert "What is shown is what the log tells." in told.stdout
    assert "fake narrates with fake-model." in told.stdout
    assert run(data, "doctor --quiet").stdout == ""


def test_a_folder_that_is_not_there_is_told_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FABULA_EMBED", "off")
    code, found = examined(tmp_path / "none")
    assert (code, found["permissions"]["mend"]) == (1, f"mkdir -p {tmp_path / 'none'}")
    assert not (tmp_path / "none").exists()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def garbage(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    page = int.from_bytes(whole[16:18], "big")
    for at in range(2, len(whole) // page):
        whole[at * page : at * page + 200] = b"\xa5" * 200
    file.write_bytes(whole)


def no_database(file: Path) -> None:
    file.write_bytes(b"hello" * 100)


def only_a_header(file: Path) -> None:
    file.write_bytes(MAGIC)


@pytest.mark.parametrize("damage", [cut, garbage, no_database, only_a_header])
def test_a_broken_file_is_told_and_the_backup_named_that_mends_it(data: Path, damage: Damage) -> None:
    damage(data / "chat.db")
    code, found = examined(data)
    assert (code, found["database"]["state"], found["projections"]["state"]) == (1, "wrong", "skipped")
    assert "Traceback" not in run(data, "doctor").output
    assert mended(found["database"]["mend"], yes=True).exit_code == 0
    assert examined(data)[0] == 0


def test_a_file_from_a_newer_version_is_left_to_it(data: Path) -> None:
    write(data, "INSERT INTO schema_migration(name, applied) VALUES ('9999_later', '')")
    code, found = examined(data)
    assert (code, "newer Fabula" in found["database"]["what"]) == (1, True)
    assert found["database"]["mend"].startswith("Start that newer version")


def write(data: Path, sql: str, values: tuple[Any, ...] = ()) -> None:
    db = connect(data / "chat.db", query_only=False)
    db.execute(sql, values)
    db.close()


@pytest.mark.parametrize(
    ("check", "words", "sql"),
    [
        ("projections", "1 row(s) are not what the log tells: bot 1", "UPDATE bot SET name = 'X'"),
        ("search index", "lacks 2 memories", "DELETE FROM memory_text"),
        (
            "vectors",
            "1 text(s) have a vector and no memory",
            "INSERT INTO vector(digest, model, vector) VALUES ('x', 'm', zeroblob(8))",
        ),
        (
            "processes",
            "1 run(s) are held by a process that is gone (4)",
            "INSERT INTO boot(id, pid, started_at, seen_at, code_version) VALUES (99, 4, 0, 0, '');"
            "UPDATE run SET state = 'running', boot_id = 99 WHERE id = 1",
        ),
        (
            "database",
            "lacks its trigger event_is_never_deleted",
            "DROP TRIGGER event_is_never_deleted",
        ),
    ],
)
def test_what_is_broken_within_is_found_and_mended(data: Path, check: str, words: str, sql: str) -> None:
    write(data, sql)
    code, found = examined(data)
    assert (code, found[check]["state"]) == (1, "wrong")
    assert words in found[check]["what"]
    done = mended(found[check]["mend"], yes=check == "database")
    assert done.exit_code == 0, done.output
    assert examined(data)[0] == 0


def test_what_is_broken_around_it_is_found(data: Path, fake: FakeProcess) -> None:
    (data / "secrets.toml").write_text('[endpoint.fake]\napi_key = "sk-very-secret"\n')
    (data / "secrets.toml").chmod(0o644)
    (backup,) = (data / "backups").glob("*.db")
    cut(backup)
    (data / "snapshots").mkdir()
    assert run(data, "snapshot 2").exit_code == 0
    (snapshot,) = (data / "snapshots").iterdir()
    cut(snapshot)
    write(data, "UPDATE run SET state = 'dead' WHERE id = 1")
    write(
        data, "INSERT INTO undertaking(kind, asked, state, began_at) VALUES ('reembed', '{}', 'running', 0)"
    )
    code, found = examined(data)
    assert code == 1
    assert found["permissions"]["mend"] == f"chmod 600 {data / 'secrets.toml'}"
    assert "can be read by others" in found["configuration"]["what"]
    assert "cut off" in found["backups"]["what"]
    assert "cut off" in found["snapshots"]["what"]
    assert (found["runs"]["state"], found["runs"]["what"]) == ("note", "1 run(s) are dead.")
    assert found["long work"]["mend"] == f"fabula reembed --data {data}"
    assert found["endpoints"]["state"] == found["embedder"]["state"] == "skipped"
    (data / "secrets.toml").chmod(0o600)
    config = (data / "config.toml").read_text()
    (data / "config.toml").write_text(config.replace(fake.base_url, "http://127.0.0.1:9"))
    code, found = examined(data)
    assert (code, "cannot be reached" in found["endpoints"]["what"]) == (1, True)
    assert "Correct [endpoint.fake]" in found["endpoints"]["mend"]
    assert "sk-very-secret" not in run(data, "doctor").output
    (data / "config.toml").write_text(config.replace("narrate", "narates"))
    assert "profile.narates" in examined(data)[1]["configuration"]["what"]


@pytest.mark.slow
def test_a_folder_is_examined_while_a_server_works_on_it(data: Path) -> None:
    with server(data):
        done = run_fabula("doctor", data=data)
        assert (done.returncode, "1 process(es) at work" in done.stdout) == (0, True), done.stdout
