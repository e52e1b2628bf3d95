"""The command that deletes."""

from typing import Annotated

import typer

from pipeline.config_paths import DataPaths
from store import backups, purging, snapshots
from store.errors import Refused, StoreFailed
from store.purging import Purge
from workers.cli_options import Data, Yes, paths_of, store_of
from workers.terminal import OUT, explain


def purge(
    chat: Annotated[int, typer.Argument(help="The chat's id.")], data: Data = None, yes: Yes = False
) -> None:
    """Delete a chat for good: the only command that deletes what was played."""
    paths = paths_of(data)
    with store_of(data) as store:
        asked = purging.preview(store.hot, chat)
        _show(asked)
        if not yes and typer.prompt("Type the chat's title to delete it for good") != asked.title:
            raise Refused("Nothing was deleted.", hint="Type the chat's title exactly, or give --yes.")
        gone = store.writer.call(lambda txn: purging.purge(txn, chat, paths.database), durable=True)
    OUT.print(f"Deleted: {sum(gone.events.values())} event(s), {sum(gone.rows.values())} row(s).")
    _tidy(paths)
    _say_what_is_left(paths, chat)


def _show(asked: Purge) -> None:
    OUT.print(f"Chat {asked.chat_id}, {asked.title!r}:", markup=False)
    for what, number in (asked.events | asked.rows | {"vector": asked.vectors}).items():
        OUT.print(f"{number:>8}  {what}", markup=False)


def _tidy(paths: DataPaths) -> None:
    """The chat is gone either way; what can fail here is only the second sweep."""
    try:
        if not purging.tidy(paths.database):
            OUT.print("A running server still reads; what it holds is overwritten with its next commits.")
    except StoreFailed as error:
        explain(error)
        OUT.print("The chat is deleted, but the file was not written anew.")


def _say_what_is_left(paths: DataPaths, chat: int) -> None:
    taken = [one for one in snapshots.listed(paths.snapshots) if one.chat_id == chat]
    if taken:
        OUT.print("Snapshots of it are still there; remove them yourself:")
        for one in taken:
            OUT.print(f"  {one.path}", markup=False)
    kept = backups.listed(paths.backups)
    if kept:
        OUT.print(f"{len(kept)} backup(s) in {paths.backups} may still hold it.", markup=False)
