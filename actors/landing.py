"""Landing: what the time between two scenes was like.

`time.skipped` arrives. For each bot of the chat a memory of what it did in between may leave, told from its
own persona and from nothing but what it perceived, and what it is doing now that the story goes on; with them
the weather, where the story has one. The default is that there is nothing to tell.
"""

from collections.abc import Iterator

from pydantic import BaseModel, Field

from pipeline import story_time
from pipeline.answers import Line, said
from pipeline.cast import Cast, cast_of
from pipeline.context import Context
from pipeline.deciding import decide
from pipeline.inference.types import Message
from pipeline.moment import persona, question
from pipeline.recount import recounted
from pipeline.stage import Emits, stage
from store import places, relations, views
from store.events import YOU, ActivityChanged, Event, MemoryWritten, Payload, TimeSkipped, WorldChanged
from store.rows import row
from store.views import Chat

ROOM = 600
TASK = (
    "A story skips {span}: from {before} to {after}. You are {name}. {card}\n\nSay from your own point of"
    " view what you did in that time, in at most 60 words, as you would remember it: something ordinary that"
    " fits you and what happened before. Nothing that would change the story, and nothing done to or by"
    " {others} beyond the everyday. You know nothing but what stands below."
)


class Between(BaseModel):
    """What one bot did in the time that was skipped. The default is nothing worth telling."""

    memory: Line = Field(default="", description="what you did, as you remember it, or empty")
    activity: Line = Field(default="", description="what you are doing now that it is over, in a few words")
    weather: Line = Field(default="", description="the weather now, in a few words, if it has changed")


@stage("landing", on=(TimeSkipped,), timeout_s=None)
async def landing(skipped: Event[TimeSkipped], ctx: Context) -> Emits:
    if skipped.payload.mode == "elision":
        return
    chat = views.chat(ctx.db, ctx.claim.chat_id)
    begins = row(ctx.db, "SELECT clock FROM skip WHERE id = ?", (skipped.id,))
    if begins is None:
        return
    cast = cast_of(ctx.db, chat, (YOU, *chat.members))
    weather = ""
    for bot_id in chat.members:
        asked = _question(ctx, chat, cast, bot_id, skipped.payload, begins[0])
        between = await decide(ctx, Between, asked, default=Between())
        weather = weather or said(between.weather)
        for payload in _kept(chat, cast, bot_id, between, begins[0] + skipped.payload.minutes):
            yield payload
        if bot_id in chat.cast and _idle(ctx, bot_id) and said(between.activity):
            yield ActivityChanged(entity_id=bot_id, activity=between.activity)
    if weather and _may_change(ctx, skipped):
        yield WorldChanged(weather=weather)


def _may_change(ctx: Context, skipped: Event[TimeSkipped]) -> bool:
    """Whether the story has a weather, and whoever skipped the time did not say themselves how it is now."""
    told = row(
        ctx.db,
        "SELECT 1 FROM event WHERE cause_id = ? AND kind = 'world.changed'"
        " AND payload ->> 'weather' IS NOT NULL",
        (skipped.cause_id,),
    )
    return told is None and bool(places.world(ctx.db, ctx.claim.chat_id).weather)


def _kept(chat: Chat, cast: Cast, bot_id: int, between: Between, clock: int) -> Iterator[Payload]:
    if said(between.memory):
        yield MemoryWritten(
            owner_id=bot_id,
            speaker_name=cast.names[bot_id],
            text=between.memory,
            witnesses=(bot_id,),
            form="digest",
            how="inferred",
            clock=clock,
        )


def _idle(ctx: Context, bot_id: int) -> bool:
    """Whether nothing has been said yet of what it does in the new scene."""
    state = relations.states(ctx.db, ctx.claim.chat_id).get(bot_id)
    return state is None or not state.activity


def _question(
    ctx: Context, chat: Chat, cast: Cast, bot_id: int, skipped: TimeSkipped, clock: int
) -> tuple[Message, Message]:
    others = [name for entity, name in cast.names.items() if entity != bot_id]
    task = TASK.format(
        span=story_time.span(skipped.minutes),
        before=story_time.in_words(clock),
        after=story_time.in_words(clock + skipped.minutes),
        name=cast.names[bot_id],
        card=persona(ctx, chat, bot_id),
        others=" or ".join(others),
    )
    newest = views.turns_before(ctx.db, chat.id, None, 1)
    counter = ctx.counter.for_model(ctx.endpoints.model)
    heard = (
        recounted(ctx.db, newest[0].id, cast.names, counter, room=ROOM, observers=(bot_id,)).text
        if newest
        else ""
    )
    told = f"What you last saw and heard:\n{heard}" if heard else "Nothing has been said yet."
    return question(task, f"In the story's words: {skipped.words}" if skipped.words else "", told)
