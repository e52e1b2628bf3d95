"""Rewriting: what a person may do to a story's past. Each act is one durable transaction and reversible.

Nothing is overwritten: an act says which events count from now on, and the projections follow.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import apsw

from pipeline.floor import floor_for, forget_auto, quiet
from pipeline.forking import fork, go_on_from, short
from pipeline.prompt.ooc import KEPT, Marker
from pipeline.seen import open_chat
from store import history, snapshots, views
from store.errors import Conflict, NotFound, Refused
from store.events import (
    MAX_TEXT_CHARS,
    BranchRenamed,
    BranchSwitched,
    ChangeUndone,
    TurnEdited,
    TurnHidden,
    TurnRetracted,
    TurnSelected,
)
from store.rows import row, rows
from store.store import Store
from store.txn import Txn
from store.views import Turn

T = TypeVar("T")
ROOM_CHARS = 100
"""How much room there must be for a text that is to be carried on."""


@dataclass(frozen=True, slots=True)
class Falls:
    """What would fall with a turn: the texts of turns, and everything counted by its kind."""

    turn_id: int
    total: int
    kinds: Mapping[str, int]
    texts: tuple[str, ...]


class Rewriting:
    """What the page, the JSON interface and the command line submit about turns that are already told."""

    def __init__(self, store: Store, snapshots_folder: Path, marker: Marker = KEPT) -> None:
        self._store = store
        self._marker = marker
        self._snapshots = snapshots_folder

    async def regenerate(self, chat_id: int, turn_id: int, *, extend: bool = False, branch: str = "") -> int:
        """Ask for another alternative of a bot's turn, for one that carries its text on, or for a reply to a
        turn of the person's that has none. Where a `branch` is named, the story goes on in a new one of that
        name first, and what came after stays as it is.

        Raises:
            NotFound: the chat has no such turn; Refused: it is a first message, has its reply, or is too long
                to be carried on; Conflict: a reply is being written.
        """

        def step(txn: Txn) -> int:
            turn = live_turn(txn.connection, chat_id, turn_id)
            given = floor_for(txn.connection, turn, extend=extend)
            if extend and len(turn.text) + ROOM_CHARS > MAX_TEXT_CHARS:
                raise Refused(
                    f"The turn “{short(turn)}” is as long as a turn can be.",
                    hint="Say something, and the story goes on in another.",
                )
            quiet(txn.connection, chat_id)
            if branch:
                go_on_from(txn, turn, branch)
            floor = given.payload.model_copy(
                update={
                    "reason": "carried on" if extend else "told again",
                    "confidence": 1.0,
                    "alternative_of": turn.alternative_of or turn.id if turn.is_reply else None,
                    "extends": turn.id if extend else None,
                }
            )
            return txn.append(floor, chat_id=chat_id, cause_id=given.cause_id).id

        return await self._choose(chat_id, step)

    async def select(self, chat_id: int, turn_id: int) -> int | None:
        """Let this alternative hold; None where it does already.

        Raises:
            NotFound: no alternative of a turn that counts; Conflict: a reply is being written.
        """

        def step(txn: Txn) -> int | None:
            open_chat(txn.connection, chat_id)
            if row(txn.connection, "SELECT 1 FROM turn WHERE id = ? AND chat_id = ?", (turn_id, chat_id)):
                return None
            quiet(txn.connection, chat_id)
            groups = history.alternatives(txn.connection, chat_id, [turn_id])
            if turn_id not in groups.get(turn_id, ()):
                raise NotFound(
                    f"There is no alternative {turn_id} in chat {chat_id}.",
                    hint="The alternatives of a turn are listed with it.",
                )
            return txn.append(TurnSelected(turn_id=turn_id), chat_id=chat_id).id

        return await self._choose(chat_id, step)

    async def edit(self, chat_id: int, turn_id: int, text: str) -> int | None:
        """Other words for a turn; what came of the old ones stays until a stage is replayed."""
        edited = TurnEdited(turn_id=turn_id, text=self._marker.canonical(text))

        def step(txn: Txn) -> int | None:
            turn = live_turn(txn.connection, chat_id, turn_id)
            return None if turn.text == edited.text else txn.append(edited, chat_id=chat_id).id

        return await self._do(step)

    async def hide(self, chat_id: int, turn_id: int, *, hidden: bool) -> int | None:
        """Leave a turn out of view and prompt, or take it in again."""

        def step(txn: Txn) -> int | None:
            if live_turn(txn.connection, chat_id, turn_id).hidden == hidden:
                return None
            return txn.append(TurnHidden(turn_id=turn_id, hidden=hidden), chat_id=chat_id).id

        return await self._do(step)

    async def preview(self, chat_id: int, turn_id: int) -> Falls:
        """What would fall if the turn were retracted."""

        def look(db: apsw.Connection) -> Falls:
            live_turn(db, chat_id, turn_id)
            return falls(db, turn_id)

        return await self._store.read(look)

    async def retract(self, chat_id: int, turn_id: int, *, total: int | None = None) -> Falls:
        """Take a turn out with everything that came of it; `total` is what the person was shown.

        Raises:
            Conflict: something else would fall by now; nothing was changed.
        """

        def step(txn: Txn) -> Falls:
            live_turn(txn.connection, chat_id, turn_id)
            falling = falls(txn.connection, turn_id)
            if total is not None and falling.total != total:
                raise Conflict(
                    f"By now {falling.total} entries would fall with this turn, not {total}.",
                    hint="Look at the preview again, then confirm.",
                )
            txn.append(TurnRetracted(turn_id=turn_id), chat_id=chat_id)
            return falling

        return await self._choose(chat_id, step)

    async def fork(self, chat_id: int, turn_id: int, name: str) -> int:
        """A branch that shares the story up to the exchange of this turn; the story goes on where it is."""
        return await self._do(lambda txn: fork(txn, live_turn(txn.connection, chat_id, turn_id), name))

    async def rewind(self, chat_id: int, turn_id: int, name: str = "") -> int:
        """Go back to a turn: a new branch from there, in which the story goes on. What came after it stays
        in the branch that is left, and a snapshot of it all is kept for two weeks.

        Raises:
            Refused: nothing was said after it, or it was told after what follows it.
        """

        def keep(db: apsw.Connection) -> None:
            _later(db, chat_id, turn_id)
            snapshots.take(db, self._snapshots, chat_id, why="before-rewind", now=self._store.clock())

        await self._store.read(keep)

        def step(txn: Txn) -> int:
            turn = _later(txn.connection, chat_id, turn_id)
            branch_id = go_on_from(txn, turn, name or f"from “{short(turn)}”")
            rest = "SELECT id FROM turn WHERE chat_id = ? AND (anchor_id, id) > (?, ?) ORDER BY anchor_id, id"
            for (left,) in rows(txn.connection, rest, (chat_id, turn.anchor_id, turn.id)):
                if row(txn.connection, "SELECT 1 FROM turn WHERE id = ?", (left,)):
                    txn.append(TurnRetracted(turn_id=left), chat_id=chat_id)
            return branch_id

        return await self._choose(chat_id, step)

    async def switch(self, chat_id: int, branch_id: int) -> int | None:
        """Go on in another branch; None when it is the one the story is in."""

        def step(txn: Txn) -> int | None:
            open_chat(txn.connection, chat_id)
            if history.branch(txn.connection, chat_id, branch_id).active:
                return None
            return txn.append(BranchSwitched(branch_id=branch_id), chat_id=chat_id).id

        return await self._choose(chat_id, step)

    async def rename_branch(self, chat_id: int, branch_id: int, name: str) -> int:
        renamed = BranchRenamed(branch_id=branch_id, name=name)

        def step(txn: Txn) -> int:
            open_chat(txn.connection, chat_id)
            history.branch(txn.connection, chat_id, branch_id)
            return txn.append(renamed, chat_id=chat_id).id

        return await self._do(step)

    async def undo(self, chat_id: int) -> tuple[str, ...]:
        """Undo what the person did last; returns the kinds of what was undone.

        Raises:
            Refused: there is nothing to undo.
        """

        def step(txn: Txn) -> tuple[str, ...]:
            open_chat(txn.connection, chat_id)
            acts = history.last_change(txn.connection, chat_id)
            if not acts:
                raise Refused("There is nothing to undo here.", hint="Turns are retracted, not undone.")
            for act in acts:
                if isinstance(act.payload, BranchSwitched):
                    txn.append(BranchSwitched(branch_id=act.branch_id or chat_id), chat_id=chat_id)
                else:
                    txn.append(ChangeUndone(event_id=act.id), chat_id=chat_id)
            return tuple(act.kind for act in acts)

        return await self._choose(chat_id, step)

    async def _choose(self, chat_id: int, step: Callable[[Txn], T]) -> T:
        """An act that chooses what counts. The bots do not go on by themselves from what was chosen."""

        def whole(txn: Txn) -> T:
            done = step(txn)
            forget_auto(txn, chat_id)
            return done

        return await self._do(whole)

    async def _do(self, step: Callable[[Txn], T]) -> T:
        return await self._store.writer.submit(step, durable=True)


def falls(db: apsw.Connection, turn_id: int) -> Falls:
    falling = history.falls_with(db, turn_id)
    turns = [one.id for one in falling if one.kind in ("turn.user", "turn.assistant")]
    texts = [views.told_text(db, one) for one in turns]
    return Falls(turn_id, len(falling), dict(Counter(one.kind for one in falling)), tuple(texts))


def live_turn(db: apsw.Connection, chat_id: int, turn_id: int) -> Turn:
    """A turn that counts, of a chat that may be played in."""
    open_chat(db, chat_id)
    found = row(db, "SELECT chat_id FROM turn WHERE id = ?", (turn_id,))
    if found is None or found[0] != chat_id:
        raise NotFound(
            f"There is no turn {turn_id} in chat {chat_id}.",
            hint="It may have been retracted, or lie in another branch or alternative.",
        )
    return views.turn(db, turn_id)


def _later(db: apsw.Connection, chat_id: int, turn_id: int) -> Turn:
    """A turn after which something was said."""
    turn = live_turn(db, chat_id, turn_id)
    later = "SELECT 1 FROM turn WHERE chat_id = ? AND (anchor_id, id) > (?, ?) LIMIT 1"
    if row(db, later, (chat_id, turn.anchor_id, turn.id)) is None:
        raise Refused(f"Nothing was said after “{short(turn)}”.", hint="It is the last turn.")
    return turn
