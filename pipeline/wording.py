"""Wording: events and stages in plain words, for whoever is told what falls or what came of a turn."""

from collections.abc import Iterable, Mapping

from pipeline import story_time
from store.events import (
    ActivityChanged,
    ContainerChanged,
    ContainerCreated,
    DecisionDefaulted,
    DigestEdited,
    EdgeUpdated,
    EntityChanged,
    InventoryChanged,
    MemoryEdited,
    MemoryWritten,
    Payload,
    QuotesEdited,
    SceneEdited,
    SceneOpened,
    SceneSummarized,
    SignificanceScored,
    StoryEventEdited,
    ThreadUpdated,
    WorldChanged,
)
from store.stale import Unheld

THINGS: Mapping[str, tuple[str, str]] = {
    "turn.user": ("turn of yours", "turns of yours"),
    "turn.assistant": ("reply", "replies"),
    "turn.edited": ("edit of a turn", "edits of turns"),
    "turn.hidden": ("hiding of a turn", "hidings of turns"),
    "turn.selected": ("choice of an alternative", "choices of alternatives"),
    "turn.retracted": ("retraction", "retractions"),
    "floor.given": ("decision who speaks", "decisions who speaks"),
    "significance.scored": ("judgement of what matters", "judgements of what matters"),
    "decision.defaulted": ("decision that fell to its default", "decisions that fell to their default"),
    "memory.written": ("memory", "memories"),
    "memory.edited": ("correction of a memory", "corrections of memories"),
    "memory.pinned": ("pin on a memory", "pins on memories"),
    "memory.unpinned": ("unpinning of a memory", "unpinnings of memories"),
    "memory.witness_changed": ("change of who perceived something", "changes of who perceived something"),
    "memory.embedded": ("record for finding a memory", "records for finding memories"),
    "edge.updated": ("change of a relationship", "changes of relationships"),
    "edge.summarized": ("summary of a relationship", "summaries of relationships"),
    "edge.fact_removed": ("removal of something known", "removals of something known"),
    "group.updated": ("change of how all stand to each other", "changes of how all stand to each other"),
    "entity.changed": ("change of mood, goals or status", "changes of mood, goals or status"),
    "activity.changed": ("change of what somebody does", "changes of what somebody does"),
    "inventory.changed": ("change of what somebody carries", "changes of what somebody carries"),
    "container.created": ("new place", "new places"),
    "container.changed": ("change of a place", "changes of places"),
    "scene.opened": ("beginning of a scene", "beginnings of scenes"),
    "scene.closed": ("end of a scene", "ends of scenes"),
    "scene.edited": ("change of a scene", "changes of scenes"),
    "scene.quotes_edited": ("change of the quotes of a scene", "changes of quotes of scenes"),
    "scene.summarized": ("summary of a scene", "summaries of scenes"),
    "world.changed": ("change of time or weather", "changes of time or weather"),
    "guest.added": ("arrival of a guest", "arrivals of guests"),
    "guest.removed": ("leaving of a guest", "leavings of guests"),
    "author_note.set": ("author's note", "author's notes"),
    "you.changed": ("change of who you are", "changes of who you are"),
    "story_event.planned": ("plan of a story event", "plans of story events"),
    "story_event.edited": ("change of a story event", "changes of story events"),
    "story_event.started": ("beginning of a story event", "beginnings of story events"),
    "story_event.completed": ("end of a story event", "ends of story events"),
    "story_event.cancelled": ("cancelled story event", "cancelled story events"),
    "story_event.expired": ("story event that ran out", "story events that ran out"),
    "thread.opened": ("open thread", "open threads"),
    "thread.updated": ("change of a thread", "changes of threads"),
    "thread.closed": ("end of a thread", "ends of threads"),
    "time.skip_requested": ("skip of time", "skips of time"),
    "time.skipped": ("skip of time", "skips of time"),
    "auto.set": ("word on auto-mode", "words on auto-mode"),
    "auto.ticked": ("turn of auto-mode", "turns of auto-mode"),
    "digest.written": ("digest of a scene without you", "digests of scenes without you"),
    "digest.edited": ("correction of a digest", "corrections of digests"),
    "digest.surfaced": ("digest that came to you", "digests that came to you"),
    "branch.switched": ("change to another branch", "changes to another branch"),
    "branch.forked": ("new branch", "new branches"),
    "outcome.superseded": ("replay of a stage", "replays of a stage"),
}
"""Kind → one of them, several of them."""

