"""How a chat stands, read once for both the drawer and the JSON interface."""

from collections.abc import Iterable

import apsw

from pipeline.seen import everyone, since
from store import memories, places, relations, views
from store.courses import Courses
from store.events import YOU
from store.relations import Edge, EntityState, Known
from store.views import Chat
from web import models_state as m

Names = dict[int, str]


def names_of(db: apsw.Connection, chat: Chat, others: Iterable[int] = ()) -> Names:
    """Entity id → its name; whoever has the name of another is told apart by their part in the chat."""
    ids = dict.fromkeys((*chat.members, *(one for one in others if one != YOU)))
    names = {YOU: chat.you_name}
    taken = {chat.you_name.casefold()}
    for entity_id in ids:
        name = views.bot(db, entity_id).name
        part = {chat.host_id: "host", chat.guest_id: "guest"}.get(entity_id, f"bot {entity_id}")
        names[entity_id] = f"{name} ({part})" if name.casefold() in taken else name
        taken.add(name.casefold())
    return names


def state_of(db: apsw.Connection, chat_id: int, course: Courses) -> m.StateOut:
    """To be run in a thread. `course` is read by whoever shows it: it takes the longest.

    Raises:
        NotFound: no such chat.
    """
    chat = views.chat(db, chat_id)
    edges = {(one.observer_id, one.target_id): one for one in relations.edges(db, chat_id)}
    pairs = {pair: edges.get(pair, Edge(*pair)) for pair in _pairs(chat)} | edges
    remembering = list(dict.fromkeys((*chat.members, *memories.owners(db, chat_id))))
    known = {pair: relations.facts(db, chat_id, *pair) for pair in pairs}
    tellers = [fact.from_id for facts in known.values() for fact in facts if fact.from_id is not None]
    names = names_of(db, chat, [*(one for pair in pairs for one in pair), *remembering, *tellers])
    world, group = places.world(db, chat_id), relations.group(db, chat_id, chat.cast)
    return m.StateOut(
        chat_id=chat.id,
        begun=chat.begun,
        archived=chat.archived,
        opening=chat.opening,
        proposal=chat.proposal,
        guest_id=chat.guest_id,
        scene=_scene(db, chat),
        place=_place(db, chat),
        world=m.WorldOut.model_validate(world),
        present=_present(db, chat, names),
        edges=[_edge(edge, chat, names, course, known[pair]) for pair, edge in pairs.items()],
        group=m.GroupOut.model_validate(group) if group else m.GroupOut(summary="", changed_by=0),
        note=m.NoteOut(text=chat.note, depth=chat.note_depth, changed_by=chat.changed_by),
        you=_you(chat),
        remembering=[m.NamedOut(id=one, name=names[one]) for one in remembering],
    )


def _you(chat: Chat) -> m.YouOut:
    return m.YouOut(
        name=chat.you_name, persona=chat.you_persona, before=chat.you_before, changed_by=chat.changed_by
    )


def memories_of(
    db: apsw.Connection, chat_id: int, owner_id: int, before: int | None, limit: int
) -> list[m.MemoryOut]:
    """One page of an owner's memories, newest first."""
    views.chat(db, chat_id)
    found = memories.shown_of_owner(db, chat_id, owner_id, before=before, limit=limit)
    return [m.MemoryOut.model_validate(one) for one in found]


def _pairs(chat: Chat) -> list[tuple[int, int]]:
    """Every directed pair of those in the chat."""
    return [(one, other) for one in everyone(chat) for other in everyone(chat) if one != other]


def _scene(db: apsw.Connection, chat: Chat) -> m.SceneOut | None:
    return m.SceneOut.model_validate(places.scene(db, chat.scene_id)) if chat.scene_id is not None else None


def _place(db: apsw.Connection, chat: Chat) -> m.PlaceOut | None:
    scene = places.scene(db, chat.scene_id) if chat.scene_id is not None else None
    if scene is None or scene.container_id is None:
        return None
    held = places.place(db, scene.container_id)
    return m.PlaceOut(**held.container.model_dump(), id=held.id, changed_by=held.changed_by)


def _present(db: apsw.Connection, chat: Chat, names: Names) -> list[m.EntityOut]:
    states = relations.states(db, chat.id)
    found = []
    for entity_id in everyone(chat):
        now = states.get(entity_id, EntityState(entity_id))
        found.append(
            m.EntityOut(
                id=entity_id,
                here=entity_id in chat.cast,
                name=names[entity_id],
                mood=now.mood,
                goals=now.goals,
                status=now.status,
                activity=now.activity,
                slot=now.slot,
                inventory=now.inventory,
                changed_by=since(chat, now),
            )
        )
    return found


def _edge(edge: Edge, chat: Chat, names: Names, course: Courses, known: list[Known]) -> m.EdgeOut:
    pair = (edge.observer_id, edge.target_id)
    return m.EdgeOut(
        observer_id=edge.observer_id,
        target_id=edge.target_id,
        observer=names[edge.observer_id],
        target=names[edge.target_id],
        present=set(pair) <= set(everyone(chat)),
        affinity=edge.affinity,
        trust=edge.trust,
        summary=edge.summary,
        changed_by=edge.changed_by,
        course=[m.PointOut.model_validate(point) for point in course.get(pair, [])],
        facts=[
            m.FactOut(
                id=fact.id,
                text=fact.text,
                how=fact.how,
                from_id=fact.from_id,
                from_name=names[fact.from_id] if fact.from_id is not None else "",
                event_id=fact.event_id,
            )
            for fact in known
        ],
    )
