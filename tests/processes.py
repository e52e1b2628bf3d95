"""Real processes for tests: the program on a data folder, and the scripted endpoint beside it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import httpx

from ops.forks import FORKS, READ, Fork
from tests.fakes import endpoint
from tests.settling import LIMIT_S
from workers.cli import main

FORKS.set_forkserver_preload([*READ, endpoint.__name__])

COMMAND_LIMIT_S = 5 * LIMIT_S
"""For one that loads a model and lets it speak."""
FIRST_PORT, LAST_PORT = 20_000, 32_000
_ports = count(os.getpid() * 100)
FABULA = [sys.executable, "-c", "from workers.cli import main; main()"]


def run_fabula(
    *arguments: str, data: Path | None = None, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself; `typed` is what it may read."""
    command = [*arguments, *(("--data", str(data)) if data is not None else ())]
    with TemporaryFile("w+") as stdin, TemporaryFile("w+") as stdout, TemporaryFile("w+") as stderr:
        stdin.write(typed)
        stdin.seek(0)
        files = {"stdin": stdin.fileno(), "stdout": stdout.fileno(), "stderr": stderr.fileno()}
        ran = Fork(main, *command, **files)
        code = ran.wait(COMMAND_LIMIT_S)
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(command, code, stdout.read(), stderr.read())


def free_port() -> int:
    """A port where nobody listens and that nobody is given meanwhile: it lies below those that the system
    gives out by itself, and each process of tests begins with others."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", FIRST_PORT + next(_ports) % (LAST_PORT - FIRST_PORT)))
            return int(probe.getsockname()[1])


@dataclass
class FakeProcess:
    """The scripted endpoint as a process of its own."""

    base_url: str

    def script(self, *behaviours: dict[str, Any]) -> None:
        httpx.post(f"{self.base_url}/__script", content=json.dumps(behaviours)).raise_for_status()

    def judge(self, decided: dict[str, object], *, held: bool = False) -> None:
        """Decisions whose prompt has one of these words are answered so, or once they are released; they are
        kept out of the script."""
        when = {"stall_after": 0} if held else {}
        answered = {word: {"text": json.dumps(answer), **when} for word, answer in decided.items()}
        httpx.post(f"{self.base_url}/__judge", content=json.dumps(answered)).raise_for_status()

    def release(self) -> None:
        httpx.post(f"{self.base_url}/__release", content="{}").raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        return list(httpx.get(f"{self.base_url}/__requests").json())


@contextmanager
def fake_process(*, pace_ms: float = 0, tokens: int = 8) -> Iterator[FakeProcess]:
    process = Fork(endpoint.main, "--pace-ms", str(pace_ms), "--tokens", str(tokens))
    try:
        yield FakeProcess(process.stdout.readline().strip() if process.stdout else "")
    finally:
        process.terminate()
        process.wait(LIMIT_S)


@dataclass
class Server:
    process: Fork | subprocess.Popen[str]
    address: str

    def kill(self) -> None:
        """End it like a crash."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ask_to_end(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=LIMIT_S)


@contextmanager
def server(data: Path, *options: str, port: int = 0, fabula: Sequence[str] = ()) -> Iterator[Server]:
    """`fabula serve`, from its first page on; as the command `fabula` from nothing, where one is given."""
    arguments = ("serve", "--data", str(data), "--port", str(port), *options)
    process = _started([*fabula, *arguments]) if fabula else Fork(main, *arguments)
    try:
        line = process.stdout.readline() if process.stdout else ""
        assert "http://" in line, f"the server said {line!r} and ended with {process.poll()}"
        yield Server(process, line[line.index("http://") :].strip())
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(LIMIT_S)
        if process.stdout is not None:
            process.stdout.close()


def _started(command: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def narrate_with(data: Path, base_url: str) -> None:
    data.mkdir(parents=True, exist_ok=True)
    (data / "config.toml").write_text(
        f'[endpoint.fake]\nbase_url = "{base_url}/v1"\nmodel = "fake-model"\n[profile]\nnarrate = "fake"\n',
        encoding="utf-8",
    )
