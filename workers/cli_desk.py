"""Commands of the desk: how stages and runs stand, and what is done to them."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, TypeVar

import trio
import typer

from pipeline.desk import Desk
from store import account, figures, queries
from store.errors import Invalid
from store.figures import Standing, percentile
from store.ledger import STATES
from store.selection import Selection
from store.store import Store
from workers.cli_options import (
    ChatOption,
    Data,
    Json,
    StageOption,
    Yes,
    complete_stage,
    complete_state,
    store_of,
)
from workers.program import pipeline_of_actors
from workers.terminal import OUT, show_json, show_table

T = TypeVar("T")
StateOption = Annotated[
    str | None,
    typer.Option(help=f"Only runs in this state: {', '.join(STATES)}.", autocompletion=complete_state),
]
ErrorOption = Annotated[str | None, typer.Option("--error", help="Only what failed with this error class.")]
Runs = Annotated[list[int] | None, typer.Argument(help="Run ids.")]
Note = Annotated[str, typer.Option(help="Why, for the account that the desk shows.")]
AllOption = Annotated[bool, typer.Option("--all", help="All runs that the filters leave.")]
StageName = Annotated[
    str, typer.Argument(help="The stage's name; `fabula stages` lists them.", autocompletion=complete_stage)
]


def stages(data: Data = None, as_json: Json = False) -> None:
    """How each stage stands, and what the last hour brought."""
    with store_of(data) as store:
        names = tuple(pipeline_of_actors().stages)
        told = store.read_now(lambda db: figures.of_hour(db, store.path, names, now=store.clock()))
    listed = [_told(one, told.now) for one in told.stages]
    if as_json:
        show_json(listed)
    else:
        show_table(("stage", "paused", "waiting", "running", "backoff", "dead", "done", "run_p95_ms"), listed)


def _told(one: Standing, now: int) -> dict[str, object]:
    return {
        "stage": one.stage,
        "paused": one.paused,
        "waiting": one.waiting,
        "running": one.running,
        "backoff": one.backoff,
        "dead": one.dead,
        "done": one.done,
        "failed": one.failed,
        "wait_p50_ms": percentile(one.waits, 50),
        "wait_p95_ms": percentile(one.waits, 95),
        "run_p50_ms": percentile(one.times, 50),
        "run_p95_ms": percentile(one.times, 95),
        "oldest_ms": None if one.oldest_at is None else now - one.oldest_at,
    }


def status(data: Data = None, as_json: Json = False) -> None:
    """How many runs stand where, stage by stage."""
    with store_of(data) as store:
        counted = queries.counts(store.hot)
    listed = [{"stage": stage, "state": state, "runs": n} for (stage, state), n in sorted(counted.items())]
    if as_json:
        show_json(listed)
    else:
        show_table(("stage", "state", "runs"), listed)


def runs(
    data: Data = None,
    state: StateOption = None,
    stage: StageOption = None,
    chat: ChatOption = None,
    error: ErrorOption = None,
    before: Annotated[int | None, typer.Option(help="Go on with the runs before this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 200,
    as_json: Json = False,
) -> None:
    """The newest runs."""
    chosen = Selection(stage, state, chat, error)
    with store_of(data) as store:
        found = queries.runs(store.hot, chosen, before=before, limit=limit)
    if as_json:
        show_json([asdict(run) for run in found])
        return
    listed = [asdict(run) | {"why": (run.error or {}).get("what", "")} for run in found]
    show_table(("id", "stage", "chat_id", "event_id", "state", "attempt", "crashes", "why"), listed)


def pause(stage: StageName, data: Data = None, note: Note = "") -> None:
    """Let a stage start no more runs, in any process, until it is resumed; what runs is finished."""
    changed = _at_desk(data, lambda desk: desk.pause(stage, note))
    OUT.print(f"{stage} is paused." if changed else f"{stage} was paused already.")


def resume(stage: StageName, data: Data = None, note: Note = "") -> None:
    """Let a paused stage go on with everything that has gathered."""
    changed = _at_desk(data, lambda desk: desk.resume(stage, note))
    OUT.print(f"{stage} goes on." if changed else f"{stage} was not paused.")


def retry(
    run: Runs = None,
    data: Data = None,
    everything: AllOption = False,
    stage: StageOption = None,
    state: StateOption = None,
    chat: ChatOption = None,
    error: ErrorOption = None,
    note: Note = "",
    yes: Yes = False,
) -> None:
    """Give failed runs another round of attempts. With --all, what is dead or backing off."""
    chosen = Selection(stage, state, chat, error) if everything else None
    changed = _done("retry", data, run, chosen, note, yes=yes)
    OUT.print(f"{changed} run(s) will be tried again.")


def discard(
    run: Runs = None,
    data: Data = None,
    everything: AllOption = False,
    stage: StageOption = None,
    state: StateOption = None,
    chat: ChatOption = None,
    error: ErrorOption = None,
    note: Note = "",
    yes: Yes = False,
) -> None:
    """Give runs up; the events that called for them stay. With --all: what is dead, or in --state."""
    chosen = Selection(stage, state or "dead", chat, error) if everything else None
    changed = _done("discard", data, run, chosen, note, yes=yes)
    OUT.print(f"{changed} run(s) discarded.")


def account_(
    data: Data = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """What people did to stages and runs, newest first."""
    with store_of(data) as store:
        listed = [asdict(one) for one in account.newest(store.hot, limit)]
    if as_json:
        show_json(listed)
    else:
        show_table(("id", "at", "act", "stage", "chat_id", "runs", "note"), listed)


def _done(
    deed: str, data: Data, run: list[int] | None, chosen: Selection | None, note: str, *, yes: bool
) -> int:
    if chosen is None and not run:
        raise Invalid("No run was named.", hint="Give run ids, or --all. `fabula runs` lists them.")
    if chosen is None:
        return _at_desk(data, lambda desk: desk.do(deed, run or [], note))
    total = _at_desk(data, lambda desk: desk.count(deed, chosen))
    if total and not yes:
        typer.confirm(f"{deed.capitalize()} {total} run(s)?", abort=True)
    return _at_desk(data, lambda desk: desk.do_to_all(deed, chosen, total, note)) if total else 0


def _at_desk(data: Data, act: Callable[[Desk], Awaitable[T]]) -> T:
    with store_of(data) as store:
        return trio.run(_attached, store, act)


async def _attached(store: Store, act: Callable[[Desk], Awaitable[T]]) -> T:
    store.writer.attach(trio.lowlevel.current_trio_token())
    return await act(Desk(store, pipeline_of_actors()))
