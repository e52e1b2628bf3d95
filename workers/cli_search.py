"""`fabula search`: turns of all chats by their words."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from store import finding
from store.finding import Wanted
from workers.cli_options import ChatOption, Data, Json, store_of
from workers.terminal import OUT, show_json

MOST = 200


def search(
    words: Annotated[list[str], typer.Argument(help="All of them must be in it; 'light*' is a beginning.")],
    chat: ChatOption = None,
    speaker: Annotated[int | None, typer.Option(help="A bot's id; 0 is you.")] = None,
    significance: Annotated[int | None, typer.Option(min=0, max=3, help="At least so much.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST)] = 20,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Find turns by their words, in all chats as their stories stand now."""
    wanted = Wanted(" ".join(words), chat, speaker, significance)
    with store_of(data) as store:
        found = finding.find(store.hot, wanted, limit=limit)
    if as_json:
        show_json([asdict(one) | {"snippet": [said._asdict() for said in one.snippet]} for one in found])
        return
    for one in found:
        OUT.print(f"turn {one.turn_id} in chat {one.chat_id}, {one.chat}: {one.speaker}", markup=False)
        said = Text("  ")
        for piece in one.snippet:
            said.append(" ".join(piece.text.split("\n")), style="bold" if piece.hit else "")
        OUT.print(said)
    if not found:
        OUT.print("Nothing was found.", markup=False)
