"""Full text: an owner's memories by their words, best first.

The owner's scope token is part of the match, so memories of others are never ranked; what comes back is
filtered once more in SQL by `memories.WITNESSED`, the one rule of who perceived what. BM25 counts words over
the whole table: memories of others may move the scores of one's own, never what is found.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import apsw

from store.memories import WITNESSED
from store.projections.memories import scope_token
from store.rows import rows
from store.words import terms_of


@dataclass(frozen=True, slots=True)
class Scope:
    """On whose behalf memories are read: one entity in one chat."""

    chat_id: int
    owner_id: int

    @property
    def named(self) -> dict[str, int]:
        """The names under which `memories.WITNESSED` knows it."""
        return {"chat": self.chat_id, "owner": self.owner_id}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A memory that may be recalled, without its text."""

    id: int
    turn_id: int | None
    significance: int
    pinned: bool
    clock: int


MATCHED = (
    "SELECT memory.id, memory.turn_id, memory.significance, memory.pinned, memory.clock,"
    " found.score FROM"
    " (SELECT rowid AS id, bm25(memory_text, 0.0, 1.0) AS score FROM memory_text"
    " WHERE memory_text MATCH :match ORDER BY score LIMIT :limit) AS found"
    f" CROSS JOIN memory ON memory.id = found.id WHERE {WITNESSED} ORDER BY found.score"
)


def by_words(db: apsw.Connection, scope: Scope, text: str, limit: int) -> list[tuple[Candidate, float]]:
    """The memories in which the text's words are found, best first, each with its BM25 as a share of the
    best, 0 to 1; none when no word is worth asking for."""
    query = match_of(scope, terms_of(text))
    if query is None:
        return []
    found = rows(db, MATCHED, {**scope.named, "match": query, "limit": limit})
    best = min((score for *_known, score in found), default=0.0)
    return [
        (Candidate(memory_id, turn_id, significance, bool(pinned), clock), score / best if best < 0 else 0.0)
        for memory_id, turn_id, significance, pinned, clock, score in found
    ]


def match_of(scope: Scope, terms: Sequence[str]) -> str | None:
    """The index's query. Terms are letters and digits; each is quoted all the same."""
    if not terms:
        return None
    words = " OR ".join(f'"{term}"' for term in terms)
    return f'scope:"{scope_token(scope.chat_id, scope.owner_id)}" AND text:({words})'


def candidates(db: apsw.Connection, scope: Scope, ids: Iterable[int]) -> list[Candidate]:
    """Those of the memories that the owner perceived; the others are as if they were not there."""
    wanted = ",".join(str(int(one)) for one in ids)
    if not wanted:
        return []
    found = rows(
        db,
        "SELECT memory.id, memory.turn_id, memory.significance, memory.pinned, memory.clock"
        " FROM memory"
        f" WHERE memory.id IN ({wanted}) AND {WITNESSED}",
        scope.named,
    )
    return [
        Candidate(memory_id, turn_id, significance, bool(pinned), clock)
        for memory_id, turn_id, significance, pinned, clock in found
    ]
