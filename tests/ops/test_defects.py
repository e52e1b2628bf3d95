"""The planted defects: each fits the code as it is, and a test that sleeps is told from one that notices."""

import ast
import json
import subprocess
import sys
from collections import Counter

import pytest

from ops.defects import ROOT, Defect, Misplaced, judge, listed

DEFECTS = listed()
QUICK = "the-index-allows-two-heads"
WITHOUT_DEFECT = {
    # fails as it is, and says so
    "tests/properties/test_log_and_projections.py::test_what_comes_late_of_a_superseded_outcome_falls_with_it",
    # the other properties of its file together, two thousand times
    "tests/properties/test_history.py::test_a_long_history_stays_true_to_its_log",
    # the first property of its file, a thousand times
    "tests/properties/test_time.py::test_time_goes_forward_through_a_thousand_stories",
    # the state machine of its file, a thousand times
    "tests/properties/test_plot.py::test_a_long_life_of_story_events",
    # not a property but one story told
    "tests/properties/test_knowing.py::test_the_props_of_a_finished_scene_stay_behind",
}
quick = next(one for one in DEFECTS if one.name == QUICK)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_fits_the_code_and_is_code(defect: Defect) -> None:
    """It would be red for the wrong reason if it could not even be read."""
    ast.parse(defect.planted((ROOT / defect.file).read_text(encoding="utf-8")))


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_names_tests_that_there_are(defect: Defect) -> None:
    for test in defect.tests:
        file, name = test.split("::")[:2]
        assert name.partition("[")[0] in _names(file), f"{test} is not there"


def _names(file: str) -> set[str]:
    """What a test module defines at its top: functions, and the test case of a state machine."""
    names: set[str] = set()
    for one in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(one.name)
        elif isinstance(one, ast.Assign):
            names |= {target.id for target in one.targets if isinstance(target, ast.Name)}
    return names


def test_every_invariant_has_a_defect_and_every_defect_a_name_of_its_own() -> None:
    assert {one.invariant for one in DEFECTS} == set(range(1, 12))
    assert [name for name, times in Counter(one.name for one in DEFECTS).items() if times > 1] == []


def test_every_property_has_a_defect_that_it_must_catch() -> None:
    named = {test.partition("[")[0] for one in DEFECTS for test in one.tests}
    files = [f"tests/properties/{file.name}" for file in (ROOT / "tests/properties").glob("test_*.py")]
    properties = {f"{file}::{name}" for file in files for name in _names(file) if name.startswith("test_")}
    assert properties - named - WITHOUT_DEFECT == set()


@pytest.mark.parametrize("old", ["no such text", "run"])
def test_a_defect_that_fits_nowhere_or_in_two_places_is_refused(old: str) -> None:
    defect = quick.model_copy(update={"old": old})
    with pytest.raises(Misplaced, match=QUICK):
        defect.planted((ROOT / defect.file).read_text(encoding="utf-8"))


def test_a_test_that_notices_nothing_is_told() -> None:
    harmless = quick.model_copy(update={"new": f"{quick.old} "})
    verdict = judge(harmless)
    assert (verdict.result, verdict.tests) == ("STILL GREEN", dict.fromkeys(quick.tests, ""))


def test_a_defect_that_cannot_be_run_is_not_called_red() -> None:
    unreadable = quick.model_copy(update={"file": "store/rows.py", "old": "Row = ", "new": "Row = ="})
    assert judge(unreadable).result == "CANNOT BE JUDGED"


def test_a_test_that_does_not_end_is_red() -> None:
    endless = quick.model_copy(
        update={"file": "store/rows.py", "old": "Row = ", "new": "while True: ...\nRow = "}
    )
    verdict = judge(endless, limit_s=1)
    assert verdict.result == "red"
    assert set(verdict.tests.values()) == {"not done within 1 s"}


@pytest.mark.slow
def test_the_command_judges_a_defect_and_leaves_the_working_tree_alone() -> None:
    before = (ROOT / quick.file).read_bytes()
    command = [sys.executable, "-m", "ops.defects", "--only", QUICK, "--json"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    (told,) = json.loads(ran.stdout)["defects"]
    assert (ran.returncode, told["name"], told["result"]) == (0, QUICK, "red")
    assert "two heads in one mailbox" in told["tests"][quick.tests[0]]
    assert (ROOT / quick.file).read_bytes() == before
