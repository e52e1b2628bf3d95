"""The desk from the command line: stages paused and resumed, runs selected and mended after a count."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from store.errors import Invalid, NotFound
from tests.processes import FakeProcess
from tests.workers.conftest import Fabula, refusal
from workers.cli import app


def listed(fabula: Fabula, *command: str) -> list[dict[str, Any]]:
    return list(json.loads(fabula(*command, "--json").stdout))


def test_a_paused_stage_is_told_of_and_goes_on(fabula: Fabula) -> None:
    fabula("drain")
    assert "narrate is paused" in fabula("pause", "narrate", "--note", "why").stdout
    assert "was paused already" in fabula("pause", "narrate").stdout
    assert [one["stage"] for one in listed(fabula, "stages") if one["paused"]] == ["narrate"]
    assert refusal(fabula("say", 2, "Hello?")).hint.endswith("fabula resume narrate")
    left = fabula("drain")
    assert left.exit_code == 1
    assert "Paused: narrate" in left.stdout
    assert "narrate goes on" in fabula("resume", "narrate").stdout
    assert fabula("drain").exit_code == 0
    assert [one["act"] for one in listed(fabula, "account")] == ["resumed", "paused"]
    assert isinstance(refusal(fabula("pause", "nothing")), NotFound)


def test_runs_are_selected_as_on_the_page_and_mended_after_a_count(fabula: Fabula, fake: FakeProcess) -> None:
    fabula("drain")
    fabula("pause", "narrate")
    fabula("say", 2, "Hello?")
    fabula("drain")
    fabula("resume", "narrate")
    fake.script({"status": 401, "body": "{}"})
    assert fabula("drain").exit_code == 1
    selected = ("--stage", "narrate", "--error", "refused", "--chat", "2")
    (dead,) = listed(fabula, "runs", "--state", "dead", *selected)
    declined = fabula("retry", "--all", *selected, answer="n\n")
    assert "Retry 1 run(s)?" in declined.stdout
    assert listed(fabula, "runs", "--state", "dead") == [dead]
    retried = fabula("retry", "--all", *selected, "--yes", "--note", "mended")
    assert "1 run(s) will be tried again" in retried.stdout
    assert fabula("drain").exit_code == 0
    assert listed(fabula, "account")[0]["note"] == "mended"
    assert "0 run(s) discarded" in fabula("discard", "--all", "--yes").stdout
    assert isinstance(refusal(fabula("runs", "--state", "lost")), Invalid)
    assert isinstance(refusal(fabula("retry", 9999)), NotFound)


def test_a_folder_without_a_database_is_told_of_and_left_as_it_is(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for command in ("status", "drain", "say 2 Hello", "reembed", "chat new 1"):
        told = refusal(CliRunner().invoke(app, [*command.split(), "--data", str(elsewhere)]))
        assert isinstance(told, NotFound)
        assert str(elsewhere / "chat.db") in str(told)
    assert not elsewhere.exists()
