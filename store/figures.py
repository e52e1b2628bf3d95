"""Figures for the desk: how each stage stands, what the last hour brought, and how the queue itself is.

Each is one look at an index that holds just that: however long the ledger is, what is read is what is open
and what ended within the hour, and of that not more than `MOST`.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from store import ledger, log
from store.rows import row, rows

MINUTES = 60
MINUTE_MS = 60_000
MOST = 20_000
"""So many attempts are looked at, the newest; where the hour had more, its first part is left out."""
WORKED = frozenset(("done", "dead", "backoff", "cancelled"))
"""Outcomes of attempts that ran to an end of their own."""


@dataclass(slots=True)
class Minute:
    """What ended within a minute: how many runs were done, how many attempts failed; how long first attempts
    had waited and attempts ran, in ms."""

    done: int = 0
    failed: int = 0
    waits: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Standing:
    """A stage now and through the last hour, oldest minute first. `oldest_at` is when its oldest open run was
    enqueued (UTC ms)."""

    stage: str
    paused: bool = False
    waiting: int = 0
    running: int = 0
    backoff: int = 0
    dead: int = 0
    oldest_at: int | None = None
    minutes: list[Minute] = field(default_factory=lambda: [Minute() for _ in range(MINUTES)])

    @property
    def done(self) -> int:
        return sum(minute.done for minute in self.minutes)

    @property
    def failed(self) -> int:
        return sum(minute.failed for minute in self.minutes)

    @property
    def waits(self) -> list[int]:
        return [one for minute in self.minutes for one in minute.waits]

    @property
    def times(self) -> list[int]:
        return [one for minute in self.minutes for one in minute.times]


@dataclass(frozen=True, slots=True)
class Health:
    """How the queue itself is. Sizes are bytes; `events` counts those of each minute of the hour."""

    leases_expired: int
    processes_lost: int
    runs_taken_back: int
    taken_back_this_hour: int
    events: list[int]
    database: int
    wal: int
    disk_left: int
    disk: int


@dataclass(frozen=True, slots=True)
class Figures:
    """`cut` says that the hour had more attempts than are looked at."""

    stages: list[Standing]
    health: Health
    cut: bool
    now: int


def of_hour(db: apsw.Connection, path: Path, stages: Sequence[str], *, now: int) -> Figures:
    """Everything the desk shows of the ledger. Stages the ledger knows and the program does not come last."""
    standing = {name: Standing(name) for name in stages}
    for name in ledger.paused(db):
        _of(standing, name).paused = True
    _count(db, standing)
    taken_back, cut = _follow_hour(db, standing, now)
    return Figures(list(standing.values()), _health(db, path, taken_back, now), cut, now)


def percentile(values: Sequence[int], share: int) -> int | None:
    """The nearest-rank percentile; None of nothing."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)] if ordered else None


def _of(standing: dict[str, Standing], name: str) -> Standing:
    if name not in standing:
        standing[name] = Standing(name)
    return standing[name]


def _count(db: apsw.Connection, standing: dict[str, Standing]) -> None:
    open_now = rows(
        db,
        "SELECT stage, state, count(*), min(enqueued_at) FROM run"
        " WHERE state IN ('waiting', 'ready', 'running', 'backoff') GROUP BY stage, state",
    )
    for name, state, number, oldest in open_now:
        one = _of(standing, name)
        one.waiting += number if state in ("waiting", "ready") else 0
        one.running += number if state == "running" else 0
        one.backoff += number if state == "backoff" else 0
        one.oldest_at = oldest if one.oldest_at is None else min(oldest, one.oldest_at)
    for name, number in rows(db, "SELECT stage, count(*) FROM run WHERE state = 'dead' GROUP BY stage"):
        _of(standing, name).dead = number


def _follow_hour(db: apsw.Connection, standing: dict[str, Standing], now: int) -> tuple[int, bool]:
    """Sort the attempts that ended within the hour by stage and minute; how many were taken back from a lost
    process, and whether some were left out."""
    since = now - MINUTES * MINUTE_MS
    ended = rows(
        db,
        "SELECT run.stage, attempt.token, run.enqueued_at, attempt.started_at, attempt.finished_at,"
        " attempt.outcome FROM attempt INDEXED BY attempt_finished CROSS JOIN run ON run.id = attempt.run_id"
        " WHERE attempt.finished_at > ? AND attempt.finished_at <= ?"
        " ORDER BY attempt.finished_at DESC LIMIT ?",
        (since, now, MOST),
    )
    taken_back = 0
    for name, token, enqueued_at, started_at, finished_at, outcome in ended:
        minute = _of(standing, name).minutes[(finished_at - since - 1) // MINUTE_MS]
        minute.done += outcome == "done"
        minute.failed += outcome in ("dead", "backoff")
        taken_back += outcome == "crash"
        if token == 1:
            minute.waits.append(max(0, started_at - enqueued_at))
        if outcome in WORKED:
            minute.times.append(finished_at - started_at)
    return taken_back, len(ended) == MOST


def _health(db: apsw.Connection, path: Path, taken_back: int, now: int) -> Health:
    ended: Mapping[str, int] = dict(
        rows(db, "SELECT ended_how, count(*) FROM boot WHERE ended_how IS NOT NULL GROUP BY ended_how")
    )
    ever = row(db, "SELECT count(*) FROM attempt WHERE error_class = 'crash'")
    wal = path.with_name(path.name + "-wal")
    disk = shutil.disk_usage(path.parent)
    return Health(
        leases_expired=ended.get("lease", 0),
        processes_lost=ended.get("gone", 0),
        runs_taken_back=ever[0] if ever else 0,
        taken_back_this_hour=taken_back,
        events=_events_by_minute(db, now),
        database=path.stat().st_size,
        wal=wal.stat().st_size if wal.exists() else 0,
        disk_left=disk.free,
        disk=disk.total,
    )


def _events_by_minute(db: apsw.Connection, now: int) -> list[int]:
    """Events of each minute of the hour. Ids grow with time, so that a minute's first one is searched for by
    halving: the log needs no index on its times."""
    last = log.position(db)
    edges, low = [], 1
    for minute in range(MINUTES):
        low = _first_after(db, now - (MINUTES - minute) * MINUTE_MS, low, last)
        edges.append(low)
    return [after - before for before, after in zip(edges, [*edges[1:], last + 1], strict=True)]


def _first_after(db: apsw.Connection, at: int, low: int, last: int) -> int:
    """The first id from `low` on that was recorded after a moment; the one after the last, if none was."""
    high = last + 1
    while low < high:
        middle = (low + high) // 2
        found = row(db, "SELECT id, recorded_at FROM event WHERE id >= ? ORDER BY id LIMIT 1", (middle,))
        if found is None or found[1] > at:
            high = middle
        else:
            low = found[0] + 1
    return low
