"""What is due: story events that begin or run out by themselves, as the events that say so.

No model is asked, and nothing but projections is read: the same story told twice comes to the same.
"""

from collections.abc import Iterable, Iterator

import apsw

from pipeline.plot import conditions
from pipeline.plot.conditions import Situation
from pipeline.plot.course import course
from pipeline.plot.effects import consequences
from pipeline.plot.ending import ended
from pipeline.plot.standing import Standing
from store import plot, views
from store.events import YOU, Payload, StoryEventExpired, StoryEventStarted
from store.plot import StoryEvent
from store.views import Chat


def fired_between(db: apsw.Connection, chat_id: int, before: int, after: int) -> Iterator[Payload]:
    """What planned and active story events do while the clock goes from `before` to `after`, in the order of
    the story; what was due already comes first. Costs one query where there are none."""
    events = plot.open_story_events(db, chat_id)
    if events:
        chat = views.chat(db, chat_id)
        standing = Standing.of(db, chat_id)
        yield from fired(chat, events, standing, conditions.now(db, chat, before), after)


def fired(
    chat: Chat, events: Iterable[StoryEvent], standing: Standing, situation: Situation, until: int
) -> Iterator[Payload]:
    """What these story events do in a situation, up to a clock."""
    for one in course(events, situation, until):
        if one.what == "started":
            begun = started(chat, one.story_event, situation.present, reason=one.reason, clock=one.clock)
            yield from standing.reckoned(begun)
        else:
            event = standing.events.get(one.story_event_id, one.story_event)
            word = StoryEventExpired(story_event_id=event.id, clock=one.clock)
            yield from standing.reckoned(ended(event, word, standing))


def started(
    chat: Chat, event: StoryEvent, present: Iterable[int], *, reason: str, clock: int | None = None
) -> Iterator[Payload]:
    """A story event begins before those present, with what its plan says of that."""
    saw = tuple(sorted(present))
    yield StoryEventStarted(story_event_id=event.id, present=saw, reason=reason, clock=clock)
    yield from consequences(event.plan.on_start, members=(YOU, *chat.members), present=saw)
