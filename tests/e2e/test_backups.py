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


def test_a_chat_travels_as_a_snapshot_to_another_data_folder(tmp_path: Path) -> None:
    home, away = tmp_path / "home", tmp_path / "away"
    with fake_process() as fake:
        narrate_with(home, fake.base_url)
        run_fabula("bot", "new", "Ada", "--first-message", "Who goes there?", data=home)
        chat = run_fabula("chat", "new", "1", "--title", "Night", data=home).stdout.strip()
        run_fabula("say", chat, "Only me.", data=home)
        run_fabula("drain", data=home)
    taken = run_fabula("snapshot", chat, "--note", "the first evening", data=home)
    (listed,) = json.loads(run_fabula("snapshots", "--json", data=home).stdout)
    assert listed["file"] == taken.stdout.strip()
    assert (listed["title"], listed["note"], listed["turns"]) == ("Night", "the first evening", 3)
    assert "first evening" in run_fabula("snapshots", data=home).stdout
    shown = run_fabula("snapshot-show", listed["file"], "--json").stdout
    assert json.loads(shown)["first_line"] == "Who goes there?"
    assert "edited: False" in run_fabula("snapshot-show", listed["file"]).stdout
    restored = run_fabula("snapshot-restore", listed["file"], data=away)
    assert (restored.returncode, restored.stdout.strip()) == (0, chat)
    again = run_fabula("snapshot-restore", listed["file"], data=away)
    assert int(again.stdout) > int(chat)
    assert "0 difference" in run_fabula("rebuild", "--check", data=away).stdout
    states = {one["state"] for one in json.loads(run_fabula("status", "--json", data=away).stdout)}
    assert states == {"done"}  # nothing is to be done for what has all happened
    refused = run_fabula("snapshot-restore", str(home / "config.toml"), data=away)
    assert (refused.returncode, "no JSON" in refused.stderr) == (1, True)
    branch = run_fabula("snapshot-restore", listed["file"], "--as-branch", data=home).stdout.strip()
    (here,) = (b for b in json.loads(run_fabula("branches", chat, "--json", data=home).stdout) if b["active"])
    assert (str(here["id"]), here["name"]) == (branch, "snapshot: the first evening")
    nowhere = run_fabula("snapshot-restore", listed["file"], "--as-branch", data=tmp_path / "nowhere")
    assert (nowhere.returncode, "is not here" in nowhere.stderr) == (1, True)


def test_a_purge_asks_for_the_title_and_is_final(tmp_path: Path) -> None:
    with fake_process() as fake:
        narrate_with(tmp_path, fake.base_url)
        run_fabula("bot", "new", "Ada", data=tmp_path)
        chat = run_fabula("chat", "new", "1", "--title", "Night", data=tmp_path).stdout.strip()
        run_fabula("say", chat, "Only me.", data=tmp_path)
        run_fabula("drain", data=tmp_path)
        run_fabula("backup", data=tmp_path)
        run_fabula("snapshot", chat, data=tmp_path)
        unsure = run_fabula("purge", chat, data=tmp_path, typed="Day\n")
        assert (unsure.returncode, "Nothing was deleted" in unsure.stderr) == (1, True)
        assert "turn.user" in unsure.stdout
        with server(tmp_path):
            gone = run_fabula("purge", chat, data=tmp_path, typed="Night\n")
        assert (gone.returncode, "Deleted:" in gone.stdout) == (0, True)
        assert "Snapshots of it are still there" in gone.stdout
        assert "1 backup(s)" in gone.stdout
    assert "0 difference" in run_fabula("rebuild", "--check", data=tmp_path).stdout
    again = run_fabula("purge", chat, "--yes", data=tmp_path)
    assert (again.returncode, f"no chat {chat}" in again.stderr) == (1, True)
