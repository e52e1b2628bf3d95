"""Ratings: how the turns of a chat are judged, for whoever looks through them."""

import json
from collections.abc import Mapping, Sequence

import apsw

from store.errors import NotFound
from store.rows import row, rows
from store.views import TURN, Turn, turn_of

UNRATED = -1


def distribution(db: apsw.Connection, chat_id: int) -> Mapping[int | None, int]:
    """Significance → how many turns have it; None where none was judged yet."""
    found = rows(db, "SELECT significance, count(*) FROM turn WHERE chat_id = ? GROUP BY 1", (chat_id,))
    return dict(found)


def by_hand(db: apsw.Connection, chat_id: int, turn_ids: Sequence[int]) -> frozenset[int]:
    """Those of the turns that a person rated."""
    found = rows(
        db,
        "SELECT id FROM turn WHERE id IN (SELECT value FROM json_each(?)) AND chat_id = ? AND rated_by_hand",
        (json.dumps(list(turn_ids)), chat_id),
    )
    return frozenset(turn_id for (turn_id,) in found)


def rated(
    db: apsw.Connection, chat_id: int, score: int | None, *, before: int | None, limit: int
) -> list[Turn]:
    """Turns of one significance, -1 those without any, None all; from the end of the story backwards."""
    place = row(db, "SELECT anchor_id, id FROM turn WHERE id = ? AND chat_id = ?", (before, chat_id))
    anchor_id, turn_id = place or (2**62, 2**62)
    found = rows(
        db,
        f"SELECT {TURN} FROM turn WHERE chat_id = :chat AND (anchor_id, id) < (:anchor, :id)"
        " AND (:score IS NULL OR coalesce(significance, -1) = :score)"
        " ORDER BY anchor_id DESC, id DESC LIMIT :limit",
        {"chat": chat_id, "anchor": anchor_id, "id": turn_id, "score": score, "limit": limit},
    )
    return [turn_of(one) for one in found]


def of_turns(db: apsw.Connection, chat_id: int, turn_ids: Sequence[int]) -> Mapping[int, int | None]:
    """Turn → its significance, in the order of the ids.

    Raises:
        NotFound: one of them is no turn of this chat as the story stands.
    """
    asked = (json.dumps(list(turn_ids)), chat_id)
    found: dict[int, int | None] = dict(
        rows(
            db,
            "SELECT id, significance FROM turn WHERE id IN (SELECT value FROM json_each(?)) AND chat_id = ?"
            " ORDER BY id",
            asked,
        )
    )
    missing = [turn_id for turn_id in turn_ids if turn_id not in found]
    if missing:
        raise NotFound(
            f"There is no turn {missing[0]} in chat {chat_id}.",
            hint="It may have been retracted, or lie in another branch or alternative.",
        )
    return found
