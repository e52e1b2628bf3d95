"""What an act or a run has just created: who names it says `JUST_CREATED`, and the log is told its id."""

from collections.abc import Mapping

from store.events import (
    JUST_CREATED,
    ContainerCreated,
    MemoryPinned,
    MemoryWritten,
    Payload,
    SceneClosed,
    SceneOpened,
    StoryEventPlanned,
    StoryEventStarted,
)

Created = Mapping[type[Payload], int]
"""Kind → the last event of it that was recorded just before."""


def naming(payload: Payload, created: Created) -> Payload:
    """The payload with the id of what it names as just created, if it does."""
    match payload:
        case SceneOpened(container_id=named) if named == JUST_CREATED:
            return payload.model_copy(update={"container_id": created.get(ContainerCreated)})
        case SceneClosed(scene_id=named) if named == JUST_CREATED:
            return payload.model_copy(update={"scene_id": created.get(SceneOpened, 0)})
        case StoryEventStarted(story_event_id=named) if named == JUST_CREATED:
            return payload.model_copy(update={"story_event_id": created.get(StoryEventPlanned, 0)})
        case MemoryPinned(memory_id=named) if named == JUST_CREATED:
            return payload.model_copy(update={"memory_id": created.get(MemoryWritten, 0)})
    return payload
