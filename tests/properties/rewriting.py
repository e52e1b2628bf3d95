"""What a person may do to a story's past, as acts for random stories; and, the long way, what counts then."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import apsw
from hypothesis import strategies as st

from store import log
from store.events import (
    BranchForked,
    BranchRenamed,
    BranchSwitched,
    ChangeUndone,
    Event,
    FloorGiven,
    OutcomeSuperseded,
    Payload,
    TurnAssistant,
    TurnEdited,
    TurnHidden,
    TurnRetracted,
    TurnSelected,
)
from store.live import ABOUT_THE_CHAT
from store.rows import rows
from store.txn import Txn
from tests.properties.simulation import TEXTS
from tests.properties.stories import NUMBERS, Act, World, answer, remember, say

TURNS = ("turn.user", "turn.assistant")
UNDOABLE = (
    "turn.retracted",
    "turn.selected",
    "turn.edited",
    "turn.hidden",
    "change.undone",
    "memory.edited",
    "world.changed",
    "you.changed",
)
BRANCHES = ("chat.started", "branch.forked")


def _one_of(txn: Txn, chat_id: int, which: int, kinds: tuple[str, ...]) -> int | None:
    """One of the chat's events of these kinds, whether it counts or not; the newest are likelier."""
    marks = ", ".join("?" for _ in kinds)
    sql = f"SELECT id FROM event WHERE chat_id = ? AND kind IN ({marks}) ORDER BY id DESC"
    found = rows(txn.connection, sql, (chat_id, *kinds))
    return found[min(which % 5, which % len(found))][0] if found else None


def about(number: int, which: int, kinds: tuple[str, ...], made: Callable[[int], Payload]) -> Act:
    """Something done by hand about one of the chat's events."""

    def act(world: World, txn: Txn) -> None:
        chat_id = world.chat(number)
        target = _one_of(txn, chat_id, which, kinds)
        if target is not None:
            txn.append(made(target), chat_id=chat_id)

    return act


def again(number: int, which: int, text: str, *, by_hand: bool) -> Act:
    """Another alternative of a bot's turn, told at the floor that was given for it or appended by itself."""

    def act(world: World, txn: Txn) -> None:
        chat_id = world.chat(number)
        target = _one_of(txn, chat_id, which, ("turn.assistant",))
        if target is None:
            return
        turn = log.event(txn.connection, target).payload
        assert isinstance(turn, TurnAssistant)
        first = turn.alternative_of or target
        answers = turn.answers or chat_id
        floor = FloorGiven(turn_id=answers, speaker_id=turn.speaker_id, alternative_of=first)
        given = txn.append(floor, chat_id=chat_id, cause_id=answers)
        other = turn.model_copy(update={"text": text, "alternative_of": first})
        ran = rows(txn.connection, "SELECT id FROM run WHERE event_id = ? AND stage = 'narrate'", (given.id,))
        run_id = ran[0][0] if ran and not by_hand else None
        told = txn.append(other, chat_id=chat_id, cause_id=given.id, run_id=run_id)
        world.turns[chat_id].append(told.id)

    return act


def fork(number: int, which: int, name: str, *, switch: bool) -> Act:
    def act(world: World, txn: Txn) -> None:
        chat_id = world.chat(number)
        ((parent,),) = rows(txn.connection, "SELECT branch_id FROM chat WHERE id = ?", (chat_id,))
        events = rows(txn.connection, "SELECT id FROM event WHERE chat_id = ? ORDER BY id DESC", (chat_id,))
        at = events[which % len(events)][0]
        made = txn.append(BranchForked(parent_id=parent, at=at, name=name), chat_id=chat_id)
        if switch:
            txn.append(BranchSwitched(branch_id=made.id), chat_id=chat_id)

    return act


REWRITING: st.SearchStrategy[Act] = st.one_of(
    st.builds(again, NUMBERS, NUMBERS, TEXTS, by_hand=st.booleans()),
    st.builds(again, NUMBERS, NUMBERS, TEXTS, by_hand=st.just(False)),
    st.builds(about, NUMBERS, NUMBERS, st.just(TURNS), st.just(lambda one: TurnRetracted(turn_id=one))),
    st.builds(
        about,
        NUMBERS,
        NUMBERS,
        st.just(("turn.assistant",)),
        st.just(lambda one: TurnSelected(turn_id=one)),
    ),
    st.builds(
        about,
        NUMBERS,
        NUMBERS,
        st.just(TURNS),
        TEXTS.map(lambda text: lambda one: TurnEdited(turn_id=one, text=text)),
    ),
    st.builds(
        about,
        NUMBERS,
        NUMBERS,
        st.just(TURNS),
        st.booleans().map(lambda hidden: lambda one: TurnHidden(turn_id=one, hidden=hidden)),
    ),
    st.builds(about, NUMBERS, NUMBERS, st.just(UNDOABLE), st.just(lambda one: ChangeUndone(event_id=one))),
    st.builds(about, NUMBERS, NUMBERS, st.just(UNDOABLE), st.just(lambda one: ChangeUndone(event_id=one))),
    st.builds(fork, NUMBERS, NUMBERS, TEXTS, switch=st.booleans()),
    st.builds(fork, NUMBERS, NUMBERS, TEXTS, switch=st.just(True)),
    st.builds(about, NUMBERS, NUMBERS, st.just(BRANCHES), st.just(lambda one: BranchSwitched(branch_id=one))),
    st.builds(
        about,
        NUMBERS,
        NUMBERS,
        st.just(BRANCHES),
        TEXTS.map(lambda name: lambda one: BranchRenamed(branch_id=one, name=name)),
    ),
)


