"""What those who run it type: followed logs, completion, JSON from everything that lists."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.processes import FABULA, fake_process, narrate_with, run_fabula


@pytest.mark.slow
def test_the_log_is_followed_as_it_grows_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    assert run_fabula("bot", "new", "Ada", data=tmp_path).returncode == 0
    run_fabula("chat", "new", "1", data=tmp_path)
    command = [*FABULA, "tail", "--from", "1", "--json", "--kind", "bot", "--data", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert following.stderr is not None
        first = json.loads(following.stdout.readline())
        assert (first["id"], first["kind"], first["payload"]["name"]) == (1, "bot.authored", "Ada")
        run_fabula("bot", "new", "Bea", data=tmp_path)
        assert json.loads(following.stdout.readline())["payload"]["name"] == "Bea", (
            "the chat is not asked for"
        )
        following.send_signal(signal.SIGINT)
        assert (following.wait(timeout=10), following.stderr.read()) == (0, "")
    wrong = run_fabula("tail", "--kind", "trun", data=tmp_path)
    assert (wrong.returncode, "Perhaps turn?" in wrong.stderr) == (1, True)


@pytest.mark.slow
def test_the_shell_completes_commands_stages_kinds_and_chats(tmp_path: Path) -> None:
    run_fabula("bot", "new", "Ada", data=tmp_path)
    run_fabula("chat", "new", "1", data=tmp_path)

    def completed(line: str) -> list[str]:
        asked = {"_FABULA_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        program = [
            FABULA[0],
            "-c",
            "import sys; sys.argv[0] = 'fabula'; from workers.cli import main; main()",
        ]
        ran = subprocess.run(
            program, env={**os.environ, **asked}, capture_output=True, text=True, check=False
        )
        return ran.stdout.split()

    assert completed("fabula doc") == ["doctor"]
    assert set(completed("fabula replay --stage re")) == {"remember"}
    assert completed("fabula tail --kind scene.cl") == ["scene.closed"]
    assert completed(f"fabula runs --data {tmp_path} --chat ") == ["2"]
    assert completed("fabula runs --data /nowhere --chat ") == []


@pytest.mark.slow
def test_everything_that_lists_gives_json(tmp_path: Path) -> None:
    with fake_process() as fake:
        narrate_with(tmp_path, fake.base_url)
        run_fabula("bot", "new", "Ada", data=tmp_path)
        run_fabula("chat", "new", "1", data=tmp_path)
        run_fabula("say", "2", "Only me.", data=tmp_path)
        run_fabula("drain", data=tmp_path)
        told = {}
        for command in (
            "bot list",
            "chat list",
            "replay --stage remember --chat 2 --dry-run",
            "rebuild --check",
            "replay --stage remember --chat 2",
            "work",
        ):
            ran = run_fabula(*command.split(), "--json", data=tmp_path)
            assert ran.returncode == 0, ran.stderr
            told[command] = json.loads(ran.stdout)
    assert [one["name"] for one in told["bot list"]] == ["Ada"]
    assert [one["turns"] for one in told["chat list"]] == [2]
    planned = told["replay --stage remember --chat 2 --dry-run"]
    assert [(one["event"], one["generation"], one["supersedes"]) for one in planned] == [
        ("turn.user", 1, 1),
        ("turn.assistant", 1, 1),
    ]
    assert told["rebuild --check"]["differences"] == []
    assert told["replay --stage remember --chat 2"]["outcome"] == "2 run(s) of remember replayed; 0 dead."
    assert [(one["kind"], one["state"], one["done"] == one["total"] > 0) for one in told["work"]] == [
        ("replay", "done", True),
        ("rebuild --check", "done", True),
    ]
