"""Planning: whether a plan can ever come about, asked when it is written."""

from collections.abc import Iterator, Mapping

from pipeline.seen import entity_named
from pipeline.story_time import told
from store import plot
from store.errors import Invalid, NotFound
from store.events import Condition, Effect, StoryPlan
from store.events.references import referred
from store.plot import StoryEvent
from store.projections.fold import FOREVER
from store.txn import Txn
from store.views import Chat


def checked(txn: Txn, chat: Chat, plan: StoryPlan, story_event_id: int | None = None) -> StoryPlan:
    """The plan, new or in place of that of a story event, if it can come about.

    Raises:
        Invalid: it names somebody or a story event that is not there, waits for itself in a circle, or has
            run out before it begins.
    """
    _refuse_what_is_no_id(plan)
    for field, condition in _conditions(plan):
        for entity_id in condition.entity_ids:
            entity_named(txn, chat, f"{field}.entity_ids", entity_id)
        if condition.event_id is not None:
            _awaited(txn, chat, field, condition.event_id)
    for field, effects in (("on_start", plan.on_start), ("on_complete", plan.on_complete)):
        effects_checked(txn, chat, field, effects)
    _refuse_circles(txn, chat, plan, story_event_id)
    _refuse_too_late(chat, plan)
    return plan


def effects_checked(txn: Txn, chat: Chat, field: str, effects: tuple[Effect, ...]) -> None:
    """Raises Invalid where an effect names nobody of the chat."""
    for number, effect in enumerate(effects):
        _refuse_what_is_no_id(effect)
        for name in ("entity_id", "about_id"):
            entity_id = getattr(effect, name)
            if entity_id is not None:
                entity_named(txn, chat, f"{field}[{number}].{name}", entity_id)


def _refuse_what_is_no_id(named: StoryPlan | Effect) -> None:
    for reference, number in referred(named):
        if not 0 <= number < FOREVER:
            raise Invalid(
                f"{number} is the id of no {reference}.", hint="Name one by the id it is shown with."
            )


def _conditions(plan: StoryPlan) -> Iterator[tuple[str, Condition]]:
    for name, held in (("preconditions", plan.preconditions), ("triggers", plan.triggers)):
        for number, condition in enumerate(held):
            yield f"{name}[{number}]", condition


def _awaited(txn: Txn, chat: Chat, field: str, event_id: int) -> None:
    try:
        found = plot.story_event(txn.connection, chat.id, event_id)
    except NotFound as error:
        known = ", ".join(
            f"{one.id} ({one.plan.title})" for one in plot.story_events(txn.connection, chat.id)
        )
        raise Invalid(
            f"{field}.event_id: there is no story event {event_id} in this chat.",
            hint=f"Its story events are {known}." if known else "Plan that one first.",
        ) from error
    if found.state in ("cancelled", "expired"):
        raise Invalid(
            f"{field}.event_id: {found.plan.title!r} is {found.state} and will never be completed.",
            hint="Wait for another story event, or leave this condition out.",
        )


def _refuse_circles(txn: Txn, chat: Chat, plan: StoryPlan, story_event_id: int | None) -> None:
    """Only what is there already can be waited for, so a circle always leads through a plan that changes."""
    if story_event_id is None:
        return
    plans = {one.id: one.plan for one in plot.open_story_events(txn.connection, chat.id)}
    plans[story_event_id] = plan
    circle = _way(plans, story_event_id, story_event_id)
    if circle:
        titles = " → ".join(repr(plans[one].title) for one in (*circle, story_event_id))
        raise Invalid(
            f"event_id: these story events would wait for each other: {titles}.",
            hint="Take out one of the conditions of kind 'event'.",
        )


def _way(plans: Mapping[int, StoryPlan], start: int, goal: int) -> tuple[int, ...]:
    """A way along what waits for what, from one story event to another; empty where there is none. Each is
    come by once: a way that led nowhere leads nowhere the second time."""
    ways: list[tuple[int, ...]] = [(start,)]
    been = {start}
    for way in ways:
        for _, condition in _conditions(plans[way[-1]]):
            awaited = condition.event_id
            if awaited == goal:
                return way
            if awaited is not None and awaited in plans and awaited not in been:
                been.add(awaited)
                ways.append((*way, awaited))
    return ()


def _refuse_too_late(chat: Chat, plan: StoryPlan) -> None:
    if plan.expires is None:
        return
    if plan.expires <= chat.clock:
        raise Invalid(
            f"expires: {plan.expires}, which is {told(plan.expires)}, is past; it is {told(chat.clock)} now.",
            hint=f"Name a minute of the story after {chat.clock}, or none.",
        )
    times = [one.clock for one in plan.preconditions if one.clock is not None]
    triggers = [one.clock for one in plan.triggers]
    if triggers and None not in triggers:
        times.append(min(one for one in triggers if one is not None))
    if times and max(times) > plan.expires:
        raise Invalid(
            f"expires: it would run out on {told(plan.expires)}, before it can begin on {told(max(times))}.",
            hint="Let it run out later, or begin earlier.",
        )


def still_open(event: StoryEvent) -> StoryEvent:
    """The story event, if it is not over.

    Raises:
        Invalid: it is.
    """
    if event.state not in plot.OPEN:
        raise Invalid(
            f"The story event {event.plan.title!r} is {event.state} already.",
            hint="What is over stays over; Undo takes back an end that was set by hand.",
        )
    return event
