"""Planted defects: every property test of the invariants is shown able to fail.

    python -m ops.defects
    python -m ops.defects --only promotes-the-newest --json

A test that cannot fail proves nothing, and nobody notices when one stops being able to. Each entry of
`ops/defects.toml` is one way to break an invariant and the tests that must go red over it. The defect is
planted in a copy of the tracked files, never in the working tree. The same tests are run in an unharmed copy
first: red says nothing of a test that is always red. Exit 1 when a test stays green, cannot be judged, or a
defect no longer fits the code it was written for.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).with_suffix(".toml")
LIMIT_S = 100.0
PROFILE = "unshrunk"
"""The hypothesis profile of tests/conftest.py that stops at the first failing example."""
TESTS_FAILED = 1
"""Pytest's exit code for tests that ran and failed; higher ones mean that they could not be run."""


class Misplaced(Exception):
    """The text to replace is not there exactly once; the code has moved on, the list must follow."""


class Defect(BaseModel):
    """One way to break an invariant of DESIGN section 2, and the tests that are there to notice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    invariant: int = Field(ge=1, le=11)
    file: str
    old: str = Field(min_length=1)
    new: str
    tests: tuple[str, ...] = Field(min_length=1)
    why: str = Field(min_length=1)

    def plant(self, root: Path) -> None:
        """Replace the sound text by the defective one in the copy at `root`."""
        file = root / self.file
        file.write_text(self.planted(file.read_text(encoding="utf-8")), encoding="utf-8")

    def planted(self, text: str) -> str:
        found = text.count(self.old)
        if found != 1:
            raise Misplaced(f"{self.name}: the text to replace occurs {found} times in {self.file}, not once")
        return text.replace(self.old, self.new)


Result = Literal["red", "STILL GREEN", "CANNOT BE JUDGED"]


class Verdict(BaseModel):
    """What the named tests made of a defect: node id → why it failed, "" for one that stayed green."""

    name: str
    invariant: int
    result: Result
    seconds: float
    tests: dict[str, str]
    detail: str = ""


class Ran(BaseModel):
    """One child process with some tests: which failed, and what it said if it could not run them."""

    failed: dict[str, str]
    broken: str = ""


def listed(path: Path = LIST) -> list[Defect]:
    return [Defect.model_validate(one) for one in tomllib.loads(path.read_text(encoding="utf-8"))["defect"]]


def copy_tracked(root: Path, folder: Path) -> None:
    """The tracked files as they stand in the working tree; caches and data folders stay behind."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True)
    for name in filter(None, names.stdout.split("\0")):
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)


def judge(defect: Defect, root: Path = ROOT, *, limit_s: float = LIMIT_S) -> Verdict:
    """Plant the defect in a copy of its own and see what its tests say."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fabula-defect-") as name:
        copy_tracked(root, Path(name))
        defect.plant(Path(name))
        ran = run_tests(defect.tests, Path(name), limit_s)
    reasons = {test: _reason(test, ran.failed) for test in defect.tests}
    result: Result = "red" if all(reasons.values()) else "STILL GREEN"
    if ran.broken:
        result = "CANNOT BE JUDGED"
    return Verdict(
        name=defect.name,
        invariant=defect.invariant,
        result=result,
        seconds=round(time.monotonic() - began, 1),
        tests=reasons,
        detail=ran.broken,
    )


def red_anyway(defects: Sequence[Defect], root: Path = ROOT, *, limit_s: float = LIMIT_S) -> Ran:
    """What fails in an unharmed copy; there, everything should pass."""
    tests = sorted({test for defect in defects for test in defect.tests})
    with tempfile.TemporaryDirectory(prefix="fabula-unharmed-") as name:
        copy_tracked(root, Path(name))
        return run_tests(tests, Path(name), limit_s)


def _reason(test: str, failed: dict[str, str]) -> str:
    """Why a test failed; one with parameters has failed when one of its cases has."""
    found = [why for node, why in failed.items() if node == test or node.startswith(test + "[")]
    return found[0] if found else ""


def run_tests(tests: Sequence[str], folder: Path, limit_s: float) -> Ran:
    """Run tests in a child that imports the copy; one that does not end in time has failed them all."""
    command = [sys.executable, "-m", "pytest", "--tb=no", "-rfE", f"--hypothesis-profile={PROFILE}", *tests]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "400"}
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that what the tests started ends with them
    ) as process:
        try:
            said, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return Ran(failed=dict.fromkeys(tests, f"not done within {limit_s:g} s"))
    broken = said[-2000:] if process.returncode > TESTS_FAILED or process.returncode < 0 else ""
    return Ran(failed=_failed(said), broken=broken)


def _failed(said: str) -> dict[str, str]:
    """Pytest's short summary: `FAILED node - reason`, one a line."""
    failed: dict[str, str] = {}
    for line in said.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("FAILED", "ERROR"):
            node, _, why = rest.partition(" - ")
            failed[node] = why.strip() or word.lower()
    return failed


def _tell(verdict: Verdict) -> None:
    print(f"{verdict.result:12} {verdict.invariant:>2}  {verdict.name}  ({verdict.seconds} s)", flush=True)
    for test, why in verdict.tests.items():
        print(f"{'':17}{test.rpartition('/')[2]}: {why or 'stayed green'}", flush=True)
    if verdict.detail:
        print(verdict.detail, flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--only", metavar="NAME", help="judge this defect alone")
    options.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    chosen = options.parse_args()
    defects = [one for one in listed() if chosen.only in (None, one.name)]
    if not defects:
        options.error(f"no defect is named {chosen.only!r}")
    sound = red_anyway(defects)
    if sound.failed or sound.broken:
        sys.exit(f"Red without any defect: {json.dumps(sound.failed, indent=2)}\n{sound.broken}")
    verdicts = []
    for defect in defects:
        try:
            verdicts.append(judge(defect))
        except Misplaced as misplaced:
            verdicts.append(_misplaced(defect, misplaced))
        if not chosen.json:
            _tell(verdicts[-1])
    if chosen.json:
        print(json.dumps({"defects": [verdict.model_dump() for verdict in verdicts]}))
    sys.exit(0 if all(verdict.result == "red" for verdict in verdicts) else 1)


def _misplaced(defect: Defect, misplaced: Misplaced) -> Verdict:
    return Verdict(
        name=defect.name,
        invariant=defect.invariant,
        result="CANNOT BE JUDGED",
        seconds=0.0,
        tests=dict.fromkeys(defect.tests, ""),
        detail=str(misplaced),
    )


if __name__ == "__main__":
    main()
