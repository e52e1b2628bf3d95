"""Corrections: what a person sets right of how things stand, who is who to whom, and where they are.

What somebody remembers is corrected in `pipeline.recollections`.
"""

from collections.abc import Sequence

from pipeline import story_time
from pipeline.correcting import Correcting, Sought
from pipeline.placing import settle
from pipeline.seen import (
    Aspect,
    agreed,
    described,
    edge_named,
    entity_named,
    entity_state,
    named,
    open_chat,
    since,
)
from store import places, relations
from store.events import (
    ActivityChanged,
    AuthorNoteSet,
    Container,
    ContainerChanged,
    EdgeFactRemoved,
    EdgeSummarized,
    EdgeUpdated,
    EntityChanged,
    Fact,
    GroupUpdated,
    InventoryChanged,
    Payload,
    WorldChanged,
    YouChanged,
)
from store.txn import Txn
from store.views import Chat

MOVED = "(payload ->> 'affinity_delta' != 0 OR payload ->> 'trust_delta' != 0)"


class Corrections(Correcting):
    """What the drawer and the JSON interface submit."""

    async def activity(self, chat_id: int, change: ActivityChanged, *, seen: int) -> int | None:
        """What an entity is doing and, unless None, in which slot."""

        def step(txn: Txn, chat: Chat) -> Sought:
            now = entity_state(txn, chat, change.entity_id)
            slot = now.slot if change.slot is None else change.slot
            asked = Aspect(
                f"The activity of {named(txn, chat, change.entity_id)}",
                ("activity.changed", "scene.opened"),
                (now.activity, now.slot),
                (change.activity, slot),
                since(chat, now),
                {"entity_id": change.entity_id},
            )
            return asked, change

        return await self._correct(chat_id, seen, step)

    async def entity(self, chat_id: int, change: EntityChanged, *, seen: int) -> int | None:
        """Mood, goals and status; None leaves one as it is."""

        def step(txn: Txn, chat: Chat) -> Sought:
            now = entity_state(txn, chat, change.entity_id)
            stands = (now.mood, now.goals, now.status)
            typed = (change.mood, change.goals, change.status)
            asked = Aspect(
                f"How {named(txn, chat, change.entity_id)} is",
                ("entity.changed",),
                stands,
                tuple(old if new is None else new for old, new in zip(stands, typed, strict=True)),
                since(chat, now),
                {"entity_id": change.entity_id},
            )
            return asked, change

        return await self._correct(chat_id, seen, step)

    async def inventory(self, chat_id: int, entity_id: int, held: Sequence[str], *, seen: int) -> int | None:
        """All that an entity carries; the event holds what it gained and lost."""

        def step(txn: Txn, chat: Chat) -> Sought:
            state = entity_state(txn, chat, entity_id)
            now = state.inventory
            wanted = tuple({thing.casefold(): thing for thing in held}.values())
            asked = Aspect(
                f"What {named(txn, chat, entity_id)} carries",
                ("inventory.changed",),
                tuple(sorted(now)),
                tuple(sorted(wanted)),
                since(chat, state),
                {"entity_id": entity_id},
            )
            gained = tuple(thing for thing in wanted if thing not in now)
            lost = tuple(thing for thing in now if thing not in wanted)
            return asked, InventoryChanged(entity_id=entity_id, gained=gained, lost=lost)

        return await self._correct(chat_id, seen, step)

    async def world(self, chat_id: int, change: WorldChanged, *, seen: int) -> int | None:
        """Time and weather; None leaves one as it is. The clock follows the time, where it tells one."""

        def step(txn: Txn, chat: Chat) -> Sought:
            now = places.world(txn.connection, chat.id)
            time = now.time if change.time is None else change.time
            weather = now.weather if change.weather is None else change.weather
            stands = (now.time, now.weather)
            asked = Aspect("Time and weather", ("world.changed",), stands, (time, weather), now.changed_by)
            told = time if time != now.time else ""
            return asked, change.model_copy(update={"clock": story_time.clock_at(told, chat.clock)})

        return await self._correct(chat_id, seen, step)

    async def place(self, chat_id: int, container: Container, *, seen: int) -> int | None:
        """The place of the running scene. Where there is none yet, a scene opens in it: three events that
        cannot be told as one."""

        def step(txn: Txn) -> int | None:
            chat = open_chat(txn.connection, chat_id)
            scene = places.scene(txn.connection, chat.scene_id) if chat.scene_id is not None else None
            if scene is None or scene.container_id is None:
                return settle(txn, chat, container)
            now = places.place(txn.connection, scene.container_id)
            of = {"container_id": now.id}
            stands, typed = described(now.container), described(container)
            asked = Aspect("The place", ("container.changed",), stands, typed, now.changed_by, of)
            if not agreed(txn, chat, asked, seen):
                return None
            return txn.append(ContainerChanged(container_id=now.id, container=container), chat_id=chat.id).id

        return await self._store.writer.submit(step, durable=True)

    async def edge(
        self, chat_id: int, observer_id: int, target_id: int, *, affinity: int, trust: int, seen: int
    ) -> int | None:
        """Affinity and trust as they should stand, -100 to 100; the event holds the difference."""

        def step(txn: Txn, chat: Chat) -> Sought:
            what = edge_named(txn, chat, observer_id, target_id)
            now = relations.edge(txn.connection, chat.id, observer_id, target_id)
            asked = Aspect(
                f"Affinity and trust of {what}",
                ("edge.updated",),
                (str(now.affinity), str(now.trust)),
                (str(affinity), str(trust)),
                now.changed_by,
                {"observer_id": observer_id, "target_id": target_id},
                MOVED,
            )
            moved = {"affinity_delta": affinity - now.affinity, "trust_delta": trust - now.trust}
            return asked, EdgeUpdated(observer_id=observer_id, target_id=target_id, **moved)

        return await self._correct(chat_id, seen, step)

    async def edge_summary(self, chat_id: int, told: EdgeSummarized, *, seen: int) -> int | None:
        def step(txn: Txn, chat: Chat) -> Sought:
            what = edge_named(txn, chat, told.observer_id, told.target_id)
            now = relations.edge(txn.connection, chat.id, told.observer_id, told.target_id)
            of = {"observer_id": told.observer_id, "target_id": told.target_id}
            asked = Aspect(
                f"The summary of {what}",
                ("edge.summarized",),
                (now.summary,),
                (told.summary,),
                now.changed_by,
                of,
            )
            return asked, told

        return await self._correct(chat_id, seen, step)

    async def add_fact(self, chat_id: int, observer_id: int, target_id: int, fact: Fact) -> int | None:
        """Something the observer holds to be true of the target, and how it learnt it."""

        def step(txn: Txn, chat: Chat) -> Payload:
            edge_named(txn, chat, observer_id, target_id)
            if fact.from_id is not None:
                entity_named(txn, chat, "from_id", fact.from_id)
            return EdgeUpdated(observer_id=observer_id, target_id=target_id, facts=(fact,))

        return await self._record(chat_id, step)

    async def remove_fact(self, chat_id: int, fact_id: int) -> int | None:
        def step(txn: Txn, chat: Chat) -> Payload:
            relations.fact(txn.connection, chat.id, fact_id)
            return EdgeFactRemoved(fact_id=fact_id)

        return await self._record(chat_id, step)

    async def group(self, chat_id: int, summary: str, *, seen: int) -> int | None:
        """How those present are together; another company is another group."""

        def step(txn: Txn, chat: Chat) -> Sought:
            now = relations.group(txn.connection, chat.id, chat.cast)
            stands, changed_by = (now.summary, now.changed_by) if now else ("", 0)
            asked = Aspect("The summary of the group", ("group.updated",), (stands,), (summary,), changed_by)
            return asked, GroupUpdated(members=chat.cast, summary=summary)

        return await self._correct(chat_id, seen, step)

    async def you(self, chat_id: int, change: YouChanged, *, seen: int) -> int | None:
        """What you are called, and what the others may know of you; None leaves one as it is."""

        def step(txn: Txn, chat: Chat) -> Sought:
            stands = (chat.you_name, chat.you_persona)
            name = chat.you_name if change.name is None else change.name
            typed = (name, chat.you_persona if change.persona is None else change.persona)
            return Aspect("Who you are", ("you.changed",), stands, typed, chat.changed_by), change

        return await self._correct(chat_id, seen, step)

    async def note(self, chat_id: int, note: AuthorNoteSet, *, seen: int) -> int | None:
        def step(txn: Txn, chat: Chat) -> Sought:
            stands, typed = (chat.note, str(chat.note_depth)), (note.text, str(note.depth))
            asked = Aspect("The author's note", ("author_note.set",), stands, typed, chat.changed_by)
            return asked, note

        return await self._correct(chat_id, seen, step)
