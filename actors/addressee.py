"""Addressee: who answers a turn.

A turn of yours arrives; one `floor.given` leaves. With no guest in the scene it is the host, and no model is
asked.
"""

from pipeline.context import Context
from pipeline.stage import DECIDE, Emits, Lane, stage
from store import views
from store.events import Event, FloorGiven, TurnUser


@stage("addressee", on=(TurnUser,), lane=Lane.PLAY, priority=DECIDE, timeout_s=10)
async def addressee(turn: Event[TurnUser], ctx: Context) -> Emits:
    chat = views.chat(ctx.db, ctx.claim.chat_id)
    yield FloorGiven(turn_id=turn.id, speaker_id=chat.host_id, reason="the host is the only one present")
