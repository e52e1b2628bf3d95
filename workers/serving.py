"""Serving and working: the two ways a process stays up, both ended cleanly by SIGINT or SIGTERM."""

import signal
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from pipeline.config_paths import DataPaths
from web.app import create_app
from web.server import listening_socket, serve
from workers.nightly import keep_backed_up
from workers.program import open_program
from workers.terminal import OUT, say_where

KEPT = "Everything is kept in {folder}. Ctrl+C ends Fabula."


@asynccontextmanager
async def until_signalled() -> AsyncIterator[trio.Event]:
    """An event that is set by SIGINT or SIGTERM; the signal itself no longer interrupts anything."""
    shutdown = trio.Event()

    async def listen(task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                shutdown.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(listen)
        yield shutdown
        nursery.cancel_scope.cancel()


async def run_server(
    paths: DataPaths, *, host: str | None, port: int | None, model: str | None, work: bool, visit: bool
) -> None:
    """Serve the page (and run the stages, unless told not to) until a signal."""
    async with until_signalled() as shutdown, open_program(paths, model=model, work=work) as program:
        settings = program.config.server
        host, port = host or settings.host, settings.port if port is None else port
        program.config.check_open(host)
        listener = listening_socket(host, port)
        address = f"http://{host}:{listener.getsockname()[1]}"
        app = create_app(program.engine, host=host, token=program.config.token)
        async with trio.open_nursery() as beside:
            async with trio.open_nursery() as nursery:
                await nursery.start(serve, app, listener, shutdown.wait)
                say_where(address, program.recovered)
                OUT.print(KEPT.format(folder=paths.folder.absolute()), soft_wrap=True, markup=False)
                beside.start_soon(keep_backed_up, program.engine.store, paths)
                if visit:
                    nursery.start_soon(_visit, address)
                await shutdown.wait()
                program.engine.feed.close()
            beside.cancel_scope.cancel()


async def _visit(address: str) -> None:
    await trio.to_thread.run_sync(webbrowser.open, address)


async def run_worker(paths: DataPaths, *, model: str | None) -> None:
    """Run stages for whatever processes submit, until a signal."""
    async with until_signalled() as shutdown, open_program(paths, model=model) as program:
        say_where(f"worker on {paths.database}", program.recovered)
        await shutdown.wait()
