"""Story time from the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.processes import FakeProcess, narrate_with
from tests.workers.conftest import refusal
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


def test_scenes_are_listed_and_put_in_other_words(fabula: Fabula) -> None:
    assert fabula("skip", 3, "next morning").exit_code == 0
    assert fabula("drain").exit_code == 0
    over, running = json.loads(fabula("scenes", 3, "--json").stdout)
    scene = over["scene"]["id"]
    (told,) = over["summaries"]
    wording = ("--title", "First words", "--place", "The pier", "--significance", 2)
    assert "Changed." in fabula("edit-scene", 3, scene, *wording).stdout
    assert "says the same" in fabula("edit-scene", 3, scene, *wording).stdout
    assert "Changed." in fabula("retell-scene", 3, scene, "ada", "We met.").stdout
    shown = fabula("scenes", 3).stdout
    assert all(words in shown for words in ("First words", "The pier", "significant, by hand", "We met."))
    assert told["summary"] not in shown
    assert "Changed." in fabula("quote-scene", 3, scene, "Ada", "Only me.", "[b]Lit.[/b]").stdout
    assert "says the same" in fabula("quote-scene", 3, scene, "Ada", "Only me.", "[b]Lit.[/b]").stdout
    moved = ("--begins", "11:30", "--ends", "day 1, 12:10", "--weather", "fog")
    assert "Changed." in fabula("edit-scene", 3, scene, *moved).stdout
    shown = fabula("scenes", 3).stdout
    assert all(words in shown for words in ("“Only me.” “[b]Lit.[/b]”", "day 1, 11:30", "weather: fog"))
    assert "Changed." in fabula("quote-scene", 3, scene, "Ada").stdout
    assert "[b]" not in fabula("scenes", 3).stdout
    late = refusal(fabula("edit-scene", 3, scene, "--ends", "day 3, 12:00"))
    assert "at the latest" in str(late.hint)
    assert "tells no time" in str(refusal(fabula("edit-scene", 3, scene, "--begins", "two hours later")))
    for wrong in ((scene, "--significance", 7), (scene, "--significance", "much"), (999, "--title", "x")):
        assert fabula("edit-scene", 3, *wrong).exit_code != 0
    assert "Those who do: Ada" in str(refusal(fabula("retell-scene", 3, scene, "Bea", "x")).hint)
    assert refusal(fabula("retell-scene", 3, running["scene"]["id"], "Ada", "x")).hint
