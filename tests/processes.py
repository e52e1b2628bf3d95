"""Real processes for tests: the program on a data folder, and the scripted endpoint beside it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

FABULA = [sys.executable, "-c", "from workers.cli import main; main()"]


def run_fabula(
    *arguments: str, data: Path | None = None, timeout_s: float = 60, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself; `typed` is what it may read."""
    return subprocess.run(
        [*FABULA, *arguments, *(("--data", str(data)) if data is not None else ())],
        input=typed,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
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
    command = [sys.executable, "-m", "tests.fakes.endpoint"]
    options = ["--pace-ms", str(pace_ms), "--tokens", str(tokens)]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield FakeProcess(process.stdout.readline().strip() if process.stdout else "")
        finally:
            process.terminate()


@dataclass
class Server:
    process: subprocess.Popen[str]
    address: str

    def kill(self) -> None:
        """End it like a crash."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ask_to_end(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=10)


@contextmanager
def server(data: Path, *options: str, port: int = 0, fabula: Sequence[str] = FABULA) -> Iterator[Server]:
    """`fabula serve`, from its first page on."""
    command = [*fabula, "serve", "--data", str(data), "--port", str(port), *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            assert "http://" in line, f"the server said {line!r} and ended with {process.poll()}"
            yield Server(process, line[line.index("http://") :].strip())
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(timeout=15)


def narrate_with(data: Path, base_url: str) -> None:
    data.mkdir(parents=True, exist_ok=True)
    (data / "config.toml").write_text(
        f'[endpoint.fake]\nbase_url = "{base_url}/v1"\nmodel = "fake-model"\n[profile]\nnarrate = "fake"\n',
        encoding="utf-8",
    )
