"""Fitting the parts of a scene into the room beside its dialogue.

Must goes in whole. What holds for the scene may take a quarter of the room, what changes from turn to turn a
seventh; within each, should before nice, and the last piece of a part goes first. In the `cache` layout the
seventh is set aside whether it is used or not: a room for dialogue that breathes with every recalled memory
would move the window, and the server would have to read it all again. It is set aside in both where memories
are recalled, because what is recalled depends on the window.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.prompt.blocks import Block, Piece, Tier
from pipeline.prompt.scene import Part, Scene, Where
from pipeline.tokens import ModelCounter

SHARES = {Where.HEAD: 0.25, Where.TAIL: 0.14}
JOIN_TOKENS = 2
NOTE_TOKENS = 20
"""What the brackets and the words around the note cost."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A part as it goes in: the pieces that were kept, and the text they make."""

    part: Part
    block: Block
    text: str


@dataclass(frozen=True, slots=True)
class FittedParts:
    """All parts of a scene, the room they leave for dialogue and, beside it, for what is recalled."""

    fitted: tuple[Fitted, ...]
    must_tokens: int
    note_tokens: int
    room_left: int
    recall_room: int


def fitted(scene: Scene, counter: ModelCounter, room: int, *, reserve: bool) -> FittedParts:
    """Choose the pieces; `room` are the soft budget's tokens beside what is in every prompt."""
    must = {part.name: _whole(part, counter) for part in scene.parts if part.tier is Tier.MUST}
    must_tokens = sum(one.block.tokens for one in must.values())
    beside = NOTE_TOKENS if scene.parts or scene.recall is not None else 0
    room = max(room - must_tokens - beside, 0)
    chosen = dict(must)
    used = recall_room = 0
    for where, share in SHARES.items():
        allowance = int(room * share)
        spent = 0
        for part in _by_tier(scene.parts, where):
            chosen[part.name] = one = trimmed(part, counter, allowance - spent)
            spent += one.block.tokens
        set_aside = where is Where.TAIL and (reserve or scene.recall is not None)
        used += allowance if set_aside else spent
        recall_room = allowance - spent
    in_order = tuple(chosen[part.name] for part in scene.parts)
    return FittedParts(in_order, must_tokens, beside, room - used, recall_room)


def _by_tier(parts: Sequence[Part], where: Where) -> list[Part]:
    """Those that may be trimmed, should before nice."""
    trimmable = [part for part in parts if part.where is where and part.tier is not Tier.MUST]
    return sorted(trimmable, key=lambda part: part.tier is Tier.NICE)


def _whole(part: Part, counter: ModelCounter) -> Fitted:
    return _with(part, part.pieces, counter)


def trimmed(part: Part, counter: ModelCounter, room: int) -> Fitted:
    """The longest beginning of the part that fits."""
    kept: tuple[Piece, ...] = ()
    best = _with(part, kept, counter)
    for piece in part.pieces:
        kept = (*kept, piece)
        candidate = _with(part, kept, counter)
        if candidate.block.tokens > room:
            break
        best = candidate
    return best


def _with(part: Part, pieces: tuple[Piece, ...], counter: ModelCounter) -> Fitted:
    text = part.text(pieces) if pieces else ""
    tokens = counter.text(text) + JOIN_TOKENS if text else 0
    return Fitted(part, Block(part.name, part.tier, pieces, tokens, len(part.pieces) - len(pieces)), text)
