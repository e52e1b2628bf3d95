"""Serving: Hypercorn's trio worker on a socket we open ourselves.

The socket gets TCP_USER_TIMEOUT so that a reader that has stopped reading cannot hold up the shutdown, and a
port that is taken is told as such instead of as a traceback.
"""

import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from starlette.applications import Starlette

from store.errors import Refused
from web.connections import Connection

BACKLOG = 256
STALLED_READER_MS = 5_000
GRACE_S = 1.0


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound and listening socket.

    Raises:
        Refused: the port is taken or not allowed, or the host is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_READER_MS)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise _not_bound(host, port, error) from error
    listener.listen(BACKLOG)
    return listener


def _not_bound(host: str, port: int, error: OSError | OverflowError) -> Refused:
    if isinstance(error, OverflowError):
        return Refused(f"{port} is no port.", hint="Give a --port from 1 to 65535, or 0 for any free one.")
    if error.errno == errno.EADDRINUSE:
        return Refused(
            f"Port {port} on {host} is in use.",
            hint=f"Perhaps Fabula already runs: open http://{host}:{port}. If not, give another --port.",
        )
    return Refused(
        f"Cannot listen on {host}:{port}: {error.strerror}.", hint="Give another --host or --port."
    )


async def serve(
    app: Starlette,
    listener: socket.socket,
    shutdown: Callable[[], Awaitable[None]],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until `shutdown` returns; what is still being answered then gets a second."""
    config = Config()
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    connection = partial(
        Connection,
        app.state.connections,
        ASGIWrapper(cast("Any", app)),
        config,
        context := WorkerContext(None),
        {},
    )
    listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(listener))]
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as accepting:
            accepting.start_soon(
                partial(trio.serve_listeners, connection, listeners, handler_nursery=connections)
            )
            task_status.started()
            await shutdown()
            accepting.cancel_scope.cancel()
        await context.terminated.set()
        connections.cancel_scope.deadline = trio.current_time() + GRACE_S
