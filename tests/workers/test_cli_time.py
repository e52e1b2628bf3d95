"""Story time from the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.processes import FakeProcess, narrate_with
from workers.cli import app

Fabula = Callable[..., Result]


@pytest.fixture
def fabula(fake: FakeProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fabula:
    """Runs a command on a data folder with two bots, and a chat 3 with the first."""
    monkeypatch.setenv("FABULA_EMBED", "off")
    narrate_with(tmp_path, fake.base_url)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, [*map(str, arguments), "--data", str(tmp_path)])

    for name in ("Ada", "Bea"):
        assert run("bot", "new", name).exit_code == 0
    assert run("chat", "new", 1).stdout == "3\n"
    assert run("say", 3, "Only me.").exit_code == 0
    return run


def test_time_is_skipped_and_an_only_bot_goes_on(fabula: Fabula) -> None:
    assert "day 1, 12:02" in fabula("clock", 3).stdout
    assert "undo 3" in fabula("skip", 3, "two hours later", "--elision").stdout
    assert fabula("drain").exit_code == 0
    assert fabula("auto", 3, 2).exit_code == 0
    assert fabula("drain").exit_code == 0
    told = json.loads(fabula("clock", 3, "--json").stdout)
    assert (told["told"], told["auto_left"], told["without_you"]) == ("day 1, 14:04", 0, False)
    assert [one["mode"] for one in told["skips"]] == ["elision"]
    assert "not on" in fabula("auto", 3, 0).stdout
    assert "there already" in fabula("return", 3).stdout
    assert fabula("skip", 3, "yesterday").exit_code != 0
    assert fabula("meanwhile", 3, 2).exit_code != 0
