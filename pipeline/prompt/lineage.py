"""Lineage: may this speaker have these words?

An independent look at a finished prompt. Every piece says what it was made of; here the log's projections are
asked whether the speaker perceived it, or owns it. The gathering of a prompt filters by the same rule in
other places: this is the second lock on the door.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import apsw

from pipeline.prompt.blocks import Block, Origin, Piece

CHECKS = {
    Origin.TURN: (
        "SELECT turn.id FROM turn WHERE turn.id IN (SELECT value FROM json_each(:ids))"
        " AND +turn.chat_id = :chat AND EXISTS (SELECT 1 FROM json_each(turn.present) WHERE value = :speaker)"
    ),
    Origin.MEMORY: (
        "SELECT memory.id FROM memory WHERE memory.id IN (SELECT value FROM json_each(:ids))"
        " AND +memory.chat_id = :chat AND +memory.owner_id = :speaker"
        " AND EXISTS (SELECT 1 FROM json_each(memory.witnesses) WHERE value = :speaker)"
    ),
    Origin.FACT: (
        "SELECT id FROM fact WHERE id IN (SELECT value FROM json_each(:ids)) AND chat_id = :chat"
        " AND observer_id = :speaker"
    ),
    Origin.SUMMARY: (
        "SELECT id FROM scene_summary WHERE id IN (SELECT value FROM json_each(:ids)) AND chat_id = :chat"
        " AND owner_id = :speaker"
    ),
    Origin.EDGE: (
        "SELECT target_id FROM edge WHERE target_id IN (SELECT value FROM json_each(:ids))"
        " AND chat_id = :chat AND observer_id = :speaker"
    ),
    Origin.STATE: (
        "SELECT entity_id FROM entity WHERE entity_id IN (SELECT value FROM json_each(:ids))"
        " AND chat_id = :chat"
    ),
    Origin.DIGEST: (
        "SELECT id FROM digest WHERE id IN (SELECT value FROM json_each(:ids)) AND chat_id = :chat"
        " AND surfaced_by IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(told_by) WHERE value = :speaker)"
    ),
    Origin.STORY: (
        "SELECT story_event.id FROM story_event JOIN chat ON chat.id = :chat"
        " WHERE story_event.id IN (SELECT value FROM json_each(:ids))"
        " AND +story_event.chat_id = :chat AND +story_event.state = 'active'"
        " AND (story_event.scene_id IS chat.scene_id"
        " OR EXISTS (SELECT 1 FROM json_each(story_event.present) WHERE value = :speaker))"
    ),
    Origin.THREAD: (
        "SELECT id FROM thread WHERE id IN (SELECT value FROM json_each(:ids)) AND +chat_id = :chat"
        " AND +closed_by IS NULL AND EXISTS (SELECT 1 FROM json_each(known_to) WHERE value = :speaker)"
    ),
}
"""Which of the named rows the speaker may know. The plus signs keep SQLite from reading a whole chat by its
index where a few rows are named."""
UNCHECKED = frozenset(
    {Origin.INSTRUCTION, Origin.PERSONA, Origin.NOTE, Origin.GROUP, Origin.PLACE, Origin.WORLD}
)
"""Ours, the person's, or plain to everyone in the scene."""
UNSAID = 2**62
"""The id of a turn that is only being written, in an estimate: whoever it is said to will perceive it."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A piece its speaker has no way of knowing."""

    block: str
    piece: Piece

    def __str__(self) -> str:
        return f"{self.block}: {self.piece.origin.value} {_key(self.piece)}"


def leaks(db: apsw.Connection, chat_id: int, speaker_id: int, blocks: Iterable[Block]) -> list[Leak]:
    """The pieces of a prompt that the speaker did not perceive and does not own."""
    asked = [(block.name, piece) for block in blocks for piece in block.pieces]
    known = {
        origin: _known(db, chat_id, speaker_id, sql, [_key(p) for _, p in asked if p.origin is origin])
        for origin, sql in CHECKS.items()
    }
    return [
        Leak(name, piece)
        for name, piece in asked
        if not _may_know(piece, speaker_id, known.get(piece.origin))
    ]


def _may_know(piece: Piece, speaker_id: int, known: frozenset[int] | None) -> bool:
    if piece.origin in UNCHECKED:
        return True
    if piece.origin is Origin.CARD:
        return piece.event_ids == (speaker_id,)
    if piece.origin is Origin.TURN and piece.event_ids == (UNSAID,):
        return True
    return known is not None and _key(piece) in known


def _key(piece: Piece) -> int:
    """The row a piece is; a turn is its own event."""
    if piece.origin is Origin.TURN and piece.event_ids:
        return piece.event_ids[0]
    return piece.row_id if piece.row_id is not None else -1


def _known(db: apsw.Connection, chat_id: int, speaker_id: int, sql: str, ids: list[int]) -> frozenset[int]:
    if not ids:
        return frozenset()
    found = db.execute(sql, {"ids": json.dumps(ids), "chat": chat_id, "speaker": speaker_id}).fetchall()
    return frozenset(int(str(one[0])) for one in found)


def without(blocks_leaking: Iterable[Leak]) -> frozenset[tuple[Origin, int]]:
    """What must be left out when the prompt is made again."""
    return frozenset((leak.piece.origin, _key(leak.piece)) for leak in blocks_leaking)
