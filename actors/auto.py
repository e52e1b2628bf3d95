"""Auto: the bots carry on by themselves.

In auto-mode one `auto.ticked` leaves when nobody is speaking: when it is switched on, and after each turn
that was said since. Every tick uses up one of the turns that were asked for, in the commit that records it,
so there are never more. It answers what it came after, so that a scene without you takes along, when it is
undone, all that was said in it.
"""

from pipeline.context import Context
from pipeline.stage import DECIDE, Emits, Lane, stage
from store import meanwhile, views
from store.events import AutoModeSet, AutoTicked, Event, TurnAssistant
from store.rows import row


@stage("auto", on=(AutoModeSet, TurnAssistant), lane=Lane.PLAY, priority=DECIDE, awaits=("addressee",))
async def auto(event: Event[AutoModeSet | TurnAssistant], ctx: Context) -> Emits:
    chat = views.chat(ctx.db, ctx.claim.chat_id)
    if not chat.auto_left or _somebody_speaks(ctx):
        return
    if event.id < meanwhile.auto_set_by(ctx.db, chat.id):
        return
    newest = views.turns_before(ctx.db, chat.id, None, 1)
    if newest:
        yield AutoTicked(turn_id=newest[0].id)


def _somebody_speaks(ctx: Context) -> bool:
    """Whether a reply is on its way: the turn it becomes is the next to be answered. A tick that came too
    late has been dropped by now."""
    on_its_way = row(
        ctx.db,
        "SELECT 1 FROM run WHERE chat_id = ? AND stage IN ('addressee', 'narrate')"
        " AND state IN ('waiting', 'ready', 'running', 'backoff') LIMIT 1",
        (ctx.claim.chat_id,),
    )
    return on_its_way is not None
