"""The table of commands: each is there, and a process loads no more than the one it was started for."""

import json
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from tests.processes import narrate_with, server
from tests.workers.conftest import Fabula, refusal
from workers.cli import COMMANDS, app

TOLD_AT_THE_END = """
import atexit, json, pathlib, sys
told = lambda: json.dumps({{"blocks": sys.getallocatedblocks(), "modules": [*sys.modules]}})
atexit.register(lambda: pathlib.Path({file!r}).write_text(told()))
from workers.cli import main; main()
"""
MOST_BLOCKS = 550_000
"""Serving takes some 440,000 of them. Resident memory follows their number, and a count is the same on
every machine; the tables of tokens alone were made of 200,000."""
NOT_FOR_SERVING = (
    "numpy",
    "ops",
    "sentence_transformers",
    "store.purging",
    "store.restoring",
    "torch",
    "workers.cli_doctor",
    "workers.cli_history",
    "workers.cli_work",
    "workers.measuring",
    "workers.saying",
    "xllamacpp",
)


def test_every_command_is_listed_and_a_slip_finds_its_neighbour() -> None:
    listed = CliRunner().invoke(app, ["--help"]).stdout
    assert [name for name in COMMANDS if f" {name} " not in listed] == []
    assert (
        listed.index("Start and play")
        < listed.index(" bot ")
        < listed.index("The past")
        < listed.index("undo ")
    )
    slipped = CliRunner().invoke(app, ["retrat"])
    assert (slipped.exit_code, "'retract'" in slipped.stderr) == (2, True)


def test_a_server_holds_nothing_that_other_commands_are_for(tmp_path: Path) -> None:
    file = tmp_path / "told.json"
    program = TOLD_AT_THE_END.format(file=str(file))
    narrate_with(tmp_path, "http://127.0.0.1:9")
    with server(tmp_path, fabula=[sys.executable, "-c", program]) as served:
        httpx.get(served.address).raise_for_status()
        assert served.ask_to_end() == 0
    told = json.loads(file.read_text(encoding="utf-8"))
    assert "web.app" in told["modules"]
    assert set(told["modules"]).isdisjoint(NOT_FOR_SERVING)
    assert told["blocks"] < MOST_BLOCKS


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("clock", "9" * 25), "chat: 999"),
        (("tail", "--from", "9" * 25), "from"),
        (("retry", "1", "9" * 25), "run"),
        (("chat", "new", "9" * 25), "bot"),
        (("runs", "--stage", "\udcff"), "stage"),
        (("why", "2", "\udcff"), "text"),
    ],
)
def test_what_no_database_holds_is_refused_by_name(arguments: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert words in refusal(result).message


@pytest.mark.parametrize("seconds", ["-1", "nan"])
def test_nobody_waits_for_less_than_no_time(seconds: str) -> None:
    result = CliRunner().invoke(app, ["drain", f"--timeout={seconds}"])
    assert (result.exit_code, "--timeout" in result.stderr) == (2, True)


def test_a_chat_that_has_not_begun_is_listed_as_json(fabula: Fabula, tmp_path: Path) -> None:
    with server(tmp_path, "--no-workers") as serving:
        proposed = {"host_id": 1, "opening": "A train at night."}
        chat_id = httpx.post(f"{serving.address}/api/chats", json=proposed).raise_for_status().json()["id"]
    fabula("drain")
    listed = {one["id"]: one for one in json.loads(fabula("chat", "list", "--json").stdout)}
    assert isinstance(listed[chat_id]["proposal"], dict)
    assert listed[2]["proposal"] is None
