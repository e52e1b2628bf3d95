"""Play: everything a person can do, each one durable transaction.

What is acknowledged here is on disk. Values are checked by the payloads themselves; what only the state can
tell (does the chat exist, was this key used before) is checked inside the transaction.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipeline.prompt.macros import substitute
from pipeline.stage import Lane
from store import ledger, views
from store.errors import Conflict, Invalid, Refused
from store.events import (
    BotArchived,
    BotAuthored,
    BotEdited,
    ChatArchived,
    ChatRenamed,
    ChatStarted,
    TurnAssistant,
    TurnUser,
)
from store.rows import row
from store.store import Store
from store.txn import Txn

T = TypeVar("T")
MAX_KEY_CHARS = 200


@dataclass(frozen=True, slots=True)
class Sent:
    """A turn that was accepted. `behind` counts the replies still to come before its own."""

    event_id: int
    behind: int
    repeated: bool


class Play:
    """What the page, the JSON interface and the command line submit."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def author_bot(self, bot: BotAuthored) -> int:
        return (await self._do(lambda txn: txn.append(bot))).id

    async def edit_bot(self, bot: BotEdited) -> None:
        def step(txn: Txn) -> None:
            views.bot(txn.connection, bot.bot_id)
            txn.append(bot)

        await self._do(step)

    async def archive_bot(self, bot_id: int) -> None:
        def step(txn: Txn) -> None:
            views.bot(txn.connection, bot_id)
            txn.append(BotArchived(bot_id=bot_id))

        await self._do(step)

    async def start_chat(
        self, host_id: int, *, title: str = "", you_name: str = "You", you_persona: str = ""
    ) -> int:
        """Start a chat; the host's first message, if it has one, opens it."""

        def step(txn: Txn) -> int:
            host = views.bot(txn.connection, host_id)
            if host.archived:
                raise Refused(f"The bot {host.name!r} is archived.", hint="Choose another bot.")
            started = ChatStarted(
                title=title.strip() or host.name, host_id=host_id, you_name=you_name, you_persona=you_persona
            )
            chat = txn.append(started)
            if host.first_message.strip():
                opening = substitute(host.first_message, char=host.name, user=started.you_name)
                first = TurnAssistant(speaker_id=host_id, text=opening, ended="authored")
                txn.append(first, chat_id=chat.id, cause_id=chat.id)
            return chat.id

        return await self._do(step)

    async def rename_chat(self, chat_id: int, title: str) -> None:
        renamed = ChatRenamed(title=title)

        def step(txn: Txn) -> None:
            views.chat(txn.connection, chat_id)
            txn.append(renamed, chat_id=chat_id)

        await self._do(step)

    async def archive_chat(self, chat_id: int) -> None:
        def step(txn: Txn) -> None:
            views.chat(txn.connection, chat_id)
            txn.append(ChatArchived(), chat_id=chat_id)

        await self._do(step)

    async def send_turn(self, chat_id: int, text: str, *, key: str | None = None) -> Sent:
        """Accept a turn. The same key again returns the first answer and changes nothing.

        Raises:
            NotFound: no such chat; Refused: it is archived; Conflict: the key was used for another turn.
        """
        if key is not None and not 0 < len(key) <= MAX_KEY_CHARS:
            raise Invalid(
                f"The Idempotency-Key has {len(key)} characters.",
                hint=f"Use 1 to {MAX_KEY_CHARS} characters.",
            )
        turn = TurnUser(text=text)
        return await self._do(lambda txn: _accept(txn, chat_id, turn, key))

    async def stop(self, chat_id: int) -> int:
        """Ask what is being written in this chat to stop; the text so far is kept."""

        def step(txn: Txn) -> int:
            views.chat(txn.connection, chat_id)
            txn.stop_requested = True
            return ledger.request_stop(txn.connection, chat_id, Lane.NARRATION.value, now=txn.now)

        return await self._do(step)

    async def retry(self, run_ids: Sequence[int]) -> int:
        return await self._do(lambda txn: ledger.retry(txn.connection, run_ids, now=txn.now))

    async def discard(self, run_ids: Sequence[int]) -> int:
        return await self._do(lambda txn: ledger.discard(txn.connection, run_ids, now=txn.now))

    async def _do(self, step: Callable[[Txn], T]) -> T:
        return await self._store.writer.submit(step, durable=True)


def _accept(txn: Txn, chat_id: int, turn: TurnUser, key: str | None) -> Sent:
    digest = hashlib.sha256(f"{chat_id}\n{turn.text}".encode()).hexdigest()
    behind = _unanswered(txn, chat_id)
    if key is not None:
        earlier = row(txn.connection, "SELECT digest, event_id FROM submission WHERE key = ?", (key,))
        if earlier is not None and earlier[0] != digest:
            raise Conflict(
                f"The Idempotency-Key {key!r} was already used for another turn.",
                hint="Use a new key per turn.",
            )
        if earlier is not None:
            return Sent(earlier[1], behind, repeated=True)
    chat = views.chat(txn.connection, chat_id)
    if chat.archived:
        raise Refused(f"The chat {chat.title!r} is archived.", hint="Start a new chat with the same bot.")
    event = txn.append(turn, chat_id=chat_id)
    if key is not None:
        txn.execute("INSERT INTO submission(key, digest, event_id) VALUES (?, ?, ?)", (key, digest, event.id))
    return Sent(event.id, behind, repeated=False)


def _unanswered(txn: Txn, chat_id: int) -> int:
    found = row(
        txn.connection,
        "SELECT count(*) FROM run WHERE chat_id = ? AND lane IN ('play', 'narration')"
        " AND state IN ('waiting', 'ready', 'running', 'backoff')",
        (chat_id,),
    )
    return found[0] if found else 0
