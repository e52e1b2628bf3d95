"""Commands that play: `say`, and `drain` for what is left to do."""

from typing import Annotated

import trio
import typer
from rich.progress import Progress

from workers import saying
from workers.cli_options import ChatOption, Data, Model, StageOption, lived_in
from workers.terminal import OUT, write


def say(
    chat: Annotated[int, typer.Argument(help="The chat's id.")],
    text: str,
    data: Data = None,
    model: Model = None,
) -> None:
    """Send a turn and print the reply as it is written."""
    trio.run(lambda: saying.say(lived_in(data), chat, text, model=model, write=write))


def drain(
    data: Data = None,
    stage: StageOption = None,
    chat: ChatOption = None,
    timeout: Annotated[float | None, typer.Option(min=0, help="Give up after so many seconds.")] = None,
    model: Model = None,
) -> None:
    """Work until nothing is pending; exit 1 if runs are left or dead."""
    with Progress(transient=True) as bar:
        task = bar.add_task("draining", total=None)
        most = 0

        def progress(left: int) -> None:
            nonlocal most
            most = max(most, left)
            bar.update(task, total=most, completed=most - left)

        left, dead, paused = trio.run(
            lambda: saying.drain(
                lived_in(data), stage=stage, chat_id=chat, timeout_s=timeout, model=model, progress=progress
            )
        )
    OUT.print(f"{left} run(s) left, {len(dead)} dead.")
    if left and paused:
        OUT.print(f"Paused: {', '.join(sorted(paused))}. `fabula resume` lets a stage go on.")
    if left or dead:
        raise typer.Exit(1)
