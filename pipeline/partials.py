"""Partials: texts that are being written, kept beside the log about ten times a second.

A viewer in another process, a late tab and the recovery after a crash find them there, also when a model has
fallen silent in the middle of a text. What is finished is in the log.
"""

from collections.abc import Callable

import trio

from store.ledger import Claim
from store.txn import Txn
from store.writer import Writer

PACE_S = 0.1


class Partials:
    """What of the texts of this process is still to be kept."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._grown: dict[int, Callable[[Txn], None]] = {}
        self._more = trio.Event()

    def keep(self, claim: Claim, speaker_id: int, text: str) -> None:
        """Keep the text so far, at once or within `PACE_S`."""
        self._grown[claim.run_id] = checkpoint(claim, speaker_id, text)
        self._more.set()

    def drop(self, claim: Claim) -> None:
        self._grown.pop(claim.run_id, None)

    async def run(self) -> None:
        """Keep what grows until cancelled."""
        while True:
            await self._more.wait()
            self._more = trio.Event()
            for step in self._grown.values():
                self._writer.post(step)
            self._grown.clear()
            await trio.sleep(PACE_S)


def checkpoint(claim: Claim, speaker_id: int, text: str) -> Callable[[Txn], None]:
    """Keep the text so far beside the log, unless the claim has passed to somebody else."""

    def step(txn: Txn) -> None:
        txn.execute(
            "INSERT INTO partial(run_id, chat_id, token, speaker_id, text)"
            " SELECT ?1, ?2, ?3, ?4, ?5 FROM run WHERE id = ?1 AND state = 'running' AND token = ?3"
            " ON CONFLICT (run_id) DO UPDATE SET token = ?3, text = ?5",
            (claim.run_id, claim.chat_id, claim.token, speaker_id, text),
        )

    return step
