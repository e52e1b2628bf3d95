"""The plot as a speaker knows it: what goes on around it, and what it carries with it unresolved."""

from pipeline.prompt.blocks import Origin, Piece, Tier
from pipeline.prompt.scene import Part, Where
from pipeline.prompt.view import View
from store.plot import StoryEvent, Thread


def story_events(view: View) -> list[Part]:
    """The story events that go on where the speaker is, or that it saw begin, each followed by its props."""
    known = [one for one in view.plot.events if one.state == "active" and _knows(view, one)]
    pieces = [piece for one in known for piece in _of_event(view, one)]
    return [Part("story events", Tier.SHOULD, Where.TAIL, "What is going on", tuple(pieces))]


def _knows(view: View, event: StoryEvent) -> bool:
    return view.speaker.id in event.present or event.scene_id == view.chat.scene_id


def _of_event(view: View, event: StoryEvent) -> list[Piece]:
    props = (f"at hand: {prop.name}: {prop.description}".rstrip(": ") for prop in event.plan.props)
    told = f"{event.plan.title}: {event.plan.description}".rstrip(": ")
    descends = (event.id, event.started_by or event.id)
    return [Piece(view.text(text), descends, Origin.STORY, row_id=event.id) for text in (told, *props)]


def threads(view: View) -> list[Part]:
    """What is still open, as far as the speaker knows of it; what moved last is the dearest."""
    known = [one for one in view.plot.threads if view.speaker.id in one.known_to]
    newest = sorted(known, key=lambda one: one.changed_by, reverse=True)
    pieces = tuple(_of_thread(view, one) for one in newest)
    return [Part("threads", Tier.SHOULD, Where.HEAD, "Still open", pieces)]


def _of_thread(view: View, thread: Thread) -> Piece:
    told = f"{thread.title}: {thread.summary}".rstrip(": ")
    return Piece(view.text(told), (thread.id, *thread.drew_on), Origin.THREAD, "digest", row_id=thread.id)
