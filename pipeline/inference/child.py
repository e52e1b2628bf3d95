"""Child processes of ours: what they complain about is read and kept, and they are ended with us."""

import os
from pathlib import Path

import trio

_DIARY_BYTES = 4096
_ROOT = Path(__file__).resolve().parents[2]


def python_path() -> str:
    """The PYTHONPATH for a child started with -P: a folder named `pipeline` where the person happens to be
    is not ours."""
    return os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


async def keep_last_words(process: trio.Process, diary: bytearray) -> None:
    """Read what it complains about, so that it never blocks on a full pipe, and keep the end of it."""
    if process.stderr is None:
        return
    async for piece in process.stderr:
        diary += piece
        del diary[:-_DIARY_BYTES]


async def end(process: trio.Process) -> None:
    """Kill and reap it; harmless when it is already dead."""
    process.kill()
    await process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            await pipe.aclose()
