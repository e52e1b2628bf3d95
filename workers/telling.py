"""`fabula prompt` and `fabula why`: what a speaker would be told, and where it got what it knows."""

from collections.abc import Mapping
from dataclasses import asdict

import apsw

from pipeline.prompt.assembly import Layout
from pipeline.prompt.budget import Budgets
from pipeline.prompt.compose import Composed, Measure, compose
from pipeline.prompt.remembering import Remembering
from pipeline.tokens import TokenCounter
from store import knowing, queries, views
from store.errors import Refused
from store.events import YOU
from store.knowing import Knowledge
from store.vectors import Vectors
from store.views import Chat

LOOK_BACK = 20


def prompt_of(
    db: apsw.Connection, chat_id: int, speaker: str, budgets: Budgets, *, model: str, layout: Layout
) -> Composed:
    """The prompt a speaker would be sent for the newest turn that is not its own.

    Raises:
        NotFound: there is no such chat; Invalid: nobody goes by that name; Refused: nothing was said yet.
    """
    chat = views.chat(db, chat_id)
    speaker_id = knowing.entity_named(db, chat, speaker) if speaker else chat.bots[0]
    answered = next(
        (
            turn
            for turn in reversed(views.turns_before(db, chat_id, None, LOOK_BACK))
            if turn.speaker_id != speaker_id
        ),
        None,
    )
    if answered is None:
        raise Refused(f"Nothing has been said in chat {chat_id} yet.", hint="Send a turn first.")
    measure = Measure(TokenCounter().for_model(model), budgets, layout)
    remembering = Remembering(db, Vectors(), answered, speaker_id)
    return compose(db, answered, speaker_id, measure, remembering)


def last_model(db: apsw.Connection, chat_id: int) -> str:
    """The model that wrote last in a chat; its tokens are what a preview is counted in."""
    return next(
        (turn.model for turn in reversed(views.turns_before(db, chat_id, None, LOOK_BACK)) if turn.model), ""
    )


def blocks_of(composed: Composed) -> list[dict[str, object]]:
    """One row for each block: its account and its words."""
    words = {block.name: block.text for block in composed.prompt.blocks}
    return [
        figures.model_dump(mode="json") | {"text": words[figures.name]}
        for figures in composed.prompt.breakdown.blocks
    ]


def names_of(db: apsw.Connection, chat: Chat) -> dict[int, str]:
    """Entity id → name, of everyone who ever was in the chat."""
    return {YOU: chat.you_name, **{bot.id: bot.name for bot in queries.bots(db, archived=True)}}


def told(one: Knowledge, names: Mapping[int, str]) -> list[str]:
    """An answer of `why` in lines a person reads."""
    teller = f" by {names.get(one.from_id, '?')}" if one.from_id is not None else ""
    lines = [f"{one.form}: {one.text}", f"  {one.how}{teller}"]
    lines += [f"  from {origin.kind} {origin.event_id}: {origin.text[:120]}" for origin in one.origins]
    others = ", ".join(names.get(other, f"entity {other}") for other in one.others)
    return [*lines, f"  also known to: {others or 'nobody else'}"]


def as_json(one: Knowledge) -> dict[str, object]:
    return asdict(one)
