"""The command line, as a person and a script use it: real processes on a real data folder."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from store.store import open_store
from tests.processes import FABULA, fake_process, narrate_with, run_fabula, server
from tests.settling import LIMIT_S

pytestmark = pytest.mark.slow


def test_a_story_from_the_command_line(tmp_path: Path) -> None:
    with fake_process() as fake:
        narrate_with(tmp_path, fake.base_url)
        bot = run_fabula("bot", "new", "Ada", "--first-message", "Who goes there?", data=tmp_path)
        assert (bot.returncode, bot.stdout.strip()) == (0, "1")
        chat = run_fabula("chat", "new", "1", "--title", "Night", data=tmp_path).stdout.strip()
        said = run_fabula("say", chat, "Only me.", data=tmp_path)
        assert said.stdout == "w0 w1 w2 w3 w4 w5 w6 w7\n"
        assert run_fabula("drain", data=tmp_path).returncode == 0
        runs = json.loads(run_fabula("runs", "--json", data=tmp_path).stdout)
        assert {run["state"] for run in runs} == {"done"}
        status = json.loads(run_fabula("status", "--json", data=tmp_path).stdout)
        assert {"stage": "narrate", "state": "done", "runs": 1} in status
        checked = run_fabula("rebuild", "--check", data=tmp_path)
        assert (checked.returncode, "0 difference(s)" in checked.stdout) == (0, True)
        assert run_fabula("rebuild", data=tmp_path).returncode == 0
        shown = json.loads(run_fabula("prompt", chat, "--json", data=tmp_path).stdout)
        assert shown["configuration"] == "solo with host"
        assert [b["text"] for b in shown["blocks"] if b["name"] == "turn to answer"] == ["Only me."]
        known = json.loads(
            run_fabula("why", chat, "only me", "--speaker", "ada", "--json", data=tmp_path).stdout
        )
        assert [one["how"] for one in known] == ["witnessed"]
        assert "knows nothing of 'the sea'" in run_fabula("why", chat, "the sea", data=tmp_path).stdout
        renamed = run_fabula("you", chat, "--name", "Wren", "--about", "A smuggler.", data=tmp_path)
        assert renamed.stdout == "You are called Wren. Before: You.\nA smuggler.\n"
        empty = run_fabula("you", chat, "--name", " ", data=tmp_path)
        assert (empty.returncode, "name" in empty.stderr) == (1, True)
        you = json.loads(run_fabula("you", chat, "--json", data=tmp_path).stdout)
        assert you == {"name": "Wren", "persona": "A smuggler.", "before": ["You"]}


def test_dead_runs_are_shown_retried_and_discarded(tmp_path: Path) -> None:
    with fake_process() as fake:
        narrate_with(tmp_path, fake.base_url)
        run_fabula("bot", "new", "Ada", data=tmp_path)
        chat = run_fabula("chat", "new", "1", data=tmp_path).stdout.strip()
        fake.script({"status": 402, "body": "{}"}, {"status": 402, "body": "{}"})
        said = run_fabula("say", chat, "Hello", data=tmp_path)
        assert said.returncode == 1
        assert "paid" in said.stderr
        assert "fabula retry" in said.stderr
        assert (
            run_fabula("retry", "--all", "--yes", data=tmp_path).stdout.strip()
            == "1 run(s) will be tried again."
        )
        drained = run_fabula("drain", data=tmp_path)
        assert (drained.returncode, "1 dead" in drained.stdout) == (1, True)
        assert run_fabula("discard", "--all", "--yes", data=tmp_path).stdout.strip() == "1 run(s) discarded."
        assert run_fabula("drain", data=tmp_path).returncode == 0


def test_a_stage_is_replayed_over_a_chat_and_the_fold_stays_clean(tmp_path: Path) -> None:
    with fake_process() as fake:
        narrate_with(tmp_path, fake.base_url)
        run_fabula("bot", "new", "Ada", data=tmp_path)
        chat = run_fabula("chat", "new", "1", data=tmp_path).stdout.strip()
        run_fabula("say", chat, "Hello", data=tmp_path)
        run_fabula("drain", data=tmp_path)
        asked = ("replay", "--stage", "remember", "--chat", chat)
        assert "2 run(s) of remember would" in run_fabula(*asked, "--dry-run", data=tmp_path).stdout
        assert "2 run(s) of remember replayed; 0 dead." in run_fabula(*asked, data=tmp_path).stdout
        checked = run_fabula("rebuild", "--check", data=tmp_path)
        assert (checked.returncode, "0 difference" in checked.stdout) == (0, True)
        played = run_fabula("replay", "--stage", "narrate", "--chat", chat, data=tmp_path)
        assert (played.returncode, "part of the play" in played.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("say", "999", "hello"), "no chat 999"),
        (("chat", "new", "77"), "no bot 77"),
        (("bot", "new", "  "), "name"),
        (("retry", "5"), "no run 5"),
        (("serve", "--model", "README.md"), "not a GGUF"),
        (("serve", "--host", "0.0.0.0"), "token"),
    ],
)
def test_what_cannot_be_done_is_explained(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    with open_store(tmp_path / "chat.db", {}):
        pass  # nothing was ever kept here
    ran = run_fabula(*arguments, data=tmp_path)
    assert ran.returncode == 1
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_benchmark_that_does_not_exist_is_told() -> None:
    ran = subprocess.run([*FABULA, "bench", "speed"], capture_output=True, text=True, check=False)
    assert (ran.returncode, "no benchmark 'speed'" in ran.stderr) == (1, True)


def test_a_config_with_an_unknown_key_names_it(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[server]\nprot = 1\n", encoding="utf-8")
    ran = run_fabula("serve", "--port", "0", data=tmp_path)
    assert ran.returncode == 1
    assert "server.prot" in ran.stderr
    assert "server.port" in ran.stderr


def test_sigterm_ends_a_server_in_mid_stream_within_five_seconds_and_keeps_the_text(tmp_path: Path) -> None:
    with fake_process(pace_ms=20, tokens=1000) as fake:
        narrate_with(tmp_path, fake.base_url)
        with server(tmp_path) as running, httpx.Client(base_url=running.address, timeout=LIMIT_S) as client:
            bot = client.post("/api/bots", json={"name": "Ada"}).json()["id"]
            chat = client.post("/api/chats", json={"host_id": bot}).json()["id"]
            client.post(f"/api/chats/{chat}/turns", json={"text": "Talk."})
            with client.stream("GET", f"/api/chats/{chat}/events") as events:
                next(line for line in events.iter_lines() if '"w5' in line or "w5" in line)
                began = time.monotonic()
                assert running.ask_to_end() == 0
                assert time.monotonic() - began < 5
        with server(tmp_path) as running:
            turns = httpx.get(f"{running.address}/api/chats/{chat}/turns").json()
            assert (turns[1]["truncated"], turns[1]["ended"]) == (True, "shutdown")
            assert turns[1]["text"].startswith("w0 w1 w2 w3")


def test_a_worker_serves_a_page_that_does_not_work_itself(tmp_path: Path) -> None:
    with fake_process(pace_ms=5) as fake:
        narrate_with(tmp_path, fake.base_url)
        with (
            server(tmp_path, "--no-workers") as running,
            httpx.Client(base_url=running.address, timeout=LIMIT_S) as client,
        ):
            bot = client.post("/api/bots", json={"name": "Ada"}).json()["id"]
            chat = client.post("/api/chats", json={"host_id": bot}).json()["id"]
            worker = subprocess.Popen([*FABULA, "worker", "--data", str(tmp_path)], env={**os.environ})
            try:
                client.post(f"/api/chats/{chat}/turns", json={"text": "Hello"})
                with client.stream("GET", f"/api/chats/{chat}/events", timeout=20) as events:
                    kinds = []
                    for line in events.iter_lines():
                        if line.startswith("event: "):
                            kinds.append(line[7:])
                        if "event: turn.assistant" in line:
                            break
                assert {"token", "partial"} & set(kinds)
            finally:
                worker.send_signal(signal.SIGTERM)
                assert worker.wait(timeout=10) == 0


def test_the_embedded_model_answers(tmp_path: Path) -> None:
    """No configuration at all: a bot, a turn, a reply."""
    run_fabula("bot", "new", "Ada", "--description", "Keeps a lighthouse.", data=tmp_path)
    chat = run_fabula("chat", "new", "1", data=tmp_path).stdout.strip()
    said = run_fabula("say", chat, "Good evening! What is your name?", data=tmp_path)
    assert said.returncode == 0, said.stderr
    assert len(said.stdout.strip()) > 3
