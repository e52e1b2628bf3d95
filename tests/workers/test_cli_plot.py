"""The plot from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from store.errors import FabulaError, Invalid, Refused
from tests.workers.conftest import refusal
from workers.cli import app

Fabula = Callable[..., Result]


@pytest.fixture
def fabula(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fabula:
    """Runs a command on a chat 2 of you and Ada."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Result:
        typed = [str(one) for one in arguments]
        return CliRunner().invoke(app, [*typed, "--data", str(tmp_path)])

    assert run("bot", "new", "Ada").exit_code == 0
    assert run("chat", "new", 1).stdout == "2\n"
    return run


def story(fabula: Fabula) -> dict[str, Any]:
    return dict(json.loads(fabula("story", 2, "--json").stdout))


def test_a_story_event_and_a_thread_from_the_command_line(fabula: Fabula, tmp_path: Path) -> None:
    file = tmp_path / "feast.json"
    gains = {"kind": "gains", "entity_id": 1, "text": "a bowl"}
    told = {"title": "The feast", "props": [{"name": "a bowl"}], "on_start": [gains]}
    file.write_text(json.dumps(told))
    event = fabula("plan", 2, file).stdout.strip()
    assert "planned" in fabula("story", 2).stdout
    assert fabula("start-event", 2, event).exit_code == 0
    problem: FabulaError = refusal(fabula("complete-event", 2, event, "--gist", "We ate."))
    assert isinstance(problem, Refused)
    assert isinstance(refusal(fabula("complete-event", 2, event, "--keep", "a bowl=Zoe")), Invalid)
    kept = fabula("complete-event", 2, event, "--gist", "We ate.", "--keep", "a bowl=ada")
    assert kept.exit_code == 0, kept.output
    (shown,) = story(fabula)["story_events"]
    assert (shown["state"], shown["gist"]) == ("completed", "We ate.")
    assert "Undone: end of a story event." in fabula("undo", 2).stdout
    assert fabula("cancel-event", 2, event, "--reason", "rain").exit_code == 0
    thread = fabula("open-thread", 2, "Who rang?", "Nobody saw.").stdout.strip()
    assert "unmoved for" in fabula("story", 2).stdout
    assert fabula("close-thread", 2, thread, "The wind.").exit_code == 0
    assert story(fabula)["threads"][0]["resolution"] == "The wind."
    file.write_text("{")
    assert "is no JSON" in str(refusal(fabula("plan", 2, file)))
    file.write_text("[" * 100_000)
    assert "nested too deeply" in str(refusal(fabula("plan", 2, file)))
    assert "cannot be read" in str(refusal(fabula("plan", 2, tmp_path / "none.json")))
