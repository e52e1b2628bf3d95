"""Moment: a turn as those who judge it see it, with those who were there under names nobody shares.

A stage that judges a turn begins here; nothing to judge (a turn out of character, or one that no longer
counts) is no moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.answers import clipped
from pipeline.cast import Cast, cast_of
from pipeline.context import Context
from pipeline.inference.types import Message
from pipeline.prompt.ooc import strip_ooc
from pipeline.recount import Recounted, recounted
from store import views
from store.errors import NotFound
from store.events import YOU
from store.views import Chat, Turn

PERSONA_CHARS = 600


@dataclass(frozen=True, slots=True)
class Moment:
    """`cast` is everyone who perceived the turn."""

    chat: Chat
    turn: Turn
    cast: Cast

    @property
    def speaker_id(self) -> int:
        return YOU if self.turn.speaker_id is None else self.turn.speaker_id

    @property
    def names(self) -> Mapping[int, str]:
        return self.cast.names

    def called(self, said: str) -> int | None:
        """Who of those present is meant by a name in an answer."""
        return self.cast.called(said)


def moment_of(ctx: Context, turn_id: int) -> Moment | None:
    """The moment of a turn; None where there is nothing to judge."""
    try:
        turn = views.turn(ctx.db, turn_id)
    except NotFound:
        return None
    if not strip_ooc(turn.text).strip():
        return None
    chat = views.chat(ctx.db, turn.chat_id)
    return Moment(chat, turn, cast_of(ctx.db, chat, turn.present))


def persona(ctx: Context, chat: Chat, entity: int) -> str:
    """Who an entity is, in a few lines: from the bot's card, or from what you say of yourself."""
    if entity == YOU:
        return clipped(chat.you_persona, PERSONA_CHARS)
    bot = views.bot(ctx.db, entity)
    return clipped(f"{bot.description} {bot.personality}", PERSONA_CHARS)


def dialogue(ctx: Context, moment: Moment, *, room: int, observers: tuple[int, ...] = ()) -> Recounted:
    """What was said up to the turn, as all the observers perceived it."""
    counter = ctx.counter.for_model(ctx.endpoints.model)
    return recounted(ctx.db, moment.turn.id, moment.names, counter, room=room, observers=observers)


def question(task: str, *parts: str) -> tuple[Message, Message]:
    """A decision's prompt: what is to be judged how, then what there is to judge it by."""
    known = "\n\n".join(part for part in parts if part)
    return Message(role="system", content=task), Message(role="user", content=known)
