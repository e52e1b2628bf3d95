"""Commands about the plot: story events and threads."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from pipeline import story_time
from pipeline.plot.board import Board, board
from pipeline.plotting import Plotting
from store import views
from store.errors import Invalid
from store.events import StoryPlan
from store.plot import Thread
from workers import telling
from workers.cli_options import Data, Json, acted, store_of
from workers.terminal import OUT, show_json, show_table

T = TypeVar("T")
Chat = Annotated[int, typer.Argument(help="The chat's id.")]
EventId = Annotated[int, typer.Argument(help="The story event's id; `fabula story CHAT` lists them.")]
ThreadId = Annotated[int, typer.Argument(help="The thread's id; `fabula story CHAT` lists them.")]
NOBODY = "nobody"


def story(chat: Chat, data: Data = None, as_json: Json = False) -> None:
    """The story events and threads of a chat: planned, going on and over."""
    with store_of(data) as store:
        found = board(store.hot, chat)
        names = telling.names_of(store.hot, views.chat(store.hot, chat))
    if as_json:
        show_json(_as_json(found))
        return
    OUT.print(f"It is {story_time.told(found.clock)} in the story (minute {found.clock}).", highlight=False)
    events = [
        {"id": one.id, "state": one.state, "title": one.plan.title, "gist": one.gist or one.plan.description}
        for one in found.story_events
    ]
    show_table(("id", "state", "title", "gist"), events)
    threads = [
        {
            "id": one.id,
            "thread": one.title,
            "stands": one.resolution if one.closed_by is not None else one.summary,
            "known to": ", ".join(names.get(other, str(other)) for other in one.known_to),
            "unmoved for": _stale(found, one),
        }
        for one in found.threads
    ]
    show_table(("id", "thread", "stands", "known to", "unmoved for"), threads)


def _stale(found: Board, thread: Thread) -> str:
    return "closed" if thread.closed_by is not None else story_time.span(found.stale_minutes(thread))


def _as_json(found: Board) -> dict[str, Any]:
    events = [
        asdict(one) | {"plan": one.plan.model_dump(exclude_defaults=True)} for one in found.story_events
    ]
    threads = [asdict(one) | {"stale_minutes": found.stale_minutes(one)} for one in found.threads]
    return {"clock": found.clock, "story_events": events, "threads": threads}


def plan(
    chat: Chat,
    file: Annotated[Path, typer.Argument(help="A plan as JSON; docs/plot.md says what is in one.")],
    data: Data = None,
) -> None:
    """Plan a story event and print its id."""
    planned = _plan(file)
    OUT.print(_done(data, lambda plotting: plotting.plan(chat, planned)))


def _plan(file: Path) -> StoryPlan:
    try:
        return StoryPlan.model_validate(json.loads(file.read_bytes()))
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.", hint="Name a file with a plan.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} is no JSON: {error}.", hint="Write the plan as one JSON object.") from error
    except RecursionError as error:
        raise Invalid(f"{file} is nested too deeply.", hint="Write the plan as one JSON object.") from error


def start_event(chat: Chat, event: EventId, data: Data = None) -> None:
    """Let a planned story event begin now."""
    _done(data, lambda plotting: plotting.start(chat, event))
    OUT.print("It goes on from here.")


def complete_event(
    chat: Chat,
    event: EventId,
    data: Data = None,
    gist: Annotated[str, typer.Option(help="What those who were there remember of it.")] = "",
    keep: Annotated[
        list[str] | None, typer.Option(help='Who keeps a prop: "the lamp=Ada", or "the lamp=nobody".')
    ] = None,
) -> None:
    """A story event is over: what its plan says of that survives, and the gist."""
    with store_of(data) as store:
        names = telling.names_of(store.hot, views.chat(store.hot, chat))
    keeps = dict(_kept(one, names) for one in keep or ())
    _done(data, lambda plotting: plotting.complete(chat, event, gist=gist, keeps=keeps))
    OUT.print(f"It is over. `fabula undo {chat}` takes that back.", markup=False)


def _kept(told: str, names: dict[int, str]) -> tuple[str, int | None]:
    prop, _, who = told.rpartition("=")
    if who.strip().casefold() == NOBODY:
        return prop.strip(), None
    found = [one for one, name in names.items() if name.casefold() == who.strip().casefold()]
    if not prop.strip() or len(found) != 1:
        there = ", ".join(names.values())
        raise Invalid(
            f"--keep {told!r} does not say who keeps what.", hint=f"PROP=NAME; those here: {there}."
        )
    return prop.strip(), found[0]


def cancel_event(
    chat: Chat,
    event: EventId,
    data: Data = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """A story event comes to nothing."""
    _done(data, lambda plotting: plotting.cancel(chat, event, reason))
    OUT.print(f"Cancelled. `fabula undo {chat}` takes that back.", markup=False)


def open_thread(
    chat: Chat,
    title: str,
    summary: Annotated[str, typer.Argument(help="How it stands.")] = "",
    data: Data = None,
) -> None:
    """Open a thread that everyone present knows of, and print its id."""
    OUT.print(_done(data, lambda plotting: plotting.open_thread(chat, title, summary)))


def close_thread(
    chat: Chat,
    thread: ThreadId,
    resolution: Annotated[str, typer.Argument(help="How it was settled.")] = "",
    data: Data = None,
) -> None:
    """Close a thread."""
    _done(data, lambda plotting: plotting.close_thread(chat, thread, resolution))
    OUT.print("Closed.")


def _done(data: Path | None, act: Callable[[Plotting], Awaitable[T]]) -> T:
    return acted(data, lambda store: act(Plotting(store)))
