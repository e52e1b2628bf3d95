"""Scenes: what a person says of one by hand, whether it goes on or is over.

What its witnesses tell of it are memories of theirs, and corrected as such (`pipeline.corrections`).
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pipeline.placing import known_by, same_name
from pipeline.seen import Aspect, agreed, open_chat
from pipeline.wording import SIGNIFICANCE
from store import places
from store.errors import NotFound
from store.events import (
    MAX_NAME_CHARS,
    Container,
    ContainerCreated,
    SceneEdited,
    SceneSignificance,
    ShortText,
)
from store.places import Scene
from store.store import Store
from store.txn import Txn
from store.views import Chat


class Wording(BaseModel):
    """A scene in a person's words; None leaves a thing as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: ShortText | None = Field(default=None, description="What it is called, or is about")
    place: Annotated[ShortText, Field(max_length=MAX_NAME_CHARS)] | None = Field(
        default=None, description="A place known by this name, or a new one; empty where it was in none"
    )
    significance: SceneSignificance | None = Field(
        default=None, description='0 to 3, or "turns" for that of its most significant turn'
    )


class Scenes:
    """What pages, the JSON interface and the command line submit about scenes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def edit(self, chat_id: int, scene_id: int, wording: Wording, *, seen: int) -> int | None:
        """Put a scene in other words than those the person saw; None where it says the same. A place that is
        not known by its name is a new one.

        Raises:
            NotFound: there is no such scene.
        """

        def step(txn: Txn) -> int | None:
            chat = open_chat(txn.connection, chat_id)
            now = scene_of(txn, chat, scene_id)
            edited = SceneEdited(scene_id=now.id, title=_stripped(wording.title))
            if not agreed(txn, chat, _asked(txn, now, wording), seen):
                return None
            where = _where(txn, chat, now, wording)
            told = edited.model_copy(update={**where, "significance": wording.significance})
            return txn.append(told, chat_id=chat.id).id

        return await self._store.writer.submit(step, durable=True)


def scene_of(txn: Txn, chat: Chat, scene_id: int) -> Scene:
    """A scene of the chat.

    Raises:
        NotFound: it has none of that id.
    """
    found = next((one for one in places.scenes(txn.connection, chat.id) if one.id == scene_id), None)
    if found is None:
        raise NotFound(f"There is no scene {scene_id} in chat {chat.id}.", hint="The story lists its scenes.")
    return found


def _asked(txn: Txn, now: Scene, wording: Wording) -> Aspect:
    """How the scene stands, and how it was typed."""
    title, judged = _stripped(wording.title), wording.significance
    place = _place_name(txn, now)
    stands = (now.title, place, _judged(now.significance))
    typed = (
        now.title if title is None else title,
        place if wording.place is None or _is(wording.place, place) else wording.place.strip(),
        stands[2] if judged is None else _judged(None if judged == "turns" else judged),
    )
    return Aspect("The scene", ("scene.edited",), stands, typed, now.changed_by, {"scene_id": now.id})


def _judged(significance: int | None) -> str:
    return "as its turns are" if significance is None else SIGNIFICANCE[significance]


def _place_name(txn: Txn, scene: Scene) -> str:
    return places.place(txn.connection, scene.container_id).container.name if scene.container_id else ""


def _where(txn: Txn, chat: Chat, now: Scene, wording: Wording) -> dict[str, int | bool]:
    """The container that is meant, if the scene is to be in another one than it is."""
    if wording.place is None or _is(wording.place, _place_name(txn, now)):
        return {}
    name = wording.place.strip()
    if not name:
        return {"nowhere": True}
    known = known_by(txn.connection, chat.id, name)
    if known:
        return {"container_id": known[0]}
    created = ContainerCreated(container=Container(name=name))
    return {"container_id": txn.append(created, chat_id=chat.id).id}


def _is(typed: str, place: str) -> bool:
    return same_name(typed) == same_name(place)


def _stripped(text: str | None) -> str | None:
    return text if text is None else text.strip()
