"""Reading what came of scenes without you, and how time was skipped."""

import json
from dataclasses import dataclass

import apsw

from store.errors import NotFound
from store.rows import Row, row, rows


@dataclass(frozen=True, slots=True)
class Digest:
    """What you could learn of a scene; those in `told_by` were in it. Surfaced once it has come to you, in
    the scene `surfaced_in`."""

    id: int
    chat_id: int
    scene_id: int
    text: str
    told_by: tuple[int, ...]
    surfaced_by: int | None
    surfaced_in: int | None
    changed_by: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A skip of so many minutes from `clock` on."""

    id: int
    mode: str
    minutes: int
    words: str
    clock: int


DIGEST = "id, chat_id, scene_id, text, told_by, surfaced_by, surfaced_in, changed_by"


def _digest(found: Row) -> Digest:
    digest_id, chat_id, scene_id, text, told_by, *rest = found
    return Digest(digest_id, chat_id, scene_id, text, tuple(json.loads(told_by)), *rest)


def digest(db: apsw.Connection, chat_id: int, digest_id: int) -> Digest:
    found = row(db, f"SELECT {DIGEST} FROM digest WHERE id = ? AND chat_id = ?", (digest_id, chat_id))
    if found is None:
        raise NotFound(f"There is no digest {digest_id} in chat {chat_id}.")
    return _digest(found)


def digests(db: apsw.Connection, chat_id: int) -> list[Digest]:
    found = rows(db, f"SELECT {DIGEST} FROM digest WHERE chat_id = ? ORDER BY id", (chat_id,))
    return [_digest(one) for one in found]


def unsurfaced(db: apsw.Connection, chat_id: int) -> list[Digest]:
    """What has not come to you yet and was not taken back."""
    return [one for one in digests(db, chat_id) if one.surfaced_by is None and one.text]


def surfaced_in(db: apsw.Connection, chat_id: int, scene_id: int | None) -> list[Digest]:
    """What has come to you in a scene."""
    found = rows(
        db,
        f"SELECT {DIGEST} FROM digest WHERE chat_id = ? AND surfaced_in = ? AND text != '' ORDER BY id",
        (chat_id, scene_id),
    )
    return [_digest(one) for one in found]


LAST_WORD_ON_AUTO = (
    "SELECT payload ->> 'turns' FROM event INDEXED BY event_kind WHERE chat_id = ? AND kind = 'auto.set'"
    " AND id < ? ORDER BY id DESC LIMIT 1"
)


def auto_is_over(db: apsw.Connection, chat_id: int, before: int = 2**62) -> bool:
    """Whether the last word on auto-mode, until an event, was its end; or nobody ever spoke of it."""
    found = row(db, LAST_WORD_ON_AUTO, (chat_id, before))
    return found is None or not found[0]


def auto_set_by(db: apsw.Connection, chat_id: int) -> int:
    """The last word on auto-mode; 0 where there was none."""
    found = row(
        db,
        "SELECT max(id) FROM event INDEXED BY event_kind WHERE chat_id = ? AND kind = 'auto.set'",
        (chat_id,),
    )
    return (found[0] or 0) if found else 0


def skips(db: apsw.Connection, chat_id: int) -> list[Skipped]:
    found = rows(
        db, "SELECT id, mode, minutes, words, clock FROM skip WHERE chat_id = ? ORDER BY id", (chat_id,)
    )
    return [Skipped(*one) for one in found]
