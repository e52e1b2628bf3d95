"""Commands that list what there is to play with: `bot list` and `chat list`."""

from dataclasses import asdict
from typing import Annotated

import typer

from store import queries
from store.stamps import moment
from workers.cli_options import Data, Json, store_of
from workers.terminal import show_json, show_table

Archived = Annotated[bool, typer.Option("--archived", help="Also those put away.")]


def bot_list(data: Data = None, archived: Archived = False, as_json: Json = False) -> None:
    """List the bots by name."""
    with store_of(data) as store:
        found = queries.bots(store.hot, archived=archived)
    if as_json:
        show_json([asdict(one) for one in found])
        return
    listed = [{"id": one.id, "name": one.name, "aliases": ", ".join(one.aliases)} for one in found]
    show_table(("id", "name", "aliases"), listed)


def chat_list(data: Data = None, as_json: Json = False) -> None:
    """List the chats, the one played last first."""
    with store_of(data) as store:
        found = queries.chats(store.hot)
        names = {bot.id: bot.name for bot in queries.bots(store.hot, archived=True)}
    if as_json:
        show_json([asdict(one) for one in found])
        return
    listed = [
        {
            "id": one.id,
            "title": one.title,
            "with": ", ".join(names.get(bot, "?") for bot in one.bots),
            "turns": one.turns,
            "changed_at": moment(one.changed_at).isoformat(timespec="seconds"),
        }
        for one in found
    ]
    show_table(("id", "title", "with", "turns", "changed_at"), listed)
