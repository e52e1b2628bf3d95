"""Stages: what each actor listens for and how its runs are treated, declared where the actor is written.

    @stage("remember", on=(TurnUser, TurnAssistant))
    async def remember(turn: Event[TurnUser | TurnAssistant], ctx: Context) -> Emits: ...

The decorator only makes a value; whoever composes the program collects the stages into a `Pipeline`.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from pipeline.retry import Retry
from store.errors import NotFound
from store.events import Event, Payload
from store.ledger import Route

if TYPE_CHECKING:
    from pipeline.context import Context

Emits: TypeAlias = AsyncIterator[Payload]
"""What an actor yields: the events that answer its trigger, all committed together or not at all."""


class Lane(StrEnum):
    """Runs of one lane share this process's slots; narration has its own, so nothing can hold it up."""

    NARRATION = "narration"
    PLAY = "play"
    BOOKKEEPING = "bookkeeping"


NARRATE = 100
DECIDE = 50
BOOKKEEPING = 0


@dataclass(frozen=True)
class Stage:
    """A declared stage. `timeout_s` bounds one attempt; `durable` outcomes survive a power cut; a run starts
    only when the stages in `awaits` have settled every event of its chat up to its own."""

    name: str
    on: tuple[type[Payload], ...]
    actor: Callable[[Event[Any], "Context"], Emits] = field(repr=False)
    lane: Lane
    priority: int
    retry: Retry
    timeout_s: float | None
    durable: bool
    awaits: tuple[str, ...] = ()
    once: bool = False
    """Bookkeeping whose outcome is part of the play: it is not run again for what it has answered."""
    stands_on: tuple[str, ...] = ()
    """Kinds of events its outcome is reckoned from: when one was recorded in the chat after it last looked,
    the outcome is dropped and the run looks again."""

    def __call__(self, event: Event[Any], ctx: "Context") -> Emits:
        return self.actor(event, ctx)

    @property
    def replayable(self) -> bool:
        """Whether it may answer an event again, and take back what it had answered."""
        return self.lane is Lane.BOOKKEEPING and not self.once

    @property
    def route(self) -> Route:
        return Route(self.name, self.lane.value, self.priority, self.awaits)


def stage(
    name: str,
    *,
    on: tuple[type[Payload], ...],
    lane: Lane = Lane.BOOKKEEPING,
    priority: int = BOOKKEEPING,
    retry: Retry | None = None,
    timeout_s: float | None = 30.0,
    durable: bool = False,
    awaits: tuple[str, ...] = (),
    once: bool = False,
    stands_on: tuple[str, ...] = (),
) -> Callable[[Callable[[Event[Any], "Context"], Emits]], Stage]:
    """Declare the stage an async generator serves. Bookkeeping is retried for about a day, then dead."""

    def declare(actor: Callable[[Event[Any], "Context"], Emits]) -> Stage:
        patience = retry or Retry(attempts=12, base_s=2.0, cap_s=4 * 3600.0)
        return Stage(name, on, actor, lane, priority, patience, timeout_s, durable, awaits, once, stands_on)

    return declare


@dataclass(frozen=True)
class Pipeline:
    """All stages of a program, by name."""

    stages: Mapping[str, Stage]

    @classmethod
    def of(cls, stages: Sequence[Stage]) -> "Pipeline":
        by_name = {one.name: one for one in stages}
        if len(by_name) != len(stages):
            raise ValueError("two stages have the same name")
        for one in stages:
            _refuse_circles(one, by_name, ())
        return cls(by_name)

    def named(self, name: str) -> Stage:
        """The stage of that name.

        Raises:
            NotFound: there is none.
        """
        if name not in self.stages:
            known = ", ".join(sorted(self.stages))
            raise NotFound(f"There is no stage {name[:60]!r}.", hint=f"The stages: {known}.")
        return self.stages[name]

    def is_replayable(self, name: str) -> bool:
        return name in self.stages and self.stages[name].replayable

    def is_play(self, name: str) -> bool:
        """Whether a person waits for it."""
        return name in self.stages and self.stages[name].lane is not Lane.BOOKKEEPING

    @property
    def routes(self) -> dict[str, tuple[Route, ...]]:
        """Event kind → who listens."""
        kinds = {payload.kind for one in self.stages.values() for payload in one.on}
        return {kind: tuple(one.route for one in self.listening_for(kind)) for kind in kinds}

    def listening_for(self, kind: str) -> list[Stage]:
        return [one for one in self.stages.values() if kind in {payload.kind for payload in one.on}]


def _refuse_circles(one: Stage, stages: Mapping[str, Stage], awaiting: tuple[str, ...]) -> None:
    """Stages that wait for each other would wait for ever."""
    if one.name in awaiting:
        raise ValueError(f"the stages {', '.join(awaiting)} await each other")
    for name in one.awaits:
        if name in stages:
            _refuse_circles(stages[name], stages, (*awaiting, one.name))
