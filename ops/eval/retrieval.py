"""`fabula eval retrieval`: how well memories are found, by the product's own retrieval path.

A set is played into a throw-away database, its texts are embedded by the configured embedder, and each
question is asked by `store.recall.recall`, once for every configuration.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import apsw
from pydantic import BaseModel

from ops.bench.ground import folder
from ops.eval.cases import Played, Question, RetrievalSet, play, read_set
from pipeline.inference.embedder import Embedder
from store import embeddings
from store.database import connect, prepare
from store.embeddings import Embedding
from store.recall import CONFIGURATIONS, TEXT_WEIGHT, Configuration, Ranking, Recalled, recall
from store.vectors import Vectors

DEPTHS = (5, 10, 20)
AT_ONCE = 64
Progress = Callable[[int, int], None]
"""Told how many texts of how many are embedded."""


class Outcome(BaseModel):
    """One configuration's figures: shares from 0 to 1, `unwitnessed` a count that must be 0."""

    recall_at_5: float
    recall_at_10: float
    recall_at_20: float
    mrr: float
    ms_per_question: float
    unwitnessed: int


class Evaluation(BaseModel):
    """A set's figures; `embedder` is empty where memories were found by their words alone."""

    name: str
    memories: int
    questions: int
    embedder: str
    configurations: dict[str, Outcome]


@dataclass
class _Tally:
    found: dict[int, list[float]] = field(default_factory=lambda: {depth: [] for depth in DEPTHS})
    ranks: list[float] = field(default_factory=list)
    taken_ms: list[float] = field(default_factory=list)
    unwitnessed: int = 0

    def count(self, question: Question, recalled: Sequence[Recalled], played: Played, asker: str) -> None:
        relevant = set(question.relevant)
        order = [played.memories[one.memory.id].id for one in recalled if one.follows is None]
        sources = [played.memories[one.memory.id] for one in recalled]
        self.unwitnessed += sum(asker not in source.witnesses for source in sources)
        if not relevant:
            return
        for depth in DEPTHS:
            self.found[depth].append(len(relevant & set(order[:depth])) / len(relevant))
        first = next((place for place, key in enumerate(order, 1) if key in relevant), None)
        self.ranks.append(1 / first if first else 0.0)

    def outcome(self) -> Outcome:
        return Outcome(
            recall_at_5=_mean(self.found[5]),
            recall_at_10=_mean(self.found[10]),
            recall_at_20=_mean(self.found[20]),
            mrr=_mean(self.ranks),
            ms_per_question=_mean(self.taken_ms),
            unwitnessed=self.unwitnessed,
        )


async def evaluate(
    path: Path,
    embedder: Embedder | None,
    *,
    configurations: Sequence[Configuration] = CONFIGURATIONS,
    text_weight: float = TEXT_WEIGHT,
    progress: Progress = lambda _done, _of: None,
) -> Evaluation:
    """Every figure of a set.

    Raises:
        Invalid: the file is no retrieval set.
    """
    given = read_set(path)
    with folder() as data:
        prepare(data / "eval.db")
        db = connect(data / "eval.db", query_only=False)
        try:
            stories = [play(db, store) for store in given.stores]
            meanings = await _embedded(db, given, embedder, progress)
            vectors = Vectors()
            outcomes = {
                one: _asked(db, vectors, stories, meanings, Ranking(one, text_weight))
                for one in configurations
                if embedder is not None or one in ("text", "full")
            }
        finally:
            db.close()
    return Evaluation(
        name=given.name,
        memories=sum(len(store.memories) for store in given.stores),
        questions=sum(len(store.questions) for store in given.stores),
        embedder=embedder.model if embedder is not None else "",
        configurations=outcomes,
    )


async def _embedded(
    db: apsw.Connection, given: RetrievalSet, embedder: Embedder | None, progress: Progress
) -> dict[str, Embedding]:
    """Put the vectors of all memories into the cache; returns those of the questions."""
    if embedder is None:
        return {}
    asked = {question.text for store in given.stores for question in store.questions}
    said = {f"{one.speaker}: {one.text}" for store in given.stores for one in store.memories}
    texts = sorted(asked | said)
    known: dict[str, Embedding] = {}
    for start in range(0, len(texts), AT_ONCE):
        some = texts[start : start + AT_ONCE]
        for text, numbers in zip(some, await embedder.embed(some), strict=True):
            known[text] = embeddings.embedding(embedder.model, numbers)
        progress(len(known), len(texts))
    with db:
        embeddings.keep(db, [(embeddings.digest_of(text), one) for text, one in known.items()])
    return {text: known[text] for text in asked}


def _asked(
    db: apsw.Connection,
    vectors: Vectors,
    stories: Sequence[Played],
    meanings: dict[str, Embedding],
    ranking: Ranking,
) -> Outcome:
    tally = _Tally()
    for played in stories:
        for scope in played.scopes.values():  # fills the matrices, as the first turn after a start does
            recall(db, vectors, scope, "", next(iter(meanings.values()), None), ranking=ranking)
        for question in played.store.questions:
            asker = question.asker or played.store.owner
            meaning = meanings.get(question.text)
            began = time.perf_counter()
            recalled = recall(
                db, vectors, played.scopes[asker], question.text, meaning, k=max(DEPTHS), ranking=ranking
            )
            tally.taken_ms.append((time.perf_counter() - began) * 1000)
            tally.count(question, recalled, played, asker)
    return tally.outcome()


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0
