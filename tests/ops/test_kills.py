"""Killed inside any one operation, Fabula is left as it was before or after; files are whole or not there."""

import json
import subprocess
import sys

import pytest

from ops.operations import OPERATIONS

pytestmark = pytest.mark.slow
INSTANTS = 8
FILES = ("snapshot", "restore a snapshot", "restore a long snapshot", "purge", "backup", "restore")
QUEUE = ("retry", "discard", "replay", "outcome of a replay")
REWRITING = tuple(one.name for one in OPERATIONS if one.name not in (*FILES, *QUEUE))


@pytest.mark.parametrize("names", [REWRITING, QUEUE, FILES], ids=["rewriting", "queue", "files"])
def test_a_kill_leaves_the_state_before_or_after(names: tuple[str, ...]) -> None:
    only = [word for name in names for word in ("--only", name)]
    command = [sys.executable, "-m", "ops.kills", "--instants", str(INSTANTS), *only]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.stdout, ran.stderr
    found = json.loads(ran.stdout)
    assert [one["operation"] for one in found] == list(names)
    for one in found:
        assert one["violations"] == [], one["operation"]
        assert one["kills"] >= INSTANTS // 2, one
        assert 0 < one["left_as_before"] < one["tried"], one
    assert ran.returncode == 0
