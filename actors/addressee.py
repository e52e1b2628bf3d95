"""Addressee: who answers a turn.

A turn of yours arrives; one `floor.given` leaves. With one bot in the scene it is that one, and where a turn
names one of two it is the one named, without asking a model; else the classifier decides, and the host
answers where it cannot. A tick of auto-mode gives the floor to the bot that did not speak last.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, cast

from pydantic import BaseModel, Field

from pipeline.answers import Line, OneWord, Share, clipped
from pipeline.context import Context
from pipeline.deciding import decide
from pipeline.moment import Moment, dialogue, moment_of, question
from pipeline.prompt.ooc import strip_ooc
from pipeline.stage import DECIDE, Emits, Lane, stage
from pipeline.whom import named_in
from store import meanwhile, views
from store.errors import NotFound
from store.events import AutoTicked, Event, FloorGiven, TurnUser
from store.views import Chat

ROOM = 400
TASK = (
    "In a role-play, {you} has just spoken. Decide which of two characters answers the last line: the host,"
    " {host}, or the guest, {guest}. Whoever was spoken to answers; if it is not clear, the one whom it"
    " concerns more."
)


class Answerer(BaseModel):
    """Who is expected to answer. The default is what an unreadable answer means."""

    who: Annotated[Literal["host", "guest"], OneWord] = Field(description="who answers the last line")
    confidence: Share = Field(default=0.5, description="how sure, from 0 to 1")
    reason: Line = Field(default="", description="why, in a few words")


UNCLEAR = Answerer(who="host", confidence=0.0, reason="it was not clear who is meant")


@stage("addressee", on=(TurnUser, AutoTicked), lane=Lane.PLAY, priority=DECIDE, timeout_s=None)
async def addressee(event: Event[TurnUser | AutoTicked], ctx: Context) -> Emits:
    chat = views.chat(ctx.db, ctx.claim.chat_id)
    if isinstance(event.payload, AutoTicked):
        if not _ended(ctx, event.id):
            yield _whose_turn(ctx, chat, event.payload.turn_id)
        return
    turn = cast("Event[TurnUser]", event)
    there = _there(ctx, chat, turn.id)
    if len(there) < 2:
        yield FloorGiven(turn_id=turn.id, speaker_id=_first(chat, there), reason="nobody else is present")
        return
    known = [views.bot(ctx.db, bot_id) for bot_id in there]
    named = named_in(strip_ooc(turn.payload.text), {bot.id: (bot.name, *bot.aliases) for bot in known})
    if len(named) == 1:
        yield FloorGiven(turn_id=turn.id, speaker_id=min(named), reason="the turn names no other")
        return
    moment = moment_of(ctx, turn.id)
    judged = UNCLEAR if moment is None else await _asked(ctx, there, moment)
    yield _floor(ctx, turn.id, judged)


def _there(ctx: Context, chat: Chat, turn_id: int) -> tuple[int, ...]:
    """The bots that are here now and heard the turn: whoever has come in since has nothing to answer."""
    try:
        heard = views.turn(ctx.db, turn_id).present
    except NotFound:
        return chat.bots  # it does not count any more, and nor does what is found here
    return tuple(one for one in chat.bots if one in heard)


def _first(chat: Chat, there: Sequence[int]) -> int:
    return next(iter((*there, *chat.bots)), chat.host_id)


def _ended(ctx: Context, tick_id: int) -> bool:
    """Whether the person has ended auto-mode, just before the tick was recorded or since."""
    over = meanwhile.auto_is_over
    return over(ctx.db, ctx.claim.chat_id) or over(ctx.db, ctx.claim.chat_id, tick_id)


def _whose_turn(ctx: Context, chat: Chat, turn_id: int) -> FloorGiven:
    """In auto-mode the bots take turns; an only one goes on alone."""
    spoke_last = views.speaker_of(ctx.db, turn_id)
    there = chat.bots or (chat.host_id,)
    speaker_id = next((one for one in there if one != spoke_last), there[0])
    return FloorGiven(turn_id=turn_id, speaker_id=speaker_id, reason="goes on by itself", unprompted=True)


def _floor(ctx: Context, turn_id: int, judged: Answerer) -> FloorGiven:
    """Who was chosen may have left meanwhile."""
    chat = views.chat(ctx.db, ctx.claim.chat_id)
    there = _there(ctx, chat, turn_id)
    wanted = chat.guest_id if judged.who == "guest" else chat.host_id
    if wanted is not None and wanted in there:
        reason, confidence = clipped(judged.reason), judged.confidence
        return FloorGiven(turn_id=turn_id, speaker_id=wanted, reason=reason, confidence=confidence)
    return FloorGiven(turn_id=turn_id, speaker_id=_first(chat, there), reason="whoever was meant has left")


async def _asked(ctx: Context, there: Sequence[int], moment: Moment) -> Answerer:
    names = moment.names
    host, guest = (views.bot(ctx.db, one).name for one in there)
    task = TASK.format(you=names[moment.speaker_id], host=host, guest=guest)
    heard = dialogue(ctx, moment, room=ROOM)
    return await decide(ctx, Answerer, question(task, heard.text), default=UNCLEAR, at_once=True)
