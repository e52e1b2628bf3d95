"""Remembering: what a turn brings back to its speaker's mind, without waiting for anything.

Words are searched at once. The meaning of a turn that was just written is not known yet, and a token is never
kept waiting for it: the meaning of what the speaker perceived last stands in, which the embed stage has put
into the cache while the person was reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import apsw

from pipeline.prompt.ooc import strip_ooc
from store import embeddings, memories
from store.embeddings import Embedding
from store.memories import Memory
from store.recall import DEFAULT_K, Ranking, Recalled, recall
from store.search import Scope
from store.vectors import Vectors
from store.views import Turn

LOOK_BACK = 4
"""How many of the speaker's last memories are tried for a meaning."""


@dataclass
class Remembering:
    """The `recall` of one prompt. `found` tells afterwards what came back and why."""

    db: apsw.Connection
    vectors: Vectors
    turn: Turn
    owner_id: int
    model: str = ""
    """The embedder's model; empty where there is none."""
    ranking: Ranking = field(default_factory=Ranking)
    k: int = DEFAULT_K
    found: list[Recalled] = field(default_factory=list)

    def __call__(self, shown: frozenset[int]) -> Sequence[Memory]:
        """The memories to add to a prompt that shows these turns anyway, the dearest first."""
        text = strip_ooc(self.turn.text).strip()
        scope = Scope(self.turn.chat_id, self.owner_id)
        self.found = recall(
            self.db,
            self.vectors,
            scope,
            text,
            self._meaning(text),
            k=self.k,
            ranking=self.ranking,
            without_turns=shown,
        )
        return [one.memory for one in self.found]

    def _meaning(self, text: str) -> Embedding | None:
        if not self.model:
            return None
        last = memories.of_owner(self.db, self.turn.chat_id, self.owner_id, limit=LOOK_BACK)
        known = (
            embeddings.cached(self.db, said, self.model) for said in (text, *(one.recorded for one in last))
        )
        return next((one for one in known if one is not None), None)

    def figures(self) -> list[dict[str, object]]:
        """Why each memory came back, for whoever asks later."""
        return [
            {
                "memory_id": one.memory.id,
                "rank": one.rank,
                "follows": one.follows,
                "score": round(one.scores.score, 4),
                "text": round(one.scores.text, 4),
                "text_rank": one.scores.text_rank,
                "meaning": round(one.scores.meaning, 4),
                "meaning_rank": one.scores.meaning_rank,
                "significance": round(one.scores.significance, 2),
                "recency": round(one.scores.recency, 4),
            }
            for one in self.found
        ]
