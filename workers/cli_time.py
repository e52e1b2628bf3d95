"""Commands about story time: skips, scenes without you, auto-mode."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import trio
import typer

from pipeline import story_time
from pipeline.passing import Passing
from store import meanwhile as scenes
from store import views
from store.events import YOU, SkipMode
from store.store import Store
from workers.cli_options import Data, Json, store_of
from workers.terminal import OUT, show_json, show_table

T = TypeVar("T")
Chat = Annotated[int, typer.Argument(help="The chat's id.")]
THEY_SPEAK = "They speak as soon as Fabula works: it is served, or `fabula drain` runs."


def clock(chat: Chat, data: Data = None, as_json: Json = False) -> None:
    """What time it is in the story, how time was skipped, and what you may learn of scenes without you."""
    with store_of(data) as store:
        told = views.chat(store.hot, chat)
        skips, digests = scenes.skips(store.hot, chat), scenes.digests(store.hot, chat)
    if as_json:
        shown = {"clock": told.clock, "told": story_time.told(told.clock), "auto_left": told.auto_left}
        listed = {"skips": [asdict(one) for one in skips], "digests": [asdict(one) for one in digests]}
        show_json({**shown, "without_you": YOU not in told.cast, **listed})
        return
    OUT.print(f"It is {story_time.told(told.clock)}.")
    if told.auto_left:
        OUT.print(f"The bots go on by themselves for {told.auto_left} more turns.")
    if skips:
        rows = [asdict(one) | {"from": story_time.told(one.clock)} for one in skips]
        show_table(("id", "mode", "minutes", "words", "from"), rows)
    if digests:
        show_table(("id", "scene_id", "text", "surfaced_in"), [asdict(one) for one in digests])


def skip(
    chat: Chat,
    words: Annotated[str, typer.Argument(help='How much later, such as "next morning".')] = "",
    data: Data = None,
    minutes: Annotated[int | None, typer.Option(help="The same as a number of minutes, instead.")] = None,
    elision: Annotated[bool, typer.Option("--elision", help="Stay in the scene that goes on.")] = False,
) -> None:
    """Go on later in the story: in another scene, or past the dull middle of this one."""
    mode: SkipMode = "elision" if elision else "jump"
    _done(data, lambda passing: passing.skip(chat, mode, words=words, minutes=minutes))
    OUT.print(f"Time is skipped as soon as Fabula works. `fabula undo {chat}` takes it back.", markup=False)


def auto(
    chat: Chat, turns: Annotated[int, typer.Argument(help="How many turns; 0 ends it.")], data: Data = None
) -> None:
    """Let the bots carry on by themselves."""
    changed = _done(data, lambda passing: passing.auto(chat, turns))
    if not turns:
        OUT.print("Auto-mode is over." if changed is not None else "Auto-mode is not on.")
        return
    OUT.print(THEY_SPEAK, markup=False)


def meanwhile(
    chat: Chat,
    turns: Annotated[int, typer.Argument(help="How many turns they speak by themselves.")],
    data: Data = None,
    premise: Annotated[str, typer.Option(help="What the scene is about.")] = "",
) -> None:
    """A scene of host and guest without you; its id is printed."""
    OUT.print(_done(data, lambda passing: passing.meanwhile(chat, turns, premise)))
    OUT.print(f"{THEY_SPEAK} `fabula return {chat}`, or saying something, brings you back.", markup=False)


def come_back(chat: Chat, data: Data = None) -> None:
    """Come back from a scene without you."""
    opened = _done(data, lambda passing: passing.come_back(chat))
    OUT.print("You are back." if opened is not None else "You are there already.")


def digest(
    chat: Chat,
    digest_id: Annotated[int, typer.Argument(help="The digest's id; `fabula clock CHAT` lists them.")],
    text: Annotated[str, typer.Argument(help="The other words; empty takes it back.")],
    data: Data = None,
) -> None:
    """Say in other words what you learn of a scene without you."""
    with store_of(data) as store:
        seen = scenes.digest(store.hot, chat, digest_id).changed_by
    changed = _done(data, lambda passing: passing.edit_digest(chat, digest_id, text, seen=seen))
    OUT.print("Changed." if changed is not None else "Nothing was changed: the words are the same.")


def _done(data: Path | None, act: Callable[[Passing], Awaitable[T]]) -> T:
    async def attached(store: Store) -> T:
        store.writer.attach(trio.lowlevel.current_trio_token())
        return await act(Passing(store))

    with store_of(data) as store:
        return trio.run(attached, store)
