"""Telemetry: Huey's signals, the ledger and the meter of the endpoints, as log lines and Prometheus metrics.

Huey says when a run begins, completes or fails; the ledger says how many stand where; every exchange with a
model is measured where it happens. Log lines carry run and chat ids and are quiet unless something failed;
texts of a story never reach them.
"""

import shutil
import time
from collections.abc import Iterator
from typing import Any

import structlog
from huey import signals
from huey.api import Huey, Task
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.inference.metering import Exchange
from store import log, queries
from store.store import Store

BUCKETS = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60)


class _LedgerCollector(Collector):
    """Counts of runs by stage and state, read when somebody asks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> list[Metric]:
        runs = GaugeMetricFamily("fabula_runs", "Runs in the ledger", labels=["stage", "state"])
        for (stage, state), number in self._store.read_now(queries.counts).items():
            runs.add_metric([stage, state], number)
        return [runs, *self._database()]

    def _database(self) -> Iterator[Metric]:
        """The file and its log. Event ids are given once and in order, so the newest tells how many were."""
        path = self._store.path
        for name, told, file in (
            ("fabula_database_bytes", "Size of the database file", path),
            ("fabula_wal_bytes", "Size of its write-ahead log", path.with_name(path.name + "-wal")),
        ):
            yield GaugeMetricFamily(name, told, value=file.stat().st_size if file.exists() else 0)
        events = self._store.read_now(log.position)
        yield CounterMetricFamily("fabula_events", "Events recorded since the beginning", value=events)
        commits = self._store.writer.commits
        yield CounterMetricFamily("fabula_commits", "Commits made by this process", value=commits)
        free = shutil.disk_usage(path.parent).free
        yield GaugeMetricFamily("fabula_disk_free_bytes", "Room left on the disk of the database", value=free)


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
        self._of_inference()

    def _of_inference(self) -> None:
        by = ["endpoint", "use"]
        self._exchanges = Counter(
            "fabula_inference_requests",
            "Requests to models; the outcome is complete, stopped or an error class",
            [*by, "outcome"],
            registry=self._registry,
        )
        self._tokens = Counter(
            "fabula_inference_tokens",
            "Tokens as the endpoints count them; cached ones are among those of the prompt",
            [*by, "part"],
            registry=self._registry,
        )
        self._first_token = Histogram(
            "fabula_inference_first_token_seconds",
            "Time from a request to its first word",
            by,
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._request_seconds = Histogram(
            "fabula_inference_seconds",
            "Time from a request to its end",
            by,
            buckets=BUCKETS,
            registry=self._registry,
        )

    def exchanged(self, one: Exchange) -> None:
        """An exchange with a model is over."""
        by = (one.endpoint, one.use)
        self._exchanges.labels(*by, one.outcome).inc()
        self._request_seconds.labels(*by).observe(one.seconds)
        if one.first_s is not None:
            self._first_token.labels(*by).observe(one.first_s)
        if one.usage is not None:
            self._tokens.labels(*by, "prompt").inc(one.usage.prompt_tokens)
            self._tokens.labels(*by, "completion").inc(one.usage.completion_tokens)
            self._tokens.labels(*by, "cached").inc(one.usage.cached_tokens or 0)

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
