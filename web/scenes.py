"""The timeline on the page of the story: its scenes, and the forms that put one in other words."""

from collections.abc import Mapping
from typing import Any

import apsw

from pipeline.engine import Engine
from pipeline.scenes import Wording
from store import meanwhile, places, timeline
from store.events import YOU, MemoryEdited, WorldChanged
from store.projections.fold import FOREVER
from store.views import Chat
from web.typed import Typed


async def edit(engine: Engine, chat_id: int, typed: Typed) -> object:
    """What a scene is called, where it was and how much it matters."""
    given: dict[str, str | int] = {
        name: typed.text(name) for name in ("title", "place") if name in typed.texts
    }
    judged = typed.text("significance")
    if judged:
        given["significance"] = int(judged) if judged in ("0", "1", "2", "3") else judged
    wording = Wording.model_validate(given)
    return await engine.scenes.edit(chat_id, typed.id("scene_id"), wording, seen=typed.id("seen"))


async def edit_around(engine: Engine, chat_id: int, typed: Typed) -> object:
    """Time and weather in the scene that goes on; those of others are not kept."""
    given = {name: typed.text(name).strip() for name in ("time", "weather") if name in typed.texts}
    return await engine.corrections.world(chat_id, WorldChanged(**given), seen=typed.id("seen"))


async def edit_told(engine: Engine, chat_id: int, typed: Typed) -> object:
    """What one of its witnesses tells of a scene, which is a memory of theirs."""
    edited = MemoryEdited(memory_id=typed.id("memory_id"), text=typed.text("text"))
    return await engine.corrections.memory(chat_id, edited, seen=typed.id("seen"))


def shown(db: apsw.Connection, chat: Chat, people: Mapping[int, str]) -> list[dict[str, Any]]:
    """The timeline. A jump stands before the scene that opened with it, an elision in that which went on."""
    held = {one.id: one.container.name for one in places.places(db, chat.id)}
    skips, told = meanwhile.skips(db, chat.id), timeline.told(db, chat.id)
    opened = [one.scene.id if one.scene else 0 for one in told]
    return [
        {
            "told": one,
            "place": held.get(one.scene.container_id or 0, "") if one.scene else "",
            "people": [people.get(who, "somebody") for who in sorted(one.present)],
            "until": one.scene.closed_clock if one.scene else None,
            "without_you": bool(one.present) and YOU not in one.present,
            "jumps": [skip for skip in skips if skip.mode == "jump" and before < skip.id < since],
            "elisions": [skip for skip in skips if skip.mode == "elision" and since < skip.id < after],
        }
        for one, before, since, after in zip(
            told, [-1, *opened], opened, [*opened[1:], FOREVER], strict=False
        )
    ]
