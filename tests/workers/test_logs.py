"""Log lines: quiet, structured, with ids, and without a key however it gets there."""

import json
from pathlib import Path

import pytest
import structlog

from pipeline.config import load
from pipeline.config_paths import data_paths
from store.errors import Invalid
from tests.processes import fake_process, narrate_with, run_fabula
from workers import logs

KEY = "sk-never-in-any-line"


def test_a_level_or_format_that_is_none_is_told() -> None:
    with pytest.raises(Invalid, match="FABULA_LOG='LOUD'"):
        logs.configure({"FABULA_LOG": "loud"})
    with pytest.raises(Invalid, match="FABULA_LOG_FORMAT='xml'"):
        logs.configure({"FABULA_LOG_FORMAT": "xml"})


def test_keys_are_blotted_out_of_every_value_and_traceback(tmp_path: Path) -> None:
    blot = logs.Blot()
    blot.hide(load(data_paths(tmp_path, {}), {"FABULA_TOKEN": KEY}))
    raised = {"event": f"key {KEY}", "exc_info": ValueError(f"sent {KEY}")}
    line = dict(structlog.processors.format_exc_info(None, "error", raised))
    line |= {"nested": {"header": f"Bearer {KEY}"}, "run_id": 7}
    told = blot(None, "error", line)
    assert KEY not in json.dumps(told)
    assert logs.HIDDEN in str(told["exception"])
    assert told["run_id"] == 7


@pytest.mark.slow
def test_a_failed_run_is_told_with_its_ids_and_a_run_that_goes_well_only_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FABULA_API_KEY_FAKE", KEY)
    with fake_process() as fake:
        narrate_with(tmp_path, fake.base_url)
        run_fabula("bot", "new", "Ada", data=tmp_path)
        run_fabula("chat", "new", "1", data=tmp_path)
        assert run_fabula("say", "2", "Only me.", data=tmp_path).stderr == ""
        monkeypatch.setenv("FABULA_LOG", "debug")
        monkeypatch.setenv("FABULA_LOG_FORMAT", "json")
        fake.script({"status": 401, "body": f"wrong key: {KEY}"})
        said = run_fabula("say", "2", "Another secret of mine.", data=tmp_path)
        lines = [json.loads(line) for line in said.stderr.splitlines() if line.startswith("{")]
    failed = next(line for line in lines if line["event"] == "run failed")
    assert (failed["level"], failed["stage"], failed["chat_id"]) == ("warning", "narrate", 2)
    assert {"run_id", "event_id", "timestamp"} <= set(failed)
    assert any(line["event"] == "run completed" and line["level"] == "debug" for line in lines)
    assert KEY not in said.stderr + said.stdout
    assert "Another secret of mine." not in said.stderr
