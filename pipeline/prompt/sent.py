"""Sent: the words of a prompt as they went out, packed to be kept beside its run.

The messages are what the endpoint got; the blocks are the same words piece by piece, each with where it came
from. Both are kept: packed, the second telling costs next to nothing.
"""

import json
import zlib
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from pipeline.inference.types import Message
from pipeline.prompt.blocks import Block, Piece

Packed = bytes


class SentPiece(BaseModel):
    """One text of a block, and how the speaker came to know it."""

    model_config = ConfigDict(frozen=True)
    text: str
    origin: str
    how: str = ""
    from_id: int | None = None
    event_ids: tuple[int, ...] = ()


class Sent(BaseModel):
    """A prompt as it was sent."""

    model_config = ConfigDict(frozen=True)
    messages: tuple[Message, ...]
    blocks: dict[str, tuple[SentPiece, ...]]


def pack(messages: Iterable[Message], blocks: Iterable[Block]) -> Packed:
    """To be called off the event loop: a full prompt takes some milliseconds."""
    told = {
        "messages": [{"role": one.role, "content": one.content} for one in messages],
        "blocks": {block.name: [_plain(piece) for piece in block.pieces] for block in blocks},
    }
    return zlib.compress(json.dumps(told, ensure_ascii=False).encode("utf-8", "replace"))


def unpack(packed: Packed) -> Sent:
    return Sent.model_validate(json.loads(zlib.decompress(packed)))


def _plain(piece: Piece) -> dict[str, object]:
    return {
        "text": piece.text,
        "origin": piece.origin.value,
        "how": piece.how,
        "from_id": piece.from_id,
        "event_ids": piece.event_ids,
    }
