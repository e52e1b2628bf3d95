"""Placing: what a place is known by; and a chat that began nowhere, whose place is named by hand."""

import apsw

from pipeline.whom import folded
from store import places, relations
from store.errors import Refused
from store.events import ActivityChanged, Container, ContainerCreated, SceneClosed, SceneOpened
from store.rows import row
from store.txn import Txn
from store.views import Chat


def same_name(name: str) -> str:
    """A name as places are told apart by it: upper and lower case and "the" make no difference."""
    return folded(name).removeprefix("the ")


def known_by(db: apsw.Connection, chat_id: int, name: str) -> list[int]:
    """The containers of that name, the newest first."""
    wanted = same_name(name)
    known = reversed(places.places(db, chat_id))
    return [one.id for one in known if same_name(one.container.name) == wanted]


def settle(txn: Txn, chat: Chat, container: Container) -> int:
    """Open a scene in a new container and move the running one's turns into it: it all happened there, and
    everybody goes on with what they were doing.

    Raises:
        Refused: the opening is not agreed on yet; the place is part of it.
    """
    if not chat.begun:
        raise Refused("This chat has not begun.", hint="Agree to its opening first; the place is part of it.")
    doing = relations.states(txn.connection, chat.id).values()
    created = txn.append(ContainerCreated(container=container), chat_id=chat.id)
    if chat.scene_id is not None:
        closed = SceneClosed(scene_id=chat.scene_id, reason="the place was named by hand")
        txn.append(closed, chat_id=chat.id, cause_id=created.id)
    present = () if set(chat.cast) >= set(chat.members) else chat.cast
    first = row(
        txn.connection,
        "SELECT id FROM turn WHERE scene_id = ? ORDER BY anchor_id, id LIMIT 1",
        (chat.scene_id,),
    )
    opened = SceneOpened(container_id=created.id, present=present, from_turn_id=first[0] if first else None)
    txn.append(opened, chat_id=chat.id, cause_id=created.id)
    for one in doing:
        if one.activity:
            again = ActivityChanged(entity_id=one.entity_id, activity=one.activity, slot=one.slot)
            txn.append(again, chat_id=chat.id, cause_id=created.id)
    return created.id
