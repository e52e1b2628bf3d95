"""`turn` and `sse`: what Fabula adds between a person and a model, on the way there and on the way back.

The server is the real program in its own process; the endpoint it asks is here (see `upstream`).
"""

import json
import subprocess
import sys
import time

import httpx
import trio

from ops.bench.ground import folder
from ops.bench.pages import long_chat
from ops.bench.report import Report, median, percentile, report
from ops.bench.server import narrate_with, served
from ops.bench.statements import statements
from ops.bench.upstream import Upstream, upstream

TURNS = 40
SHORT, LONG = 10, 10_000
TOKENS = 200
TOKEN_PACE_S = 0.02
PASSIVE, MEASURED = 47, 3


def turn() -> Report:
    figures = {}
    for label, guest in (("", False), ("guest_", True)):
        for turns in (SHORT, LONG):
            figures[f"turn_overhead_{label}ms_p50_{turns}"] = median(trio.run(_overheads, turns, guest))
            figures[f"turn_statements_{label}{turns}"] = trio.run(statements, turns, guest)
    return report("turn", figures, rounds=TURNS)


async def _overheads(turns: int, guest: bool) -> list[float]:
    """From the first byte of the POST to the first byte of the request at the model; with a guest, who is
    named in every turn, and all bookkeeping answered."""
    with folder() as data:
        _, chat_id = await long_chat(data / "chat.db", turns, guest=guest)
        async with upstream(2, 0) as model:
            narrate_with(data, f"http://127.0.0.1:{model.port}/v1")
            served_there = served(data)
            server = await trio.to_thread.run_sync(served_there.__enter__)
            try:
                return await _send_turns(server.address, chat_id, model)
            finally:
                await trio.to_thread.run_sync(served_there.__exit__, None, None, None)


async def _send_turns(address: str, chat_id: int, model: Upstream) -> list[float]:
    taken = []
    async with httpx.AsyncClient(base_url=address) as client:
        await _until_ready(client)
    async with await trio.open_tcp_stream("127.0.0.1", int(address.rpartition(":")[2])) as stream:
        for number in range(TURNS + 5):
            before = len(model.arrived)
            began = time.perf_counter()
            await stream.send_all(_post(f"/api/chats/{chat_id}/turns", {"text": f"And then, Bo, {number}?"}))
            await model.asked(before)
            taken.append((model.arrived[-1] - began) * 1000)
            await _accepted(stream)
            await trio.sleep(0.1)
    return taken[5:]


async def _accepted(stream: trio.SocketStream) -> None:
    answer = b""
    while b"repeated" not in answer:
        answer += await stream.receive_some()
        if b"error" in answer:
            raise RuntimeError(f"the turn was not accepted: {answer!r}")


def _post(path: str, body: object) -> bytes:
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


async def _until_ready(client: httpx.AsyncClient) -> None:
    for _ in range(200):
        if (await client.get("/healthz")).status_code == 200:
            return
        await trio.sleep(0.05)
    raise TimeoutError("the server was not ready in 10 s")


def sse() -> Report:
    direct, through = trio.run(_latencies)
    base = median(direct)
    figures = {
        "sse_added_ms_p50": median(through) - base,
        "sse_added_ms_p99": percentile(through, 99) - base,
        "direct_ms_p50": base,
    }
    return report("sse", figures, rounds=TOKENS)


PASSIVE_READERS = """
import os, selectors, socket, sys
os.nice(19)  # they are there to be written to, not to compete with the measured reader
port, path, number = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
picked = selectors.DefaultSelector()
for _ in range(number):
    reader = socket.create_connection(("127.0.0.1", port))
    reader.sendall(f"GET {path} HTTP/1.1\\r\\nhost: 127.0.0.1\\r\\n\\r\\n".encode())
    picked.register(reader, selectors.EVENT_READ)
print("reading", flush=True)
while picked.get_map():
    for key, _ in picked.select():
        if not key.fileobj.recv(65536):
            picked.unregister(key.fileobj)
"""


async def _latencies() -> tuple[list[float], list[float]]:
    """From a token's leaving the model to its bytes at a reader: of the model itself, and of Fabula among
    fifty subscribers."""
    with folder() as data:
        _, chat_id = await long_chat(data / "chat.db", SHORT)
        async with upstream(TOKENS, TOKEN_PACE_S) as model:
            narrate_with(data, f"http://127.0.0.1:{model.port}/v1")
            direct: list[float] = []
            await _read_tokens(model.port, _post("/v1/chat/completions", {}), b'"delta"', direct)
            served_there = served(data)
            server = await trio.to_thread.run_sync(served_there.__enter__)
            try:
                return direct, await _subscribe_and_send(server.address, chat_id)
            finally:
                await trio.to_thread.run_sync(served_there.__exit__, None, None, None)


async def _subscribe_and_send(address: str, chat_id: int) -> list[float]:
    port, path = int(address.rpartition(":")[2]), f"/api/chats/{chat_id}/events?after=999999"
    added: list[float] = []
    asked = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()
    command = [sys.executable, "-c", PASSIVE_READERS, str(port), path, str(PASSIVE)]
    async with httpx.AsyncClient(base_url=address) as client:
        await _until_ready(client)
        passive = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
        if passive.stdout is not None:
            await passive.stdout.receive_some()
        async with trio.open_nursery() as nursery:
            for _ in range(MEASURED):
                await nursery.start(_read_tokens, port, asked, b'"offset"', added)
            await client.post(f"/api/chats/{chat_id}/turns", json={"text": "Go on."})
        passive.terminate()
        await passive.wait()
    return added


async def _read_tokens(
    port: int,
    asked: bytes,
    mark: bytes,
    taken: list[float],
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Read the stream that answers `asked`; lines with `mark` carry a token, and it the time it was sent."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(asked)
        await stream.receive_some()
        task_status.started()
        read = 0
        while read < TOKENS - 1:
            piece = await stream.receive_some()
            now = time.perf_counter()
            for sent in _times(piece, mark):
                taken.append((now - sent) * 1000)
                read += 1


def _times(piece: bytes, mark: bytes) -> list[float]:
    told = [
        json.loads(line[5:]) for line in piece.split(b"\n") if line.startswith(b"data: {") and mark in line
    ]
    texts = [one["text"] if "text" in one else one["choices"][0]["delta"]["content"] for one in told]
    return [float(text) for text in texts if text]
