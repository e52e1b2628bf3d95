"""Inspection: what a reply was told with, block by block, and why.

A turn arrives; out of what was kept with its run comes the whole account: tokens and words of every block,
what was trimmed, each memory that came back and what put it there, the model and its settings, the times. The
words are those that were sent where they are still kept, and otherwise those of the events the blocks were
made of, as the log has them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import apsw
from pydantic import BaseModel, ConfigDict, JsonValue

from pipeline.inference.types import Message
from pipeline.prompt.blocks import BlockFigures, Breakdown
from pipeline.prompt.sent import Sent, SentPiece, unpack
from store import log, prompts
from store.errors import NotFound
from store.events import Event, TurnAssistant
from store.prompts import Attempt

MEMORIES = "memories"
"""The block of what was recalled."""
TOLD_BY_PERSON = "It was not told by a model: these are the words it was given by hand or by its card."
NOT_KEPT = "No account was kept of it: it was cut off when Fabula ended, or comes from another machine."


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class InspectedBlock(_Told):
    """A block as it was sent; `trimmed` counts what was left out of it."""

    name: str
    tier: str
    tokens: int
    kept: int
    trimmed: int
    pieces: tuple[SentPiece, ...]


class Recollection(_Told):
    """A memory that came back, and why: its place and share in both halves, what was added, and whether there
    was room for it. With `follows` it came as what was said right after a hit."""

    memory_id: int
    text: str
    sent: bool
    rank: int
    follows: int | None
    score: float
    words: float
    words_rank: int | None
    meaning: float
    meaning_rank: int | None
    significance: float
    recency: float


class Times(_Told):
    """Seconds: waiting in the queue, composing the prompt, to the first token, of the whole stream."""

    waited_s: float
    composed_s: float | None
    first_token_s: float | None
    stream_s: float | None
    attempt: int


class Counts(_Told):
    """What the endpoint reported."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None


class Inspection(_Told):
    """One reply. `missing` says why there is no account, `exact` whether the words are those sent."""

    chat_id: int
    turn_id: int
    speaker_id: int
    text: str
    run_id: int | None
    missing: str = ""
    exact: bool = False
    configuration: str = ""
    layout: str = ""
    total: int = 0
    soft: int = 0
    hard: int = 0
    response: int = 0
    context_tokens: int | None = None
    blocks: tuple[InspectedBlock, ...] = ()
    recalled: tuple[Recollection, ...] = ()
    leaks: tuple[str, ...] = ()
    endpoint: str = ""
    model: str = ""
    sampler: dict[str, JsonValue] = {}
    not_taken: tuple[str, ...] = ()
    times: Times | None = None
    counts: Counts = Counts()
    messages: tuple[Message, ...] = ()


def inspect(db: apsw.Connection, turn_id: int, chat_id: int | None = None) -> Inspection:
    """The account of a reply, also of an alternative that is not shown or lies in another branch.

    Raises:
        NotFound: there is no such reply, or not in this chat.
    """
    event = log.event(db, turn_id)
    if not isinstance(event.payload, TurnAssistant) or chat_id not in (None, event.chat_id):
        raise NotFound(
            f"There is no reply {turn_id}{' in this chat' if chat_id else ''}.",
            hint="A reply of a bot has a prompt; a turn of yours has none.",
        )
    attempt = prompts.attempt_of(db, event.run_id) if event.run_id is not None else None
    if attempt is None or "breakdown" not in attempt.figures:
        return _of_turn(event, missing=TOLD_BY_PERSON if event.run_id is None else NOT_KEPT)
    packed = prompts.of_run(db, event.run_id or 0)
    return _told(db, event, attempt, unpack(packed) if packed is not None else None)


def _of_turn(event: Event[TurnAssistant], **known: Any) -> Inspection:  # noqa: ANN401 - the fields of the model
    turn = event.payload
    return Inspection(
        chat_id=event.chat_id or 0,
        turn_id=event.id,
        speaker_id=turn.speaker_id,
        text=turn.text,
        run_id=event.run_id,
        model=turn.model,
        counts=Counts.model_validate(turn.usage, from_attributes=True) if turn.usage else Counts(),
        **known,
    )


def _told(
    db: apsw.Connection, event: Event[TurnAssistant], attempt: Attempt, sent: Sent | None
) -> Inspection:
    figures = attempt.figures
    made = Breakdown.model_validate(figures["breakdown"])
    return _of_turn(
        event,
        exact=sent is not None,
        configuration=figures.get("configuration", ""),
        layout=made.layout,
        total=made.total,
        soft=made.soft,
        hard=made.hard,
        response=made.response,
        context_tokens=figures.get("context_tokens"),
        blocks=_blocks(db, made.blocks, sent),
        recalled=_recalled(db, made.blocks, figures.get("recalled", ())),
        leaks=tuple(figures.get("leaks", ())),
        endpoint=figures.get("endpoint", ""),
        sampler=figures.get("sampler", {}),
        not_taken=tuple(figures.get("not_taken", ())),
        times=_times(attempt),
        messages=sent.messages if sent is not None else (),
    )


def _blocks(
    db: apsw.Connection, made: Sequence[BlockFigures], sent: Sent | None
) -> tuple[InspectedBlock, ...]:
    named = {event_id for block in made for event_id in block.event_ids} if sent is None else set()
    words = prompts.words_of(db, sorted(named))
    return tuple(
        InspectedBlock(
            **one.model_dump(include={"name", "tier", "tokens", "kept", "trimmed"}),
            pieces=sent.blocks.get(one.name, ()) if sent is not None else _as_logged(one, words),
        )
        for one in made
    )


def _as_logged(block: BlockFigures, words: Mapping[int, tuple[str, str]]) -> tuple[SentPiece, ...]:
    """The events a block was made of, in the words of the log."""
    return tuple(
        SentPiece(text=words[event_id][1], origin=words[event_id][0], event_ids=(event_id,))
        for event_id in dict.fromkeys(block.event_ids)
        if event_id in words
    )


def _recalled(
    db: apsw.Connection, made: Sequence[BlockFigures], found: Sequence[Mapping[str, Any]]
) -> tuple[Recollection, ...]:
    kept = {event_id for block in made if block.name == MEMORIES for event_id in block.event_ids}
    words = prompts.words_of(db, [one["memory_id"] for one in found])
    return tuple(
        Recollection(
            memory_id=one["memory_id"],
            text=words.get(one["memory_id"], ("", ""))[1],
            sent=one["memory_id"] in kept,
            rank=one["rank"],
            follows=one["follows"],
            score=one["score"],
            words=one["text"],
            words_rank=one["text_rank"],
            meaning=one["meaning"],
            meaning_rank=one["meaning_rank"],
            significance=one["significance"],
            recency=one["recency"],
        )
        for one in found
    )


def _times(attempt: Attempt) -> Times:
    figures = attempt.figures
    return Times(
        waited_s=max(attempt.started_at - attempt.enqueued_at, 0) / 1000,
        composed_s=figures.get("composed_s"),
        first_token_s=figures.get("first_token_s"),
        stream_s=figures.get("stream_s"),
        attempt=attempt.number,
    )
