"""The desk: what a person does to stages and runs. Each act is durable, and stands in the account.

Acts on many runs are told beforehand how many it will be, and take several short transactions: a turn that is
sent meanwhile waits for one of them at most.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import apsw

from pipeline.replaying import replayable
from pipeline.stage import Pipeline
from store import account, interventions, live, replays, selection
from store.account import MAX_NOTE_CHARS, Act
from store.errors import Conflict, Invalid, NotFound
from store.rows import row
from store.selection import DISCARDABLE, REPLAYABLE, RETRIABLE, Selection
from store.store import Store
from store.txn import Txn

AT_ONCE = 200
"""So many runs are changed in one transaction."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that can be done to runs: what it is written down as, and the states it can be done in."""

    act: Act
    states: tuple[str, ...]


DEEDS: Mapping[str, Deed] = {
    "retry": Deed("retried", RETRIABLE),
    "discard": Deed("discarded", DISCARDABLE),
    "replay": Deed("replayed", REPLAYABLE),
}


class _Run(NamedTuple):
    id: int
    stage: str
    event_id: int
    chat_id: int


class Desk:
    """What the pages, the JSON interface and the command line submit."""

    def __init__(self, store: Store, pipeline: Pipeline) -> None:
        self._store = store
        self._pipeline = pipeline

    async def pause(self, stage: str, note: str = "") -> bool:
        """Let a stage start no more runs; what runs is finished. False when it is paused already.

        Raises:
            NotFound: there is no such stage.
        """
        return await self._set_paused(stage, note, paused=True)

    async def resume(self, stage: str, note: str = "") -> bool:
        """Let a paused stage go on, with everything that has gathered meanwhile; False when it was not."""
        return await self._set_paused(stage, note, paused=False)

    async def _set_paused(self, stage: str, note: str, *, paused: bool) -> bool:
        self._pipeline.named(stage)
        noted = checked_note(note)

        def step(txn: Txn) -> bool:
            changed = interventions.pause(txn.connection, stage, paused)
            if changed:
                act: Act = "paused" if paused else "resumed"
                account.record(txn.connection, act, now=txn.now, stage=stage, note=noted)
            return changed

        return await self._store.writer.submit(step, durable=True)

    async def do(self, deed: str, run_ids: Sequence[int], note: str = "") -> int:
        """Retry, discard or replay those of the runs that are in a state for it; returns how many.

        Raises:
            NotFound: there is no such run; Refused: a stage of the play itself is not replayed.
        """
        found = _runs(self._store.hot, run_ids)
        missing = set(run_ids) - {one.id for one in found}
        if missing:
            raise NotFound(f"There is no run {min(missing)}.", hint="The desk and `fabula runs` list them.")
        if deed == "replay":
            for one in found:
                replayable(self._pipeline.stages, one.stage)
        stages, chats = {one.stage for one in found}, {one.chat_id for one in found}
        about = Selection(
            stage=stages.pop() if len(stages) == 1 else None, chat_id=chats.pop() if len(chats) == 1 else None
        )
        return await self._in_pieces(deed, run_ids, checked_note(note), about)

    async def count(self, deed: str, selected: Selection) -> int:
        """How many runs of the selection it would be done to now."""
        return len(await self._store.read(partial(self._meant, deed, selected)))

    async def do_to_all(self, deed: str, selected: Selection, total: int, note: str = "") -> int:
        """Do it to everything selected, of which a person was told that it is `total`; returns how many.

        Raises:
            Conflict: it is more by now, and nothing was done.
        """
        run_ids = await self._store.read(partial(self._meant, deed, selected))
        if len(run_ids) > total:
            raise Conflict(
                f"It is {len(run_ids)} by now, and you were told of {total}.",
                hint="Look at the new number and confirm again.",
            )
        return await self._in_pieces(deed, run_ids, checked_note(note), selected)

    def _meant(self, deed: str, selected: Selection, db: apsw.Connection) -> list[int]:
        found = selection.ids(db, selected, DEEDS[deed].states)
        return [one.id for one in self._replayable(db, found)] if deed == "replay" else found

    def _replayable(self, db: apsw.Connection, run_ids: Sequence[int]) -> list[_Run]:
        """One run for each event that a bookkeeping stage has answered and that counts."""
        asked: dict[tuple[str, int], _Run] = {}
        for one in _runs(db, run_ids):
            if self._pipeline.is_replayable(one.stage):
                asked.setdefault((one.stage, one.event_id), one)
        return [one for one in asked.values() if live.is_live(db, one.event_id)]

    async def _in_pieces(self, deed: str, run_ids: Sequence[int], note: str, about: Selection) -> int:
        entry: int | None = None
        changed = 0
        for start in range(0, len(run_ids), AT_ONCE):
            piece = run_ids[start : start + AT_ONCE]
            step = partial(self._piece, deed, piece, entry, note, about)
            done, entry = await self._store.writer.submit(step, durable=True)
            changed += done
        return changed

    def _piece(
        self, deed: str, run_ids: Sequence[int], entry: int | None, note: str, about: Selection, txn: Txn
    ) -> tuple[int, int | None]:
        """A piece of an act, under the one entry that the account has for it."""
        done = self._done(txn, deed, run_ids)
        if done and entry is None:
            entry = account.record(
                txn.connection,
                DEEDS[deed].act,
                now=txn.now,
                stage=about.stage,
                chat_id=about.chat_id,
                note=note,
            )
        if entry is not None:
            account.add(txn.connection, entry, done)
        return len(done), entry

    def _done(self, txn: Txn, deed: str, run_ids: Sequence[int]) -> list[int]:
        """Do it; returns the runs it was done to, or those that a replay has made."""
        if deed == "retry":
            return interventions.retry(txn.connection, run_ids, now=txn.now)
        if deed == "discard":
            return interventions.discard(txn.connection, run_ids, now=txn.now)
        mailboxes: dict[tuple[str, int], list[int]] = {}
        for one in self._replayable(txn.connection, run_ids):
            mailboxes.setdefault((one.stage, one.chat_id), []).append(one.event_id)
        made: list[int] = []
        for (stage, chat_id), event_ids in mailboxes.items():
            route = replayable(self._pipeline.stages, stage).route
            made += replays.enqueue(txn.connection, route, chat_id, event_ids, now=txn.now).values()
        return made


def checked_note(note: str) -> str:
    """A note as it is kept.

    Raises:
        Invalid: it is too long.
    """
    if len(note) > MAX_NOTE_CHARS:
        raise Invalid(
            f"The note has {len(note)} characters.", hint=f"At most {MAX_NOTE_CHARS} are kept; shorten it."
        )
    return note.strip()


def _runs(db: apsw.Connection, run_ids: Sequence[int]) -> list[_Run]:
    """Those of the runs that there are, as they were given."""
    found = [row(db, "SELECT id, stage, event_id, chat_id FROM run WHERE id = ?", (one,)) for one in run_ids]
    return [_Run(*one) for one in found if one is not None]
