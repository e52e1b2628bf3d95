"""Recount: what has just been said, as plain lines for whoever judges a turn.

With an observer, only the turns it perceived: a judgement from somebody's point of view must not rest on
what that somebody never saw.
"""

from collections.abc import Mapping

import apsw

from pipeline.prompt.ooc import strip_ooc
from pipeline.tokens import ModelCounter
from store import views
from store.events import YOU
from store.views import Chat

LEAST_TURNS = 2


def names(db: apsw.Connection, chat: Chat, *others: int) -> dict[int, str]:
    """Entity id → name, of all who are present and of whoever else is asked for."""
    bots = {bot_id: views.bot(db, bot_id).name for bot_id in (*chat.bots, *others) if bot_id != YOU}
    return {YOU: chat.you_name, **bots}


def recount(
    db: apsw.Connection,
    turn_id: int,
    known: Mapping[int, str],
    counter: ModelCounter,
    *,
    room: int = 1200,
    observer: int | None = None,
) -> str:
    """The dialogue up to and including a turn, oldest first, as far back as `room` tokens reach."""
    lines: list[str] = []
    for turn in views.dialogue_back_from(db, turn_id):
        if observer is not None and observer not in turn.present:
            continue
        text = strip_ooc(turn.text).strip()
        if not text:
            continue
        line = f"{speaker_name(db, turn.speaker_id, known)}: {text}"
        room -= counter.text(line)
        if room < 0 and len(lines) >= LEAST_TURNS:
            break
        lines.append(line)
        if room < 0:
            break
    return "\n".join(reversed(lines))


def speaker_name(db: apsw.Connection, speaker_id: int | None, known: Mapping[int, str]) -> str:
    """The name of who spoke, also of one who has left."""
    entity = YOU if speaker_id is None else speaker_id
    return known[entity] if entity in known else views.bot(db, entity).name
