"""Remember: what each bot present keeps of a turn, without asking a model.

A turn arrives; one `memory.written` per present bot leaves. What was said out of character is nobody's
memory.
"""

from pipeline.context import Context
from pipeline.prompt.ooc import strip_ooc
from pipeline.stage import Emits, stage
from store import views
from store.events import Event, MemoryWritten, TurnAssistant, TurnUser

YOU = 0
"""The entity id under which you stand in a witness list."""


@stage("remember", on=(TurnUser, TurnAssistant))
async def remember(turn: Event[TurnUser | TurnAssistant], ctx: Context) -> Emits:
    chat = views.chat(ctx.db, ctx.claim.chat_id)
    text = strip_ooc(turn.payload.text).strip()
    if not text:
        return
    said = turn.payload
    speaker = views.bot(ctx.db, said.speaker_id).name if isinstance(said, TurnAssistant) else chat.you_name
    yield MemoryWritten(
        owner_id=chat.host_id,
        turn_id=turn.id,
        speaker_name=speaker,
        text=text,
        witnesses=(YOU, chat.host_id),
    )
