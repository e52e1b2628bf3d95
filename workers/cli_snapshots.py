"""Commands for one chat as a file: take a snapshot, list them, look into one, bring one in."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.keeping import Keeping
from pipeline.restoring import Restored
from store import snapshot_files, snapshots
from store.errors import FabulaError, Invalid
from store.snapshots import Snapshot
from store.stamps import moment
from store.store import Store
from workers.cli_options import Data, Json, alone_in, begun_store_of, paths_of, store_of
from workers.cli_work import bar, performed
from workers.terminal import OUT, explain, show_json, show_table

File = Annotated[Path, typer.Argument(help="The snapshot; `fabula snapshots` lists them.")]


def snapshot(
    chat: Annotated[int, typer.Argument(help="The chat's id.")],
    data: Data = None,
    note: Annotated[str, typer.Option(help="What to remember about it.")] = "",
) -> None:
    """Write one chat to a file that stands alone."""
    folder = paths_of(data).snapshots
    with store_of(data) as store:
        now = store.clock()
        path = store.read_now(lambda db: snapshots.take(db, folder, chat, why="by-hand", now=now, note=note))
    OUT.print(str(path), markup=False)


def snapshots_(data: Data = None, as_json: Json = False) -> None:
    """List the snapshots, newest first."""
    found = [_shown(one) for one in snapshots.listed(paths_of(data).snapshots)]
    if as_json:
        show_json(found)
    else:
        show_table(("file", "chat", "title", "turns", "made_at", "why", "note"), found)


def _shown(one: Snapshot) -> dict[str, Any]:
    told = one.head.model_dump(mode="json") if one.head is not None else {"title": "?", "turns": "?"}
    made_at = moment(one.made_at).isoformat(timespec="seconds")
    known = {"file": str(one.path), "chat": one.chat_id, "made_at": made_at, "bytes": one.size}
    return told | known | {"why": one.why}


def snapshot_show(file: File, as_json: Json = False) -> None:
    """Show what a snapshot holds, without bringing it in."""
    opened = snapshot_files.read(file)
    content = opened.content
    told = content.head.model_dump(mode="json") | {
        "version": snapshot_files.VERSION,
        "events": len(content.events),
        "edited": opened.edited,
        "made_at": moment(content.head.made_at).isoformat(timespec="seconds"),
    }
    if as_json:
        show_json(told)
        return
    for name, value in told.items():
        OUT.print(f"{name}: {value!r}" if isinstance(value, str) else f"{name}: {value}", markup=False)


def snapshot_restore(
    file: File,
    data: Data = None,
    as_branch: Annotated[
        bool, typer.Option("--as-branch", help="As a branch of the chat it was taken of; go on there.")
    ] = False,
    accept_edited: Annotated[
        bool, typer.Option("--accept-edited", help="Take a file that was edited by hand.")
    ] = False,
) -> None:
    """Bring a snapshot in as a new chat, or as a branch, and print its id; nothing else is changed."""
    if as_branch and accept_edited:
        raise Invalid(
            "Of a file that was edited by hand only a new chat can be made.", hint="Leave out --as-branch."
        )

    async def restore(store: Store) -> Restored | None:
        keeping = Keeping(store, paths_of(data))
        restoring = await keeping.restoring(file, as_branch=as_branch, accept_edited=accept_edited)
        if not restoring.is_long:
            return await restoring.at_once()
        with bar("bringing it in") as watch:
            ended = await performed(store, restoring, watch)
        if restoring.restored is None:
            explain(FabulaError(ended.outcome, hint=ended.hint))
        return restoring.restored

    with begun_store_of(data) as store:
        restored = alone_in(store, restore)
    if restored is None:
        raise typer.Exit(1)
    OUT.print(restored.chat_id if restored.branch_id is None else restored.branch_id)
