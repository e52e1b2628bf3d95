"""The web application on a real socket, with a real store and the scripted endpoint behind it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
import trio

from pipeline.config_paths import data_paths
from pipeline.inference.discovery import Candidate
from tests.fakes.endpoint import FakeEndpoint, fake_endpoint
from tests.processes import narrate_with
from tests.settling import LIMIT_S, settled
from web.app import create_app
from web.server import listening_socket, serve
from workers.program import Program, open_program

T = TypeVar("T")


@dataclass
class Site:
    """A running page. `client` is a program, not a browser: it sends no Origin."""

    client: httpx.AsyncClient
    fake: FakeEndpoint
    program: Program
    address: str
    shutdown: trio.Event
    served: trio.Event

    async def chat(self, first_message: str = "") -> int:
        bot = await self.client.post("/api/bots", json={"name": "Ada", "first_message": first_message})
        chat = await self.client.post("/api/chats", json={"host_id": bot.json()["id"]})
        return int(chat.json()["id"])

    async def narrates(self) -> str:
        """The model that narrates, once one does."""
        with trio.fail_after(LIMIT_S):
            async with self.program.engine.endpoints.narrator() as (endpoint, _):
                return endpoint.model

    async def turns(self, chat_id: int, number: int) -> list[dict[str, object]]:
        """The chat's turns, once there are so many."""
        with trio.fail_after(LIMIT_S):
            while True:
                turns = (await self.client.get(f"/api/chats/{chat_id}/turns")).json()
                if len(turns) >= number:
                    return list(turns)
                await trio.testing.wait_all_tasks_blocked(0.01)

    async def until(self, look: Callable[[], Awaitable[T | None]]) -> T:
        """What is looked for, once it is there."""
        with trio.fail_after(LIMIT_S):
            while (found := await look()) is None:
                await trio.testing.wait_all_tasks_blocked(0.01)
            return found

    async def settled(self) -> None:
        """Wait until nothing is left to run."""
        await settled(self.program.engine.store)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with fake_endpoint() as fake:
        fake.judging = {}
        narrate_with(tmp_path, fake.base_url)
        async with open_site(tmp_path, fake) as site:
            await site.narrates()
            yield site


@asynccontextmanager
async def open_site(
    folder: Path,
    fake: FakeEndpoint,
    *,
    candidates: Sequence[Candidate] = (),
    work: bool = True,
    embed: str = "off",
) -> AsyncIterator[Site]:
    """The page over a data folder; `candidates` are the servers this machine may have."""
    fake.judging = fake.judging or {}
    opened = open_program(
        data_paths(folder, {}), environ={"FABULA_EMBED": embed}, candidates=candidates, work=work
    )
    async with opened as program:
        listener = listening_socket("127.0.0.1", 0)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        shutdown, served = trio.Event(), trio.Event()

        async def until_served(task_status: trio.TaskStatus[None]) -> None:
            app = create_app(program.engine)
            await serve(app, listener, shutdown.wait, task_status=task_status)
            served.set()

        async with (
            trio.open_nursery() as nursery,
            httpx.AsyncClient(base_url=address, timeout=LIMIT_S) as client,
        ):
            await nursery.start(until_served)
            yield Site(client, fake, program, address, shutdown, served)
            program.engine.feed.close()
            shutdown.set()
