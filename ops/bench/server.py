"""A Fabula to measure from outside: the real program in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_LIMIT_S = 60.0


@dataclass
class Served:
    """A server that answers; `started_s` is from the start of its process to its first page."""

    process: subprocess.Popen[str]
    address: str
    started_s: float

    def resident_mb(self) -> float:
        """Resident memory of the server itself, without the embedded model's process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def served(data: Path, *options: str) -> Iterator[Served]:
    """`fabula serve` on a data folder, until the block ends."""
    began = time.perf_counter()
    command = [sys.executable, "-c", "from workers.cli import main; main()", "serve", "--data", str(data)]
    process = subprocess.Popen(
        [*command, "--port", "0", *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        address = _address(process)
        httpx.get(address, timeout=START_LIMIT_S).raise_for_status()
        yield Served(process, address, time.perf_counter() - began)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()


def _address(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        if "http://" in line:
            return line[line.index("http://") :].strip()
    raise RuntimeError(f"the server ended with {process.wait()} before it was ready")


def narrate_with(data: Path, base_url: str) -> None:
    """A configuration whose narrator is the endpoint at this address."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "config.toml").write_text(
        f'[endpoint.bench]\nkind = "openai"\nbase_url = "{base_url}"\nmodel = "fake"\n'
        '[profile]\nnarrate = "bench"\n',
        encoding="utf-8",
    )
