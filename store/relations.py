"""Reading relationships and states: edges, facts, the group, and how each entity is."""

import json
from collections.abc import Collection
from dataclasses import dataclass

import apsw

from store.errors import NotFound
from store.rows import Row, row, rows


@dataclass(frozen=True, slots=True)
class Edge:
    """How one entity sees another: affinity and trust from -100 to 100, and a summary in words."""

    observer_id: int
    target_id: int
    affinity: int = 0
    trust: int = 0
    summary: str = ""
    last_interaction_id: int | None = None
    changed_by: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """A fact an observer holds about a target, and how it came to hold it."""

    id: int
    observer_id: int
    target_id: int
    text: str
    how: str
    from_id: int | None
    event_id: int
    drew_on: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EntityState:
    """How an entity is at the moment."""

    entity_id: int
    mood: str = ""
    goals: str = ""
    status: str = ""
    activity: str = ""
    slot: str = ""
    inventory: tuple[str, ...] = ()
    changed_by: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    summary: str
    drew_on: tuple[int, ...]
    changed_by: int


EDGE = "observer_id, target_id, affinity, trust, summary, last_interaction_id, changed_by"
FACT = "id, observer_id, target_id, text, how, from_id, event_id, drew_on"
ENTITY = "entity_id, mood, goals, status, activity, slot, inventory, changed_by"


def edges(db: apsw.Connection, chat_id: int) -> list[Edge]:
    """Every directed edge of a chat, of former guests too."""
    found = rows(db, f"SELECT {EDGE} FROM edge WHERE chat_id = ? ORDER BY observer_id, target_id", (chat_id,))
    return [Edge(*one) for one in found]


def edge(db: apsw.Connection, chat_id: int, observer_id: int, target_id: int) -> Edge:
    """One directed edge; a neutral one where nothing has happened yet."""
    found = row(
        db,
        f"SELECT {EDGE} FROM edge WHERE chat_id = ? AND observer_id = ? AND target_id = ?",
        (chat_id, observer_id, target_id),
    )
    return Edge(*found) if found else Edge(observer_id, target_id)


def _known(found: Row) -> Known:
    return Known(*(*found[:-1], tuple(json.loads(found[-1]))))


def facts(
    db: apsw.Connection, chat_id: int, observer_id: int, target_id: int | None = None, *, limit: int = 200
) -> list[Known]:
    """What an observer knows, of everyone or of one target, newest first."""
    found = rows(
        db,
        f"SELECT {FACT} FROM fact WHERE chat_id = ?1 AND observer_id = ?2"
        " AND (?3 IS NULL OR target_id = ?3) ORDER BY id DESC LIMIT ?4",
        (chat_id, observer_id, target_id, limit),
    )
    return [_known(one) for one in found]


def fact(db: apsw.Connection, chat_id: int, fact_id: int) -> Known:
    found = row(db, f"SELECT {FACT} FROM fact WHERE chat_id = ? AND id = ?", (chat_id, fact_id))
    if found is None:
        raise NotFound(f"There is no fact {fact_id} in chat {chat_id}.")
    return _known(found)


def states(db: apsw.Connection, chat_id: int) -> dict[int, EntityState]:
    """Entity id → how it is; whoever is missing is as a card says."""
    found = rows(db, f"SELECT {ENTITY} FROM entity WHERE chat_id = ? ORDER BY entity_id", (chat_id,))
    return {one[0]: EntityState(*(*one[:-2], tuple(json.loads(one[-2])), one[-1])) for one in found}


def group(db: apsw.Connection, chat_id: int, members: Collection[int]) -> Group | None:
    """How these entities are together, if anything was told of it."""
    found = row(
        db,
        "SELECT summary, drew_on, changed_by FROM group_node WHERE chat_id = ? AND members = ?",
        (chat_id, json.dumps(sorted(set(members)))),
    )
    return Group(found[0], tuple(json.loads(found[1])), found[2]) if found else None
