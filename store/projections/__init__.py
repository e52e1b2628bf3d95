"""The fold of the log: one module per subject, each kind of event with its one function."""

from store.projections import chats, entities, library, memories, places, relationships, turns
from store.projections.fold import OF_CHATS, PROJECTIONS, clear, clear_chat, project, projects

__all__ = [
    "OF_CHATS",
    "PROJECTIONS",
    "chats",
    "clear",
    "clear_chat",
    "entities",
    "library",
    "memories",
    "places",
    "project",
    "projects",
    "relationships",
    "turns",
]
