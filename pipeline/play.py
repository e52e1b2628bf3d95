"""Play: everything a person can do, each one durable transaction.

What is acknowledged here is on disk. Values are checked by the payloads themselves; what only the state can
tell (does the chat exist, was this key used before) is checked inside the transaction.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pipeline import beginning
from pipeline.floor import end_auto
from pipeline.foreground import Foreground
from pipeline.habits import Habits
from pipeline.passing import return_to_scene
from pipeline.seen import open_chat
from pipeline.stage import Lane
from store import interventions, views
from store.errors import Conflict, Invalid, Refused
from store.events import (
    YOU,
    BotArchived,
    BotAuthored,
    BotEdited,
    ChatArchived,
    ChatRenamed,
    ChatStarted,
    GuestAdded,
    GuestRemoved,
    Opening,
    TurnUser,
)
from store.rows import row
from store.store import Store
from store.txn import Txn

T = TypeVar("T")
MAX_KEY_CHARS = 200
STEP_BACK_S = 0.02


@dataclass(frozen=True, slots=True)
class Sent:
    """A turn that was accepted. `behind` counts the replies still to come before its own."""

    event_id: int
    behind: int
    repeated: bool


class Play:
    """What the page, the JSON interface and the command line submit."""

    def __init__(
        self, store: Store, foreground: Foreground | None = None, habits: Habits | None = None
    ) -> None:
        self._store = store
        self._habits = habits or Habits()
        self.foreground = foreground or Foreground()

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
        self,
        host_id: int,
        *,
        title: str = "",
        you_name: str = "You",
        you_persona: str = "",
        opening: str = "",
        guest_id: int | None = None,
        met: str = "",
    ) -> int:
        """Start a chat. The host's first message, if it has one, begins it; with an `opening` the chat is a
        draft until `confirm_opening`. `met` says whether host and guest know each other."""

        def step(txn: Txn) -> int:
            host = views.bot(txn.connection, host_id)
            started = ChatStarted(
                title=title.strip() or host.name,
                host_id=host_id,
                you_name=you_name,
                you_persona=you_persona,
                opening=self._habits.marker.canonical(opening),
            )
            known = self._habits.marker.canonical(met)
            guest = GuestAdded(guest_id=guest_id, met=known) if guest_id is not None else None
            return beginning.start(txn, started, guest)

        return await self._do(step)

    async def confirm_opening(self, chat_id: int, opening: Opening) -> int:
        """Agree to an opening, perhaps with corrections: it becomes true and play begins. Returns the id of
        the agreement.

        Raises:
            Conflict: play has begun already; Refused: archived; Invalid: it names somebody not in the chat.
        """
        return await self._do(lambda txn: beginning.confirm(txn, chat_id, opening))

    async def add_guest(self, chat_id: int, guest_id: int, met: str = "") -> int:
        """Let a second bot in; `met` says in your words whether host and guest know each other.

        Raises:
            NotFound: no such chat or bot; Refused: it is archived, the host itself, or there is a guest.
        """
        added = GuestAdded(guest_id=guest_id, met=self._habits.marker.canonical(met))

        def step(txn: Txn) -> int:
            chat = open_chat(txn.connection, chat_id)
            beginning.checked_guest(txn, chat, guest_id)
            return txn.append(added, chat_id=chat_id).id

        return await self._do(step)

    async def remove_guest(self, chat_id: int) -> int:
        """Send the guest away; it keeps what it remembers, and what it is saying just now is still heard."""

        def step(txn: Txn) -> int:
            chat = open_chat(txn.connection, chat_id)
            if chat.guest_id is None:
                raise Refused(f"There is no guest in the chat {chat.title!r}.", hint="Nothing is to be done.")
            return txn.append(GuestRemoved(guest_id=chat.guest_id), chat_id=chat_id).id

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
        """Accept a turn; what is out of character is kept between the marks the log knows. The same key again
        returns the first answer and changes nothing. The turn's request to the model goes first: it is waited
        for, though not for long, because telling the person that the turn has arrived takes time on the same
        processor.

        Raises:
            NotFound: no such chat; Refused: it is archived, or its opening is not agreed on; Conflict: the
                key was used for another turn.
        """
        if key is not None and not 0 < len(key) <= MAX_KEY_CHARS:
            raise Invalid(
                f"The Idempotency-Key has {len(key)} characters.",
                hint=f"Use 1 to {MAX_KEY_CHARS} characters.",
            )
        digest = hashlib.sha256(f"{chat_id}\n{TurnUser(text=text).text}".encode()).hexdigest()
        turn = TurnUser(text=self._habits.marker.canonical(text))
        accepted = await self._do(lambda txn: _accept(txn, chat_id, turn, key, digest))
        await self.foreground.calm(within_s=STEP_BACK_S)
        return accepted

    async def stop(self, chat_id: int) -> int:
        """Ask what is being written in this chat to stop; the text so far is kept."""

        def step(txn: Txn) -> int:
            views.chat(txn.connection, chat_id)
            txn.stop_requested = True
            end_auto(txn, chat_id)
            return interventions.request_stop(txn.connection, chat_id, Lane.NARRATION.value, now=txn.now)

        return await self._do(step)

    async def _do(self, step: Callable[[Txn], T]) -> T:
        return await self._store.writer.submit(step, durable=True)


def _accept(txn: Txn, chat_id: int, turn: TurnUser, key: str | None, digest: str) -> Sent:
    """`digest` is that of what was sent, whatever marks held then."""
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
    chat = open_chat(txn.connection, chat_id)
    if not chat.begun:
        raise Refused(
            f"The chat {chat.title!r} has not begun: its opening is not agreed on yet.",
            hint="Read what was made of the opening, correct it if need be, and confirm it.",
        )
    if chat.auto_left:
        end_auto(txn, chat_id)
    if YOU not in chat.cast:
        return_to_scene(txn, chat)
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