BEGUN: tuple[Act, ...] = (
    say(0, "Who goes there?"),
    answer(0, 0, "Me.", "complete"),
    remember(0, 1, "Me."),
    say(0, "And who is me?"),
    answer(0, 2, "Bea.", "complete"),
    again(0, 0, "Nobody.", by_hand=False),
    remember(0, 4, "Nobody."),
)
"""What a story needs before there is anything to rewrite."""


class Reckoning:
    """The definition itself, event by event and without haste: what counts in a chat, in its active branch
    or in another."""

    def __init__(self, db: apsw.Connection, chat_id: int, branch_id: int | None = None) -> None:
        self.events: dict[int, Event[Any]] = {one.id: one for one in log.all_of_chat(db, chat_id)}
        self.chat_id = chat_id
        self.branch_id = branch_id or self._active()

    def _active(self) -> int:
        switched = [one.payload.branch_id for one in self._of(BranchSwitched)]
        return switched[-1] if switched else self.chat_id

    def _of(self, *kinds: type[Payload]) -> list[Event[Any]]:
        return [one for one in self.events.values() if isinstance(one.payload, kinds)]

    @cached_property
    def told_anew(self) -> set[int]:
        return {one.run_id for one in self._of(OutcomeSuperseded) if one.run_id is not None}

    def on_lineage(self, one: Event[Any]) -> bool:
        """What was done lies in its branch; what came of it, where that does."""
        cause = self.events.get(one.cause_id or 0)
        if one.run_id is not None and cause is not None and one.run_id not in self.told_anew:
            return one.kind in ABOUT_THE_CHAT or self.on_lineage(cause)
        return one.kind in ABOUT_THE_CHAT or self._reached(self.branch_id, one)

    def _reached(self, branch_id: int, one: Event[Any]) -> bool:
        if one.branch_id == branch_id:
            return True
        fork = self.events.get(branch_id)
        if fork is None or not isinstance(fork.payload, BranchForked):
            return False
        return one.id <= fork.payload.at and self._reached(fork.payload.parent_id, one)

    def holds(self, one: Event[Any]) -> bool:
        """Whether an act was neither left behind in another branch nor undone."""
        return self.on_lineage(one) and not any(
            undoing.payload.event_id == one.id and self.holds(undoing)
            for undoing in self._of(ChangeUndone)
            if undoing.id > one.id
        )

    def _first(self, turn_id: int) -> int:
        turn = self.events[turn_id].payload
        return getattr(turn, "alternative_of", None) or turn_id

    def stands(self, one: Event[Any]) -> bool:
        """Whether nothing was decided against the event itself."""
        if not self.on_lineage(one) or not self.holds(one):
            return False
        superseding = [word for word in self._of(OutcomeSuperseded) if self.on_lineage(word)]
        if any(word.payload.superseded_run_id == one.run_id for word in superseding):
            return False
        if one.kind not in TURNS:
            return True
        first = self._first(one.id)
        if any(
            self._first(act.payload.turn_id) == first
            for act in self._of(TurnRetracted)
            if self.holds(act) and act.payload.turn_id in self.events
        ):
            return False
        chosen = first
        others = False
        for act in self._of(TurnAssistant, TurnSelected):
            if isinstance(act.payload, TurnSelected):
                if self.holds(act) and self._first(act.payload.turn_id) == first:
                    chosen = act.payload.turn_id
            elif act.payload.alternative_of == first and self.on_lineage(act):
                chosen, others = act.id, True
        return not others or chosen == one.id

    def counts(self, one: Event[Any]) -> bool:
        cause = self.events.get(one.cause_id or 0)
        return self.stands(one) and (cause is None or self.counts(cause))

    def counting(self) -> list[Event[Any]]:
        return [one for one in self.events.values() if self.counts(one)]
