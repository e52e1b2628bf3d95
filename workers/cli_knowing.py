"""Commands that look into a story: what a speaker would be told, and why it knows what it knows."""

import os
from typing import Annotated

import typer

from pipeline.config import load
from pipeline.inspection import inspect
from pipeline.prompt.assembly import Layout
from store import knowing, views
from store.errors import Invalid
from workers import inspecting, telling
from workers.cli_options import Data, Json, paths_of, store_of
from workers.terminal import OUT, show_json, show_table

LAYOUTS: dict[str, Layout] = {"cache": "cache", "classic": "classic"}


def prompt(
    chat: Annotated[int | None, typer.Argument(help="The chat's id; not needed with --turn.")] = None,
    turn: Annotated[int | None, typer.Option(help="What this reply was told with, and why.")] = None,
    speaker: Annotated[str, typer.Option(help="Whose prompt; the host's by default.")] = "",
    data: Data = None,
    layout: Annotated[str, typer.Option(help="cache or classic.")] = "cache",
    as_json: Json = False,
) -> None:
    """Print what a speaker would be sent now, block by block with token counts; or what a reply was sent."""
    if turn is not None:
        with store_of(data) as store:
            inspecting.show(inspect(store.hot, turn, chat), as_json=as_json)
        return
    if chat is None:
        raise Invalid("No chat is named.", hint="Give a chat's id, or a reply with --turn.")
    if layout not in LAYOUTS:
        raise Invalid(f"There is no layout {layout!r}.", hint="Use cache or classic.")
    budgets = load(paths_of(data), os.environ).budget
    with store_of(data) as store:
        model = telling.last_model(store.hot, chat)
        composed = telling.prompt_of(store.hot, chat, speaker, budgets, model=model, layout=LAYOUTS[layout])
    blocks = telling.blocks_of(composed)
    if as_json:
        show_json({"configuration": composed.configuration.value, "blocks": blocks})
        return
    columns = ("name", "tier", "tokens", "kept", "trimmed")
    show_table(columns, [{column: block[column] for column in columns} for block in blocks])
    made = composed.prompt.breakdown
    OUT.print(
        f"{composed.configuration.value}, layout {made.layout}: {made.total} tokens of {made.soft} soft,"
        f" {made.hard} hard; {made.response} kept free for the reply.\n",
        markup=False,
    )
    for message in composed.prompt.messages:
        OUT.rule(message.role)
        OUT.print(message.content, markup=False, highlight=False)


def why(
    chat: Annotated[int, typer.Argument(help="The chat's id.")],
    text: Annotated[str, typer.Argument(help="A word or a sentence the speaker seems to know.")],
    speaker: Annotated[str, typer.Option(help="Who knows it; the host by default.")] = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Say where a speaker knows something from, and who else knows it."""
    with store_of(data) as store:
        told = views.chat(store.hot, chat)
        owner = knowing.entity_named(store.hot, told, speaker) if speaker else told.host_id
        found = knowing.why(store.hot, chat, owner, text)
        names = telling.names_of(store.hot, told)
    if as_json:
        show_json([telling.as_json(one) for one in found])
        return
    for one in found:
        OUT.print("\n".join(telling.told(one, names)), markup=False, highlight=False)
    if not found:
        OUT.print(f"{names[owner]} knows nothing of {text!r}.", markup=False)
