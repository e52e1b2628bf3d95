"""The vocabulary of the log: every way the story's state can change, as a frozen, versioned payload.

A payload says what happened, in the past tense; `Event` adds where, when and why. An entity's id is the id
of the event that created it, so a rebuild never has to invent one.
"""

from store.events.chat import (
    AuthorNoteSet,
    ChatArchived,
    ChatPurged,
    ChatRenamed,
    ChatStarted,
    GuestAdded,
    GuestRemoved,
)
from store.events.codec import Event, decode, encode, kinds
from store.events.entities import ActivityChanged, EntityChanged, InventoryChanged
from store.events.history import OutcomeSuperseded
from store.events.judgement import PIVOTAL, DecisionDefaulted, Significance, SignificanceScored
from store.events.library import BotArchived, BotAuthored, BotEdited, BotFields
from store.events.memory import (
    How,
    MemoryEdited,
    MemoryEmbedded,
    MemoryForm,
    MemoryPinned,
    MemoryUnpinned,
    MemoryWitnessChanged,
    MemoryWritten,
    PinnedBy,
)
from store.events.payload import (
    MAX_NAME_CHARS,
    MAX_SHORT_CHARS,
    MAX_TEXT_CHARS,
    Name,
    Payload,
    ShortText,
    Text,
)
from store.events.places import (
    JUST_CREATED,
    AudibleRange,
    Container,
    ContainerChanged,
    ContainerCreated,
    Opening,
    OpeningActivity,
    OpeningConfirmed,
    OpeningEdge,
    OpeningProposed,
    SceneClosed,
    SceneOpened,
    SceneSummarized,
    WorldChanged,
)
from store.events.relationships import (
    EdgeFactRemoved,
    EdgeSummarized,
    EdgeUpdated,
    Fact,
    GroupUpdated,
)
from store.events.turns import Ending, FloorGiven, TokenUsage, TurnAssistant, TurnUser

YOU = 0
"""The entity id under which the person stands wherever entities are named."""

__all__ = [
    "JUST_CREATED",
    "MAX_NAME_CHARS",
    "MAX_SHORT_CHARS",
    "MAX_TEXT_CHARS",
    "PIVOTAL",
    "YOU",
    "ActivityChanged",
    "AudibleRange",
    "AuthorNoteSet",
    "BotArchived",
    "BotAuthored",
    "BotEdited",
    "BotFields",
    "ChatArchived",
    "ChatPurged",
    "ChatRenamed",
    "ChatStarted",
    "Container",
    "ContainerChanged",
    "ContainerCreated",
    "DecisionDefaulted",
    "EdgeFactRemoved",
    "EdgeSummarized",
    "EdgeUpdated",
    "Ending",
    "EntityChanged",
    "Event",
    "Fact",
    "FloorGiven",
    "GroupUpdated",
    "GuestAdded",
    "GuestRemoved",
    "How",
    "InventoryChanged",
    "MemoryEdited",
    "MemoryEmbedded",
    "MemoryForm",
    "MemoryPinned",
    "MemoryUnpinned",
    "MemoryWitnessChanged",
    "MemoryWritten",
    "Name",
    "Opening",
    "OpeningActivity",
    "OpeningConfirmed",
    "OpeningEdge",
    "OpeningProposed",
    "OutcomeSuperseded",
    "Payload",
    "PinnedBy",
    "SceneClosed",
    "SceneOpened",
    "SceneSummarized",
    "ShortText",
    "Significance",
    "SignificanceScored",
    "Text",
    "TokenUsage",
    "TurnAssistant",
    "TurnUser",
    "WorldChanged",
    "decode",
    "encode",
    "kinds",
]
