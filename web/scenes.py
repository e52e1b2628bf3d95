"""The timeline on the page of the story: its scenes, and the forms that put one in other words."""

from collections.abc import Mapping
from typing import Any

import apsw

from pipeline import wording
from pipeline.engine import Engine
from pipeline.scenes import Wording
from store import meanwhile, places, stale, timeline
from store.events import YOU, MemoryEdited, WorldChanged
from store.projections.fold import FOREVER
from store.views import Chat
from web.typed import Typed


async def edit(engine: Engine, chat_id: int, typed: Typed) -> object:
    """What a scene is called, where and when it was, in what weather, and how much it matters. Times that
    were left as they were shown are not given."""
    given: dict[str, str | int] = {
        name: typed.text(name) for name in ("title", "place", "weather") if name in typed.texts
    }
    for name in ("begins", "ends"):
        if typed.text(name).strip() and typed.text(name) != typed.text(f"{name}-shown"):
            given[name] = typed.text(name)
    judged = typed.text("significance")
    if judged:
        given["significance"] = int(judged) if judged in ("0", "1", "2", "3") else judged
    wording = Wording.model_validate(given)
    return await engine.scenes.edit(chat_id, typed.id("scene_id"), wording, seen=typed.id("seen"))


async def edit_around(engine: Engine, chat_id: int, typed: Typed) -> object:
    """Time and weather in the scene that goes on."""
    given = {name: typed.text(name).strip() for name in ("time", "weather") if name in typed.texts}
    return await engine.corrections.world(chat_id, WorldChanged(**given), seen=typed.id("seen"))


async def edit_told(engine: Engine, chat_id: int, typed: Typed) -> object:
    """What one of its witnesses tells of a scene, which is a memory of theirs."""
    edited = MemoryEdited(memory_id=typed.id("memory_id"), text=typed.text("text"))
    return await engine.recollections.memory(chat_id, edited, seen=typed.id("seen"))


async def edit_quotes(engine: Engine, chat_id: int, typed: Typed) -> object:
    """The words kept beside what somebody tells of a scene, one a line of the form. What was left as it was
    shown is as it was, with its own lines."""
    scene_id, owner_id = typed.id("scene_id"), typed.id("owner_id")
    told = await engine.store.read(lambda db: places.all_summaries(db, chat_id))
    there = {
        _one_line(quote): quote
        for one in told
        if (one.scene_id, one.owner_id) == (scene_id, owner_id)
        for quote in one.quotes
    }
    lines = [_one_line(line) for line in typed.text("quotes").split("\n")]
    quotes = [there.get(line, line) for line in lines if line]
    return await engine.scenes.quotes(chat_id, scene_id, owner_id, quotes, seen=typed.id("seen"))


def _one_line(words: str) -> str:
    return " ".join(words.split())


def unheld(db: apsw.Connection, chat_id: int, people: Mapping[int, str]) -> list[str]:
    """What was said by hand of things that are not there any more."""
    return [wording.unheld(one, people) for one in stale.unheld(db, chat_id)]


def shown(db: apsw.Connection, chat: Chat, people: Mapping[int, str]) -> list[dict[str, Any]]:
    """The timeline. A jump stands before the scene that opened with it, an elision in that which went on:
    by the clock, for a scene may have been opened anew since."""
    held = {one.id: one.container.name for one in places.places(db, chat.id)}
    skips, all_told = meanwhile.skips(db, chat.id), timeline.told(db, chat.id)
    jumps = [skip for skip in skips if skip.mode == "jump"]
    elisions = [skip for skip in skips if skip.mode == "elision"]
    begins = [one.scene.clock if one.scene else 0 for one in all_told]
    return [
        {
            "told": one,
            "quotes": {told.id: "\n".join(map(_one_line, told.quotes)) for told in one.summaries},
            "place": held.get(one.scene.container_id or 0, "") if one.scene else "",
            "people": [people.get(who, "somebody") for who in sorted(one.present)],
            "until": one.scene.closed_clock if one.scene and one.scene.closed_by is not None else None,
            "retimed": wording.retimed(one.retimed) if one.retimed is not None else "",
            "without_you": bool(one.present) and YOU not in one.present,
            "jumps": [skip for skip in jumps if before < skip.clock + skip.minutes <= since],
            "elisions": [skip for skip in elisions if since <= skip.clock < after],
        }
        for one, before, since, after in zip(
            all_told, [-1, *begins], begins, [*begins[1:], FOREVER], strict=False
        )
    ]
