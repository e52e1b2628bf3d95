"""Telemetry: Huey's signals and the ledger, as structured log lines and Prometheus metrics.

Huey says when a run begins, completes or fails; the ledger says how many stand where. Log lines carry run
and chat ids and are quiet unless something failed; texts of a story never reach them.
"""

import time
from typing import Any

import structlog
from huey import signals
from huey.api import Huey, Task
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from store import queries
from store.store import Store

BUCKETS = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60)


class _LedgerCollector(Collector):
    """Counts of runs by stage and state, read when somebody asks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> list[GaugeMetricFamily]:
        runs = GaugeMetricFamily("fabula_runs", "Runs in the ledger", labels=["stage", "state"])
        for (stage, state), number in self._store.read_now(queries.counts).items():
            runs.add_metric([stage, state], number)
        commits = GaugeMetricFamily("fabula_commits", "Commits made by this process")
        commits.add_metric([], self._store.writer.commits)
        return [runs, commits]


class Telemetry:
    """One process's log and metrics."""

    def __init__(self, store: Store) -> None:
        self._log = structlog.get_logger("fabula.runs")
        self._registry = CollectorRegistry()
        self._registry.register(_LedgerCollector(store))
        self._outcomes = Counter(
            "fabula_attempts", "Attempts by stage and outcome", ["stage", "outcome"], registry=self._registry
        )
        self._seconds = Histogram(
            "fabula_attempt_seconds",
            "Time from hand-out to commit",
            ["stage"],
            buckets=BUCKETS,
            registry=self._registry,
        )

    def render(self) -> bytes:
        """The Prometheus exposition."""
        return generate_latest(self._registry)

    def listen_to(self, huey: Huey) -> None:
        huey.signal(signals.SIGNAL_COMPLETE)(self._completed)
        huey.signal(signals.SIGNAL_ERROR)(self._failed)

    def _completed(self, _signal: str, task: Task) -> None:
        self._seconds.labels(task.name).observe(time.monotonic() - task.kwargs["dequeued_at"])
        self._outcomes.labels(task.name, "complete").inc()
        self._log.debug("run completed", **_ids(task))

    def _failed(self, _signal: str, task: Task, error: BaseException | None = None) -> None:
        self._outcomes.labels(task.name, getattr(error, "error_class", "bug")).inc()
        self._log.warning("run failed", error=str(error), **_ids(task))


def _ids(task: Task) -> dict[str, Any]:
    run_id, stage, event_id, chat_id, *_ = task.kwargs["claim"]
    return {"run_id": run_id, "stage": stage, "event_id": event_id, "chat_id": chat_id}
