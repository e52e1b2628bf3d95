"""The command line. Exit codes: 0 done, 1 not done (an error, or dead runs left), 2 wrong usage."""

import os
import sys

import pydantic
import typer

from store.errors import FabulaError, StoreFailed, misfit
from workers import logs
from workers.commands import Commands, group_of
from workers.terminal import explain

COMMANDS = Commands(
    {
        "Start and play": {
            "serve": "workers.cli_serve:serve",
            "worker": "workers.cli_serve:worker",
            "connect": "workers.cli_connect:connect",
            "bot": "workers.cli_library:bots",
            "chat": "workers.cli_library:chats",
            "say": "workers.cli_play:say",
            "you": "workers.cli_library:you",
        },
        "The past": {
            "turns": "workers.cli_history:turns",
            "regenerate": "workers.cli_history:regenerate",
            "swipe": "workers.cli_history:swipe",
            "edit-turn": "workers.cli_history:edit_turn",
            "retract": "workers.cli_history:retract",
            "rewind": "workers.cli_history:rewind",
            "branches": "workers.cli_history:branches",
            "branch": "workers.cli_history:branch",
            "switch": "workers.cli_history:switch",
            "undo": "workers.cli_history:undo",
        },
        "The story": {
            "story": "workers.cli_plot:story",
            "plan": "workers.cli_plot:plan",
            "start-event": "workers.cli_plot:start_event",
            "complete-event": "workers.cli_plot:complete_event",
            "cancel-event": "workers.cli_plot:cancel_event",
            "open-thread": "workers.cli_plot:open_thread",
            "close-thread": "workers.cli_plot:close_thread",
            "scenes": "workers.cli_scenes:scenes",
            "edit-scene": "workers.cli_scenes:edit_scene",
            "retell-scene": "workers.cli_scenes:retell_scene",
            "quote-scene": "workers.cli_scenes:quote_scene",
        },
        "Time": {
            "clock": "workers.cli_time:clock",
            "skip": "workers.cli_time:skip",
            "auto": "workers.cli_time:auto",
            "meanwhile": "workers.cli_time:meanwhile",
            "return": "workers.cli_time:come_back",
            "digest": "workers.cli_time:digest",
        },
        "What is known": {
            "prompt": "workers.cli_knowing:prompt",
            "why": "workers.cli_knowing:why",
            "search": "workers.cli_search:search",
        },
        "The work behind it": {
            "status": "workers.cli_desk:status",
            "stages": "workers.cli_desk:stages",
            "runs": "workers.cli_desk:runs",
            "retry": "workers.cli_desk:retry",
            "discard": "workers.cli_desk:discard",
            "pause": "workers.cli_desk:pause",
            "resume": "workers.cli_desk:resume",
            "account": "workers.cli_desk:account_",
            "drain": "workers.cli_play:drain",
            "replay": "workers.cli_replay:replay",
            "reembed": "workers.cli_work:reembed",
            "work": "workers.cli_work:work",
            "tail": "workers.cli_tail:tail",
        },
        "Data": {
            "doctor": "workers.cli_doctor:doctor",
            "rebuild": "workers.cli_work:rebuild_",
            "backup": "workers.cli_backups:backup",
            "backups": "workers.cli_backups:backups_",
            "restore": "workers.cli_backups:restore",
            "snapshot": "workers.cli_snapshots:snapshot",
            "snapshots": "workers.cli_snapshots:snapshots_",
            "snapshot-show": "workers.cli_snapshots:snapshot_show",
            "snapshot-restore": "workers.cli_snapshots:snapshot_restore",
            "purge": "workers.cli_purge:purge",
        },
        "Measuring": {
            "bench": "workers.measuring:bench",
            "eval": "workers.measuring:evals",
        },
    }
)
app = typer.Typer(name="fabula", cls=group_of(COMMANDS), no_args_is_help=True)


@app.callback()
def fabula() -> None:
    """A local-first role-play engine."""


def main() -> None:
    """Run a command; every foreseen error is explained instead of traced."""
    try:
        logs.configure(os.environ)
        app()
    except (FabulaError, pydantic.ValidationError, OSError, BaseExceptionGroup) as error:
        first: BaseException = error
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        told = _foreseen(first)
        if told is None:
            raise
        explain(told)
        sys.exit(1)  # not within `except*`: Python before 3.11.4 wraps it in a group, and traces that


def _foreseen(error: BaseException) -> FabulaError | None:
    """What went wrong, as a person is told; None where nobody could foresee it."""
    if isinstance(error, FabulaError):
        return error
    if isinstance(error, pydantic.ValidationError):
        return misfit(error)
    if isinstance(error, OSError):
        what = f"{error.filename}: {error.strerror}." if error.filename else f"{error}."
        return StoreFailed(what, hint="Check the path, its permissions and the disk.")
    return None
