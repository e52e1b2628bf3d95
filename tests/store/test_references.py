"""Every number in the log says what it is: a reference that moves with the story, or just a number."""

from typing import Annotated, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from store.events import EdgeUpdated, Fact, MemoryWritten, Opening, OpeningEdge, OpeningProposed, kinds
from store.events.references import Reference, moved, referred

PLAIN_NUMBERS = {
    "AuthorNoteSet.depth",
    "ChatPurged.events",
    "ChatPurged.rows",
    "ChatPurged.vectors",
    "EdgeUpdated.affinity_delta",
    "EdgeUpdated.trust_delta",
    "SceneEdited.begins",
    "SceneEdited.ends",
    "OpeningEdge.affinity",
    "OpeningEdge.trust",
    "TokenUsage.prompt_tokens",
    "TokenUsage.completion_tokens",
    "TokenUsage.cached_tokens",
    "AutoModeSet.turns",
    "Condition.clock",
    "Effect.affinity",
    "Effect.trust",
    "MemoryWritten.clock",
    "SkipRequested.minutes",
    "StoryEventExpired.clock",
    "StoryEventStarted.clock",
    "StoryPlan.expires",
    "TimeSkipped.minutes",
    "WorldChanged.clock",
}


def unmarked(model: type[BaseModel]) -> set[str]:
    """The fields in which a bare int may stand, those of nested models included."""
    found = set[str]()
    for name, hint in get_type_hints(model, include_extras=True).items():
        if name in model.model_fields:
            found |= _unmarked(hint, f"{model.__name__}.{name}")
    return found


def _unmarked(hint: object, where: str) -> set[str]:
    if hint is int:
        return {where}
    if get_origin(hint) is Annotated and any(isinstance(mark, Reference) for mark in get_args(hint)):
        return set()
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return unmarked(hint)
    return {one for inner in get_args(hint) for one in _unmarked(inner, where)}


def test_every_whole_number_of_a_payload_is_a_reference_or_known_to_be_none() -> None:
    """A new field that names an event and does not say so would point elsewhere in a restored snapshot."""
    assert {one for kind in kinds().values() for one in unmarked(kind)} == PLAIN_NUMBERS


def test_a_payload_moves_with_everything_it_refers_to() -> None:
    memory = MemoryWritten(
        owner_id=1, turn_id=5, speaker_name="Ada", text="Me.", witnesses=(0, 1), from_id=None, drew_on=(3, 4)
    )
    there = moved(memory, lambda to, number: number + {"event": 100, "entity": 10}[to.value])
    assert (there.owner_id, there.turn_id, there.witnesses) == (11, 105, (10, 11))
    assert (there.from_id, there.scene_id, there.drew_on) == (None, None, (103, 104))
    assert (there.text, there.how) == (memory.text, memory.how)


def test_references_deep_inside_a_payload_are_found() -> None:
    edge = EdgeUpdated(observer_id=1, target_id=2, facts=(Fact(text="x", from_id=7),), affinity_delta=9)
    assert sorted(referred(edge)) == [(Reference.ENTITY, 1), (Reference.ENTITY, 2), (Reference.ENTITY, 7)]
    proposed = OpeningProposed(opening=Opening(edges=(OpeningEdge(observer_id=0, target_id=8),)))
    assert sorted(referred(proposed)) == [(Reference.ENTITY, 0), (Reference.ENTITY, 8)]
    assert list(referred(OpeningProposed(opening=Opening()))) == []
