"""Interjection: whether the other bot breaks in after a reply.

A reply arrives; at most one `floor.given` for the other bot leaves, and mostly none. Nobody breaks in on a
first message, on a reply that was cut off, on an interjection, when you have already spoken on, or in
auto-mode, where they take turns anyway.
"""

from pydantic import BaseModel, Field

from pipeline.answers import Line, Share, YesNo, clipped
from pipeline.context import Context
from pipeline.deciding import decide
from pipeline.moment import Moment, dialogue, moment_of, persona, question
from pipeline.stage import DECIDE, Emits, stage
from store import views
from store.events import Event, FloorGiven, TurnAssistant
from store.views import Turn

ROOM = 400
SURE = 0.7
"""Below this confidence the other bot stays silent."""
TASK = (
    "In a role-play, {speaker} has just answered. Decide whether {other} must break in before anyone else"
    " speaks: because {other} was asked, attacked or gravely concerned by the last line. Nearly always the"
    " answer is no."
)


class BreakingIn(BaseModel):
    """Whether the other bot speaks now. The default is silence."""

    interjects: YesNo = Field(
        default=False, description="true only if silence would be strange; mostly false"
    )
    confidence: Share = Field(default=0.5, description="how sure, from 0 to 1")
    reason: Line = Field(default="", description="why, in a few words")


@stage("interjection", on=(TurnAssistant,), priority=DECIDE, timeout_s=None, once=True)
async def interjection(reply: Event[TurnAssistant], ctx: Context) -> Emits:
    moment = moment_of(ctx, reply.id)
    other = _other(ctx, moment) if moment is not None else None
    if moment is None or other is None:
        return
    judged = await _asked(ctx, moment, other)
    if not judged.interjects or judged.confidence < SURE or _other(ctx, moment) != other:
        return
    reason, confidence = clipped(judged.reason), judged.confidence
    yield FloorGiven(turn_id=reply.id, speaker_id=other, reason=reason, confidence=confidence)


def _other(ctx: Context, moment: Moment) -> int | None:
    """The bot that might break in, as things stand now."""
    reply = moment.turn
    if reply.truncated or reply.ended == "authored" or reply.answers is None:
        return None
    chat = views.chat(ctx.db, reply.chat_id)
    others = [one for one in chat.bots if one != reply.speaker_id and not chat.auto_left]
    if len(others) != 1 or others[0] not in reply.present or not _first_answer(ctx, reply):
        return None
    return others[0]


def _first_answer(ctx: Context, reply: Turn) -> bool:
    """Whether it answers you, you have not gone on, and nobody has broken in on this exchange yet."""
    if reply.answers != reply.anchor_id or views.turn(ctx.db, reply.anchor_id).speaker_id is not None:
        return False
    newest = views.turns_before(ctx.db, reply.chat_id, None, 1)
    return all(one.id == reply.id for one in newest)


async def _asked(ctx: Context, moment: Moment, other: int) -> BreakingIn:
    names = moment.names
    task = TASK.format(speaker=names[moment.speaker_id], other=names[other])
    heard = dialogue(ctx, moment, room=ROOM, observers=(other,))
    who = f"{names[other]}: {persona(ctx, moment.chat, other)}"
    return await decide(ctx, BreakingIn, question(task, who, heard.text), default=BreakingIn(), at_once=True)
