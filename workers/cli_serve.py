"""Commands that stay up: `serve` and `worker`."""

from typing import Annotated

import trio
import typer

from workers import serving
from workers.cli_options import Data, Model, paths_of


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


def worker(data: Data = None, model: Model = None) -> None:
    """Run stages for a page that is served with --no-workers; several may run at once."""
    trio.run(lambda: serving.run_worker(paths_of(data), model=model))
