"""Blocks: the parts of a prompt, each with a tier that says what may happen to it.

must is never trimmed; should goes when the budget is short; nice goes first.
"""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from pipeline.inference.types import Message


class Tier(StrEnum):
    MUST = "must"
    SHOULD = "should"
    NICE = "nice"


@dataclass(frozen=True, slots=True)
class Piece:
    """A text in a prompt and the events it descends from."""

    text: str
    event_ids: tuple[int, ...]


class BlockFigures(BaseModel):
    """One block as it was sent: its tokens, how many pieces went in and how many were trimmed."""

    model_config = ConfigDict(frozen=True)
    name: str
    tier: Tier
    tokens: int
    kept: int
    trimmed: int
    event_ids: tuple[int, ...] = ()


class Breakdown(BaseModel):
    """Where a prompt's tokens went; stored with every narrate run."""

    model_config = ConfigDict(frozen=True)
    layout: str
    blocks: tuple[BlockFigures, ...]
    total: int
    soft: int
    hard: int
    response: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent, and the account of it."""

    messages: tuple[Message, ...]
    breakdown: Breakdown
