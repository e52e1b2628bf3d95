"""Plotting: what a person does about the plot by hand. Each act is one durable transaction.

Whatever else is recorded with an act answers it, so that Undo takes back the whole.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from pipeline.cast import cast_of
from pipeline.just_created import naming
from pipeline.plot import conditions
from pipeline.plot.due import fired, started
from pipeline.plot.ending import acquired, completed, ended, holders
from pipeline.plot.planning import checked, effects_checked, still_open
from pipeline.plot.standing import Standing
from pipeline.seen import Aspect, agreed, entity_named, named, open_chat
from store import memories, plot
from store.errors import Conflict, Invalid, Refused
from store.events import (
    Effect,
    Payload,
    StoryEventCancelled,
    StoryEventCompleted,
    StoryEventEdited,
    StoryEventPlanned,
    StoryPlan,
    ThreadClosed,
    ThreadOpened,
    ThreadUpdated,
)
from store.events.plot import SURVIVING
from store.plot import StoryEvent, Thread
from store.store import Store
from store.txn import Txn
from store.views import Chat

T = TypeVar("T")
BY_HAND = "by hand"


class Plotting:
    """What pages, the JSON interface and the command line submit."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def plan(self, chat_id: int, plan: StoryPlan) -> int:
        """Plan a story event; returns its id.

        Raises:
            Invalid: it cannot come about; see `plot.planning`.
        """

        def step(txn: Txn, chat: Chat) -> int:
            return txn.append(StoryEventPlanned(plan=checked(txn, chat, plan)), chat_id=chat.id).id

        return await self._do(chat_id, step)

    async def edit(self, chat_id: int, story_event_id: int, plan: StoryPlan, *, seen: int) -> int | None:
        """Another plan in place of the one the person saw; None where it says the same."""

        def step(txn: Txn, chat: Chat) -> int | None:
            now = still_open(plot.story_event(txn.connection, chat.id, story_event_id))
            asked = Aspect(
                f"The story event {now.plan.title!r}",
                ("story_event.edited",),
                _described(now.plan),
                _described(plan),
                now.changed_by,
                {"story_event_id": now.id},
            )
            if not agreed(txn, chat, asked, seen):
                return None
            checked(txn, chat, plan, now.id)
            edited = StoryEventEdited(story_event_id=now.id, plan=plan)
            return txn.append(edited, chat_id=chat.id).id

        return await self._do(chat_id, step)

    async def start(self, chat_id: int, story_event_id: int) -> int:
        """Let a planned story event begin before those present, whatever it was to wait for."""

        def step(txn: Txn, chat: Chat) -> int:
            event = still_open(plot.story_event(txn.connection, chat.id, story_event_id))
            if event.state != "planned":
                raise Conflict(f"The story event {event.plan.title!r} goes on already.", hint=NOTHING_TO_DO)
            return _told(txn, chat, started(chat, event, chat.cast, reason=BY_HAND))

        return await self._do(chat_id, step)

    async def complete(
        self,
        chat_id: int,
        story_event_id: int,
        *,
        gist: str = "",
        effects: Sequence[Effect] | None = None,
        keeps: Mapping[str, int | None] | None = None,
    ) -> int:
        """A story event is over. What survives are its `effects`, those of its plan by default, and the gist,
        which those remember who were present at its beginning and are now. `keeps` says of a prop that
        somebody holds who is to have it from now on, None for nobody.

        Raises:
            Invalid: it is over already; an effect that cannot outlive it, or names nobody.
            Refused: it has not begun; or a prop is held by somebody, and nothing says who keeps it.
        """

        def step(txn: Txn, chat: Chat) -> int:
            event = still_open(plot.story_event(txn.connection, chat.id, story_event_id))
            if event.state == "planned":
                raise Refused(
                    f"The story event {event.plan.title!r} has not begun.",
                    hint="Start it first, or cancel it.",
                )
            standing = Standing.of(txn.connection, chat.id)
            chosen = tuple(event.plan.on_complete if effects is None else effects)
            _outliving(txn, chat, chosen)
            survives = (*chosen, *_keeping(txn, chat, event, keeps or {}))
            _refuse_undecided(txn, chat, event, standing, survives, keeps or {})
            over = StoryEventCompleted(story_event_id=event.id, gist=gist.strip(), reason=BY_HAND)
            saw = cast_of(txn.connection, chat, sorted(set(event.present) & set(chat.cast))).names
            told = completed(
                chat,
                event,
                over,
                survives,
                standing,
                there=chat.cast,
                witnesses=saw,
                pins=partial(memories.pinned, txn.connection, chat.id),
                drew_on=(event.id,),
            )
            completed_id = _told(txn, chat, told)
            _follow(txn, chat.id, event.id, completed_id)
            return completed_id

        return await self._do(chat_id, step)

    async def cancel(self, chat_id: int, story_event_id: int, reason: str = "") -> int:
        """A story event will not come about, or comes to nothing."""

        def step(txn: Txn, chat: Chat) -> int:
            event = still_open(plot.story_event(txn.connection, chat.id, story_event_id))
            word = StoryEventCancelled(story_event_id=event.id, reason=reason.strip() or BY_HAND)
            return _told(txn, chat, ended(event, word, Standing.of(txn.connection, chat.id)))

        return await self._do(chat_id, step)

    async def open_thread(
        self, chat_id: int, title: str, summary: str = "", known_to: Sequence[int] | None = None
    ) -> int:
        """Something is left open, known to all who are present unless it is said to whom."""

        def step(txn: Txn, chat: Chat) -> int:
            known = chat.cast if known_to is None else _knowing(txn, chat, known_to)
            opened = ThreadOpened(title=title, summary=summary, known_to=known, scene_id=chat.scene_id)
            return txn.append(opened, chat_id=chat.id).id

        return await self._do(chat_id, step)

    async def edit_thread(self, chat_id: int, told: ThreadUpdated, *, seen: int) -> int | None:
        """How a thread stands; None leaves a thing as it is."""

        def step(txn: Txn, chat: Chat) -> int | None:
            now = _still_open(plot.thread(txn.connection, chat.id, told.thread_id))
            known = now.known_to if told.known_to is None else _knowing(txn, chat, told.known_to)
            title = now.title if told.title is None else told.title
            summary = now.summary if told.summary is None else told.summary
            asked = Aspect(
                f"The thread {now.title!r}",
                ("thread.updated",),
                (now.title, now.summary, *(named(txn, chat, one) for one in now.known_to)),
                (title, summary, *(named(txn, chat, one) for one in known)),
                now.changed_by,
                {"thread_id": now.id},
            )
            if not agreed(txn, chat, asked, seen):
                return None
            changed = None if told.known_to is None else known
            return txn.append(told.model_copy(update={"known_to": changed}), chat_id=chat.id).id

        return await self._do(chat_id, step)

    async def close_thread(self, chat_id: int, thread_id: int, resolution: str = "") -> int:
        def step(txn: Txn, chat: Chat) -> int:
            now = _still_open(plot.thread(txn.connection, chat.id, thread_id))
            return txn.append(ThreadClosed(thread_id=now.id, resolution=resolution), chat_id=chat.id).id

        return await self._do(chat_id, step)

    async def _do(self, chat_id: int, step: Callable[[Txn, Chat], T]) -> T:
        def whole(txn: Txn) -> T:
            return step(txn, open_chat(txn.connection, chat_id))

        return await self._store.writer.submit(whole, durable=True)


