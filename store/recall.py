"""Recall: which of an owner's memories a moment brings back.

A text and, where there is one, its embedding arrive; ranked memories leave, each with the scores that put it
there. Only what the owner perceived is ever ranked (`store.search` and `store.vectors` filter first; every
candidate is checked once more in SQL before it counts).

score = text_weight · text + (1 − text_weight) · meaning, then in `full` + 0.05 · significance + 0.05 ·
recency. `text` is BM25 as a share of the best, `meaning` the cosine scaled to 0…1 over the candidates,
`significance` a third of 0…3, `recency` 0 for the owner's first memory and 1 for what is now, in story time.
They are added: multiplied, they outrank relevance. Without an embedding `text` counts whole.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import apsw

from store.embeddings import Embedding
from store.memories import COLUMNS, WITNESSED, Memory, memory_of
from store.rows import row, rows
from store.search import Candidate, Scope, by_words, candidates
from store.vectors import Vectors

Configuration = Literal["text", "meaning", "fused", "rrf", "full"]
CONFIGURATIONS: tuple[Configuration, ...] = ("text", "meaning", "fused", "rrf", "full")
DEFAULT_K = 6
TEXT_WEIGHT = 0.5
"""For an embedder of MiniLM's class; 0.3 for a strong one."""
SIGNIFICANCE_WEIGHT = RECENCY_WEIGHT = 0.05
MOST_SIGNIFICANT = 3
RRF_K = 60
CANDIDATES = 100
"""How many of each half are ranked together, besides what is left out."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How the two halves make one order; `text_weight` belongs to the embedder."""

    configuration: Configuration = "full"
    text_weight: float = TEXT_WEIGHT


@dataclass(frozen=True, slots=True)
class Scores:
    """Why a memory came back: its place (from 1) in each half, None where it was not in it, and the parts of
    its score, each 0 to 1."""

    score: float
    text: float = 0.0
    meaning: float = 0.0
    cosine: float | None = None
    significance: float = 0.0
    recency: float = 0.0
    text_rank: int | None = None
    meaning_rank: int | None = None


@dataclass(frozen=True, slots=True)
class Recalled:
    """One memory brought back. A hit has a `rank` from 1; the turn that followed a hit has the hit's rank and
    scores, and names it in `follows`: it is the first to go where room is short."""

    memory: Memory
    rank: int
    scores: Scores
    follows: int | None = None


def recall(
    db: apsw.Connection,
    vectors: Vectors,
    scope: Scope,
    text: str,
    meaning: Embedding | None = None,
    *,
    k: int = DEFAULT_K,
    ranking: Ranking | None = None,
    without_turns: Collection[int] = (),
) -> list[Recalled]:
    """Up to `k` of the owner's memories, best first, each directly followed by the turn after it where the
    owner perceived that one too. Pinned memories and those of `without_turns` are in the prompt already and
    are left out. `meaning` is the embedding of `text`, None where there is none (yet).
    """
    ranking = ranking or Ranking()
    room = CANDIDATES + k + len(without_turns) + _pins(db, scope)
    matched = by_words(db, scope, text, room) if ranking.configuration != "meaning" else []
    words = {one.id: score for one, score in matched}
    near: Mapping[int, float] = {}
    if meaning is not None and ranking.configuration != "text":
        near = vectors.nearest(db, scope, meaning, room, words)
    left_out = frozenset(without_turns)
    others = candidates(db, scope, near.keys() - words.keys())
    here = {
        one.id: one
        for one in (*(one for one, _score in matched), *others)
        if not one.pinned and one.turn_id not in left_out
    }
    if not here:
        return []
    weights = _weights(db, scope, ranking, here, words, near)
    hits = sorted(here.values(), key=lambda one: (-weights.score(one), -one.id))[:k]
    return _with_what_followed(db, scope, [(one.id, weights.scores(one)) for one in hits], left_out)


def _pins(db: apsw.Connection, scope: Scope) -> int:
    found = row(
        db,
        "SELECT count(*) FROM memory INDEXED BY memory_pinned"
        " WHERE chat_id = :chat AND owner_id = :owner AND pinned != ''",
        scope.named,
    )
    return int(found[0]) if found else 0


@dataclass(frozen=True, slots=True)
class _Weights:
    """All that the candidates of one question are weighed by."""

    configuration: Configuration
    share: float
    text: Mapping[int, float]
    cosine: Mapping[int, float]
    scaled: Mapping[int, float]
    text_ranks: Mapping[int, int]
    meaning_ranks: Mapping[int, int]
    lifetime: "_Lifetime"

    def score(self, one: Candidate) -> float:
        text, meaning = self.text.get(one.id, 0.0), self.scaled.get(one.id, 0.0)
        if self.configuration == "text":
            return text
        if self.configuration == "meaning":
            return meaning
        if self.configuration == "rrf":
            ranks = (self.text_ranks.get(one.id), self.meaning_ranks.get(one.id))
            return sum(1.0 / (RRF_K + rank) for rank in ranks if rank is not None)
        fused = self.share * text + (1.0 - self.share) * meaning
        if self.configuration == "fused":
            return fused
        significance, recency = one.significance / MOST_SIGNIFICANT, self.recency(one)
        return fused + SIGNIFICANCE_WEIGHT * significance + RECENCY_WEIGHT * recency

    def recency(self, one: Candidate) -> float:
        return self.lifetime.share(one)

    def scores(self, one: Candidate) -> Scores:
        return Scores(
            score=self.score(one),
            text=self.text.get(one.id, 0.0),
            meaning=self.scaled.get(one.id, 0.0),
            cosine=self.cosine.get(one.id),
            significance=one.significance / MOST_SIGNIFICANT,
            recency=self.recency(one),
            text_rank=self.text_ranks.get(one.id),
            meaning_rank=self.meaning_ranks.get(one.id),
        )


