"""Commands about what there is to play with: bots and chats."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.corrections import Corrections
from pipeline.play import Play
from store import queries, views
from store.events import BotAuthored, YouChanged
from store.stamps import moment
from store.store import Store
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


def you(
    chat: Annotated[int, typer.Argument(help="The chat's id.")],
    data: Data = None,
    name: Annotated[str | None, typer.Option(help="What you are called from now on.")] = None,
    about: Annotated[str | None, typer.Option(help="What they may know of you.")] = None,
    as_json: Json = False,
) -> None:
    """Who you are in a chat; with --name or --about, who you are from now on."""
    if name is not None or about is not None:
        acted(data, lambda store: _changed(store, chat, YouChanged(name=name, persona=about)))
    with store_of(data) as store:
        told = views.chat(store.hot, chat)
    if as_json:
        show_json({"name": told.you_name, "persona": told.you_persona, "before": told.you_before})
        return
    before = f" Before: {', '.join(told.you_before)}." if told.you_before else ""
    OUT.print(f"You are called {told.you_name}.{before}", markup=False)
    if told.you_persona.strip():
        OUT.print(told.you_persona, markup=False)


async def _changed(store: Store, chat: int, change: YouChanged) -> int | None:
    return await Corrections(store).you(chat, change, seen=views.chat(store.hot, chat).changed_by)


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
