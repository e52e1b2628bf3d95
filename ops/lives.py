"""Short lives of the real program: it serves, until it is killed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from ops.forks import Fork
from workers.cli import main

START_LIMIT_S = 60.0
MEMORY = "/dev/shm"  # noqa: S108 - folders of our own are made in it
PLACE = MEMORY if os.access(MEMORY, os.W_OK) else None
"""A killed process leaves the same in memory as on a disk, and nobody waits for the disk."""


@dataclass
class Life:
    """A server that answers."""

    process: Fork
    address: str

    @property
    def goes_on(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def life(data: Path) -> Iterator[Life]:
    """A server on a data folder, from its first page until the block ends at the latest."""
    begun = Life(Fork(main, "serve", "--data", str(data), "--port", "0"), "")
    try:
        line = next(line for line in begun.process.stdout or () if "http://" in line)
        begun.address = line[line.index("http://") :].strip()
        httpx.get(begun.address, timeout=START_LIMIT_S).raise_for_status()
        yield begun
    finally:
        if begun.goes_on:
            begun.kill()
