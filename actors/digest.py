"""Digest: what you may learn of a scene you were not in.

`scene.closed` arrives for a scene without you: one `digest.written` leaves, if there was something in it
that you could plausibly learn. `scene.opened` arrives for a scene with you: what was written since surfaces
there, as a fact of yours. Nothing else of such a scene is ever known to you.
"""

from pydantic import BaseModel, Field

from pipeline.cast import cast_of
from pipeline.context import Context
from pipeline.deciding import decide
from pipeline.moment import question
from pipeline.parts import clipped
from pipeline.stage import Emits, stage
from store import meanwhile, memories, places, views
from store.events import (
    MAX_SHORT_CHARS,
    YOU,
    DigestSurfaced,
    DigestWritten,
    EdgeUpdated,
    Event,
    Fact,
    SceneClosed,
    SceneOpened,
)
from store.views import Chat

ROOM = 1600
TASK = (
    "Read a scene in which {you} was not present. Say in one or two sentences what {you} could plausibly"
    " learn of it on coming back: what can be seen, what is public, what the others would readily tell. Not"
    " what they would keep to themselves. Often there is nothing."
)


class Learnable(BaseModel):
    """What could come to your ears. The default is nothing."""

    learnt: str = Field(default="", max_length=MAX_SHORT_CHARS, description="one or two sentences, or empty")


@stage("digest", on=(SceneClosed, SceneOpened), timeout_s=None, awaits=("narrate", "remember"))
async def digest(event: Event[SceneClosed | SceneOpened], ctx: Context) -> Emits:
    chat = views.chat(ctx.db, ctx.claim.chat_id)
    if isinstance(event.payload, SceneClosed):
        written = await _written(ctx, chat, event.payload.scene_id)
        if written is not None:
            yield written
        return
    if YOU not in (event.payload.present or (YOU,)):
        return
    for one in meanwhile.unsurfaced(ctx.db, chat.id):
        yield DigestSurfaced(digest_id=one.id, scene_id=event.id)
        fact = Fact(text=one.text[:MAX_SHORT_CHARS], how="digest")
        yield EdgeUpdated(observer_id=YOU, target_id=one.told_by[0], facts=(fact,), drew_on=(one.id,))


async def _written(ctx: Context, chat: Chat, scene_id: int) -> DigestWritten | None:
    there = tuple(sorted({one for turn in places.perceived(ctx.db, scene_id) for one in turn}))
    if not there or YOU in there:
        return None
    kept = memories.of_scene(ctx.db, chat.id, there[0], scene_id)
    counter = ctx.counter.for_model(ctx.endpoints.model)
    said = clipped("\n".join(memory.said for memory in kept if memory.form == "turn"), ROOM, counter)
    names = cast_of(ctx.db, chat, (YOU, *there)).names
    present = ", ".join(names[one] for one in there)
    asked = question(TASK.format(you=names[YOU]), f"Present: {present}", said)
    learnable = await decide(ctx, Learnable, asked, default=Learnable())
    text = learnable.learnt.strip()
    drew_on = tuple(memory.id for memory in kept)
    return DigestWritten(scene_id=scene_id, text=text, told_by=there, drew_on=drew_on) if text else None