STAGES: Mapping[str, str] = {
    "remember": "what each bot keeps of it",
    "significance": "how much it matters",
    "edges": "how they stand to each other",
    "activities": "what everybody does and carries",
    "scene": "place and time",
    "plot": "what is planned",
}
"""Stage → what it makes of a turn."""
SIGNIFICANCE = ("routine", "notable", "significant", "pivotal")


def counted(kinds: Mapping[str, int]) -> list[str]:
    """So many of each, in words. A kind without words of its own is told by its name."""
    return [f"{number} {_thing(kind, number)}" for kind, number in kinds.items()]


def undone(kinds: Iterable[str]) -> str:
    """What an undo has undone, as a sentence."""
    acts = dict.fromkeys(kinds)
    if "branch.switched" in acts:  # whoever goes back takes along how the turns stood: all of it one act
        acts = {"branch.switched": None}
    return f"Undone: {', '.join(_thing(kind, 1) for kind in acts)}."


def told(payload: Payload, names: Mapping[int, str]) -> str:  # noqa: PLR0911 - a line for each
    """What an event says, in a few words."""
    match payload:
        case MemoryWritten():
            return f"{_name(names, payload.owner_id)} remembers “{payload.text}”"
        case SignificanceScored():
            return f"{SIGNIFICANCE[payload.score]}{payload.reason and f': {payload.reason}'}"
        case EdgeUpdated():
            pair = f"{_name(names, payload.observer_id)} → {_name(names, payload.target_id)}"
            moved = f"affinity {payload.affinity_delta:+}, trust {payload.trust_delta:+}"
            return "; ".join((f"{pair}: {moved}", *(f"learned “{fact.text}”" for fact in payload.facts)))
        case ActivityChanged():
            slot = f" ({payload.slot})" if payload.slot else ""
            return f"{_name(names, payload.entity_id)}: {payload.activity or 'nothing in particular'}{slot}"
        case EntityChanged():
            given = {"mood": payload.mood, "goals": payload.goals, "status": payload.status}
            said = [f"{what} {now or 'none'}" for what, now in given.items() if now is not None]
            return f"{_name(names, payload.entity_id)}: {', '.join(said)}"
        case InventoryChanged():
            said = [*(f"gains {one}" for one in payload.gained), *(f"loses {one}" for one in payload.lost)]
            return f"{_name(names, payload.entity_id)} {', '.join(said)}"
        case ContainerCreated() | ContainerChanged():
            return f"{_thing(payload.kind, 1)}: {payload.container.name}"
        case SceneOpened():
            return f"{_thing(payload.kind, 1)}{payload.title and f': {payload.title}'}"
        case WorldChanged():
            given = {"time": payload.time, "weather": payload.weather}
            return ", ".join(f"{what}: {now or 'not told'}" for what, now in given.items() if now is not None)
        case DecisionDefaulted():
            return f"could not be decided: {payload.reason or payload.error_class.value}"
        case _:
            return _thing(payload.kind, 1)


HOLDS_OF_NOTHING = "Holds of nothing now:"
OUTDATED = "told of other turns than lie in the scene now"


def unheld(word: Unheld, names: Mapping[int, str]) -> str:
    """A person's word on what is not there any more."""
    of = word.of.payload
    whose = _name(names, of.owner_id) if isinstance(of, MemoryWritten | SceneSummarized) else ""
    said = _said(word.event.payload)
    thing = _thing(word.event.kind, 1) + (f" of {whose}" if whose else "")
    return f"{thing}: “{said}”" if said else thing


def _said(payload: Payload) -> str:
    match payload:
        case MemoryEdited() | DigestEdited():
            return payload.text
        case QuotesEdited():
            return " / ".join(payload.quotes)
        case SceneEdited() | ThreadUpdated():
            return payload.title or ""
        case ContainerChanged():
            return payload.container.name
        case StoryEventEdited():
            return payload.plan.title
        case _:
            return ""


def retimed(times: tuple[int, int | None]) -> str:
    """A person's word on when a scene was, where it could not stay so."""
    begins, ends = times
    until = "" if ends is None else f" to {story_time.told(ends)}"
    return f"you said {story_time.told(begins)}{until}, which does not fit what is around it any more"


def _name(names: Mapping[int, str], entity_id: int) -> str:
    return names.get(entity_id, "somebody")


def _thing(kind: str, number: int) -> str:
    one, several = THINGS.get(kind, (f"entry of kind {kind}", f"entries of kind {kind}"))
    return one if number == 1 else several