def _weights(
    db: apsw.Connection,
    scope: Scope,
    ranking: Ranking,
    here: Mapping[int, Candidate],
    words: Mapping[int, float],
    near: Mapping[int, float],
) -> _Weights:
    text, cosine = _only(words, here), _only(near, here)
    return _Weights(
        configuration=ranking.configuration,
        share=ranking.text_weight if near else 1.0,
        text=text,
        cosine=cosine,
        scaled=_scaled(cosine),
        text_ranks=_ranks(text),
        meaning_ranks=_ranks(cosine),
        lifetime=_lifetime(db, scope),
    )


def _only(scores: Mapping[int, float], here: Mapping[int, Candidate]) -> dict[int, float]:
    return {memory_id: score for memory_id, score in scores.items() if memory_id in here}


def _ranks(scores: Mapping[int, float]) -> dict[int, int]:
    """Places from 1; the newer of two that are equal stands first."""
    order = sorted(scores, key=lambda memory_id: (-scores[memory_id], -memory_id))
    return {memory_id: place for place, memory_id in enumerate(order, 1)}


def _scaled(cosines: Mapping[int, float]) -> dict[int, float]:
    """The least of the candidates becomes 0, the best 1; a single one, or equals, 1."""
    low, high = min(cosines.values(), default=0.0), max(cosines.values(), default=0.0)
    if high <= low:
        return dict.fromkeys(cosines, 1.0)
    return {memory_id: (cosine - low) / (high - low) for memory_id, cosine in cosines.items()}


class _Lifetime(NamedTuple):
    """An owner's first memory and its newest, by id, and the story's clock at the first and now."""

    first_id: int
    newest_id: int
    first_clock: int
    now: int

    def share(self, one: Candidate) -> float:
        """How far on a memory lies, in story time; where the story tells none, in the order it was told."""
        lived = self.now - self.first_clock
        if lived > 0:
            return min(1.0, max(0.0, (one.clock - self.first_clock) / lived))
        return (one.id - self.first_id) / max(self.newest_id - self.first_id, 1)


def _lifetime(db: apsw.Connection, scope: Scope) -> _Lifetime:
    found = row(
        db,
        "SELECT first.id, (SELECT max(id) FROM memory WHERE chat_id = :chat AND owner_id = :owner),"
        " first.clock, (SELECT clock FROM chat WHERE id = :chat) FROM memory first WHERE first.id ="
        " (SELECT min(id) FROM memory WHERE chat_id = :chat AND owner_id = :owner)",
        scope.named,
    )
    return _Lifetime(*(number or 0 for number in found or (0, 0, 0, 0)))


def _with_what_followed(
    db: apsw.Connection, scope: Scope, hits: list[tuple[int, Scores]], left_out: Collection[int]
) -> list[Recalled]:
    read = _read(db, scope, [memory_id for memory_id, _scores in hits])
    shown = set(read)
    recalled = []
    for rank, (memory_id, scores) in enumerate(hits, 1):
        hit = read[memory_id]
        recalled.append(Recalled(hit, rank, scores))
        after = _followed(db, scope, hit)
        if after is not None and after.id not in shown and after.turn_id not in left_out:
            shown.add(after.id)
            recalled.append(Recalled(after, rank, scores, follows=memory_id))
    return recalled


def _read(db: apsw.Connection, scope: Scope, ids: list[int]) -> dict[int, Memory]:
    wanted = ",".join(str(int(one)) for one in ids)
    found = rows(
        db, f"SELECT {COLUMNS} FROM memory WHERE memory.id IN ({wanted}) AND {WITNESSED}", scope.named
    )
    return {memory.id: memory for memory in map(memory_of, found)}


def _followed(db: apsw.Connection, scope: Scope, hit: Memory) -> Memory | None:
    """The owner's memory of the very next turn; none when it did not perceive that one, or has it pinned."""
    if hit.turn_id is None or hit.form != "turn":
        return None
    found = row(
        db,
        f"SELECT {COLUMNS} FROM memory INDEXED BY memory_turn"
        f" WHERE {WITNESSED} AND memory.form = 'turn' AND memory.pinned = ''"
        " AND memory.turn_id = (SELECT b.id FROM turn a JOIN turn b ON b.chat_id = a.chat_id"
        " AND (b.anchor_id, b.id) > (a.anchor_id, a.id) WHERE a.id = :turn"
        " ORDER BY b.anchor_id, b.id LIMIT 1)",
        {**scope.named, "turn": hit.turn_id},
    )
    return memory_of(found) if found else None
