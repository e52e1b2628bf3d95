"""Moment: a turn as those who judge it see it, with those who were there under names nobody shares.

A stage that judges a turn begins here; nothing to judge (a turn out of character, or one that no longer
counts) is no moment.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.answers import clipped
from pipeline.context import Context
from pipeline.inference.types import Message
from pipeline.prompt.ooc import strip_ooc
from pipeline.recount import Recounted, recounted
from pipeline.whom import called, folded
from store import views
from store.errors import NotFound
from store.events import YOU
from store.views import Chat, Turn

PERSONA_CHARS = 600
YOURSELF = ("you", "user", "the user", "player", "me")
"""What models call the person besides the name."""


@dataclass(frozen=True, slots=True)
class Moment:
    """`names` has everyone who perceived the turn; `known_as` all that each is called."""

    chat: Chat
    turn: Turn
    names: Mapping[int, str]
    known_as: Mapping[int, tuple[str, ...]]

    @property
    def speaker_id(self) -> int:
        return YOU if self.turn.speaker_id is None else self.turn.speaker_id

    def called(self, said: str) -> int | None:
        """Who of those present is meant by a name in an answer."""
        found = called(said, self.known_as)
        return YOU if found is None and folded(said) in YOURSELF and YOU in self.names else found


def moment_of(ctx: Context, turn_id: int) -> Moment | None:
    """The moment of a turn; None where there is nothing to judge."""
    try:
        turn = views.turn(ctx.db, turn_id)
    except NotFound:
        return None
    if not strip_ooc(turn.text).strip():
        return None
    chat = views.chat(ctx.db, turn.chat_id)
    names = labels(ctx, chat, turn.present)
    known_as = {
        entity: (name, *(views.bot(ctx.db, entity).aliases if entity != YOU else ()))
        for entity, name in names.items()
    }
    return Moment(chat, turn, names, known_as)


def labels(ctx: Context, chat: Chat, entities: tuple[int, ...]) -> dict[int, str]:
    """Entity id → name; those who share one are told apart by their part in the chat."""
    names = {one: chat.you_name if one == YOU else views.bot(ctx.db, one).name for one in entities}
    shared = Counter(folded(name) for name in names.values())
    parts = {YOU: "you", chat.host_id: "host"}
    return {
        one: name if shared[folded(name)] == 1 else f"{name} ({parts.get(one, 'guest')})"
        for one, name in names.items()
    }


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
