"""Reading memories: the one place where what an entity perceived is told from what it did not.

Every memory read on behalf of an entity goes through `WITNESSED`: its own, of this chat, and among the
witnesses it names.
"""

import json
from dataclasses import dataclass

import apsw

from store.errors import NotFound
from store.rows import Row, row, rows

WITNESSED = (
    "memory.chat_id = :chat AND memory.owner_id = :owner"
    " AND EXISTS (SELECT 1 FROM json_each(memory.witnesses) WHERE value = :owner)"
)
CALLED = (
    "coalesce((SELECT coalesce(bot.name, chat.you_name) FROM turn JOIN chat ON chat.id = turn.chat_id"
    " LEFT JOIN bot ON bot.id = turn.speaker_id WHERE turn.id = memory.turn_id AND memory.form = 'turn'),"
    " memory.speaker_name)"
)
"""What the one who spoke is called now: whoever goes by another name is still the one who said it."""
COLUMNS = (
    "memory.id, memory.chat_id, memory.owner_id, memory.turn_id, memory.scene_id, memory.form,"
    f" {CALLED}, memory.text, memory.witnesses, memory.how, memory.from_id, memory.drew_on,"
    " memory.significance, memory.pinned, memory.pinned_by, memory.embedded, memory.changed_by,"
    " memory.clock, memory.speaker_name"
)


@dataclass(frozen=True, slots=True)
class Memory:
    """What one entity remembers. `pinned` is "", "auto" or "manual"; `pinned_by` the event that pinned it;
    `embedded` names the model with which the stage `embed` last answered it, for people to see; what is
    searched is what the cache holds. `speaker_name` is what the one who spoke is called now."""

    id: int
    chat_id: int
    owner_id: int
    turn_id: int | None
    scene_id: int | None
    form: str
    speaker_name: str
    text: str
    witnesses: tuple[int, ...]
    how: str
    from_id: int | None
    drew_on: tuple[int, ...]
    significance: int
    pinned: str
    pinned_by: int | None
    embedded: str
    changed_by: int
    clock: int = 0
    called_then: str = ""

    @property
    def said(self) -> str:
        """The text with who said it, as it is shown to a model."""
        return said(self.form, self.speaker_name, self.text)

    @property
    def recorded(self) -> str:
        """The same with the name they had then, as it is indexed and embedded: another name costs no new
        vectors."""
        return said(self.form, self.called_then, self.text)


def said(form: str, speaker_name: str, text: str) -> str:
    """A memory's text with who said it, where somebody did."""
    return f"{speaker_name}: {text}" if form == "turn" else text


def memory_of(found: Row) -> Memory:
    known, (witnesses, how, from_id, drew_on), rest = found[:8], found[8:12], found[12:]
    learnt = (tuple(json.loads(witnesses)), how, from_id, tuple(json.loads(drew_on)))
    return Memory(*(*known, *learnt, *rest))


def memory(db: apsw.Connection, memory_id: int) -> Memory:
    """A memory by its id, for the person's own view and edits; never for an entity's prompt."""
    found = row(db, f"SELECT {COLUMNS} FROM memory WHERE id = ?", (memory_id,))
    if found is None:
        raise NotFound(f"There is no memory {memory_id}.")
    return memory_of(found)


def pinned(db: apsw.Connection, chat_id: int, owner_id: int) -> list[Memory]:
    """What the owner always has before it, in the order it was pinned."""
    return _witnessed(db, chat_id, owner_id, "memory.pinned != '' ORDER BY memory.pinned_by")


def of_scene(db: apsw.Connection, chat_id: int, owner_id: int, scene_id: int) -> list[Memory]:
    """What the owner perceived of one scene, in order."""
    return _witnessed(
        db,
        chat_id,
        owner_id,
        f"memory.scene_id = {int(scene_id)} AND memory.form = 'turn' ORDER BY memory.id",
    )


def of_owner(
    db: apsw.Connection, chat_id: int, owner_id: int, *, before: int | None = None, limit: int = 100
) -> list[Memory]:
    """The owner's newest memories, newest first."""
    older = f"memory.id < {int(before)}" if before is not None else "true"
    return _witnessed(db, chat_id, owner_id, f"{older} ORDER BY memory.id DESC LIMIT {int(limit)}")


def shown_of_owner(
    db: apsw.Connection, chat_id: int, owner_id: int, *, before: int | None = None, limit: int = 20
) -> list[Memory]:
    """An owner's memories for the person's own view, newest first, also those it did not perceive; never for
    an entity's prompt."""
    found = rows(
        db,
        f"SELECT {COLUMNS} FROM memory WHERE chat_id = ?1 AND owner_id = ?2 AND (?3 IS NULL OR id < ?3)"
        " ORDER BY id DESC LIMIT ?4",
        (chat_id, owner_id, before, limit),
    )
    return [memory_of(one) for one in found]


def owners(db: apsw.Connection, chat_id: int) -> list[int]:
    """Whoever remembers anything of a chat, former guests too."""
    found = rows(db, "SELECT DISTINCT owner_id FROM memory WHERE chat_id = ? ORDER BY owner_id", (chat_id,))
    return [owner_id for (owner_id,) in found]


def _witnessed(db: apsw.Connection, chat_id: int, owner_id: int, which: str) -> list[Memory]:
    found = db.execute(
        f"SELECT {COLUMNS} FROM memory WHERE {WITNESSED} AND {which}", {"chat": chat_id, "owner": owner_id}
    ).fetchall()
    return [memory_of(one) for one in found]


def perceived_any(db: apsw.Connection, chat_id: int, owner_id: int, since: int, until: int) -> bool:
    """Whether the owner perceived any turn between two events."""
    between = "memory.id > :since AND memory.turn_id BETWEEN :since AND :until LIMIT 1"
    values = {"chat": chat_id, "owner": owner_id, "since": since, "until": until}
    return row(db, f"SELECT 1 FROM memory WHERE {WITNESSED} AND {between}", values) is not None


def of_turn(db: apsw.Connection, turn_id: int) -> list[Memory]:
    """Every entity's memory of one turn, for judgement about the turn itself."""
    return [
        memory_of(one)
        for one in rows(db, f"SELECT {COLUMNS} FROM memory WHERE turn_id = ? ORDER BY id", (turn_id,))
    ]
