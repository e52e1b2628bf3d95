"""Scene: whether the story has moved to another place or time.

A turn of yours arrives. Mostly nothing leaves; when your own prose says that the place has changed or that
much time has passed, the scene is closed and another opened, beginning with that turn. Conservative: a scene
that goes on too long costs little, one torn apart loses its thread.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Literal

from pydantic import BaseModel, Field

from pipeline import story_time
from pipeline.answers import Whole
from pipeline.cast import cast_of
from pipeline.context import Context
from pipeline.deciding import decide
from pipeline.inference.types import Message
from pipeline.parts import clipped
from pipeline.placing import known_by
from pipeline.prompt.ooc import strip_ooc
from pipeline.recount import recounted
from pipeline.skipping import Landing, Skip, next_scene, no_scene
from pipeline.stage import Emits, stage
from pipeline.whom import folded
from store import log, places, plot, views
from store.events import (
    MAX_NAME_CHARS,
    MAX_SKIP,
    YOU,
    Container,
    Event,
    Payload,
    SceneOpened,
    TurnUser,
)
from store.places import Scene
from store.views import Turn

SAID_TOKENS, BEFORE_TOKENS = 1000, 900
MAX_TOLD_CHARS = 300


class SceneChange(BaseModel):
    """Whether a message moves the story on. The default is that it does not."""

    change: Literal["none", "place", "time"] = Field(
        default="none",
        description="'place' only if they are now somewhere else, 'time' only if much time has passed (hours"
        " or more), otherwise 'none'",
    )
    words: str = Field(default="", description="the exact words of the last message that say so, or empty")
    place: str = Field(default="", description="a short name of the new place, or empty")
    time: str = Field(default="", description="the time it is now, if the message tells it, or empty")
    hours: Whole = Field(
        default=0,
        description="about how many hours have passed, if it is 'time'; 24 for a day, 168 for a week",
    )
    weather: str = Field(default="", description="the weather now, if the message tells it, or empty")


ASK = (
    "You watch a role-play and notice when a new scene begins. A new scene begins only if the last message"
    " itself says that they have gone to another place, or that much time has passed. Plans, memories, talk"
    " of elsewhere and moving about in the same place are no new scene. If in doubt: none."
)


@stage("scene", on=(TurnUser,), timeout_s=None, stands_on=(*plot.COURSE, *places.SCENES))
async def scene(turn: Event[TurnUser], ctx: Context) -> Emits:
    before = places.scene_before(ctx.db, turn.id)
    if before is None:
        yield SceneOpened(from_turn_id=turn.id)
        return
    said = strip_ooc(turn.payload.text).strip()
    if not said:
        return
    change = await decide(ctx, SceneChange, _question(ctx, turn.id, said, before), default=SceneChange())
    ctx.looks()
    before = places.scene_before(ctx.db, turn.id) or before
    if _is_meant(change, said, _place_name(ctx, before)):
        for payload in _next_scene(ctx, turn.id, before, change):
            yield payload
        return
    for payload in no_scene(ctx.db, ctx.claim.chat_id, turn.id, before.id):
        yield payload


def _question(ctx: Context, turn_id: int, said: str, before: Scene) -> list[Message]:
    counter = ctx.counter.for_model(ctx.endpoints.model)
    chat = views.chat(ctx.db, ctx.claim.chat_id)
    world = places.world(ctx.db, chat.id)
    earlier = next(islice(views.dialogue_back_from(ctx.db, turn_id), 1, None), None)
    names = cast_of(ctx.db, chat, (YOU, *chat.bots)).names
    dialogue = recounted(ctx.db, earlier.id, names, counter, room=BEFORE_TOKENS).text if earlier else ""
    told = (
        f"Place until now: {_place_name(ctx, before) or 'not told'}\n"
        f"Time: {world.time or 'not told'}\n\n"
        f"Until now:\n{clipped(dialogue, BEFORE_TOKENS, counter)}\n\n"
        f"The last message, by {names[YOU]}:\n{clipped(said, SAID_TOKENS, counter)}"
    )
    return [Message(role="system", content=ASK), Message(role="user", content=told)]


def _place_name(ctx: Context, scene: Scene) -> str:
    if scene.container_id is None:
        return ""
    return places.place(ctx.db, scene.container_id).container.name


def _is_meant(change: SceneChange, said: str, place: str) -> bool:
    """Whether the answer is borne out by the message: its words are there, and something is new."""
    words = folded(change.words)
    if change.change == "none" or not any(map(str.isalnum, words)) or words not in folded(said):
        return False
    return change.change == "time" or folded(change.place) not in ("", folded(place))


def _next_scene(ctx: Context, turn_id: int, before: Scene, change: SceneChange) -> Iterator[Payload]:
    """The old scene closed, the new one opened in a place that is known or made, and what is told of it.
    Where much time has passed, it is skipped as if it had been asked for."""
    turn = views.turn(ctx.db, turn_id)
    landing = Landing(
        before.container_id,
        present=before.present if YOU in before.present else (),
        from_turn_id=turn_id,
        time=change.time.strip()[:MAX_TOLD_CHARS],
        weather=change.weather.strip()[:MAX_TOLD_CHARS],
    )
    place = " ".join(change.place.replace("\x00", "").split())[:MAX_NAME_CHARS].strip()
    if place and folded(place) != folded(_place_name(ctx, before)):
        known = _known_container(ctx, turn_id, place)
        made = Container(name=place) if known is None else None
        landing = replace(landing, container_id=known, created=made)
    skip = _skip(change, turn) if change.change == "time" else None
    told = f"{change.change}: {change.words}"[:MAX_TOLD_CHARS]
    yield from next_scene(
        ctx.db, ctx.claim.chat_id, before.id, landing, clock=turn.clock, reason=told, skip=skip
    )


def _skip(change: SceneChange, turn: Turn) -> Skip | None:
    """How much time has passed, as the words say, or about so much; None where nobody can tell."""
    words = change.words.strip()[:MAX_TOLD_CHARS]
    for told in (change.words, change.time):
        minutes = story_time.minutes_until(told, turn.clock)
        if minutes is not None and 0 < minutes <= MAX_SKIP:
            return Skip("jump", minutes, words, turn.clock, turn.id)
    minutes = min(change.hours * story_time.HOUR, MAX_SKIP)
    return Skip("jump", minutes, words, turn.clock, turn.id) if minutes > 0 else None


def _known_container(ctx: Context, turn_id: int, name: str) -> int | None:
    """The newest container of that name; one made for this very turn is from a run that is being replayed,
    and goes when it does."""
    found = known_by(ctx.db, ctx.claim.chat_id, name)
    return next((one for one in found if log.event(ctx.db, one).cause_id != turn_id), None)
