"""Commands about what there is to play with: bots and chats."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.play import Play
from store import queries
from store.events import BotAuthored
from store.stamps import moment
from workers.cli_options import Data, Json, acted, alone_in, begun_store_of, store_of
from workers.terminal import OUT, show_json, show_table

bots = typer.Typer(
    name="bot", help="Bots: the characters you play with.", no_args_is_help=True, add_completion=False
)
chats = typer.Typer(name="chat", help="Chats: stories under way.", no_args_is_help=True, add_completion=False)
Archived = Annotated[bool, typer.Option("--archived", help="Also those put away.")]


@bots.command("new")
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
    with begun_store_of(data) as store:
        OUT.print(alone_in(store, lambda store: Play(store).author_bot(bot)))


@chats.command("new")
def chat_new(
    bot: Annotated[int, typer.Argument(help="The id of the bot to play with.")],
    data: Data = None,
    title: str = "",
    you: Annotated[str, typer.Option(help="Your name in the story.")] = "You",
) -> None:
    """Start a chat and print its id."""
    OUT.print(acted(data, lambda store: Play(store).start_chat(bot, title=title, you_name=you)))


@bots.command("list")
def bot_list(data: Data = None, archived: Archived = False, as_json: Json = False) -> None:
    """List the bots by name."""
    with store_of(data) as store:
        found = queries.bots(store.hot, archived=archived)
    if as_json:
        show_json([asdict(one) for one in found])
        return
    listed = [{"id": one.id, "name": one.name, "aliases": ", ".join(one.aliases)} for one in found]
    show_table(("id", "name", "aliases"), listed)


@chats.command("list")
def chat_list(data: Data = None, as_json: Json = False) -> None:
    """List the chats, the one played last first."""
    with store_of(data) as store:
        found = queries.chats(store.hot)
        names = {bot.id: bot.name for bot in queries.bots(store.hot, archived=True)}
    if as_json:
        proposed = [one.proposal and one.proposal.model_dump(mode="json") for one in found]
        show_json([asdict(one) | {"proposal": two} for one, two in zip(found, proposed, strict=True)])
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
