"""Recollections: what a person sets right of what somebody remembers, and of how much turns matter.

A memory that a stage writes anew keeps what was said of the one before it (`store.projections.said`).
"""

from collections.abc import Sequence

from pipeline.correcting import Correcting, Sought
from pipeline.pinning import as_rated
from pipeline.seen import Aspect, entity_named, named, open_chat, own_memory
from store import ratings
from store.errors import Invalid
from store.events import (
    MemoryEdited,
    MemoryPinned,
    MemoryUnpinned,
    MemoryWitnessChanged,
    Significance,
    SignificanceScored,
)
from store.txn import Txn
from store.views import Chat

PINNED = {"": "not pinned", "auto": "pinned by itself", "manual": "pinned by hand"}
MOST_RATED = 500
"""How many turns are rated in one act."""


class Recollections(Correcting):
    """What the drawer, the page of what matters and the JSON interface submit."""

    async def memory(self, chat_id: int, edited: MemoryEdited, *, seen: int) -> int | None:
        def step(txn: Txn, chat: Chat) -> Sought:
            now = own_memory(txn, chat, edited.memory_id)
            of = {"memory_id": now.id}
            asked = Aspect(
                f"Memory {now.id}", ("memory.edited",), (now.text,), (edited.text,), now.changed_by, of
            )
            return asked, edited

        return await self._correct(chat_id, seen, step)

    async def pin(self, chat_id: int, memory_id: int, *, pinned: bool, seen: int) -> int | None:
        """Pin by hand, over an automatic pin too; or unpin, whoever pinned it."""

        def step(txn: Txn, chat: Chat) -> Sought:
            now = own_memory(txn, chat, memory_id)
            asked = Aspect(
                f"The pin of memory {now.id}",
                ("memory.pinned", "memory.unpinned"),
                (PINNED[now.pinned],),
                (PINNED["manual" if pinned else ""],),
                now.changed_by,
                {"memory_id": now.id},
            )
            change = MemoryPinned if pinned else MemoryUnpinned
            return asked, change(memory_id=now.id, by="manual")

        return await self._correct(chat_id, seen, step)

    async def witnesses(self, chat_id: int, change: MemoryWitnessChanged, *, seen: int) -> int | None:
        """Who perceived it. An owner that did not is no longer reminded of it."""

        def step(txn: Txn, chat: Chat) -> Sought:
            now = own_memory(txn, chat, change.memory_id)
            for witness in change.witnesses:
                if witness not in now.witnesses:
                    entity_named(txn, chat, "witnesses", witness, also=now.owner_id)
            asked = Aspect(
                f"The witnesses of memory {now.id}",
                ("memory.witness_changed",),
                tuple(named(txn, chat, one) for one in sorted(set(now.witnesses))),
                tuple(named(txn, chat, one) for one in sorted(set(change.witnesses))),
                now.changed_by,
                {"memory_id": now.id},
            )
            return asked, change

        return await self._correct(chat_id, seen, step)

    async def rate(self, chat_id: int, turn_ids: Sequence[int], score: Significance) -> int:
        """How much turns matter, all in one act; returns for how many that was something else before. It
        stands whatever a stage judges later. What is pivotal is pinned, and what is not any more is not.

        Raises:
            Invalid: none or too many are named; NotFound: one of them does not count in this chat.
        """
        if not 0 < len(turn_ids) <= MOST_RATED:
            raise Invalid(
                f"turn_ids: {len(turn_ids)} turns are named.", hint=f"Name 1 to {MOST_RATED} turns at once."
            )

        def step(txn: Txn) -> int:
            chat = open_chat(txn.connection, chat_id)
            now = ratings.of_turns(txn.connection, chat.id, sorted(set(turn_ids)))
            others = [turn_id for turn_id, before in now.items() if before != score]
            rated = [SignificanceScored(turn_id=turn_id, score=score) for turn_id in others]
            for event in [txn.append(one, chat_id=chat.id) for one in rated]:
                for change in as_rated(txn.connection, event.payload):
                    txn.append(change, chat_id=chat.id, cause_id=event.id)
            return len(others)

        return await self._store.writer.submit(step, durable=True)
