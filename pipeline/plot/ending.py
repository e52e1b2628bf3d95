"""Endings: what survives a story event that is over, and what goes with it.

Objects acquired, knowledge gained, relationships changed and the gist of it survive, each as an event of its
own. Everything else of the plan is out of the story: a prop that nobody acquired is taken from whoever holds
it, and how somebody is, what they do and where is no longer told by it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from pipeline.pinning import room
from pipeline.plot.effects import consequences
from pipeline.plot.standing import Standing
from pipeline.whom import stands_in
from store.events import (
    JUST_CREATED,
    PIVOTAL,
    YOU,
    ActivityChanged,
    ContainerChanged,
    Effect,
    EntityChanged,
    InventoryChanged,
    MemoryPinned,
    MemoryWritten,
    Payload,
    StoryEventCancelled,
    StoryEventCompleted,
    StoryEventExpired,
)
from store.memories import Memory
from store.plot import StoryEvent
from store.relations import EntityState
from store.views import Chat

ARTICLES = ("the ", "a ", "an ")


def completed(
    chat: Chat,
    event: StoryEvent,
    over: StoryEventCompleted,
    effects: Sequence[Effect],
    standing: Standing,
    *,
    there: Collection[int],
    witnesses: Mapping[int, str],
    pins: Callable[[int], Sequence[Memory]],
    drew_on: tuple[int, ...] = (),
) -> Iterator[Payload]:
    """A story event is over: the word of it, then the four things that survive, then what goes. Those
    `there` saw it end; the `witnesses`, each under a name, its beginning too, and they remember the gist as
    significant as it was planned to be. What is pivotal is pinned; `pins` tells what somebody has pinned."""
    yield over
    promoted = consequences(effects, members=(YOU, *chat.members), present=there, drew_on=drew_on)
    yield from (one for one in promoted if not _held_already(one, event, standing))
    saw = tuple(sorted(witnesses))
    for owner_id in saw if over.gist.strip() else ():
        if owner_id != YOU:
            yield MemoryWritten(
                owner_id=owner_id,
                speaker_name=witnesses[owner_id],
                text=over.gist,
                witnesses=saw,
                form="summary",
                scene_id=event.scene_id,
                drew_on=drew_on,
                significance=event.plan.significance,
            )
            if event.plan.significance == PIVOTAL:
                yield from room(pins(owner_id))
                yield MemoryPinned(memory_id=JUST_CREATED, by="auto")
    yield from _gone(event, standing, acquired(event, effects))


def ended(
    event: StoryEvent, word: StoryEventExpired | StoryEventCancelled, standing: Standing
) -> Iterator[Payload]:
    """A story event came to nothing: nothing of it survives."""
    yield word
    yield from _gone(event, standing, {})


def acquired(event: StoryEvent, effects: Iterable[Effect]) -> dict[str, frozenset[int]]:
    """Prop → whoever keeps it, for those that somebody does."""
    gains = [one for one in effects if one.kind == "gains" and one.entity_id is not None]
    kept = {
        prop.name: frozenset(one.entity_id or YOU for one in gains if names(one.text, prop.name))
        for prop in event.plan.props
    }
    return {prop: whose for prop, whose in kept.items() if whose}


def holders(event: StoryEvent, standing: Standing) -> dict[str, tuple[int, ...]]:
    """Prop → whoever holds it, for those that somebody does."""
    held = {
        prop.name: tuple(who for who, state in standing.states.items() if _holds(state, prop.name))
        for prop in event.plan.props
    }
    return {prop: found for prop, found in held.items() if found}


def names(text: str, prop: str) -> bool:
    """Whether a text speaks of a prop, with or without its article."""
    bare = prop.strip()
    article = next((one for one in ARTICLES if bare.casefold().startswith(one)), "")
    return stands_in(text, bare[len(article) :] or bare)


def _holds(state: EntityState, prop: str) -> bool:
    return any(names(thing, prop) for thing in state.inventory)


def _held_already(payload: Payload, event: StoryEvent, standing: Standing) -> bool:
    """Whether it gives somebody a prop that they carry by another name."""
    if not isinstance(payload, InventoryChanged) or payload.entity_id not in standing.states:
        return False
    state = standing.states[payload.entity_id]
    props = [one.name for one in event.plan.props if names(payload.gained[0], one.name)]
    return any(_holds(state, prop) for prop in props)


def _gone(event: StoryEvent, standing: Standing, kept: Mapping[str, Collection[int]]) -> Iterator[Payload]:
    """What goes with a story event that had begun. A prop that is one of another's that goes on stays."""
    shared = {prop.name.casefold() for one in standing.going_besides(event) for prop in one.plan.props}
    props = [prop.name for prop in event.plan.props if prop.name.casefold() not in shared]
    if event.state != "active" or not props:
        return
    dead = [prop for prop in props if prop not in kept]
    for who, state in tuple(standing.states.items()):
        not_theirs = [prop for prop in props if who not in kept.get(prop, ())]
        yield from _without(state, standing.left_off.get(who, ""), dead, not_theirs)
    for container_id, held in tuple(standing.places.items()):
        slots = tuple(slot for slot in held.slots if not _any(slot, dead))
        if slots != held.slots:
            told = held.model_copy(update={"slots": slots})
            yield ContainerChanged(container_id=container_id, container=told)


def _without(
    state: EntityState, left_off: str, dead: Sequence[str], not_theirs: Sequence[str]
) -> Iterator[Payload]:
    lost = tuple(thing for thing in state.inventory if _any(thing, not_theirs))
    if lost:
        yield InventoryChanged(entity_id=state.entity_id, lost=lost)
    activity, slot = _cleared(state.activity, dead), _cleared(state.slot, dead)
    if (activity, slot) != (None, None):
        stays = state.activity if activity is None else activity
        yield ActivityChanged(entity_id=state.entity_id, activity=stays, slot=slot)
    elif _any(left_off, dead):
        yield ActivityChanged(entity_id=state.entity_id, activity="", slot="")
    mood, goals, status = (_cleared(one, dead) for one in (state.mood, state.goals, state.status))
    if (mood, goals, status) != (None, None, None):
        yield EntityChanged(entity_id=state.entity_id, mood=mood, goals=goals, status=status)


def _cleared(text: str, props: Sequence[str]) -> str | None:
    """Nothing, where the text speaks of a prop; None where it may stay as it is."""
    return "" if _any(text, props) else None


def _any(text: str, props: Sequence[str]) -> bool:
    return any(names(text, prop) for prop in props)
