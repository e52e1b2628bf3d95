"""Invariants 5 and 11 for what is being written: however a text ends, what was there is kept, once.

The endpoint says drawn pieces and then ends well, breaks off, or falls silent until somebody stops it, the
process shuts down, or dies.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from actors import ALL
from pipeline.inference.endpoints import Profile
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.types import Capabilities, Chunk, Heard, Request, Sent, ignored, unheard
from pipeline.opened import Opened
from pipeline.partials import checkpoint
from pipeline.stage import Lane, Pipeline
from store import interventions, ledger, queries, rebuild
from store.errors import ErrorClass
from store.events import BotAuthored, ChatStarted, FloorGiven, TurnUser
from store.rows import rows
from store.store import open_store
from store.txn import Txn
from tests.properties.simulation import TEXTS
from tests.workers.test_consumer import at_work

M = TypeVar("M", bound=BaseModel)
Ending = Literal["complete", "dropped", "stopped", "shutdown"]
PIECES = st.lists(TEXTS | st.just(" "), min_size=1, max_size=8).filter(
    lambda pieces: any(map(str.strip, pieces))
)
"""What a model may send, white space included, as long as something is there to keep."""


@dataclass
class Telling:
    """An endpoint in this process that says its pieces and then does what `ending` asks."""

    pieces: Sequence[str]
    ending: Ending
    name: str = "telling"
    model: str = "telling"
    silent: trio.Event = field(default_factory=trio.Event)

    def opened(self) -> Opened:
        return Opened(Profile(name=self.name, kind="embedded"), self, Capabilities())

    async def generate(self, request: Request, sent: Sent = ignored) -> AsyncGenerator[Chunk, None]:
        for piece in self.pieces:
            yield Chunk(piece)
        if self.ending == "dropped":
            raise EndpointFailed("It broke off.", error_class=ErrorClass.CONNECTION)
        if self.ending == "complete":
            yield Chunk(finish="stop")
            return
        self.silent.set()
        await trio.sleep_forever()

    async def decide(self, request: Request, schema: type[M], heard: Heard = unheard) -> M:
        raise EndpointFailed("It tells, it does not judge.", error_class=ErrorClass.INVALID_OUTPUT)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise NotImplementedError

    async def probe(self) -> Capabilities:
        return Capabilities()

    async def count_tokens(self, text: str) -> int | None:
        return None


@settings(max_examples=25)
@given(pieces=PIECES, ending=st.sampled_from(["complete", "dropped", "stopped", "shutdown"]))
@example(pieces=[" ", "Wait", " for", " me"], ending="stopped")
@example(pieces=["Wait", " for"], ending="shutdown")
@example(pieces=["Wait", " for"], ending="dropped")
def test_the_text_so_far_is_kept_however_it_ends(
    fresh_path: Callable[[], Path], pieces: list[str], ending: Ending
) -> None:
    path = fresh_path()
    trio.run(_tell, path, Telling(pieces, ending))
    truncated = int(ending != "complete")
    assert _replies(path) == [("".join(pieces).strip(), truncated, ending)]


async def _tell(path: Path, telling: Telling) -> None:
    async with at_work(path, *ALL, grace_s=2.0) as bench:
        bench.consumer.endpoints.use(telling.opened())
        await bench.play.send_turn(bench.chat_id, "Who goes there?")
        if telling.ending in ("stopped", "shutdown"):
            await telling.silent.wait()
        if telling.ending == "stopped":
            await bench.play.stop(bench.chat_id)
        if telling.ending != "shutdown":
            await bench.settled()


@settings(max_examples=15)
@given(pieces=PIECES)
def test_the_text_a_dead_process_left_behind_is_kept(
    fresh_path: Callable[[], Path], pieces: list[str]
) -> None:
    """The person has read it; no model is asked again, though one is there."""
    path, text = fresh_path(), "".join(pieces).lstrip()
    _die_writing(path, text)
    trio.run(_take_up, path)
    assert _replies(path) == [(text.strip(), 1, "crashed")]


def _die_writing(path: Path, text: str) -> None:
    def step(txn: Txn) -> None:
        bot = txn.append(BotAuthored(name="Ada"))
        chat = txn.append(ChatStarted(title="x", host_id=bot.id))
        turn = txn.append(TurnUser(text="Who goes there?"), chat_id=chat.id)
        txn.append(FloorGiven(turn_id=turn.id, speaker_id=bot.id), chat_id=chat.id, cause_id=turn.id)
        (asked,) = rows(txn.connection, "SELECT id FROM run WHERE stage = 'addressee'")
        interventions.discard(txn.connection, asked, now=txn.now)
        txn.execute("INSERT INTO boot(pid, started_at, seen_at, code_version) VALUES (1, 1, 1, '')")
        (claim,) = ledger.claim(txn.connection, 1, Lane.NARRATION.value, 1, now=txn.now)
        checkpoint(claim, bot.id, text)(txn)

    with open_store(path, Pipeline.of(ALL).routes) as store:
        store.writer.call(step)


async def _take_up(path: Path) -> None:
    async with at_work(path, *ALL) as bench:
        bench.consumer.endpoints.use(Telling(["Something else."], "complete").opened())
        await bench.settled()
        assert queries.dead(bench.store.hot) == []


def _replies(path: Path) -> list[tuple[str, int, str]]:
    with open_store(path, {}) as store:
        assert rebuild.check(store.hot) == []
        assert rows(store.hot, "SELECT 1 FROM partial") == []
        sql = "SELECT text, truncated, ended FROM turn WHERE speaker_id IS NOT NULL"
        return [(text, truncated, ended) for text, truncated, ended in rows(store.hot, sql)]
