"""Turns, in the order of the dialogue, with the scene they fell in and those who were there."""

import json
from collections.abc import Iterable
from typing import Any

import apsw

from store.events import (
    TURN_MINUTES,
    YOU,
    Event,
    SignificanceScored,
    TurnAssistant,
    TurnEdited,
    TurnHidden,
    TurnUser,
)
from store.projections.fold import projects
from store.rows import row
from store.words import indexed


def present_of(host_id: int, guest_id: int | None, in_scene: str | None) -> tuple[int, ...]:
    """Those of a chat who are in its scene, you first; `in_scene` is the scene's own list, as stored."""
    cast = (YOU, host_id) if guest_id is None else (YOU, host_id, guest_id)
    named = json.loads(in_scene) if in_scene else []
    return tuple(one for one in cast if not named or one in named)


AT_THE_END = (
    "SELECT turns, chat.clock, host_id, guest_id, scene.id, scene.present FROM chat"
    " LEFT JOIN scene ON scene.id = chat.scene_id WHERE chat.id = ?1"
)
LATE = (
    f"SELECT turns, coalesce(min(before.clock + {TURN_MINUTES}, after.clock), after.clock, chat.clock),"
    " host_id, guest_id, scene.id, scene.present FROM chat"
    " LEFT JOIN turn before ON before.id = (SELECT id FROM turn WHERE chat_id = ?1"
    " AND (anchor_id, id) < (?2, ?3) ORDER BY anchor_id DESC, id DESC LIMIT 1)"
    " LEFT JOIN turn after ON after.id = (SELECT id FROM turn WHERE chat_id = ?1"
    " AND (anchor_id, id) > (?2, ?3) ORDER BY anchor_id, id LIMIT 1)"
    " LEFT JOIN scene ON scene.id = CASE WHEN before.anchor_id = ?2 THEN before.scene_id ELSE nullif(max("
    "coalesce(before.scene_id, 0),"
    " coalesce((SELECT max(id) FROM scene WHERE chat_id = ?1 AND id < ?2), 0)), 0) END"
    " WHERE chat.id = ?1"
)
"""For a turn that stands before others: between them in time, and in the scene of the exchange it belongs to;
one that was unprompted in the scene that was open when it was given the floor, or that the turn before it has
been moved to since."""
INSERT_TURN = (
    "INSERT INTO turn(id, chat_id, branch_id, anchor_id, ordinal, scene_id, present, speaker_id, text,"
    " answers, truncated, ended, model, usage, alternative_of, run_id, recorded_at, clock)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

INDEX_TURN = "INSERT OR REPLACE INTO turn_text(rowid, text) VALUES (?, ?)"


def _insert(
    db: apsw.Connection, event: Event[Any], anchor_id: int, speaker_id: int | None, said: tuple[Any, ...]
) -> None:
    """A turn is perceived by those in the scene; a guest who was sent away while speaking still spoke. What
    does not come at the end of the dialogue lies in the scene and at the time of its place there."""
    at_the_end = anchor_id == event.id
    place = (event.chat_id,) if at_the_end else (event.chat_id, anchor_id, event.id)
    found = row(db, AT_THE_END if at_the_end else LATE, place)
    if found is None:
        return
    turns, clock, host_id, guest_id, scene_id, in_scene = found
    present = sorted({*present_of(host_id, guest_id, in_scene), YOU if speaker_id is None else speaker_id})
    where = (event.id, event.chat_id, event.branch_id, anchor_id, turns, scene_id, json.dumps(present))
    db.execute(INSERT_TURN, (*where, speaker_id, *said, event.run_id, event.recorded_at, clock))
    db.execute(INDEX_TURN, (event.id, indexed(said[0])))
    db.execute(
        "UPDATE chat SET turns = turns + 1, clock = clock + ?, changed_by = ?, changed_at = ? WHERE id = ?",
        (TURN_MINUTES, event.id, event.recorded_at, event.chat_id),
    )


@projects(TurnUser)
def turn_user(db: apsw.Connection, event: Event[TurnUser]) -> None:
    """A person's turn anchors the exchange that follows it."""
    _insert(db, event, event.id, None, (event.payload.text, None, 0, "complete", "", None, None))


@projects(TurnAssistant)
def turn_assistant(db: apsw.Connection, event: Event[TurnAssistant]) -> None:
    """An answer stands with the turn it answers, and what was unprompted where it was given the floor, also
    when the person had already sent the next turn."""
    turn = event.payload
    anchor = row(db, "SELECT anchor_id FROM turn WHERE id = ?", (turn.answers,))
    stands_at = anchor[0] if anchor else turn.unprompted_at or event.id
    usage = turn.usage.model_dump_json() if turn.usage else None
    how = (int(turn.truncated), turn.ended, turn.model, usage, turn.alternative_of)
    _insert(db, event, stands_at, turn.speaker_id, (turn.text, turn.answers, *how))


@projects(TurnEdited)
def turn_edited(db: apsw.Connection, event: Event[TurnEdited]) -> None:
    db.execute(
        "UPDATE turn SET text = ?, edited_by = ? WHERE id = ?",
        (event.payload.text, event.id, event.payload.turn_id),
    )
    index_again(db, [event.payload.turn_id])


def index_again(db: apsw.Connection, turn_ids: Iterable[int]) -> None:
    """Bring the index up to date with rows that were changed, put back or taken away."""
    for turn_id in sorted(turn_ids):
        found = row(db, "SELECT text FROM turn WHERE id = ?", (turn_id,))
        if found is None:
            db.execute("DELETE FROM turn_text WHERE rowid = ?", (turn_id,))
        else:
            db.execute(INDEX_TURN, (turn_id, indexed(found[0])))


@projects(TurnHidden)
def turn_hidden(db: apsw.Connection, event: Event[TurnHidden]) -> None:
    db.execute("UPDATE turn SET hidden = ? WHERE id = ?", (int(event.payload.hidden), event.payload.turn_id))


@projects(SignificanceScored)
def significance_scored(db: apsw.Connection, event: Event[SignificanceScored]) -> None:
    """The turn's, and that of every memory of it, whichever of them came first. What a person rated by hand
    stands, whatever a stage judges before or after."""
    scored, by_hand = event.payload, event.run_id is None
    db.execute(
        "UPDATE turn SET significance = ?1, rated_by_hand = ?2 WHERE id = ?3 AND rated_by_hand <= ?2",
        (scored.score, int(by_hand), scored.turn_id),
    )
    if db.changes():
        db.execute("UPDATE memory SET significance = ? WHERE turn_id = ?", (scored.score, scored.turn_id))
