"""The embedded model's process: started, watched, started again when it dies, ended with us.

Whoever needs it asks for the life that is `current` and waits while there is none. A process that will not
start, or dies again and again, is given up until somebody asks; that request fails with the reason and the
next one finds another try under way.
"""

import json
import math
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field

import trio

from pipeline.inference import errors
from pipeline.inference.child import end, keep_last_words, python_path
from pipeline.inference.embedded_server import KEY_VARIABLE
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.gguf import ModelFile

LAST_WORDS_S = 2.0
"""How long a child that failed to start has to say why; its output ends a moment before it does."""


@dataclass(frozen=True, slots=True)
class Stamina:
    """How long a start may take, how a restart backs off (seconds), and after how many deaths we give up.
    A life of at least `steady_s` clears the count."""

    start_limit_s: float = 300.0
    first_wait_s: float = 0.2
    longest_wait_s: float = 10.0
    steady_s: float = 60.0
    deaths: int = 5


@dataclass(frozen=True, slots=True, eq=False)
class Life:
    """One life of the process: where it listens, and the key that only we know."""

    process: trio.Process
    address: str
    key: str


@dataclass
class LlamaProcess:
    """Keeps one llama.cpp server running for as long as `run` does."""

    model: ModelFile
    context_tokens: int
    stamina: Stamina = field(default_factory=Stamina)
    _life: Life | None = None
    _failure: EndpointFailed | None = None
    _changed: trio.Event = field(default_factory=trio.Event)
    _asked: trio.Event = field(default_factory=trio.Event)

    async def current(self) -> Life:
        """The running process, waiting while it starts.

        Raises:
            EndpointFailed: it was given up; asking again finds another try.
        """
        while True:
            if self._life is not None and self._life.process.returncode is None:
                return self._life
            if self._failure is not None:
                failure, self._failure = self._failure, None
                self._asked.set()
                raise failure
            await self._changed.wait()

    async def run(self) -> None:
        """Keep it running until cancelled; then it is killed and reaped."""
        deaths, been_up = 0, False
        while True:
            began = trio.current_time()
            was_up, detail = await self._live_once()
            been_up = been_up or was_up
            deaths = 1 if trio.current_time() - began >= self.stamina.steady_s else deaths + 1
            if been_up and deaths < self.stamina.deaths:
                await trio.sleep(self._wait_s(deaths))
                continue
            await self._give_up(detail, retryable=been_up)
            deaths = self.stamina.deaths - 1

    def _wait_s(self, deaths: int) -> float:
        return min(self.stamina.first_wait_s * 2.0 ** (deaths - 1), self.stamina.longest_wait_s)

    async def _give_up(self, detail: str, *, retryable: bool) -> None:
        self._failure = errors.crashed(self.model.name, detail, retryable=retryable)
        self._asked = trio.Event()
        self._tell()
        await self._asked.wait()

    async def _live_once(self) -> tuple[bool, str]:
        """One life from start to death: whether it ever answered, and its last words."""
        key = secrets.token_urlsafe(24)
        try:
            process = await self._open(key)
        except OSError as error:
            return False, str(error)
        diary = bytearray()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(keep_last_words, process, diary)
                life = await self._greeted(process, key)
                self._be(life)
                with trio.move_on_after(math.inf if life is not None else LAST_WORDS_S):
                    await process.wait()
                process.kill()
        finally:
            self._be(None)
            with trio.CancelScope(shield=True):
                await end(process)
        return life is not None, f"exit code {process.returncode}\n{diary.decode(errors='replace')}".strip()

    async def _open(self, key: str) -> trio.Process:
        command = [sys.executable, "-P", "-m", "pipeline.inference.embedded_server"]
        options = ["--model", str(self.model.path), "--name", self.model.name]
        return await trio.lowlevel.open_process(
            [*command, *options, "--context", str(self.context_tokens)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": python_path(), KEY_VARIABLE: key},
        )

    async def _greeted(self, process: trio.Process, key: str) -> Life | None:
        """The one line that says where it listens, or None when it ends or takes too long without it."""
        said = b""
        with trio.move_on_after(self.stamina.start_limit_s):
            while process.stdout is not None and not said.endswith(b"\n"):
                piece = await process.stdout.receive_some()
                if not piece:
                    return None
                said += piece
        return Life(process, json.loads(said)["address"], key) if said.endswith(b"\n") else None

    def _be(self, life: Life | None) -> None:
        self._life = life
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
