"""Significance: how much a turn matters to the story, judged once, used everywhere.

A turn arrives; one `significance.scored` leaves. Retrieval ranks by it, summaries keep quotes by it, and a
pivotal turn pins the memory of every bot that perceived it; older automatic pins make room. Where a person
has rated the turn, their word stands, and pins with it.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from pipeline.answers import Line, whole
from pipeline.context import Context
from pipeline.deciding import decide
from pipeline.moment import Moment, dialogue, moment_of, question
from pipeline.pinning import pinned
from pipeline.stage import Emits, stage
from store import memories, ratings
from store.events import (
    PIVOTAL,
    Event,
    SignificanceScored,
    TurnAssistant,
    TurnUser,
)

ROOM = 500
TASK = (
    "You judge how much the last line of a story matters to what comes after. 0: routine, small talk, most"
    " lines. 1: notable. 2: significant: a secret, a promise, a conflict. 3: pivotal, rare: it changes"
    " everything, like a death, a betrayal or a confession of love."
)


class Judgement(BaseModel):
    """How much the turn matters. The default is what an unreadable answer means."""

    score: Annotated[Literal[0, 1, 2, 3], BeforeValidator(whole)] = Field(
        description="0 routine, 1 notable, 2 significant, 3 pivotal"
    )
    reason: Line = Field(default="", description="why, in a few words")


@stage("significance", on=(TurnUser, TurnAssistant), timeout_s=None, awaits=("remember",))
async def significance(turn: Event[TurnUser | TurnAssistant], ctx: Context) -> Emits:
    moment = moment_of(ctx, turn.id)
    if moment is None:
        return
    judged = await _asked(ctx, moment)
    yield SignificanceScored(turn_id=turn.id, score=judged.score, reason=judged.reason)
    if judged.score == PIVOTAL and not ratings.by_hand(ctx.db, moment.chat.id, [turn.id]):
        for memory in memories.of_turn(ctx.db, turn.id):
            for change in pinned(memory, memories.pinned(ctx.db, memory.chat_id, memory.owner_id)):
                yield change


async def _asked(ctx: Context, moment: Moment) -> Judgement:
    heard = dialogue(ctx, moment, room=ROOM)
    return await decide(ctx, Judgement, question(TASK, heard.text), default=Judgement(score=0))
