"""Fabula in processes that are forked from one which has read its code.

A start from nothing is a second of reading code, and the tests and harnesses start hundreds. What follows is
the same: a command with its arguments, in a process of its own with its own files, killed from outside.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.reduction import DupFd
from typing import Any

READ = (
    "ops.well_read",
    "actors",
    "hypercorn.trio",
    "web.app",
    "workers.cli_serve",
    "workers.consumer",
    __name__,
)
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([*READ])


class Fork:
    """A program in a fork, spoken to as one of `subprocess` is. `stdout` is what it says, unless that goes
    elsewhere."""

    def __init__(
        self,
        program: Callable[[], None],
        *arguments: str,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> None:
        said, told = os.pipe() if stdout is None else (None, stdout)
        files = {0: stdin, 1: told, 2: stderr}
        context = (program, arguments, files, dict(os.environ))
        self._process = FORKS.Process(target=_Begun(*context), daemon=True)
        self._process.start()
        self.stdout = None
        if said is not None:
            os.close(told)
            self.stdout = os.fdopen(said, encoding="utf-8")

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def poll(self) -> int | None:
        """Its exit code, once it has ended."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        if self.stdout is not None:
            self.stdout.close()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Begun:
    """What a fork does first: take its files, words and environment, then run its program."""

    def __init__(
        self,
        program: Callable[[], None],
        arguments: Sequence[str],
        files: Mapping[int, int | None],
        environ: Mapping[str, str],
    ) -> None:
        self.program, self.arguments, self.files, self.environ = program, arguments, files, environ

    def __getstate__(self) -> dict[str, Any]:
        """On its way to the fork: a file goes along as itself."""
        files = {place: None if file is None else DupFd(file) for place, file in self.files.items()}
        return {**vars(self), "files": files}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.files = {
            place: None if file is None else file.detach() for place, file in state["files"].items()
        }

    def __call__(self) -> None:
        for place, file in self.files.items():
            if file is not None:
                os.dup2(file, place)
                os.close(file)
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        os.environ.clear()
        os.environ.update(self.environ)
        sys.argv = ["fabula", *self.arguments]
        self.program()
