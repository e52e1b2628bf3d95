"""Reading the projections on the hot path: fixed SQL on one query-only connection, microseconds each.

Pages and reports that may take milliseconds use `store.queries` in a thread instead.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import apsw

from store.errors import NotFound
from store.events import YOU, Opening
from store.projections.turns import present_of
from store.rows import Row, row, rows


@dataclass(frozen=True, slots=True)
class Bot:
    id: int
    name: str
    aliases: tuple[str, ...]
    description: str
    personality: str
    first_message: str
    post_history: str
    archived: bool


class FormerName(NamedTuple):
    """A name that was the person's, from one event to another."""

    name: str
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat; `cast` are all who are present in its scene now, you first. `called` are names you had in it
    before, `clock` are minutes of story time, `auto_left` the turns the bots still have in auto-mode."""

    id: int
    branch_id: int
    title: str
    host_id: int
    guest_id: int | None
    scene_id: int | None
    cast: tuple[int, ...]
    you_name: str
    you_persona: str
    called: tuple[FormerName, ...]
    opening: str
    proposal: Opening | None
    begun: bool
    note: str
    note_depth: int
    turns: int
    archived: bool
    changed_by: int
    changed_at: int
    clock: int
    auto_left: int

    @property
    def you_before(self) -> tuple[str, ...]:
        """The other names you had, each once."""
        return tuple(
            one for one in dict.fromkeys(former.name for former in self.called) if one != self.you_name
        )

    @property
    def bots(self) -> tuple[int, ...]:
        """The bots that are present now, the host first."""
        return tuple(one for one in self.cast if one != YOU)

    @property
    def members(self) -> tuple[int, ...]:
        """The bots of the chat, in its present scene or not."""
        return (self.host_id,) if self.guest_id is None else (self.host_id, self.guest_id)


class Turn(NamedTuple):
    """One turn; `speaker_id` None is you, `present` the entities that perceived it. Dialogue order is
    (anchor_id, id)."""

    id: int
    chat_id: int
    anchor_id: int
    ordinal: int
    speaker_id: int | None
    text: str
    answers: int | None
    scene_id: int | None
    present: tuple[int, ...]
    significance: int | None
    truncated: bool
    ended: str
    model: str
    run_id: int | None
    recorded_at: int
    hidden: bool = False
    edited_by: int | None = None
    alternative_of: int | None = None
    clock: int = 0

    @property
    def is_reply(self) -> bool:
        """Whether a bot was given the floor for it, so that it can be told again: not for its first message,
        but also where the bots go on by themselves."""
        return self.speaker_id is not None and self.ended != "authored"


BOT = "id, name, aliases, description, personality, first_message, post_history, archived"
CHAT = (
    "id, branch_id, title, host_id, guest_id, scene_id,"
    " (SELECT present FROM scene WHERE scene.id = chat.scene_id), you_name, you_persona, you_before,"
    " opening, proposal, begun, note, note_depth, turns, archived, changed_by, changed_at, clock, auto_left"
)
TURN = (
    "id, chat_id, anchor_id, ordinal, speaker_id, text, answers, scene_id, present, significance, truncated,"
    " ended, model, run_id, recorded_at, hidden, edited_by, alternative_of, clock"
)
END_OF_DIALOGUE = (2**62, 2**62)
DIALOGUE_PAGE = 32


def bot_of(found: Row) -> Bot:
    bot_id, name, aliases, description, personality, first_message, post_history, archived = found
    known_as = tuple(json.loads(aliases))
    return Bot(bot_id, name, known_as, description, personality, first_message, post_history, bool(archived))


def chat_of(found: Row) -> Chat:
    """A chat from its row; the values that are stored otherwise are read in their places."""
    values = list(found)
    _id, _branch, _title, host_id, guest_id, _scene, in_scene, *_ = values
    values[6] = present_of(host_id, guest_id, in_scene)
    values[9] = tuple(FormerName(*one) for one in json.loads(values[9]))
    values[11] = Opening.model_validate_json(values[11]) if values[11] else None
    values[12], values[16] = bool(values[12]), bool(values[16])
    return Chat(*values)


@lru_cache(maxsize=256)
def _entities(stored: str) -> tuple[int, ...]:
    """The entities of a stored list; a chat has few different ones."""
    return tuple(json.loads(stored))


def turn_of(found: Row) -> Turn:
    values = list(found)
    values[8] = _entities(values[8])
    values[10], values[15] = bool(values[10]), bool(values[15])
    return Turn(*values)


def bot(db: apsw.Connection, bot_id: int) -> Bot:
    found = row(db, f"SELECT {BOT} FROM bot WHERE id = ?", (bot_id,))
    if found is None:
        raise NotFound(f"There is no bot {bot_id}.", hint="The list of bots shows the ones there are.")
    return bot_of(found)


def chat(db: apsw.Connection, chat_id: int) -> Chat:
    found = row(db, f"SELECT {CHAT} FROM chat WHERE id = ?", (chat_id,))
    if found is None:
        raise NotFound(f"There is no chat {chat_id}.", hint="The list of chats shows the ones there are.")
    return chat_of(found)


def turn(db: apsw.Connection, turn_id: int) -> Turn:
    found = row(db, f"SELECT {TURN} FROM turn WHERE id = ?", (turn_id,))
    if found is None:
        raise NotFound(f"There is no turn {turn_id}.")
    return turn_of(found)


def speaker_of(db: apsw.Connection, turn_id: int) -> int | None:
    """Who spoke a turn, also one that no longer counts; None is you."""
    found = row(db, "SELECT payload ->> 'speaker_id' FROM event WHERE id = ?", (turn_id,))
    return found[0] if found else None


def told_text(db: apsw.Connection, turn_id: int | None) -> str:
    """The text of a turn as it stands, also of an alternative that is not the one shown; empty for None."""
    if turn_id is None:
        return ""
    found = row(db, "SELECT text FROM turn WHERE id = ?", (turn_id,)) or row(
        db, "SELECT payload ->> 'text' FROM event WHERE id = ?", (turn_id,)
    )
    return found[0] if found else ""


def floor_given(db: apsw.Connection, chat_id: int, turn_id: int) -> int | None:
    """Who was first given the floor to answer a turn, if that is decided."""
    found = row(
        db,
        "SELECT payload ->> 'speaker_id' FROM event WHERE chat_id = ?1 AND kind = 'floor.given' AND id > ?2"
        " AND cause_id = ?2 ORDER BY id LIMIT 1",
        (chat_id, turn_id),
    )
    return found[0] if found else None


def dialogue_back_from(db: apsw.Connection, turn_id: int) -> Iterator[Turn]:
    """The turn and those before it in dialogue order, newest first, read as far as the caller goes.

    Read page by page: a statement left open in the middle would hold this connection to its snapshot, and
    everything committed since would be invisible to whoever reads next.
    """
    newest = turn(db, turn_id)
    yield newest
    key = (newest.anchor_id, newest.id)
    while page := _turns_back(db, newest.chat_id, key, DIALOGUE_PAGE):
        yield from page
        key = (page[-1].anchor_id, page[-1].id)


def turns_until(db: apsw.Connection, chat_id: int, anchor_id: int) -> Iterator[Turn]:
    """The turns before a place in the dialogue, newest first, read as far as the caller goes."""
    key = (anchor_id, 0)
    while page := _turns_back(db, chat_id, key, DIALOGUE_PAGE):
        yield from page
        key = (page[-1].anchor_id, page[-1].id)


class Utterance(NamedTuple):
    """As much of a turn as a prompt needs: a long window reads a hundred of them in front of a waiting
    model."""

    id: int
    anchor_id: int
    ordinal: int
    speaker_id: int | None
    scene_id: int | None
    present: tuple[int, ...]
    text: str


def utterances_before(db: apsw.Connection, turn: Turn) -> Iterator[Utterance]:
    """What was said before a turn and is not hidden, newest first, read as far as the caller goes, page by
    page."""
    key = (turn.anchor_id, turn.id)
    while page := rows(db, UTTERANCES_BACK, (turn.chat_id, *key, DIALOGUE_PAGE)):
        for turn_id, anchor_id, ordinal, speaker_id, scene_id, present, text in page:
            there = _entities(present)
            yield Utterance(turn_id, anchor_id, ordinal, speaker_id, scene_id, there, text)
        key = (page[-1][1], page[-1][0])


UTTERANCES_BACK = (
    "SELECT id, anchor_id, ordinal, speaker_id, scene_id, present, text FROM turn"
    " WHERE chat_id = ? AND (anchor_id, id) < (?, ?) AND NOT hidden"
    " ORDER BY anchor_id DESC, id DESC LIMIT ?"
)


def _turns_back(db: apsw.Connection, chat_id: int, key: tuple[int, int], limit: int) -> list[Turn]:
    """Turns before a position in dialogue order, newest first."""
    found = rows(
        db,
        f"SELECT {TURN} FROM turn WHERE chat_id = ? AND (anchor_id, id) < (?, ?)"
        " ORDER BY anchor_id DESC, id DESC LIMIT ?",
        (chat_id, *key, limit),
    )
    return [turn_of(one) for one in found]


def turns_before(db: apsw.Connection, chat_id: int, before: int | None, limit: int) -> list[Turn]:
    """Up to `limit` turns before the given one (or the newest), in dialogue order."""
    anchor = turn(db, before) if before is not None else None
    key = (anchor.anchor_id, anchor.id) if anchor else END_OF_DIALOGUE
    return _turns_back(db, chat_id, key, limit)[::-1]


def turns_from(db: apsw.Connection, chat_id: int, place: tuple[int, int], limit: int) -> list[Turn]:
    """Up to `limit` turns from a place (anchor_id, id) on, in dialogue order; no turn need stand there."""
    found = rows(
        db,
        f"SELECT {TURN} FROM turn WHERE chat_id = ? AND (anchor_id, id) >= (?, ?)"
        " ORDER BY anchor_id, id LIMIT ?",
        (chat_id, *place, limit),
    )
    return [turn_of(one) for one in found]


def partial_text(db: apsw.Connection, run_id: int) -> str:
    """What an earlier attempt of this run had already written; empty when nothing was."""
    found = row(db, "SELECT text FROM partial WHERE run_id = ?", (run_id,))
    return found[0] if found else ""
