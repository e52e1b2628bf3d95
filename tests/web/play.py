"""A chat to correct, and one case for each thing in it that can be corrected."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from store import log, places, rebuild
from store.events import (
    ActivityChanged,
    AuthorNoteSet,
    Container,
    ContainerChanged,
    EdgeSummarized,
    EdgeUpdated,
    EntityChanged,
    GroupUpdated,
    InventoryChanged,
    MemoryEdited,
    MemoryPinned,
    MemoryWitnessChanged,
    Payload,
    WorldChanged,
    YouChanged,
)
from tests.web.conftest import Site


@dataclass
class Play:
    """A chat of you and Ada with a place, and a memory of hers."""

    site: Site
    chat_id: int
    host_id: int
    memory_id: int = 0

    async def record(self, payload: Payload) -> int:
        """As a stage would, but for the run."""
        writer = self.site.program.engine.store.writer
        return (await writer.submit(lambda txn: txn.append(payload, chat_id=self.chat_id))).id

    async def state(self) -> dict[str, Any]:
        return dict((await self.site.client.get(f"/api/chats/{self.chat_id}/state")).json())

    async def memory(self) -> dict[str, Any]:
        path = f"/api/chats/{self.chat_id}/memories?owner={self.host_id}"
        found = (await self.site.client.get(path)).json()
        return next(one for one in found if one["id"] == self.memory_id)

    async def correct(self, name: str, /, **typed: object) -> Any:
        return await self.site.client.post(f"/api/chats/{self.chat_id}/corrections/{name}", json=typed)

    def logged(self, after: int) -> list[tuple[str, dict[str, Any], int | None]]:
        found = self.site.program.engine.store.hot.execute(
            "SELECT kind, payload, run_id FROM event WHERE chat_id = ? AND id > ? ORDER BY id",
            (self.chat_id, after),
        )
        return [(str(kind), json.loads(str(said)), run_id) for kind, said, run_id in found]

    def position(self) -> int:
        return log.position(self.site.program.engine.store.hot)

    def assert_rebuilds(self) -> None:
        assert self.site.program.engine.store.read_now(rebuild.check) == []


@dataclass(frozen=True)
class Case:
    """One correction: what is typed, what the log then holds, where it shows, and what else may set it."""

    name: str
    typed: Callable[[Play], dict[str, Any]]
    kind: str
    payload: dict[str, Any]
    shows: Callable[[dict[str, Any]], object]
    as_typed: object
    meanwhile: Callable[[Play], Payload]
    both: tuple[str, str]
    of_memory: bool = False


def edge_of(state: dict[str, Any]) -> dict[str, Any]:
    """How the host sees you."""
    return next(dict(one) for one in state["edges"] if one["target_id"] == 0)


def host_of(state: dict[str, Any]) -> dict[str, Any]:
    return dict(state["present"][1])


CASES = (
    Case(
        "activity",
        lambda play: {"entity_id": play.host_id, "activity": "sleeps", "slot": "stove"},
        "activity.changed",
        {"activity": "sleeps", "slot": "stove"},
        lambda state: (host_of(state)["activity"], host_of(state)["slot"]),
        ("sleeps", "stove"),
        lambda play: ActivityChanged(entity_id=play.host_id, activity="reads"),
        ("reads", "sleeps · stove"),
    ),
    Case(
        "entity",
        lambda play: {"entity_id": play.host_id, "mood": "calm", "goals": "tea"},
        "entity.changed",
        {"mood": "calm", "goals": "tea", "status": None},
        lambda state: (host_of(state)["mood"], host_of(state)["goals"]),
        ("calm", "tea"),
        lambda play: EntityChanged(entity_id=play.host_id, mood="furious"),
        ("furious", "calm · tea"),
    ),
    Case(
        "inventory",
        lambda play: {"entity_id": 0, "inventory": ["Key", "key", "lamp"]},
        "inventory.changed",
        {"gained": ["key", "lamp"], "lost": []},
        lambda state: state["present"][0]["inventory"],
        ["key", "lamp"],
        lambda play: InventoryChanged(entity_id=0, gained=("letter",)),
        ("letter", "key · lamp"),
    ),
    Case(
        "place",
        lambda play: {"name": "Cellar", "slots": ["stairs"], "public": True},
        "container.changed",
        {},
        lambda state: (state["place"]["name"], state["place"]["slots"], state["place"]["public"]),
        ("Cellar", ["stairs"], True),
        lambda play: ContainerChanged(container_id=_place_id(play), container=Container(name="Attic")),
        ("Attic", "Cellar"),
    ),
    Case(
        "world",
        lambda play: {"time": "dusk"},
        "world.changed",
        {"time": "dusk", "weather": None},
        lambda state: state["world"]["time"],
        "dusk",
        lambda play: WorldChanged(time="noon"),
        ("noon", "dusk"),
    ),
    Case(
        "edge",
        lambda play: {"observer_id": play.host_id, "target_id": 0, "affinity": -40, "trust": 100},
        "edge.updated",
        {"affinity_delta": -40, "trust_delta": 100},
        lambda state: (edge_of(state)["affinity"], edge_of(state)["trust"]),
        (-40, 100),
        lambda play: EdgeUpdated(observer_id=play.host_id, target_id=0, affinity_delta=7),
        ("7 · 0", "-40 · 100"),
    ),
    Case(
        "edge-summary",
        lambda play: {"observer_id": play.host_id, "target_id": 0, "summary": "likes them"},
        "edge.summarized",
        {"summary": "likes them"},
        lambda state: edge_of(state)["summary"],
        "likes them",
        lambda play: EdgeSummarized(observer_id=play.host_id, target_id=0, summary="fears them"),
        ("fears them", "likes them"),
    ),
    Case(
        "group",
        lambda play: {"summary": "old friends"},
        "group.updated",
        {"summary": "old friends"},
        lambda state: state["group"]["summary"],
        "old friends",
        lambda play: GroupUpdated(members=(0, play.host_id), summary="strangers"),
        ("strangers", "old friends"),
    ),
    Case(
        "note",
        lambda play: {"text": "slowly", "depth": 2},
        "author_note.set",
        {"text": "slowly", "depth": 2},
        lambda state: (state["note"]["text"], state["note"]["depth"]),
        ("slowly", 2),
        lambda play: AuthorNoteSet(text="quickly"),
        ("quickly · 4", "slowly · 2"),
    ),
    Case(
        "you",
        lambda play: {"name": "Wren"},
        "you.changed",
        {"name": "Wren", "persona": None},
        lambda state: (state["present"][0]["name"], state["you"]["name"]),
        ("Wren", "Wren"),
        lambda play: YouChanged(name="Max", persona="A smuggler."),
        ("Max · A smuggler.", "Wren · A smuggler."),
    ),
    Case(
        "memory",
        lambda play: {"memory_id": play.memory_id, "text": "Good night."},
        "memory.edited",
        {"text": "Good night."},
        lambda memory: memory["text"],
        "Good night.",
        lambda play: MemoryEdited(memory_id=play.memory_id, text="Bye."),
        ("Bye.", "Good night."),
        of_memory=True,
    ),
    Case(
        "pin",
        lambda play: {"memory_id": play.memory_id, "pinned": True},
        "memory.pinned",
        {"by": "manual"},
        lambda memory: memory["pinned"],
        "manual",
        lambda play: MemoryPinned(memory_id=play.memory_id, by="auto"),
        ("pinned by itself", "pinned by hand"),
        of_memory=True,
    ),
    Case(
        "witnesses",
        lambda play: {"memory_id": play.memory_id, "witnesses": [0]},
        "memory.witness_changed",
        {"witnesses": [0]},
        lambda memory: memory["witnesses"],
        [0],
        lambda play: MemoryWitnessChanged(memory_id=play.memory_id, witnesses=(play.host_id,)),
        ("Now: “Ada”", "You wrote: “You”"),
        of_memory=True,
    ),
)


def _place_id(play: Play) -> int:
    db = play.site.program.engine.store.hot
    return places.places(db, play.chat_id)[0].id
