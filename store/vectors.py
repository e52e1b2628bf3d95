"""Vectors in memory: for each chat, owner and model one matrix, filled from the cache and kept current.

What an owner did not perceive never enters its matrix (`memories.WITNESSED` decides, in SQL), and one matrix
holds one model's vectors only. Each question first catches up with what has changed since the last one:
memories written, edited or with other witnesses, vectors that arrived, outcomes that stopped counting.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import apsw

from store.embeddings import Embedding, digest_of
from store.memories import COLUMNS, WITNESSED, memory_of
from store.rows import row, rows
from store.search import Scope

if TYPE_CHECKING:
    from store.matrix import Matrix

DEFAULT_BYTES = 256 * 1024 * 1024
_AT_ONCE = 500

STAMP = (
    "SELECT (SELECT count(*) FROM memory WHERE chat_id = :chat AND owner_id = :owner),"
    " (SELECT max(changed_by) FROM memory WHERE chat_id = :chat AND owner_id = :owner),"
    " (SELECT max(id) FROM vector), (SELECT min(id) FROM vector),"
    " (SELECT last FROM retelling WHERE chat_id = :chat), (SELECT switches FROM answering)"
)
CHANGED = (
    f"SELECT {COLUMNS}, {WITNESSED} FROM memory"
    " WHERE memory.chat_id = :chat AND memory.owner_id = :owner AND memory.changed_by > :since"
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """How far a matrix has followed the database. `memories` counts the owner's, perceived or not."""

    memories: int = 0
    changed_by: int = 0
    vector: int = 0
    oldest_vector: int = 0
    retold: int = 0
    switches: int = 0


@dataclass
class _Owned:
    """One owner's matrix, and the memories whose vector has not arrived, by the digest of their text."""

    matrix: Matrix
    stamp: Stamp = field(default_factory=Stamp)
    digests: dict[int, str] = field(default_factory=dict)
    missing: dict[str, set[int]] = field(default_factory=dict)


class Vectors:
    """All matrices of this process, those used least recently dropped when they outgrow `limit_bytes`. For
    one database; may be asked from several threads."""

    def __init__(self, limit_bytes: int = DEFAULT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self._owned: OrderedDict[tuple[Scope, str], _Owned] = OrderedDict()
        self._lock = threading.Lock()

    def nearest(
        self, db: apsw.Connection, scope: Scope, meaning: Embedding, limit: int, also: Iterable[int] = ()
    ) -> Mapping[int, float]:
        """Memory id → cosine of the owner's `limit` nearest memories, nearest first, then those of `also`
        that have a vector of the same model."""
        with self._lock:
            owned = self._current(db, scope, meaning.model)
            found = owned.matrix.search(meaning.blob, limit, also)
            self._stay_within_limit()
        return found

    @property
    def nbytes(self) -> int:
        return sum(owned.matrix.nbytes for owned in self._owned.values())

    def _current(self, db: apsw.Connection, scope: Scope, model: str) -> _Owned:
        key = (scope, model)
        owned = self._owned.get(key) or _empty()
        stamp = _stamp(db, scope)
        if stamp != owned.stamp:
            owned = _caught_up(db, scope, model, owned, stamp) or _filled(db, scope, model, stamp)
        self._owned[key] = owned
        self._owned.move_to_end(key)
        return owned

    def _stay_within_limit(self) -> None:
        while len(self._owned) > 1 and self.nbytes > self.limit_bytes:
            self._owned.popitem(last=False)


def _empty() -> _Owned:
    from store.matrix import Matrix  # noqa: PLC0415 - numpy is loaded when there is something to search

    return _Owned(Matrix())


def _stamp(db: apsw.Connection, scope: Scope) -> Stamp:
    found = row(db, STAMP, scope.named) or ()
    return Stamp(*(number or 0 for number in found))


def _filled(db: apsw.Connection, scope: Scope, model: str, stamp: Stamp) -> _Owned:
    owned = _empty()
    _follow_memories(db, scope, owned)
    _fetch(db, model, owned, owned.missing)
    owned.stamp = stamp
    return owned


def _caught_up(db: apsw.Connection, scope: Scope, model: str, owned: _Owned, stamp: Stamp) -> _Owned | None:
    """The same matrix brought up to date, or None when something fell away and it must be filled anew."""
    before = owned.stamp
    fell_away = (
        (stamp.retold, stamp.switches) != (before.retold, before.switches)
        or stamp.oldest_vector > before.oldest_vector > 0
        or stamp.vector < before.vector
        or stamp.changed_by < before.changed_by
    )
    if fell_away or not before.memories:
        return None
    added = 0
    touched: set[str] = set()
    if (stamp.memories, stamp.changed_by) != (before.memories, before.changed_by):
        added, touched = _follow_memories(db, scope, owned)
    if before.memories + added != stamp.memories:
        return None
    _fetch(db, model, owned, touched | _arrived(db, model, owned))
    owned.stamp = stamp
    return owned


def _follow_memories(db: apsw.Connection, scope: Scope, owned: _Owned) -> tuple[int, set[str]]:
    """Note what was written or changed since; how many memories are new, and whose vectors to look for."""
    since = owned.stamp.changed_by
    added, touched = 0, set()
    for *columns, perceived in rows(db, CHANGED, {**scope.named, "since": since}):
        memory = memory_of(tuple(columns))
        added += memory.id > since
        _forget(owned, memory.id)
        if perceived:
            digest = digest_of(memory.recorded)
            owned.digests[memory.id] = digest
            owned.missing.setdefault(digest, set()).add(memory.id)
            touched.add(digest)
    return added, touched


def _forget(owned: _Owned, memory_id: int) -> None:
    digest = owned.digests.pop(memory_id, None)
    owned.matrix.drop(memory_id)
    if digest in owned.missing:
        owned.missing[digest].discard(memory_id)
        if not owned.missing[digest]:
            del owned.missing[digest]


def _arrived(db: apsw.Connection, model: str, owned: _Owned) -> set[str]:
    """The digests that wait for a vector and have one since."""
    if not owned.missing:
        return set()
    new = rows(db, "SELECT digest FROM vector WHERE id > ? AND model = ?", (owned.stamp.vector, model))
    return {digest for (digest,) in new if digest in owned.missing}


def _fetch(db: apsw.Connection, model: str, owned: _Owned, digests: Iterable[str]) -> None:
    """Move what the cache has of these from `missing` into the matrix."""
    wanted = sorted(digests)
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        marks = ", ".join("?" for _ in some)
        asked = f"SELECT digest, vector FROM vector WHERE digest IN ({marks}) AND model = ?"
        for digest, blob in rows(db, asked, (*some, model)):
            for memory_id in sorted(owned.missing.pop(digest)):
                owned.matrix.put(memory_id, blob)
