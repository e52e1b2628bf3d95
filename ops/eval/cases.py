"""A retrieval set: stories as memories with their witnesses, and questions whose answers are known.

The file is `{"name", "stores": [{"owner", "memories": [{"id", "speaker", "text", "at", "scene",
"witnesses"}], "questions": [{"text", "asker", "relevant"}]}]}`. Memories are in the order of `at`, or of the
file where that cannot be compared. A question is asked on behalf of its asker, the owner if none is named.
"""

from pathlib import Path
from typing import Any

import apsw
from pydantic import BaseModel, ValidationError

from store.errors import Invalid
from store.events import BotAuthored, ChatStarted, MemoryWritten, TurnUser
from store.search import Scope
from store.txn import Txn

Key = int | str


class Remembered(BaseModel):
    """One memory of a set; `witnesses` are the names of those that perceived it."""

    id: Key
    speaker: str
    text: str
    at: Any = None
    scene: Any = None
    witnesses: list[str]


class Question(BaseModel):
    """What is asked, by whom, and the ids of the memories that answer it."""

    text: str
    asker: str = ""
    relevant: list[Key]


class StoryStore(BaseModel):
    """One owner's memories, those it did not perceive among them, and what is asked of them."""

    owner: str
    memories: list[Remembered]
    questions: list[Question]

    @property
    def keepers(self) -> list[str]:
        """The entities whose memories are kept: the owner and whoever asks."""
        return list(dict.fromkeys([self.owner, *(one.asker for one in self.questions if one.asker)]))

    def in_order(self) -> list[Remembered]:
        try:
            return sorted(self.memories, key=lambda one: one.at)
        except TypeError:
            return self.memories


class RetrievalSet(BaseModel):
    name: str
    stores: list[StoryStore]


class Played:
    """A store's story in a database: the scope of each keeper, and which memory each row is."""

    def __init__(self, store: StoryStore) -> None:
        self.store = store
        self.scopes: dict[str, Scope] = {}
        self.memories: dict[int, Remembered] = {}


def read_set(path: Path) -> RetrievalSet:
    """Read a set.

    Raises:
        Invalid: the file cannot be read or is no such set.
    """
    try:
        return RetrievalSet.model_validate_json(path.read_bytes())
    except OSError as error:
        raise Invalid(
            f"The file {path} cannot be read.", hint="Check its name.", detail=str(error)
        ) from error
    except ValidationError as error:
        raise Invalid(
            f"The file {path} is not a retrieval set.",
            hint="docs/retrieval.md gives the format.",
            detail=str(error)[:500],
        ) from error


def play(db: apsw.Connection, store: StoryStore) -> Played:
    """Let the story happen in a chat of its own, by the log, as the product's own stages would write it. An
    owner also gets what it did not perceive, under a mask that leaves it out: that must never come back."""
    played = Played(store)
    with db:
        txn = Txn(db, {}, 1)
        ids = {name: txn.append(BotAuthored(name=name)).id for name in _names(store)}
        chat_id = txn.append(ChatStarted(title=store.owner, host_id=ids[store.owner])).id
        played.scopes = {name: Scope(chat_id, ids[name]) for name in store.keepers}
        for memory in store.in_order():
            turn_id = txn.append(TurnUser(text=memory.text), chat_id=chat_id).id
            for name in store.keepers:
                if name in memory.witnesses or name == store.owner:
                    kept = MemoryWritten(
                        owner_id=ids[name],
                        turn_id=turn_id,
                        speaker_name=memory.speaker,
                        text=memory.text,
                        witnesses=tuple(ids[one] for one in memory.witnesses),
                    )
                    written = txn.append(kept, chat_id=chat_id, cause_id=turn_id)
                    played.memories[written.id] = memory
    return played


def _names(store: StoryStore) -> list[str]:
    seen = (name for memory in store.memories for name in memory.witnesses)
    return list(dict.fromkeys([*store.keepers, *seen]))
