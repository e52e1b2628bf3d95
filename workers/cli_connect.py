"""`fabula connect`: name the model server that narrates."""

import os
from typing import Annotated

import typer

from pipeline.config import load
from pipeline.config_endpoints import save_endpoint
from pipeline.config_sections import EndpointSection
from workers.cli_options import Data, paths_of
from workers.terminal import OUT


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
