"""Correcting: how one thing is set right by hand, as one event without a run in one durable transaction.

What the person saw is named by `seen`, the event that had last changed it. When something that sets the same
thing was recorded since, nothing is written and the conflict shows both values. What already stands as it was
typed needs no event; such a correction returns None.
"""

from collections.abc import Callable

from pipeline.seen import Aspect, agreed, open_chat
from store.events import Payload
from store.store import Store
from store.txn import Txn
from store.views import Chat

Sought = tuple[Aspect, Payload]
"""What a person would have otherwise, beside how it stands, and the event that makes it so."""


class Correcting:
    """What all corrections have in common."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def _correct(self, chat_id: int, seen: int, step: Callable[[Txn, Chat], Sought]) -> int | None:
        def agreed_upon(txn: Txn, chat: Chat) -> Payload | None:
            asked, payload = step(txn, chat)
            return payload if agreed(txn, chat, asked, seen) else None

        return await self._record(chat_id, agreed_upon)

    async def _record(self, chat_id: int, step: Callable[[Txn, Chat], Payload | None]) -> int | None:
        def whole(txn: Txn) -> int | None:
            chat = open_chat(txn.connection, chat_id)
            payload = step(txn, chat)
            return txn.append(payload, chat_id=chat.id).id if payload is not None else None

        return await self._store.writer.submit(whole, durable=True)
