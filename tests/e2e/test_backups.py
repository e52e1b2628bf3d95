"""Backups from the command line, also beside a running server."""

import json
from pathlib import Path

import pytest

from tests.processes import fake_process, narrate_with, run_fabula, server

pytestmark = pytest.mark.slow


def test_back_up_beside_a_server_and_restore_without_it(tmp_path: Path) -> None:
    with fake_process() as fake:
        narrate_with(tmp_path, fake.base_url)
        run_fabula("bot", "new", "Ada", data=tmp_path)
        with server(tmp_path) as running:
            made = run_fabula("backup", data=tmp_path)
            assert (made.returncode, "checked" in made.stdout) == (0, True)
            (listed,) = json.loads(run_fabula("backups", "--json", data=tmp_path).stdout)
            assert listed["why"] == "by-hand"
            refused = run_fabula("restore", listed["file"], "--yes", data=tmp_path)
            assert (refused.returncode, "is running" in refused.stderr) == (1, True)
            assert "Nothing was changed" in refused.stderr
            assert running.ask_to_end() == 0
    run_fabula("bot", "new", "Bea", data=tmp_path)
    unsure = run_fabula("restore", listed["file"], data=tmp_path, typed="restore please\n")
    assert (unsure.returncode, "Nothing was restored" in unsure.stderr) == (1, True)
    assert "1 event(s)" in unsure.stdout
    done = run_fabula("restore", listed["file"], data=tmp_path, typed="RESTORE\n")
    assert (done.returncode, "Restored 1 event(s)" in done.stdout) == (0, True)
    assert "0 difference" in run_fabula("rebuild", "--check", data=tmp_path).stdout
    back = done.stdout.split("To go back: fabula restore ")[1].strip()
    assert "Restored 2 event(s)" in run_fabula("restore", back, "--yes", data=tmp_path).stdout
    assert "before-restore" in run_fabula("backups", data=tmp_path).stdout


def test_a_worker_stands_in_the_way_too_and_one_that_was_killed_does_not(tmp_path: Path) -> None:
    run_fabula("bot", "new", "Ada", data=tmp_path)
    run_fabula("backup", data=tmp_path)
    (file,) = [one["file"] for one in json.loads(run_fabula("backups", "--json", data=tmp_path).stdout)]
    with server(tmp_path, "--no-workers") as running:
        refused = run_fabula("restore", file, "--yes", data=tmp_path)
        assert (refused.returncode, "is running" in refused.stderr) == (1, True)
        running.kill()
        assert run_fabula("restore", file, "--yes", data=tmp_path).returncode == 0


def test_a_file_that_is_no_backup_is_explained(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    ran = run_fabula("restore", str(tmp_path / "notes.txt"), "--yes", data=tmp_path)
    assert (ran.returncode, "no SQLite database" in ran.stderr) == (1, True)
    assert "Traceback" not in ran.stderr
