"""The command line. Exit codes: 0 done, 1 not done (an error, or dead runs left), 2 wrong usage."""

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated

import pydantic
import trio
import typer
from rich.progress import Progress

from pipeline.config import load, save_endpoint
from pipeline.config_sections import EndpointSection
from pipeline.play import Play
from store import queries
from store.errors import FabulaError, Invalid
from store.events import BotAuthored
from store.store import Store
from workers import (
    cli_backups,
    cli_desk,
    cli_doctor,
    cli_history,
    cli_knowing,
    cli_library,
    cli_plot,
    cli_purge,
    cli_replay,
    cli_scenes,
    cli_search,
    cli_snapshots,
    cli_tail,
    cli_time,
    cli_work,
    logs,
    measuring,
    saying,
    serving,
)
from workers.cli_options import ChatOption, Data, Json, Model, StageOption, paths_of, store_of
from workers.terminal import OUT, explain, show_json, show_table, write

app = typer.Typer(name="fabula", help="A local-first role-play engine.", no_args_is_help=True)
bot_app = typer.Typer(help="Bots: the characters you play with.", no_args_is_help=True)
chat_app = typer.Typer(help="Chats: stories under way.", no_args_is_help=True)
app.add_typer(bot_app, name="bot")
app.add_typer(chat_app, name="chat")
app.add_typer(measuring.app)


@app.command()
def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 by default.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 8321 by default, 0 for any.")] = None,
    model: Annotated[str | None, typer.Option(envvar="FABULA_MODEL", help="Run this GGUF file.")] = None,
    no_workers: Annotated[bool, typer.Option("--no-workers", help="Serve the page only.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve the page and run the stages, until Ctrl+C."""
    trio.run(
        lambda: serving.run_server(
            paths_of(data), host=host, port=port, model=model, work=not no_workers, visit=open_
        )
    )


@app.command()
def worker(data: Data = None, model: Model = None) -> None:
    """Run stages for a page that is served with --no-workers; several may run at once."""
    trio.run(lambda: serving.run_worker(paths_of(data), model=model))


@app.command()
def drain(
    data: Data = None,
    stage: StageOption = None,
    chat: ChatOption = None,
    timeout: Annotated[float | None, typer.Option(help="Give up after so many seconds.")] = None,
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
                paths_of(data), stage=stage, chat_id=chat, timeout_s=timeout, model=model, progress=progress
            )
        )
    OUT.print(f"{left} run(s) left, {len(dead)} dead.")
    if left and paused:
        OUT.print(f"Paused: {', '.join(sorted(paused))}. `fabula resume` lets a stage go on.")
    if left or dead:
        raise typer.Exit(1)


@app.command()
def status(data: Data = None, as_json: Json = False) -> None:
    """How many runs stand where, stage by stage."""
    with store_of(data) as store:
        counted = queries.counts(store.hot)
    listed = [{"stage": stage, "state": state, "runs": n} for (stage, state), n in sorted(counted.items())]
    if as_json:
        show_json(listed)
    else:
        show_table(("stage", "state", "runs"), listed)


@bot_app.command("new")
def bot_new(
    name: str,
    data: Data = None,
    alias: Annotated[list[str] | None, typer.Option(help="Another name; may be repeated.")] = None,
    description: str = "",
    personality: str = "",
    first_message: str = "",
) -> None:
    """Create a bot and print its id."""
    bot = BotAuthored(
        name=name,
        aliases=tuple(alias or ()),
        description=description,
        personality=personality,
        first_message=first_message,
    )
    with store_of(data) as store:
        OUT.print(trio.run(_attached, store, lambda play: play.author_bot(bot)))


@chat_app.command("new")
def chat_new(
    bot: Annotated[int, typer.Argument(help="The id of the bot to play with.")],
    data: Data = None,
    title: str = "",
    you: Annotated[str, typer.Option(help="Your name in the story.")] = "You",
) -> None:
    """Start a chat and print its id."""
    with store_of(data) as store:
        OUT.print(trio.run(_attached, store, lambda play: play.start_chat(bot, title=title, you_name=you)))


async def _attached(store: Store, act: Callable[[Play], Awaitable[int]]) -> int:
    store.writer.attach(trio.lowlevel.current_trio_token())
    return await act(Play(store))


@app.command()
def say(
    chat: Annotated[int, typer.Argument(help="The chat's id.")],
    text: str,
    data: Data = None,
    model: Model = None,
) -> None:
    """Send a turn and print the reply as it is written."""
    trio.run(lambda: saying.say(paths_of(data), chat, text, model=model, write=write))


@app.command()
def connect(
    url: Annotated[str, typer.Argument(help="The server's address, such as http://127.0.0.1:8080/v1.")],
    data: Data = None,
    name: Annotated[str, typer.Option(help="What to call the endpoint.")] = "main",
    kind: Annotated[str, typer.Option(help="openai or ollama.")] = "openai",
    model: Annotated[str, typer.Option(help="The model's name, where the server has several.")] = "",
    ask_key: Annotated[bool, typer.Option("--key", help="Ask for an API key.")] = False,
) -> None:
    """Let a model server narrate; written to config.toml, the key to secrets.toml."""
    paths = paths_of(data)
    key = typer.prompt("API key", hide_input=True) if ask_key else None
    save_endpoint(paths, name, EndpointSection(kind=kind, base_url=url, model=model), key)
    load(paths, os.environ)
    OUT.print(f"{name} narrates from the next start on; see {paths.config}.", markup=False)


app.command()(cli_desk.stages)
app.command()(cli_desk.runs)
app.command()(cli_desk.retry)
app.command()(cli_desk.discard)
app.command()(cli_desk.pause)
app.command()(cli_desk.resume)
app.command("account")(cli_desk.account_)
app.command()(cli_knowing.prompt)
app.command()(cli_knowing.why)
app.command()(cli_search.search)
app.command()(cli_replay.replay)
app.command()(cli_work.reembed)
app.command()(cli_doctor.doctor)
app.command()(cli_tail.tail)
bot_app.command("list")(cli_library.bot_list)
chat_app.command("list")(cli_library.chat_list)
app.command("rebuild")(cli_work.rebuild_)
app.command()(cli_work.work)
app.command()(cli_backups.backup)
app.command("backups")(cli_backups.backups_)
app.command()(cli_backups.restore)
app.command()(cli_purge.purge)
app.command()(cli_snapshots.snapshot)
app.command("snapshots")(cli_snapshots.snapshots_)
app.command()(cli_snapshots.snapshot_show)
app.command()(cli_snapshots.snapshot_restore)
for name, timed in cli_time.COMMANDS:
    app.command(name)(timed)
for command in cli_history.COMMANDS:
    app.command()(command)
for act in (*cli_plot.COMMANDS, *cli_scenes.COMMANDS):
    app.command()(act)


def main() -> None:
    """Run a command; every foreseen error is explained instead of traced."""
    try:
        logs.configure(os.environ)
        app()
    except* FabulaError as group:
        _explain_first(group)
    except* pydantic.ValidationError as group:
        _explain_first(group)


def _explain_first(group: BaseExceptionGroup[BaseException]) -> None:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, pydantic.ValidationError):
        first = error.errors()[0]
        error = Invalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.", hint="Correct it.")
    if isinstance(error, FabulaError):
        explain(error)
    sys.exit(1)
