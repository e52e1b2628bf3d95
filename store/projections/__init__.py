"""The fold of the log: one module per subject, each kind of event with its one function."""

from store.projections import (
    branches,
    chats,
    clock,
    entities,
    library,
    meanwhile,
    memories,
    places,
    plot,
    relationships,
    turns,
)
from store.projections.fold import OF_CHATS, PROJECTIONS, clear, clear_chat, project, projects
from store.projections.memories import index_again

__all__ = [
    "OF_CHATS",
    "PROJECTIONS",
    "branches",
    "chats",
    "clear",
    "clear_chat",
    "clock",
    "entities",
    "index_again",
    "library",
    "meanwhile",
    "memories",
    "places",
    "plot",
    "project",
    "projects",
    "relationships",
    "turns",
]
