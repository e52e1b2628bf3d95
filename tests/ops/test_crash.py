"""Crash safety: the real program, killed at random instants, loses and doubles nothing."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow
KILLS = 100


def _harness(*options: str) -> tuple[int, dict[str, object]]:
    command = [sys.executable, "-m", "ops.crash", *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ran.returncode, json.loads(ran.stdout.splitlines()[-1])


def test_a_hundred_kills_lose_and_double_nothing() -> None:
    code, found = _harness("--kills", str(KILLS))
    assert found["violations"] == [], f"seed {found['seed']}"
    assert code == 0
    assert int(str(found["turns_acknowledged"])) > KILLS // 2, "a slow machine has less to lose"
    assert int(str(found["partials_seen"])) > 0


def test_the_same_harness_sees_stock_huey_lose_work() -> None:
    code, found = _harness("--kills", "4", "--storage", "stock")
    assert int(str(found["lost"])) > 0
    assert code == 1


def test_killed_in_auto_mode_the_bots_say_as_many_turns_as_were_asked_for() -> None:
    code, found = _harness("--kills", "5", "--auto")
    assert found["violations"] == [], f"seed {found['seed']}"
    assert code == 0
    assert int(str(found["said"])) > 1
