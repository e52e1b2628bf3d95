"""`fabula doctor`: look at a data folder, say what is wrong and how to mend it."""

import os
from typing import Annotated

import typer

from ops.doctor.checks import Patient
from ops.doctor.table import Told, examined
from store.store import utc_ms
from workers.cli_options import Data, Json, paths_of
from workers.terminal import OUT, show_json

MARKS = {"ok": "[green]ok     [/]", "note": "[yellow]note   [/]", "wrong": "[bold red]wrong  [/]"}
SKIPPED = "[dim]skipped[/]"


def doctor(
    data: Data = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only what is not well.")] = False,
    as_json: Json = False,
) -> None:
    """Check the data folder, also while Fabula runs; exit 1 if something is wrong. Changes nothing."""
    found: list[Told] = []
    for told in examined(Patient(paths_of(data), os.environ, utc_ms())):
        found.append(told)
        if not as_json and not (quiet and told.finding.state == "ok"):
            OUT.print(f"{MARKS.get(told.finding.state, SKIPPED)} {told.check}: ", end="")
            OUT.print(told.finding.what, markup=False)
            if told.finding.mend:
                OUT.print(f"        → {told.finding.mend}", markup=False)
    if as_json:
        show_json([one.as_json() for one in found])
    if any(one.finding.state == "wrong" for one in found):
        raise typer.Exit(1)
