"""The command that runs a stage again."""

from dataclasses import asdict
from typing import Annotated

import trio
import typer

from pipeline.config_paths import DataPaths
from pipeline.replaying import Planned, Replay, Replaying, planned
from pipeline.undertakings import Watch
from store.errors import FabulaError
from store.undertakings import Undertaking
from workers.cli_options import Data, Json, Model, complete_chat, complete_stage, paths_of, store_of
from workers.cli_work import bar, performed
from workers.program import open_program, pipeline_of_actors
from workers.saying import until_settled
from workers.terminal import OUT, explain, show_json, show_table


def replay(
    stage: Annotated[
        str, typer.Option(help="The stage to run again; a bookkeeping one.", autocompletion=complete_stage)
    ],
    chat: Annotated[int, typer.Option(help="The chat's id.", autocompletion=complete_chat)],
    data: Data = None,
    from_: Annotated[int | None, typer.Option("--from", help="First event; the oldest if left out.")] = None,
    to: Annotated[int | None, typer.Option("--to", help="Last event; the newest if left out.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Run a stage again for what it has answered; the new outcome takes the place of the old."""
    asked = Replay(stage, chat, from_, to)
    if dry_run:
        with store_of(data) as store:
            found = store.read_now(lambda db: planned(db, pipeline_of_actors().stages, asked))
        _show(asked, found, as_json)
        return
    with bar("replaying") as watch:
        ended = trio.run(_replay, paths_of(data), asked, model, watch)
    if as_json:
        show_json(asdict(ended))
    elif ended.state == "done":
        OUT.print(ended.outcome, markup=False)
    else:
        explain(FabulaError(ended.outcome, hint=ended.hint))
    if ended.state != "done":
        raise typer.Exit(1)


def _show(asked: Replay, found: list[Planned], as_json: bool) -> None:
    if as_json:
        show_json([asdict(one) for one in found])
        return
    show_table(("event_id", "event", "generation", "supersedes", "busy", "text"), map(asdict, found))
    runs = sum(not one.busy for one in found)
    gone = sum(one.supersedes for one in found if not one.busy)
    OUT.print(
        f"{runs} run(s) of {asked.stage} would be replayed in chat {asked.chat_id}; their new outcome would"
        f" take the place of {gone} event(s). {len(found) - runs} event(s) that the stage is still to answer"
        " would be left to it. Nothing was changed."
    )


async def _replay(paths: DataPaths, asked: Replay, model: str | None, watch: Watch) -> Undertaking:
    """Enqueue, work until it is done, and until what came of it in the chat is done too.

    Ended in the middle, what has not begun is given up and the earlier outcomes stay in force.
    """
    async with open_program(paths, model=model) as program:
        store = program.engine.store
        ended = await performed(store, Replaying(store, pipeline_of_actors().stages, asked), watch)
        if ended.state == "done":
            await until_settled(store, None, asked.chat_id)
        return ended
