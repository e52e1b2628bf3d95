"""The benchmarks by name."""

from collections.abc import Callable, Mapping

from ops.bench import history, pages, prefix, retrieval, runs, streams
from ops.bench.report import Report
from store.errors import Invalid

BENCHES: Mapping[str, Callable[[], Report]] = {
    "hop": runs.hop,
    "chain": runs.chain,
    "turn": streams.turn,
    "sse": streams.sse,
    "rebuild": pages.rebuild,
    "open": pages.open_chat,
    "start": pages.start,
    "prefix": prefix.prefix,
    "retrieval": retrieval.retrieval,
    "history": history.history,
}


def run_bench(name: str) -> Report:
    if name not in BENCHES:
        raise Invalid(f"There is no benchmark {name!r}.", hint=f"There are: {', '.join(BENCHES)}.")
    return BENCHES[name]()
