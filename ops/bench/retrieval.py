"""`retrieval`: what a moment brings back out of 100,000 memories, the query's vector being there already.

Two databases: one in which the speaker has 10,000 of them and nine others the rest, and one in which all are
the speaker's. Texts are put together from a vocabulary with the frequencies of ordinary prose, vectors are
random; rows are written as the fold writes them, without the log and the vectors of others: only reading is
measured.
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import apsw
import numpy as np
from numpy.typing import NDArray

from ops.bench.ground import folder
from ops.bench.report import Report, median, report
from store.database import connect, prepare
from store.embeddings import Embedding, digest_of
from store.projections.memories import scope_token
from store.recall import recall
from store.rows import rows
from store.search import Scope, by_words
from store.vectors import Vectors

MEMORIES = 100_000
OWNERS = 10
DIMENSIONS = 384
QUESTIONS = 60
VOCABULARY = 8_000
TOP = 10
MODEL = "random"
CHAT = SPEAKER = 1
Rows: TypeAlias = NDArray[np.float32]


def retrieval() -> Report:
    texts = list(islice(_texts(random.Random(7)), MEMORIES))
    blobs = _unit_rows(np.random.default_rng(5), MEMORIES)
    with folder() as data:
        mine = _measured(data / "many.db", OWNERS, texts, blobs)
    with folder() as data:
        alone = _measured(data / "one.db", 1, texts, blobs)
    figures = {
        "retrieval_ms_p50_100000": mine["retrieval"],
        "vector_ms_p50_100000": mine["vector"],
        "fts_ms_p50_100000": mine["fts"],
        "recall_at_10": min(mine["recall"], alone["recall"]),
        "retrieval_ms_p50_one_owner_100000": alone["retrieval"],
    }
    return report("retrieval", figures, rounds=QUESTIONS)


def _measured(path: Path, owners: int, texts: list[str], blobs: Rows) -> dict[str, float]:
    prepare(path)
    db = connect(path, query_only=False)
    try:
        _fill(db, owners, texts, blobs)
        return _asked(db, Scope(CHAT, SPEAKER))
    finally:
        db.close()


def _asked(db: apsw.Connection, scope: Scope) -> dict[str, float]:
    vectors, rng, chance = Vectors(), np.random.default_rng(11), random.Random(13)
    words = _words()
    texts = [" ".join(chance.sample(words[40:2000], 6)) for _ in range(QUESTIONS)]
    meanings = [Embedding(MODEL, row.tobytes()) for row in _unit_rows(rng, QUESTIONS)]
    asked = list(zip(texts, meanings, strict=True))
    recall(db, vectors, scope, *asked[0])  # fills the matrix, as the first turn after a start does
    return {
        "retrieval": _timed(lambda text, meaning: recall(db, vectors, scope, text, meaning), asked),
        "vector": _timed(lambda _text, meaning: vectors.nearest(db, scope, meaning, TOP), asked),
        "fts": _timed(lambda text, _meaning: by_words(db, scope, text, TOP), asked),
        "recall": _against_brute_force(db, vectors, scope, meanings),
    }


def _timed(ask: Callable[[str, Embedding], object], asked: list[tuple[str, Embedding]]) -> float:
    taken = []
    for text, meaning in asked:
        began = time.perf_counter()
        ask(text, meaning)
        taken.append((time.perf_counter() - began) * 1000)
    return median(taken)


def _against_brute_force(
    db: apsw.Connection, vectors: Vectors, scope: Scope, meanings: list[Embedding]
) -> float:
    """The share of the true ten nearest that the search finds; the truth comes from the blobs."""
    found = rows(
        db,
        "SELECT memory.id, vector FROM memory JOIN vector ON vector.id = memory.id WHERE owner_id = ?",
        (scope.owner_id,),
    )
    ids = [memory_id for memory_id, _blob in found]
    block = np.frombuffer(b"".join(blob for _id, blob in found), np.float32)
    exact = block.reshape(len(ids), -1).astype(np.float64)
    hits = 0
    for meaning in meanings:
        cosines = exact @ np.frombuffer(meaning.blob, np.float32).astype(np.float64)
        truth = {ids[at] for at in np.argsort(-cosines)[:TOP]}
        hits += len(truth & set(vectors.nearest(db, scope, meaning, TOP)))
    return hits / (TOP * len(meanings))


def _fill(db: apsw.Connection, owners: int, texts: list[str], blobs: Rows) -> None:
    numbers = range(1, MEMORIES + 1)
    owned = [1 + number // 10 % owners for number in numbers]  # ten turns on end are one owner's
    db.execute("PRAGMA synchronous = OFF")
    with db:
        db.executemany(
            "INSERT INTO turn(id, chat_id, branch_id, anchor_id, ordinal, text, present, ended, recorded_at)"
            " VALUES (?1, ?2, ?2, ?1, ?1, '', '[]', 'complete', 0)",
            ((number, CHAT) for number in numbers),
        )
        db.executemany(
            "INSERT INTO memory(id, chat_id, owner_id, turn_id, form, speaker_name, text, witnesses, how,"
            " drew_on, significance, changed_by)"
            " VALUES (?1, ?2, ?3, ?1, 'turn', 'Ada', ?4, ?5, 'witnessed', '[]', ?6, ?1)",
            (
                (number, CHAT, owner, text, json.dumps([0, owner]), number % 4)
                for number, owner, text in zip(numbers, owned, texts, strict=True)
            ),
        )
        db.executemany(
            "INSERT INTO memory_text(rowid, scope, text) VALUES (?, ?, ?)",
            (
                (number, scope_token(CHAT, owner), f"Ada: {texts[number - 2]}\nAda: {text}")
                for number, owner, text in zip(numbers, owned, texts, strict=True)
            ),
        )
        db.executemany(
            "INSERT INTO vector(id, digest, model, vector) VALUES (?, ?, ?, ?)",
            (
                (number, digest_of(f"Ada: {text}"), MODEL, blobs[number - 1].tobytes())
                for number, owner, text in zip(numbers, owned, texts, strict=True)
                if owner == SPEAKER
            ),
        )


def _unit_rows(rng: np.random.Generator, count: int) -> Rows:
    made = rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def _words() -> list[str]:
    """Words from syllables, the commonest first."""
    chance = random.Random(3)
    syllables = [a + b for a in "bcdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "el", "or")]
    made: dict[str, None] = {}
    while len(made) < VOCABULARY:
        made["".join(chance.choices(syllables, k=chance.randint(2, 4)))] = None
    return list(made)


def _texts(chance: random.Random) -> Iterator[str]:
    """Distinct texts of 12 to 40 words; a word's frequency falls with its place, as in ordinary prose."""
    words = _words()
    weights = [1 / (place + 3) for place in range(len(words))]
    drawn = iter(chance.choices(words, weights, k=MEMORIES * 27))
    number = 0
    while True:
        number += 1
        yield f"{' '.join(islice(drawn, chance.randint(12, 40)))} n{number}"
