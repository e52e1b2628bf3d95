"""`fabula tail`: follow the log as it grows, whoever writes it.

A commit of another process rings this one (`store.wake`); what was written is then read from the log.
"""

import difflib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import apsw
import trio
import typer

from store import events, log, views
from store.errors import Invalid
from store.events import Event
from store.stamps import moment
from store.store import Store
from workers.cli_options import ChatOption, Data, Json, store_of
from workers.serving import until_signalled
from workers.terminal import OUT, show_json

SHOWN_CHARS = 160


@dataclass(frozen=True)
class Wanted:
    """Which events are shown: of one chat, of one kind (`turn.user`) or subject (`turn`)."""

    chat_id: int | None
    kind: str | None

    def __contains__(self, event: Event[Any]) -> bool:
        if self.chat_id is not None and event.chat_id != self.chat_id:
            return False
        return self.kind is None or event.kind == self.kind or event.kind.startswith(f"{self.kind}.")


def complete_kind(begun: str) -> list[str]:
    """Kinds and subjects that begin so, for the shell."""
    return [one for one in _names() if one.startswith(begun)]


def tail(
    data: Data = None,
    chat: ChatOption = None,
    kind: Annotated[
        str | None,
        typer.Option(help="Only this kind (turn.user) or subject (turn).", autocompletion=complete_kind),
    ] = None,
    from_: Annotated[
        int | None, typer.Option("--from", help="Begin with this event; with what comes now if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Follow the log as it grows, until Ctrl+C."""
    wanted = Wanted(chat, _checked(kind))
    with store_of(data) as store:
        if chat is not None:
            views.chat(store.hot, chat)
        after = log.position(store.hot) if from_ is None else max(0, from_ - 1)
        try:
            trio.run(_follow, store, wanted, after, as_json)
        except* BrokenPipeError:  # whoever read along has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _names() -> list[str]:
    kinds = events.kinds()
    return sorted({*kinds, *(kind.partition(".")[0] for kind in kinds)})


def _checked(kind: str | None) -> str | None:
    if kind is None or kind in _names():
        return kind
    near = difflib.get_close_matches(kind, _names(), 1)
    hint = (
        f"Perhaps {near[0]}?" if near else f"Subjects are {', '.join(n for n in _names() if '.' not in n)}."
    )
    raise Invalid(f"There is no kind of event {kind!r}.", hint=hint)


async def _follow(store: Store, wanted: Wanted, after: int, as_json: bool) -> None:
    """Tell what is there, and what comes whenever the log has grown, until a signal."""
    grown = trio.Event()

    def ring() -> None:
        grown.set()

    store.wake.listeners.append(ring)
    async with until_signalled() as signalled, trio.open_nursery() as nursery:
        nursery.start_soon(store.wake.run)
        nursery.start_soon(_end_with, signalled, nursery.cancel_scope)
        while True:
            grown = trio.Event()
            while page := await store.read(partial(_page, after=after)):
                after = page[-1].id
                for event in page:
                    if event in wanted:
                        _tell(event, as_json)
            sys.stdout.flush()
            await grown.wait()


async def _end_with(signalled: trio.Event, scope: trio.CancelScope) -> None:
    await signalled.wait()
    scope.cancel()


def _page(db: apsw.Connection, after: int) -> list[Event[Any]]:
    return log.after(db, after)


def _tell(event: Event[Any], as_json: bool) -> None:
    payload = event.payload.model_dump(mode="json")
    if as_json:
        show_json(_plain(event, payload))
        return
    at = moment(event.recorded_at).isoformat(timespec="seconds")
    run = f" run {event.run_id}" if event.run_id is not None else ""
    chat = f" chat {event.chat_id}" if event.chat_id is not None else ""
    told = json.dumps(
        {name: value for name, value in payload.items() if value not in (None, "", [], {})},
        ensure_ascii=False,
    )
    shown = told if len(told) <= SHOWN_CHARS else f"{told[:SHOWN_CHARS]}…"
    OUT.print(f"{event.id} {at} {event.kind}{chat}{run} {shown}", markup=False)


def _plain(event: Event[Any], payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": event.id,
        "chat_id": event.chat_id,
        "branch_id": event.branch_id,
        "kind": event.kind,
        "payload": payload,
        "cause_id": event.cause_id,
        "run_id": event.run_id,
        "ordinal": event.ordinal,
        "recorded_at": event.recorded_at,
    }
