"""Commands for the whole database: back it up, list the backups, go back to one."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from store import backups, restoring
from store.backups import Backup
from store.copies import checked
from store.errors import Refused
from store.occupancy import shared
from store.stamps import moment
from store.store import utc_ms
from workers.cli_options import Data, Json, Yes, paths_of
from workers.terminal import OUT, show_json, show_table

WORD = "RESTORE"


def backup(data: Data = None) -> None:
    """Back up the whole database, also while Fabula runs."""
    paths = paths_of(data)
    began = time.monotonic()
    with shared(paths.database):
        made = backups.make(paths.database, paths.backups, why="by-hand", now=utc_ms())
    took = time.monotonic() - began
    OUT.print(f"{made.path} ({made.size / 1e6:.1f} MB, checked, {took:.1f} s)", markup=False)


def backups_(data: Data = None, as_json: Json = False) -> None:
    """List the backups, newest first."""
    found = [_shown(one) for one in backups.listed(paths_of(data).backups)]
    if as_json:
        show_json(found)
    else:
        show_table(("file", "made_at", "why", "bytes"), found)


def _shown(one: Backup) -> dict[str, Any]:
    made_at = moment(one.made_at).isoformat(timespec="seconds")
    return {"file": str(one.path), "made_at": made_at, "why": one.why, "bytes": one.size}


def restore(
    file: Annotated[Path, typer.Argument(help="The backup; `fabula backups` lists them.")],
    data: Data = None,
    yes: Yes = False,
) -> None:
    """Replace the whole database by a backup; what is there is backed up first."""
    paths = paths_of(data)
    content = checked(file)
    if not yes:
        OUT.print(
            f"{file} holds {content.events} event(s). It will replace everything in {paths.database};"
            " what is there now is backed up first.",
            markup=False,
        )
        if typer.prompt(f"Type {WORD} to go on") != WORD:
            raise Refused("Nothing was restored.", hint=f"Type {WORD}, or give --yes.")
    done = restoring.restore(file, paths.database, paths.backups, now=utc_ms())
    OUT.print(f"Restored {done.content.events} event(s) from {file}.", markup=False)
    if done.kept is None:
        return
    if done.was_damaged:
        OUT.print(f"What was there could not be read; it is kept as it was in {done.kept}.", markup=False)
    else:
        OUT.print(f"What was there is kept. To go back: fabula restore {done.kept}", markup=False)
