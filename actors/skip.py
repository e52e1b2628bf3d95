"""Skip: the story goes on later.

`time.skip_requested` arrives. An elision leaves one `time.skipped` in the scene that goes on; a jump closes
the scene, lets the time pass and opens another in the same place. What the plot has in store for the time
between starts or runs out on the way, in order. No model is asked: what it was like is a matter of
`landing`.
"""

from pipeline.context import Context
from pipeline.skipping import Landing, Skip, container_of, next_scene, passed
from pipeline.stage import DECIDE, Emits, Lane, stage
from store import places, views
from store.events import Event, SkipRequested


@stage("skip", on=(SkipRequested,), lane=Lane.PLAY, priority=DECIDE)
async def skip(asked: Event[SkipRequested], ctx: Context) -> Emits:
    wanted = asked.payload
    chat = views.chat(ctx.db, ctx.claim.chat_id)
    time = Skip(wanted.mode, wanted.minutes, wanted.words, chat.clock)
    if wanted.mode == "elision":
        for payload in passed(ctx.db, chat.id, time):
            yield payload
        return
    present = places.scene(ctx.db, chat.scene_id).present if chat.scene_id is not None else ()
    landing = Landing(container_of(ctx.db, chat.scene_id), present=present)
    reason = f"time: {wanted.words}" if wanted.words else "time passed"
    for payload in next_scene(ctx.db, chat.id, chat.scene_id, landing, reason=reason, skip=time):
        yield payload
