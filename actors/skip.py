"""Skip: the story goes on later.

`time.skip_requested` arrives. An elision leaves one `time.skipped` in the scene that goes on; a jump closes
the scene, lets the time pass and opens another in the same place. What the plot has in store for the time
between starts or runs out on the way, in order. No model is asked: what it was like is a matter of
`landing`.
"""

from pipeline.context import Context
from pipeline.skipping import Landing, Skip, container_of, next_scene, passed
from pipeline.stage import DECIDE, Emits, Lane, stage
from store import places, plot, views
from store.events import Event, SkipRequested
from store.rows import row
from store.views import Turn


@stage("skip", on=(SkipRequested,), lane=Lane.PLAY, priority=DECIDE, stands_on=plot.COURSE)
async def skip(asked: Event[SkipRequested], ctx: Context) -> Emits:
    wanted = asked.payload
    chat = views.chat(ctx.db, ctx.claim.chat_id)
    said = _said_since(ctx, asked.id)
    clock, turn_id = (chat.clock, None) if said is None else (said.clock, said.id)
    time = Skip(wanted.mode, wanted.minutes, wanted.words, clock, turn_id)
    if wanted.mode == "elision":
        for payload in passed(ctx.db, chat.id, time):
            yield payload
        return
    present = places.scene(ctx.db, chat.scene_id).present if chat.scene_id is not None else ()
    landing = Landing(container_of(ctx.db, chat.scene_id), present=present, from_turn_id=turn_id)
    reason = f"time: {wanted.words}" if wanted.words else "time passed"
    for payload in next_scene(ctx.db, chat.id, chat.scene_id, landing, clock=clock, reason=reason, skip=time):
        yield payload


def _said_since(ctx: Context, asked_id: int) -> Turn | None:
    """The first turn of the person after they asked: it is said on the other side."""
    found = row(
        ctx.db,
        "SELECT min(id) FROM turn WHERE chat_id = ? AND anchor_id > ? AND speaker_id IS NULL",
        (ctx.claim.chat_id, asked_id),
    )
    return views.turn(ctx.db, found[0]) if found and found[0] is not None else None
