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
    said,
    turns,
)
from store.projections.fold import INDEXES, OF_CHATS, PROJECTIONS, clear, clear_chat, projects
from store.projections.said import project

INDEXED_AGAIN = {"memory": memories.index_again, "turn": turns.index_again}
"""Table with a search index → what brings that up to date after rows were changed behind the folds' backs."""

__all__ = [
    "INDEXED_AGAIN",
    "INDEXES",
    "OF_CHATS",
    "PROJECTIONS",
    "branches",
    "chats",
    "clear",
    "clear_chat",
    "clock",
    "entities",
    "library",
    "meanwhile",
    "memories",
    "places",
    "plot",
    "project",
    "projects",
    "relationships",
    "said",
    "turns",
]
