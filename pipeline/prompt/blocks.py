"""Blocks: the parts of a prompt, each with a tier that says what may happen to it.

must is never trimmed; should goes when the budget is short; nice goes first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from pipeline.inference.types import Message


class Tier(StrEnum):
    """What may happen to a block when the budget is short."""

    MUST = "must"
    SHOULD = "should"
    NICE = "nice"


class Origin(StrEnum):
    """What a piece was made of, which says what must hold for a speaker to have it (see `lineage`)."""

    INSTRUCTION = "instruction"
    CARD = "card"
    PERSONA = "persona"
    NOTE = "note"
    TURN = "turn"
    MEMORY = "memory"
    FACT = "fact"
    EDGE = "edge"
    SUMMARY = "summary"
    GROUP = "group"
    PLACE = "place"
    WORLD = "world"
    STATE = "state"
    DIGEST = "digest"
    STORY = "story event"
    THREAD = "thread"


class Piece(NamedTuple):
    """A text in a prompt, the events it descends from and how the speaker came to know them. `row_id` names
    the memory, fact, summary, story event or thread it is. A block is trimmed piece by piece."""

    text: str
    event_ids: tuple[int, ...] = ()
    origin: Origin = Origin.INSTRUCTION
    how: str = "witnessed"
    from_id: int | None = None
    row_id: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a prompt as it goes in: its pieces, what they cost, and how many were left out."""

    name: str
    tier: Tier
    pieces: tuple[Piece, ...]
    tokens: int
    trimmed: int = 0

    @property
    def text(self) -> str:
        return "\n\n".join(piece.text for piece in self.pieces)

    def figures(self) -> "BlockFigures":
        """The account of the block, without its words."""
        return BlockFigures(
            name=self.name,
            tier=self.tier,
            tokens=self.tokens,
            kept=len(self.pieces),
            trimmed=self.trimmed,
            event_ids=tuple(event_id for piece in self.pieces for event_id in piece.event_ids),
            known=tuple(sorted({f"{piece.origin.value}: {piece.how}" for piece in self.pieces})),
        )


class BlockFigures(BaseModel):
    """One block as it was sent: its tokens, how many pieces went in and how many were trimmed."""

    model_config = ConfigDict(frozen=True)
    name: str
    tier: Tier
    tokens: int
    kept: int
    trimmed: int
    event_ids: tuple[int, ...] = ()
    known: tuple[str, ...] = ()
    """Of what its pieces were made and how the speaker came to know that."""


class Breakdown(BaseModel):
    """Where a prompt's tokens went; stored with every narrate run."""

    model_config = ConfigDict(frozen=True)
    layout: str
    blocks: tuple[BlockFigures, ...]
    total: int
    soft: int
    hard: int
    response: int


@dataclass(frozen=True)
class Prompt:
    """What is sent, and the account of it, which is drawn up when somebody asks: the request goes first."""

    messages: tuple[Message, ...]
    blocks: tuple[Block, ...]
    account: Callable[[], Breakdown]

    @cached_property
    def breakdown(self) -> Breakdown:
        return self.account()
