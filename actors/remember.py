"""Remember: what each bot present keeps of a turn, without asking a model.

A turn arrives; one `memory.written` leaves for every bot that perceived it. What was said out of character is
nobody's memory.
"""

from pipeline.context import Context
from pipeline.moment import moment_of
from pipeline.prompt.ooc import strip_ooc
from pipeline.recount import speaker_name
from pipeline.stage import DECIDE, Emits, stage
from store.events import YOU, Event, MemoryWritten, TurnAssistant, TurnUser


@stage("remember", on=(TurnUser, TurnAssistant), priority=DECIDE)
async def remember(turn: Event[TurnUser | TurnAssistant], ctx: Context) -> Emits:
    moment = moment_of(ctx, turn.id)
    if moment is None:
        return
    present = moment.turn.present
    for owner in present:
        if owner == YOU:
            continue
        yield MemoryWritten(
            owner_id=owner,
            turn_id=turn.id,
            speaker_name=speaker_name(ctx.db, moment.turn, {YOU: moment.chat.you_name}),
            text=strip_ooc(moment.turn.text).strip(),
            witnesses=present,
        )
