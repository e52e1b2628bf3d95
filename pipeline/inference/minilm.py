"""MiniLM: the bundled embedding model, kept in a child process that is started by the first text.

Torch takes seconds to load and hundreds of megabytes, which a program without a memory to embed never pays,
and its work would hold up the event loop. Whoever asks waits in line; those who wait together are answered
together. A child that dies is started again; one that cannot be loaded is given up, once, with the reason.
"""

import array
import base64
import json
import math
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import outcome
import trio

from pipeline.inference import errors
from pipeline.inference.child import end, keep_last_words, python_path
from store.errors import FabulaError

MODEL = "all-MiniLM-L6-v2"
START_LIMIT_S = 600.0
ANSWER_LIMIT_S = 600.0
LAST_WORDS_S = 2.0
AT_ONCE = 64
_LINE_BYTES = 65_536


class EmbedderUnusable(FabulaError):
    """The bundled embedding model cannot be used in this process; memories are found by words alone."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            "The embedding model could not be loaded: memories are found by their words, not by meaning.",
            hint="Install Fabula's packages again (make install), or name an endpoint with an embedding model"
            " under [profile] embed in config.toml.",
            detail=detail,
        )


@dataclass(eq=False)
class _Waiting:
    texts: list[str]
    answered: trio.Event = field(default_factory=trio.Event)
    answer: outcome.Outcome[list[list[float]]] | None = None
    gone: bool = False


@dataclass(eq=False)
class _Child:
    process: trio.Process
    diary: bytearray
    dimensions: int = 0
    read: bytearray = field(default_factory=bytearray)

    async def line(self) -> bytes | None:
        """The next line it says, None when it has ended."""
        stdout = self.process.stdout
        while stdout is not None and (cut := self.read.find(b"\n")) < 0:
            piece = await stdout.receive_some(_LINE_BYTES)
            if not piece:
                return None
            self.read += piece
        line = bytes(self.read[:cut])
        del self.read[: cut + 1]
        return line


@dataclass
class MiniLM:
    """The embedder; `kept` makes one. Cancelling a wait leaves the child alone."""

    folder: Path
    urgent: bool = False
    model: str = MODEL
    unusable: EmbedderUnusable | None = None
    _line: list[_Waiting] = field(default_factory=list)
    _asked: trio.Event = field(default_factory=trio.Event)
    _child: _Child | None = None

    @classmethod
    @asynccontextmanager
    async def kept(cls, folder: Path, *, urgent: bool = False) -> AsyncIterator["MiniLM"]:
        """An embedder for the block; its child, if there ever was one, ends with it. It takes only what
        others leave of the processor, unless somebody waits for it (`urgent`)."""
        embedder = cls(folder, urgent)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(embedder._serve, nursery)
            try:
                yield embedder
            finally:
                nursery.cancel_scope.cancel()

    @property
    def pid(self) -> int | None:
        """The child's, while there is one."""
        return self._child.process.pid if self._child is not None else None

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text, in their order.

        Raises:
            EmbedderUnusable: it cannot be loaded; EndpointFailed: it died twice over these texts.
        """
        if self.unusable is not None:
            raise self.unusable
        if not texts:
            return []
        waiting = _Waiting(list(texts))
        self._line.append(waiting)
        self._asked.set()
        try:
            await waiting.answered.wait()
        finally:
            waiting.gone = True
        assert waiting.answer is not None  # noqa: S101 - set before the event
        return waiting.answer.unwrap()

    async def _serve(self, nursery: trio.Nursery) -> None:
        try:
            while True:
                await self._asked.wait()
                self._asked = trio.Event()
                while batch := self._next_batch():
                    await self._answer(nursery, batch)
        finally:
            await self._end_child()

    def _next_batch(self) -> list[_Waiting]:
        """Those in line, as far as one request should go; who has gone away is passed over."""
        batch: list[_Waiting] = []
        while self._line and sum(len(one.texts) for one in batch) < AT_ONCE:
            waiting = self._line.pop(0)
            if not waiting.gone:
                batch.append(waiting)
        return batch

    async def _answer(self, nursery: trio.Nursery, batch: list[_Waiting]) -> None:
        texts = [text for waiting in batch for text in waiting.texts]
        try:
            vectors = await self._vectors(nursery, texts)
        except FabulaError as error:
            for waiting in batch:
                waiting.answer = outcome.Error(error)
                waiting.answered.set()
            return
        at = 0
        for waiting in batch:
            waiting.answer = outcome.Value(vectors[at : at + len(waiting.texts)])
            waiting.answered.set()
            at += len(waiting.texts)

    async def _vectors(self, nursery: trio.Nursery, texts: list[str]) -> list[list[float]]:
        last_words = ""
        for _try in range(2):
            child = self._child or await self._start(nursery)
            with trio.move_on_after(ANSWER_LIMIT_S):
                vectors = await _exchange(child, texts)
                if vectors is not None:
                    return vectors
            last_words = await self._end_child()
        raise errors.crashed(self.model, last_words)

    async def _start(self, nursery: trio.Nursery) -> _Child:
        if self.unusable is not None:
            raise self.unusable
        try:
            process = await _opened(self.folder, self.urgent)
        except OSError as error:
            raise errors.crashed(self.model, str(error)) from error
        self._child = child = _Child(process, bytearray())
        nursery.start_soon(keep_last_words, process, child.diary)
        with trio.move_on_after(START_LIMIT_S):
            greeting = await child.line()
            if greeting is not None:
                child.dimensions = int(json.loads(greeting)["dimensions"])
                return child
        with trio.move_on_after(LAST_WORDS_S):
            await process.wait()
        self.unusable = EmbedderUnusable(await self._end_child())
        raise self.unusable

    async def _end_child(self) -> str:
        """End it and tell how it ended; without one there is nothing to tell."""
        child, self._child = self._child, None
        if child is None:
            return ""
        with trio.CancelScope(shield=True):
            await end(child.process)
        said = child.diary.decode(errors="replace").strip()
        return f"exit code {child.process.returncode}\n{said}".strip()


async def _opened(folder: Path, urgent: bool) -> trio.Process:
    command = [sys.executable, "-P", "-m", "pipeline.inference.minilm_process", str(folder)]
    return await trio.lowlevel.open_process(
        [*command, "--urgent"] if urgent else command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path()},
    )


async def _exchange(child: _Child, texts: list[str]) -> list[list[float]] | None:
    """Ask the child; None when it has died, or answers with something that is no answer."""
    if child.process.stdin is None:
        return None
    try:
        await child.process.stdin.send_all(json.dumps({"texts": texts}).encode() + b"\n")
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return None
    line = await child.line()
    if line is None:
        return None
    numbers = array.array("f", base64.b64decode(json.loads(line)["vectors"]))
    size = child.dimensions
    vectors = [numbers[at : at + size].tolist() for at in range(0, len(numbers), size)]
    right = len(vectors) == len(texts) and all(math.isfinite(number) for number in numbers)
    return vectors if right else None
