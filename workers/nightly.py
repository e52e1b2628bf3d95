"""Nightly: a served Fabula backs itself up once a day, at the first opportunity after a day without a backup.

It looks at the backups that are there and never at an alarm of its own: a machine that slept through the
night, or a server that is started each evening, is backed up all the same.
"""

from functools import partial
from pathlib import Path

import structlog
import trio

from pipeline.config_paths import DataPaths
from store import backups, log, snapshots
from store.errors import FabulaError
from store.store import Store

SETTLE_S = 60.0
"""A server that has just started has somebody waiting for its first reply."""
LOOK_AGAIN_S = 600.0


async def keep_backed_up(store: Store, paths: DataPaths) -> None:
    """Back up whenever it is due and let old snapshots go, until cancelled."""
    await trio.sleep(SETTLE_S)
    while True:
        await back_up_if_due(store, paths.backups)
        await trio.to_thread.run_sync(partial(snapshots.prune, paths.snapshots, now=store.clock()))
        await trio.sleep(LOOK_AGAIN_S)


async def back_up_if_due(store: Store, folder: Path) -> None:
    """Back up after a day without; an empty log is nothing to keep. What goes wrong is told on standard
    error, for the next look will try again."""
    if not log.position(store.hot) or not backups.is_due(folder, store.clock()):
        return
    work = partial(backups.make, store.path, folder, why="nightly", now=store.clock())
    try:
        # a copy of a large story must not hold up the end of the server; what it leaves is tidied up later
        await trio.to_thread.run_sync(work, abandon_on_cancel=True)
    except FabulaError as error:
        structlog.get_logger().warning("no nightly backup", error=error.message, detail=error.detail)
