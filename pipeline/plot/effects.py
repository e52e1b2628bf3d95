"""Effects: what becomes so, as the events that make it so."""

from collections.abc import Collection, Iterable, Iterator

from store.events import (
    ActivityChanged,
    EdgeUpdated,
    Effect,
    EntityChanged,
    Fact,
    How,
    InventoryChanged,
    Payload,
    WorldChanged,
)


def consequences(
    effects: Iterable[Effect],
    *,
    members: Collection[int],
    present: Collection[int],
    drew_on: tuple[int, ...] = (),
) -> Iterator[Payload]:
    """The events of effects, in their order. Whoever has left the chat is out of their reach; whoever was not
    present learns by inference."""
    for effect in effects:
        if {effect.entity_id, effect.about_id} - {None} <= set(members):
            yield _made(effect, "witnessed" if effect.entity_id in present else "inferred", drew_on)


def _made(effect: Effect, how: How, drew_on: tuple[int, ...]) -> Payload:
    if effect.kind == "weather":
        return WorldChanged(weather=effect.text)
    who = effect.entity_id or 0
    if effect.kind == "activity":
        return ActivityChanged(entity_id=who, activity=effect.text)
    if effect.kind == "mood":
        return EntityChanged(entity_id=who, mood=effect.text)
    if effect.kind == "gains":
        return InventoryChanged(entity_id=who, gained=(effect.text,))
    target = effect.about_id or 0
    if effect.kind == "learns":
        learnt = (Fact(text=effect.text, how=how),)
        return EdgeUpdated(observer_id=who, target_id=target, facts=learnt, drew_on=drew_on)
    moved = {"affinity_delta": effect.affinity, "trust_delta": effect.trust}
    return EdgeUpdated(observer_id=who, target_id=target, drew_on=drew_on, **moved)