NOTHING_TO_DO = "Nothing is to be done."


def _told(txn: Txn, chat: Chat, payloads: Iterator[Payload]) -> int:
    """Record an act, and what follows from it as its answers; returns the id of the act."""
    act = txn.append(next(payloads), chat_id=chat.id)
    created: dict[type[Payload], int] = {}
    for payload in payloads:
        event = txn.append(naming(payload, created), chat_id=chat.id, cause_id=act.id)
        created[type(payload)] = event.id
    return act.id


def _follow(txn: Txn, chat_id: int, completed_id: int, cause_id: int) -> None:
    """What waited for a story event to be completed, and for nothing else, begins with its end."""
    chat = open_chat(txn.connection, chat_id)
    waiting = [one for one in plot.open_story_events(txn.connection, chat_id) if _awaits(one, completed_id)]
    if waiting:
        standing = Standing.of(txn.connection, chat_id)
        situation = conditions.now(txn.connection, chat, chat.clock)
        for payload in fired(chat, waiting, standing, situation, chat.clock):
            txn.append(payload, chat_id=chat_id, cause_id=cause_id)


def _awaits(event: StoryEvent, story_event_id: int) -> bool:
    wanted: Iterable[int | None] = (one.event_id for one in (*event.plan.preconditions, *event.plan.triggers))
    return event.state == "planned" and story_event_id in wanted


def _outliving(txn: Txn, chat: Chat, effects: tuple[Effect, ...]) -> None:
    for number, effect in enumerate(effects):
        if effect.kind not in SURVIVING:
            kept = ", ".join(sorted(SURVIVING))
            raise Invalid(
                f"effects[{number}].kind: {effect.kind!r} does not outlive a story event.",
                hint=f"What may come of one is {kept}.",
            )
    effects_checked(txn, chat, "effects", effects)


def _keeping(txn: Txn, chat: Chat, event: StoryEvent, keeps: Mapping[str, int | None]) -> Iterator[Effect]:
    """That somebody keeps a prop, as the effect that says so."""
    known = {prop.name.casefold(): prop.name for prop in event.plan.props}
    for prop, entity_id in keeps.items():
        if prop.casefold() not in known:
            there = ", ".join(known.values()) or "none"
            raise Invalid(f"keeps: {prop!r} is no prop of this story event.", hint=f"Its props: {there}.")
        if entity_id is not None:
            entity_named(txn, chat, "keeps", entity_id)
            yield Effect(kind="gains", entity_id=entity_id, text=known[prop.casefold()])


def _refuse_undecided(
    txn: Txn,
    chat: Chat,
    event: StoryEvent,
    standing: Standing,
    effects: Sequence[Effect],
    keeps: Mapping[str, int | None],
) -> None:
    decided = {*map(str.casefold, keeps), *map(str.casefold, acquired(event, effects))}
    held = {prop: who for prop, who in holders(event, standing).items() if prop.casefold() not in decided}
    if held:
        told = "; ".join(
            f"{prop!r} by {', '.join(named(txn, chat, one) for one in who)}" for prop, who in held.items()
        )
        raise Refused(
            f"Somebody holds a prop of {event.plan.title!r}: {told}.",
            hint="Say for each who keeps it, or that nobody does.",
        )


def _knowing(txn: Txn, chat: Chat, known_to: Sequence[int]) -> tuple[int, ...]:
    for entity_id in known_to:
        entity_named(txn, chat, "known_to", entity_id)
    return tuple(sorted(set(known_to)))


def _still_open(thread: Thread) -> Thread:
    if thread.closed_by is not None:
        raise Invalid(
            f"The thread {thread.title!r} is closed already.",
            hint="Open another one; Undo takes back an end that was set by hand.",
        )
    return thread


def _described(plan: StoryPlan) -> tuple[str, ...]:
    """A plan in words, for a person to compare."""
    told = plan.model_dump(exclude_defaults=True)
    return tuple(f"{name}: {value}" for name, value in told.items())
