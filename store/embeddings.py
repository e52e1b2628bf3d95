"""The vector cache: the meaning of a text, once computed by a model, kept by the digest of that text.

It lies beside the log. Rebuilding, branching and swiping find every known text again, and vectors of two
models stand side by side without ever being compared.
"""

import hashlib
import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import apsw

from store.errors import Invalid
from store.rows import row, rows

LARGEST_DIMENSION = 16_384


@dataclass(frozen=True, slots=True)
class Embedding:
    """A text's meaning as a model sees it: 32-bit floats of unit length, so that a product is a cosine."""

    model: str
    blob: bytes


def digest_of(text: str) -> str:
    """The name of a text in the cache."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def embedding(model: str, numbers: Sequence[float]) -> Embedding:
    """The embedding of what a model answered.

    Raises:
        Invalid: no numbers, too many, some that are none (NaN, infinite), or nothing but zeros.
    """
    length = math.hypot(*numbers) if 0 < len(numbers) <= LARGEST_DIMENSION else 0.0
    if not (math.isfinite(length) and length > 0.0):
        raise Invalid(
            f"The embedding model {model!r} answered with a vector that means nothing"
            f" ({len(numbers)} numbers, length {length}).",
            hint="Check that the endpoint serves an embedding model.",
        )
    return Embedding(model, array("f", (number / length for number in numbers)).tobytes())


def cached(db: apsw.Connection, text: str, model: str) -> Embedding | None:
    """What is known of a text already; microseconds, so a prompt need not wait for a model."""
    found = row(db, "SELECT vector FROM vector WHERE digest = ? AND model = ?", (digest_of(text), model))
    return Embedding(model, found[0]) if found else None


def keep(db: apsw.Connection, known: Iterable[tuple[str, Embedding]]) -> None:
    """Put (digest, embedding) pairs into the cache, within the caller's transaction."""
    db.executemany(
        "INSERT INTO vector(digest, model, vector) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(digest, one.model, one.blob) for digest, one in known],
    )


def lacking(db: apsw.Connection, texts: Iterable[str], model: str) -> dict[str, str]:
    """Digest → text for those of the texts that have no vector of this model."""
    wanted = {digest_of(text): text for text in texts}
    marks = ", ".join("?" for _ in wanted)
    found = rows(db, f"SELECT digest FROM vector WHERE model = ? AND digest IN ({marks})", (model, *wanted))
    known = {digest for (digest,) in found}
    return {digest: text for digest, text in wanted.items() if digest not in known}


def digests(db: apsw.Connection, model: str) -> frozenset[str]:
    """Every text that has a vector of this model."""
    found = rows(db, "SELECT digest FROM vector WHERE model = ?", (model,))
    return frozenset(digest for (digest,) in found)


def replace(db: apsw.Connection, model: str, by: str) -> None:
    """Let the vectors kept under one name take the place of those of another, within the caller's
    transaction."""
    db.execute("DELETE FROM vector WHERE model = ?", (model,))
    db.execute("UPDATE vector SET model = ? WHERE model = ?", (model, by))


@dataclass(frozen=True, slots=True)
class Answering:
    """The model by which memories are searched, and what config.toml calls the one who embeds with it."""

    model: str
    choice: str


def answering(db: apsw.Connection) -> Answering | None:
    """Which model's vectors a search compares; None before there was an embedder. Another model may be
    configured meanwhile: it answers once everything has a vector of it."""
    found = row(db, "SELECT model, choice FROM answering")
    return Answering(*found) if found else None


def answer_with(db: apsw.Connection, one: Answering) -> None:
    """From this commit on, searches compare the vectors of this model, in every process."""
    db.execute(
        "INSERT INTO answering(id, model, choice) VALUES (1, ?1, ?2)"
        " ON CONFLICT (id) DO UPDATE SET model = ?1, choice = ?2, switches = switches + 1",
        (one.model, one.choice),
    )


def answer_first_with(db: apsw.Connection, one: Answering) -> None:
    """The first embedder a database ever has answers at once; there is nothing it would have to wait for."""
    db.execute(
        "INSERT INTO answering(id, model, choice) VALUES (1, ?, ?) ON CONFLICT DO NOTHING",
        (one.model, one.choice),
    )
