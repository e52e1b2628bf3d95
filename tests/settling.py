"""Waiting for the ledger, by its own commits and not by the clock."""

import trio

from store import queries
from store.store import Store

LIMIT_S = 20


async def settled(store: Store) -> None:
    """Wait until nothing is pending."""
    changed = trio.Event()

    def ring(_: object) -> None:
        nonlocal changed
        changed.set()

    store.writer.listeners.append(ring)
    with trio.fail_after(LIMIT_S):
        while queries.pending(store.hot):
            await changed.wait()
            changed = trio.Event()
    store.writer.listeners.remove(ring)
