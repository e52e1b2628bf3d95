"""Commands that measure: `eval` and `bench`."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, cast

import trio
import typer

from ops.eval.retrieval import evaluate
from pipeline.config import Config, load
from pipeline.config_paths import DataPaths
from pipeline.inference.embedder import EmbedderUnusable, open_embedder
from store.errors import Invalid
from store.recall import CONFIGURATIONS, Configuration
from workers.cli_options import Data, Json, paths_of
from workers.cli_work import EmbedModel, bar
from workers.terminal import OUT, explain, first_of, show_json, show_table

evals = typer.Typer(name="eval", no_args_is_help=True, add_completion=False)


def _settings(paths: DataPaths, model: str | None) -> Config:
    """The configuration, with the embedder that was named on the command line."""
    return load(paths, os.environ if model is None else {**os.environ, "FABULA_EMBED": model})


@evals.callback()
def parts() -> None:
    """How well a part of Fabula does its work."""


@evals.command("retrieval")
def eval_retrieval(
    file: Annotated[Path, typer.Argument(help="A retrieval set; docs/retrieval.md gives the format.")],
    data: Data = None,
    config: Annotated[str | None, typer.Option(help=f"One of {', '.join(CONFIGURATIONS)}; else all.")] = None,
    model: EmbedModel = None,
    as_json: Json = False,
) -> None:
    """How well memories are found, by the product's own retrieval path."""
    if config is not None and config not in CONFIGURATIONS:
        raise Invalid(
            f"There is no configuration {config!r}.", hint=f"There are: {', '.join(CONFIGURATIONS)}."
        )
    chosen = CONFIGURATIONS if config is None else (config,)
    settings = _settings(paths_of(data), model)
    with bar("embedding") as progress:
        told = trio.run(_evaluate, file, settings, chosen, progress)
    if as_json:
        show_json(told)
        return
    by = told["embedder"] or "no embedder: by words alone"
    OUT.print(
        f"{told['name']}: {told['memories']} memories, {told['questions']} questions, {by}", markup=False
    )
    outcomes = cast("dict[str, dict[str, float]]", told["configurations"])
    listed = [{"configuration": name, **figures} for name, figures in outcomes.items()]
    show_table(tuple(listed[0]) if listed else (), listed)


async def _evaluate(
    file: Path,
    settings: Config,
    configurations: tuple[Configuration, ...],
    progress: Callable[[int, int], None],
) -> dict[str, object]:
    ask = partial(
        evaluate,
        file,
        configurations=configurations,
        text_weight=settings.text_weight,
        progress=progress,
    )
    try:
        async with open_embedder(settings.embed, urgent=True) as embedder:
            return (await ask(embedder)).model_dump()
    except* EmbedderUnusable as group:
        explain(first_of(group))
    return (await ask(None)).model_dump()


def bench(name: str, as_json: Json = False) -> None:
    """Measure one budget: hop, chain, turn, rebuild, sse, open, start, prefix or retrieval."""
    from ops.bench.names import run_bench  # noqa: PLC0415 - numpy, which no listing of commands needs

    measured = run_bench(name)
    if as_json:
        show_json(measured.model_dump())
    else:
        show_table(("figure", "value"), [{"figure": k, "value": v} for k, v in measured.figures.items()])
