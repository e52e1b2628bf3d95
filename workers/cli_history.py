"""Commands about what is told already: turns and their alternatives, retraction, branches, undo."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import trio
import typer

from pipeline import wording
from pipeline.config import load
from pipeline.habits import Habits
from pipeline.rewriting import Falls, Rewriting
from store import history, views
from store.errors import Refused
from store.store import Store
from store.views import Turn
from workers import saying, telling
from workers.cli_options import Data, Json, Model, acted, paths_of, store_of
from workers.terminal import OUT, show_json, show_table, write

T = TypeVar("T")
Chat = Annotated[int, typer.Argument(help="The chat's id.")]
TurnId = Annotated[int, typer.Argument(help="The turn's id; `fabula turns CHAT` lists them.")]
SHOWN = 20


def turns(
    chat: Chat,
    data: Data = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = SHOWN,
    as_json: Json = False,
) -> None:
    """The newest turns of a chat, in dialogue order, with their alternatives."""
    with store_of(data) as store:
        db = store.hot
        told = views.chat(db, chat)
        found = views.turns_before(db, chat, None, limit)
        groups = history.alternatives(db, chat, [one.id for one in found])
        names = telling.names_of(db, told)
    listed = [
        {
            "id": one.id,
            "speaker": told.you_name if one.speaker_id is None else names[one.speaker_id],
            "text": one.text,
            "alternatives": list(groups.get(one.id, ())),
            "hidden": one.hidden,
            "edited": one.edited_by is not None,
        }
        for one in found
    ]
    if as_json:
        show_json(listed)
        return
    show_table(("id", "speaker", "text", "alternatives", "mark"), map(_row, listed))


def _row(one: dict[str, Any]) -> dict[str, Any]:
    """A turn as the table shows it; the alternative that holds stands in brackets."""
    group = " ".join(f"[{other}]" if other == one["id"] else str(other) for other in one["alternatives"])
    return one | {"alternatives": group, "mark": ", ".join(w for w in ("hidden", "edited") if one[w])}


def regenerate(
    chat: Chat,
    turn: Annotated[int | None, typer.Argument(help="The reply; the last one by default.")] = None,
    data: Data = None,
    extend: Annotated[bool, typer.Option("--extend", help="Carry its text on.")] = False,
    branch: Annotated[str, typer.Option(help="Do so in a new branch of this name.")] = "",
    model: Model = None,
) -> None:
    """Tell a reply again, or have a turn of yours answered that was not, and print it as it is written."""
    with store_of(data) as store:
        turn_id = turn if turn is not None else _last_reply(store, chat).id
    trio.run(
        lambda: saying.tell_again(
            paths_of(data), chat, turn_id, extend=extend, branch=branch, model=model, write=write
        )
    )


def _last_reply(store: Store, chat: int) -> Turn:
    views.chat(store.hot, chat)
    newest = reversed(views.turns_before(store.hot, chat, None, SHOWN))
    found = next((one for one in newest if one.is_reply), None)
    if found is None:
        raise Refused(f"There is no reply near the end of chat {chat}.", hint="Name a turn.")
    return found


def swipe(chat: Chat, turn: TurnId, data: Data = None) -> None:
    """Let this alternative hold."""
    changed = _done(data, lambda rewriting: rewriting.select(chat, turn))
    OUT.print(f"Turn {turn} holds now." if changed is not None else f"Turn {turn} holds already.")


def edit_turn(chat: Chat, turn: TurnId, text: str, data: Data = None) -> None:
    """Give a turn other words; what came of the old ones stays until a stage is replayed."""
    changed = _done(data, lambda rewriting: rewriting.edit(chat, turn, text))
    OUT.print("Edited." if changed is not None else "Nothing was changed: the words are the same.")


def retract(
    chat: Chat,
    turn: TurnId,
    data: Data = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take a turn out with everything that came of it; says first what that is, and asks."""
    falls = _done(data, lambda rewriting: rewriting.preview(chat, turn))
    _preview(falls)
    if not yes and not typer.confirm("Retract?"):
        OUT.print("Nothing was changed.")
        raise typer.Exit(1)
    _done(data, lambda rewriting: rewriting.retract(chat, turn, total=falls.total))
    OUT.print(f"Retracted. `fabula undo {chat}` brings it back.", markup=False)


def _preview(falls: Falls) -> None:
    OUT.print("These turns will count no more:")
    for text in falls.texts:
        OUT.print(f"  {text}", markup=False)
    besides = {kind: number for kind, number in falls.kinds.items() if not kind.startswith("turn.")}
    if besides:
        OUT.print(f"And what came of them: {', '.join(wording.counted(besides))}.", markup=False)


def rewind(
    chat: Chat,
    turn: TurnId,
    data: Data = None,
    name: Annotated[str, typer.Option(help="For the new branch.")] = "",
) -> None:
    """Go back to a turn, in a new branch whose id is printed; what came after stays in the one you leave."""
    OUT.print(_done(data, lambda rewriting: rewriting.rewind(chat, turn, name)))


def branches(chat: Chat, data: Data = None, as_json: Json = False) -> None:
    """The ways the story has gone, and where they part and end."""
    with store_of(data) as store:
        found = history.branches(store.hot, chat)
    listed = [asdict(one) for one in found]
    if as_json:
        show_json(listed)
        return
    for one in listed:
        one["active"] = "here" if one["active"] else ""
        one["parent_id"] = one["parent_id"] or ""
    show_table(("id", "parent_id", "name", "active", "forked_after", "last_said"), listed)


def branch(chat: Chat, turn: TurnId, name: str, data: Data = None) -> None:
    """Fork the story at a turn and print the branch's id; the story goes on where it is."""
    OUT.print(_done(data, lambda rewriting: rewriting.fork(chat, turn, name)))


def switch(
    chat: Chat, branch: Annotated[int, typer.Argument(help="The branch's id.")], data: Data = None
) -> None:
    """Go on in another branch."""
    changed = _done(data, lambda rewriting: rewriting.switch(chat, branch))
    OUT.print(f"The story goes on in branch {branch}." if changed is not None else "It is there already.")


def undo(chat: Chat, data: Data = None) -> None:
    """Undo what was done by hand last."""
    OUT.print(wording.undone(_done(data, lambda rewriting: rewriting.undo(chat))), markup=False)


def _done(data: Path | None, act: Callable[[Rewriting], Awaitable[T]]) -> T:
    paths = paths_of(data)
    habits = Habits()
    habits.follow(load(paths, os.environ).play)
    return acted(data, lambda store: act(Rewriting(store, paths.snapshots, habits.marker)))
