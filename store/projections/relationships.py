"""The directed edges, the facts that hang on them, and the group node."""

import json

import apsw

from store.events import EdgeFactRemoved, EdgeSummarized, EdgeUpdated, Event, GroupUpdated
from store.events.relationships import MAX_FACTS
from store.projections.fold import projects

NEW_EDGE = (
    "INSERT INTO edge(id, chat_id, observer_id, target_id, affinity, trust, summary, changed_by)"
    " VALUES (?1, ?2, ?3, ?4, 0, 0, '', ?1) ON CONFLICT DO NOTHING"
)


@projects(EdgeUpdated)
def edge_updated(db: apsw.Connection, event: Event[EdgeUpdated]) -> None:
    """Add the deltas to the directed edge, within -100 and 100. Its mirror is another edge."""
    change = event.payload
    db.execute(NEW_EDGE, (event.id, event.chat_id, change.observer_id, change.target_id))
    db.execute(
        "UPDATE edge SET affinity = max(-100, min(100, affinity + ?1)),"
        " trust = max(-100, min(100, trust + ?2)),"
        " last_interaction_id = coalesce(?3, last_interaction_id), changed_by = ?4"
        " WHERE chat_id = ?5 AND observer_id = ?6 AND target_id = ?7",
        (
            change.affinity_delta,
            change.trust_delta,
            change.turn_id,
            event.id,
            event.chat_id,
            change.observer_id,
            change.target_id,
        ),
    )
    for number, fact in enumerate(change.facts):
        db.execute(
            "INSERT INTO fact(id, chat_id, observer_id, target_id, text, how, from_id, event_id, drew_on)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                event.id * MAX_FACTS + number,
                event.chat_id,
                change.observer_id,
                change.target_id,
                fact.text,
                fact.how,
                fact.from_id,
                event.id,
                json.dumps(change.drew_on),
            ),
        )


@projects(EdgeSummarized)
def edge_summarized(db: apsw.Connection, event: Event[EdgeSummarized]) -> None:
    told = event.payload
    db.execute(NEW_EDGE, (event.id, event.chat_id, told.observer_id, told.target_id))
    db.execute(
        "UPDATE edge SET summary = ?, changed_by = ? WHERE chat_id = ? AND observer_id = ? AND target_id = ?",
        (told.summary, event.id, event.chat_id, told.observer_id, told.target_id),
    )


@projects(EdgeFactRemoved)
def edge_fact_removed(db: apsw.Connection, event: Event[EdgeFactRemoved]) -> None:
    db.execute("DELETE FROM fact WHERE id = ? AND chat_id = ?", (event.payload.fact_id, event.chat_id))


@projects(GroupUpdated)
def group_updated(db: apsw.Connection, event: Event[GroupUpdated]) -> None:
    db.execute(
        "INSERT INTO group_node(id, chat_id, members, summary, drew_on, changed_by)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?1)"
        " ON CONFLICT (chat_id, members) DO UPDATE SET summary = ?4, drew_on = ?5, changed_by = ?1",
        (
            event.id,
            event.chat_id,
            json.dumps(sorted(set(event.payload.members))),
            event.payload.summary,
            json.dumps(event.payload.drew_on),
        ),
    )
