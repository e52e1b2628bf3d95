"""Rederiving: what the stages made of one turn, and those of them run again for it because a person asks.

An edit leaves what came of the old words alone. Which of it is to be told anew is the person's choice, stage
by stage; a stage that is part of the play itself is never run twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from pipeline.rewriting import live_turn
from pipeline.stage import Pipeline, Stage
from store import account, live, log, replays
from store.errors import Invalid
from store.events import Event
from store.rows import row, rows
from store.store import Store
from store.txn import Txn
from store.views import Turn


@dataclass(frozen=True, slots=True)
class Derived:
    """What a stage has recorded for a turn and still counts. `of_old_words`: the turn was edited since;
    `under_way`: the stage is to answer it, for the first time or again."""

    stage: str
    events: tuple[Event[Any], ...]
    of_old_words: bool
    under_way: bool


class Rederiving:
    """What the page and the JSON interface ask of the bookkeeping of one turn."""

    def __init__(self, store: Store, pipeline: Pipeline) -> None:
        self._store = store
        self._pipeline = pipeline

    async def derived(self, chat_id: int, turn_id: int) -> list[Derived]:
        """What each bookkeeping stage that listens to the turn has made of it.

        Raises:
            NotFound: the chat has no such turn that counts.
        """

        def look(db: apsw.Connection) -> list[Derived]:
            turn = live_turn(db, chat_id, turn_id)
            return [_derived(db, one, turn) for one in _listening(self._pipeline, db, turn_id)]

        return await self._store.read(look)

    async def derive_again(self, chat_id: int, turn_id: int, names: Sequence[str]) -> list[str]:
        """Run these stages again for the turn; returns those that were not under way already.

        Raises:
            NotFound: the chat has no such turn that counts; Invalid: no stage was named, or one that does not
                listen to the turn.
        """

        def step(txn: Txn) -> list[str]:
            db = txn.connection
            live_turn(db, chat_id, turn_id)
            stages = {one.name: one for one in _listening(self._pipeline, db, turn_id)}
            choice = f"Choose of {', '.join(stages)}."
            if not names:
                raise Invalid("No stage was chosen.", hint=choice)
            for name in names:
                if name not in stages:
                    raise Invalid(f"stages: {name[:80]!r} derives nothing of this turn.", hint=choice)
            begun = []
            for name in dict.fromkeys(names):
                made = replays.enqueue(db, stages[name].route, chat_id, [turn_id], now=txn.now)
                if made:
                    account.record(db, "replayed", made.values(), now=txn.now, stage=name, chat_id=chat_id)
                    begun.append(name)
            return begun

        return await self._store.writer.submit(step, durable=True)


def _listening(pipeline: Pipeline, db: apsw.Connection, turn_id: int) -> list[Stage]:
    listening = pipeline.listening_for(log.event(db, turn_id).kind)
    return [one for one in listening if one.replayable]


def _derived(db: apsw.Connection, stage: Stage, turn: Turn) -> Derived:
    runs = rows(
        db,
        "SELECT id, coalesce(started_at, finished_at, 0) FROM run WHERE stage = ? AND event_id = ?"
        " AND state = 'done' ORDER BY generation",
        (stage.name, turn.id),
    )
    recorded = [event for run_id, _ in runs for event in log.of_run(db, run_id)]
    counting = tuple(
        event for event in recorded if event.kind != "outcome.superseded" and live.is_live(db, event.id)
    )
    edited_at = row(db, "SELECT recorded_at FROM event WHERE id = ?", (turn.edited_by or 0,))
    old = edited_at is not None and bool(runs) and runs[-1][1] <= edited_at[0]
    return Derived(stage.name, counting, old, bool(replays.unsettled(db, stage.name, [turn.id])))
