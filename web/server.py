"""Serving: Hypercorn's trio worker on a socket we open ourselves.

The socket gets TCP_USER_TIMEOUT so that a reader that has stopped reading cannot hold up the shutdown, and a
port that is taken is told as such instead of as a traceback.
"""

import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio import serve as hypercorn_serve

from store.errors import Refused

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
    except OSError as error:
        listener.close()
        raise _not_bound(host, port, error) from error
    listener.listen(BACKLOG)
    return listener


def _not_bound(host: str, port: int, error: OSError) -> Refused:
    if error.errno == errno.EADDRINUSE:
        return Refused(
            f"Port {port} on {host} is in use.",
            hint=f"Perhaps Fabula already runs: open http://{host}:{port}. If not, give another --port.",
        )
    return Refused(
        f"Cannot listen on {host}:{port}: {error.strerror}.", hint="Give another --host or --port."
    )


async def serve(
    app: Any,  # noqa: ANN401 - any ASGI application
    listener: socket.socket,
    shutdown: Callable[[], Awaitable[None]],
    *,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an ASGI application until `shutdown` returns; streams get a second to end."""
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = GRACE_S
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    await hypercorn_serve(app, config, shutdown_trigger=shutdown, task_status=task_status)
