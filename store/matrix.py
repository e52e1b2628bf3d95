"""One owner's vectors of one model as a contiguous matrix in memory, searched exactly.

The only module of the store that needs numpy, loaded when there is a vector to search: without an embedder
the program never pays for it. Exact search over one block of memory beats every index up to a million rows.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

_FIRST_ROWS = 64
FLOAT_BYTES = 4


class Matrix:
    """Rows of unit length by memory id; all of one dimension, that of the first row put in."""

    def __init__(self) -> None:
        self._ids: NDArray[np.int64] = np.empty(_FIRST_ROWS, np.int64)
        self._rows: NDArray[np.float32] = np.empty((_FIRST_ROWS, 0), np.float32)
        self._at: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, memory_id: int) -> bool:
        return memory_id in self._at

    @property
    def nbytes(self) -> int:
        return self._rows.nbytes + self._ids.nbytes

    @property
    def dimensions(self) -> int:
        return int(self._rows.shape[1])

    def put(self, memory_id: int, vector: bytes) -> None:
        """Add a row or replace it. A vector of another length belongs to no search with these and is left
        out: an endpoint that changed its model behind the same name must not mix two spaces."""
        if not self._at:
            self._rows = np.empty((len(self._ids), len(vector) // FLOAT_BYTES), np.float32)
        if len(vector) != self.dimensions * FLOAT_BYTES:
            self.drop(memory_id)
            return
        at = self._at.setdefault(memory_id, len(self._at))
        if at == len(self._ids):
            self._grow()
        self._ids[at] = memory_id
        self._rows[at] = np.frombuffer(vector, np.float32)

    def drop(self, memory_id: int) -> None:
        """Take a row out; the last one moves into its place so that the block stays whole."""
        at = self._at.pop(memory_id, None)
        last = len(self._at)
        if at is None or at == last:
            return
        self._ids[at] = self._ids[last]
        self._rows[at] = self._rows[last]
        self._at[int(self._ids[at])] = at

    def search(self, vector: bytes, limit: int, also: Iterable[int] = ()) -> Mapping[int, float]:
        """Memory id → cosine: the `limit` nearest, nearest first, then those of `also` that are here."""
        used = len(self._at)
        if not used or len(vector) != self.dimensions * FLOAT_BYTES:
            return {}
        # not `@`: BLAS would spread this over threads that wait for each other on a busy machine
        cosines = np.vecdot(self._rows[:used], np.frombuffer(vector, np.float32))
        near = np.argpartition(-cosines, limit - 1)[:limit] if limit < used else np.arange(used)
        near = near[np.lexsort((-self._ids[near], -cosines[near]))]
        found = {int(self._ids[at]): float(cosines[at]) for at in near}
        for memory_id in also:
            at = self._at.get(memory_id)
            if at is not None:
                found.setdefault(memory_id, float(cosines[at]))
        return found

    def _grow(self) -> None:
        self._ids = np.concatenate((self._ids, np.empty_like(self._ids)))
        self._rows = np.concatenate((self._rows, np.empty_like(self._rows)))
