"""Waiting for the ledger, by its own commits and not by the clock."""

from collections.abc import Callable

import trio

from store import queries
from store.store import Store

LIMIT_S = 60
"""Whoever waits in a test gives up after so long: far beyond what a slow and busy machine needs."""


async def settled(store: Store) -> None:
    """Wait until nothing is pending."""
    await until(store, lambda: not queries.pending(store.hot))


async def until(store: Store, holds: Callable[[], object]) -> None:
    """Wait until something is so that a commit makes so."""
    changed = trio.Event()

    def ring(_: object) -> None:
        nonlocal changed
        changed.set()

    store.writer.listeners.append(ring)
    with trio.fail_after(LIMIT_S):
        while not holds():
            await changed.wait()
            changed = trio.Event()
    store.writer.listeners.remove(ring)
