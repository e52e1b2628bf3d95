"""The command that runs a stage again."""

from typing import Annotated

import trio
import typer
from rich.progress import Progress

from workers import replaying
from workers.cli_options import Data, Model, paths_of, store_of
from workers.replaying import Replay
from workers.terminal import OUT


def replay(
    stage: Annotated[str, typer.Option(help="The stage to run again; a bookkeeping one.")],
    chat: Annotated[int, typer.Option(help="The chat's id.")],
    data: Data = None,
    from_: Annotated[int | None, typer.Option("--from", help="First event; the oldest if left out.")] = None,
    to: Annotated[int | None, typer.Option("--to", help="Last event; the newest if left out.")] = None,
    note: Annotated[str, typer.Option(help="Why, for the account that the desk shows.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many runs it would be.")] = False,
    model: Model = None,
) -> None:
    """Run a stage again for what it has answered; the new outcome takes the place of the old."""
    asked = Replay(stage, chat, from_, to, note)
    if dry_run:
        with store_of(data) as store:
            OUT.print(f"{len(replaying.events_of(store, asked))} run(s) of {stage} would be replayed.")
        return
    with Progress(transient=True) as bar:
        task = bar.add_task("replaying", total=None)
        most = 0

        def progress(left: int) -> None:
            nonlocal most
            most = max(most, left)
            bar.update(task, total=most, completed=most - left)

        done = trio.run(lambda: replaying.replay(paths_of(data), asked, model=model, progress=progress))
    OUT.print(f"{done.enqueued} run(s) of {stage} replayed; {len(done.dead)} dead.")
    if done.left or done.dead:
        raise typer.Exit(1)
