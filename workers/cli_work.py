"""Long work from the command line: re-embedding, `rebuild`, and the list of what is and was under way.

It shows on the page too, and can be cancelled there; the page's own shows here.
"""

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import trio
import typer
from rich.progress import Progress

from pipeline import undertakings
from pipeline.checking import Checking
from pipeline.longwork import wanted_embedder
from pipeline.reembedding import Estimate, Reembedding, estimate
from pipeline.undertakings import Report, Watch, Work, undertake
from store import rebuild, remembered
from store.errors import FabulaError, Refused
from store.stamps import moment
from store.store import Store
from store.undertakings import Undertaking, ask_to_stop
from workers.cli_options import Data, Json, paths_of, store_of
from workers.serving import until_signalled
from workers.terminal import ERR, OUT, explain, show_json, show_table

T = TypeVar("T")
EmbedModel = Annotated[
    str | None, typer.Option("--model", help="An endpoint of config.toml, or bundled; else as configured.")
]


def reembed(
    data: Data = None,
    model: EmbedModel = None,
    afresh: Annotated[bool, typer.Option("--all", help="Also what has a vector of this model.")] = False,
    estimate_: Annotated[
        bool, typer.Option("--estimate", help="Only say how much it is and how long it takes.")
    ] = False,
    tidy: Annotated[bool, typer.Option("--tidy", help="Only remove vectors that no memory has.")] = False,
    as_json: Json = False,
) -> None:
    """Give every memory a vector of this model, then find memories by it; go on by running it again."""
    paths = paths_of(data)
    with store_of(data) as store:
        if tidy:
            gone = store.writer.call(lambda txn: remembered.forget_orphans(txn.connection), durable=True)
            OUT.print(f"{gone} vector(s) removed that no memory had.")
            return
        wanted = wanted_embedder(paths, os.environ, model or "", urgent=True)
        told = trio.run(_attached, store, lambda: estimate(store, wanted, afresh=afresh))
        _show_estimate(told, as_json)
        if not estimate_:
            _do(store, Reembedding(store, wanted, afresh), "embedding")


def _show_estimate(told: Estimate, as_json: bool) -> None:
    if as_json:
        show_json(asdict(told))
        return
    OUT.print(in_words(told), markup=False)


def in_words(told: Estimate) -> str:
    """An estimate as a person reads it."""
    tried = f" ({told.sampled} made just now, to see how long it takes)" if told.sampled else ""
    known = f"{told.cached} with a vector of {told.model}{tried}"
    words = f"{told.texts} text(s), {known}, {told.lacking} to embed"
    if told.seconds is None:
        return f"{words}."
    takes = timedelta(seconds=max(1, round(told.seconds)))
    return f"{words}: about {takes} (h:mm:ss)."


def rebuild_(
    data: Data = None,
    check: Annotated[bool, typer.Option("--check", help="Compare only; exit 1 if anything differs.")] = False,
    as_json: Json = False,
) -> None:
    """Fold the log again; no model is asked."""
    with store_of(data) as store:
        if check:
            _check(store, as_json)
            return
        total = int(str((store.hot.execute("SELECT count(*) FROM event").fetchone() or (0,))[0]))
        with bar("folding") as watch:
            store.writer.call(
                lambda txn: rebuild.rebuild(txn.connection, lambda folded: watch(folded, total)), durable=True
            )
        OUT.print(f"{total} event(s) folded again.")


def _check(store: Store, as_json: bool) -> None:
    checking = Checking(store)
    with bar("folding") as watch:
        ended = trio.run(_attached, store, lambda: performed(store, checking, watch))
    if as_json:
        show_json({"events": checking.events, "differences": [asdict(one) for one in checking.differences]})
    else:
        for one in checking.differences[:20]:
            OUT.print(f"{one.table} {one.row_id}: live {one.live}, rebuilt {one.rebuilt}", markup=False)
        OUT.print(ended.outcome, markup=False)
    if ended.state != "done":
        raise typer.Exit(1)


def work(
    data: Data = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="End what is under way.")] = False,
    as_json: Json = False,
) -> None:
    """List long work, the newest first: re-embedding, replays, checks of the projections."""
    with store_of(data) as store:
        found = undertakings.shown(store)
        if cancel:
            _cancel(store, found)
            return
    if as_json:
        show_json([asdict(one) for one in found])
        return
    show_table(("id", "kind", "asked", "state", "progress", "began_at", "outcome"), map(_shown, found))


def _cancel(store: Store, found: list[Undertaking]) -> None:
    under_way = [one for one in found if one.state == "running"]
    if not under_way:
        raise Refused("No long work is under way.", hint="`fabula work` lists what was.")
    trio.run(_attached, store, lambda: undertakings.cancel(store, under_way[0].id))
    OUT.print(f"Asked {under_way[0].kind} to end; what it has done is kept.", markup=False)


def _shown(one: Undertaking) -> dict[str, Any]:
    asked = " ".join(f"{name}={value}" for name, value in one.asked.items() if value not in (None, False))
    progress = f"{one.done}/{one.total}" if one.total else ""
    began = moment(one.began_at).isoformat(timespec="seconds")
    return {**asdict(one), "asked": asked, "progress": progress, "began_at": began}


def _do(store: Store, what: Work, label: str) -> None:
    """Do a piece of long work with a bar, say what came of it, and exit 1 unless it was done."""
    with bar(label) as watch:
        ended = trio.run(_attached, store, lambda: performed(store, what, watch))
    if ended.state != "done":
        explain(FabulaError(ended.outcome, hint=ended.hint))
        raise typer.Exit(1)
    OUT.print(ended.outcome, markup=False)


async def _attached(store: Store, act: Callable[[], Awaitable[T]]) -> T:
    store.writer.attach(trio.lowlevel.current_trio_token())
    return await act()


async def performed(store: Store, what: Work, watch: Watch) -> Undertaking:
    """Do a piece of long work; Ctrl-C asks it to end, as the page may.

    Raises:
        Conflict: other long work is under way.
    """
    ended: list[Undertaking] = []
    report = Report(watch)
    async with until_signalled() as signalled, trio.open_nursery() as nursery:

        async def do(task_status: trio.TaskStatus[int]) -> None:
            ended.append(await undertake(store, what, report=report, begun=task_status.started))
            nursery.cancel_scope.cancel()

        number: int = await nursery.start(do)
        await signalled.wait()
        report.stop = True
        await store.writer.submit(lambda txn: ask_to_stop(txn, number))
    return ended[0]


@contextmanager
def bar(what: str) -> Iterator[Watch]:
    """A progress bar on standard error, so that what is printed can be piped."""
    with Progress(transient=True, console=ERR) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, of: shown.update(task, completed=done, total=of or None)
