"""A small world of memories for tests: a chat with owners, turns they perceive, and vectors of our choice."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import apsw

from store import embeddings, memories
from store.embeddings import Embedding
from store.events import BotAuthored, ChatStarted, MemoryWritten, TurnUser
from store.search import Scope
from store.txn import Txn

MODEL = "three senses"


def meaning(*numbers: float, model: str = MODEL) -> Embedding:
    return embeddings.embedding(model, numbers)


@dataclass
class Remembering:
    """Everything goes through the log; vectors go into the cache as the embed stage puts them."""

    db: apsw.Connection
    owners: list[int] = field(default_factory=list)
    chat_id: int = 0

    @property
    def txn(self) -> Txn:
        return Txn(self.db, {}, 1_700_000_000_000)

    def begin(self, *names: str) -> "Remembering":
        self.owners = [self.txn.append(BotAuthored(name=name)).id for name in names]
        self.chat_id = self.txn.append(ChatStarted(title="x", host_id=self.owners[0])).id
        return self

    def scope(self, owner: int = 0) -> Scope:
        return Scope(self.chat_id, self.owners[owner])

    def turn(self, text: str, *owners: int, vector: Sequence[float] | None = None) -> list[int]:
        """A turn and the memories that these owners (by place) keep of it; the memories' ids."""
        turn_id = self.txn.append(TurnUser(text=text), chat_id=self.chat_id).id
        return [self.keep(text, turn_id, owner, vector=vector) for owner in owners]

    def keep(
        self,
        text: str,
        turn_id: int | None,
        owner: int,
        *,
        vector: Sequence[float] | None = None,
        witnesses: Sequence[int] | None = None,
    ) -> int:
        owner_id = self.owners[owner]
        seen_by = tuple(witnesses) if witnesses is not None else (0, owner_id)
        kept = MemoryWritten(
            owner_id=owner_id, turn_id=turn_id, speaker_name="You", text=text, witnesses=seen_by
        )
        memory_id = self.txn.append(kept, chat_id=self.chat_id, cause_id=turn_id).id
        if vector is not None:
            self.embed(memory_id, meaning(*vector))
        return memory_id

    def embed(self, memory_id: int, vector: Embedding) -> None:
        said = memories.memory(self.db, memory_id).said
        embeddings.keep(self.db, [(embeddings.digest_of(said), vector)])
