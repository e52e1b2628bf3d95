"""Passing time: what a person may do to go on elsewhere in the story, or to let it go on without them.

Each act is one durable transaction, and undone like any other.
"""

from collections.abc import Callable
from typing import TypeVar

import apsw

from pipeline import story_time
from pipeline.floor import end_auto, settled
from pipeline.prompt.ooc import strip_ooc
from pipeline.seen import Aspect, agreed, open_chat
from pipeline.skipping import Landing, container_of, next_scene
from store import meanwhile
from store.errors import Invalid, Refused
from store.events import (
    DAY,
    MAX_AUTO_TURNS,
    MAX_SHORT_CHARS,
    MAX_SKIP,
    YOU,
    AutoModeSet,
    DigestEdited,
    EdgeFactRemoved,
    EdgeUpdated,
    Fact,
    SceneOpened,
    SkipMode,
    SkipRequested,
)
from store.rows import row
from store.store import Store
from store.txn import Txn
from store.views import Chat

T = TypeVar("T")
SHOWN_CHARS = 80
EXAMPLES = "“next morning”, “two hours later”, “at midnight” or “a week later”"


class Passing:
    """What the page, the JSON interface and the command line submit about time and who is there."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def skip(self, chat_id: int, mode: SkipMode, *, words: str = "", minutes: int | None = None) -> int:
        """Ask to be later in the story, by so many minutes or as the words say.

        Raises:
            Invalid: that is no time ahead, or too long; Conflict: a reply is being written; Refused: the chat
                is archived or has not begun.
        """

        def step(txn: Txn) -> int:
            chat = _begun(txn.connection, chat_id)
            settled(txn.connection, chat_id)
            length = _length(chat, mode, words.strip(), minutes)
            asked = SkipRequested(mode=mode, minutes=length, words=words.strip())
            end_auto(txn, chat_id)
            return txn.append(asked, chat_id=chat_id).id

        return await self._do(step)

    async def meanwhile(self, chat_id: int, turns: int, premise: str = "") -> int:
        """A scene of host and guest without you, in which they speak so many turns by themselves; `premise`
        says what it is about. Returns the scene.

        Raises:
            Refused: there is no guest, or the scene is without you already; Invalid: turns; Conflict: a reply
                is being written.
        """

        def step(txn: Txn) -> int:
            chat = _begun(txn.connection, chat_id)
            if chat.guest_id is None:
                raise Refused(
                    f"There is no guest in the chat {chat.title!r}, and nobody for the host to talk to.",
                    hint="Let a second bot in as a guest first.",
                )
            if YOU not in chat.cast:
                raise Refused("The scene is without you already.", hint="Let it go on, or come back first.")
            _spoken(chat)
            settled(txn.connection, chat_id)
            wanted = _auto_turns(turns, least=1)
            present = tuple(sorted((chat.host_id, chat.guest_id)))
            landing = Landing(
                container_of(txn.connection, chat.scene_id), title=strip_ooc(premise).strip(), present=present
            )
            scene_id = _opened(txn, chat, landing, "meanwhile, without you")
            txn.append(wanted, chat_id=chat_id, cause_id=scene_id)
            return scene_id

        return await self._do(step)

    async def come_back(self, chat_id: int) -> int | None:
        """End a scene without you: another opens with you, where you were. None where you are there already.
        What is being said just now is still said there, without you. Undone only together with that scene."""

        def step(txn: Txn) -> int | None:
            chat = open_chat(txn.connection, chat_id)
            if YOU in chat.cast:
                return None
            end_auto(txn, chat_id)
            return return_to_scene(txn, chat)

        return await self._do(step)

    async def auto(self, chat_id: int, turns: int) -> int | None:
        """Let the bots carry on by themselves for so many turns; 0 lets them finish what is being said. None
        where nothing changes. In a scene without you it belongs to that scene, and is undone with it.

        Raises:
            Invalid: turns; Refused: nothing has been said yet, or the chat is archived or has not begun.
        """

        def step(txn: Txn) -> int | None:
            chat = _begun(txn.connection, chat_id)
            wanted = _auto_turns(turns, least=0)
            if turns:
                _spoken(chat)
            elif not chat.auto_left:
                return None
            away = None if YOU in chat.cast else chat.scene_id
            return txn.append(wanted, chat_id=chat_id, cause_id=away).id

        return await self._do(step)

    async def edit_digest(self, chat_id: int, digest_id: int, text: str, *, seen: int) -> int | None:
        """What you learn of a scene in other words; an empty text takes it back. Where you know it already,
        the fact is exchanged for the other."""
        edited = DigestEdited(digest_id=digest_id, text=text.strip())

        def step(txn: Txn) -> int | None:
            chat = open_chat(txn.connection, chat_id)
            now = meanwhile.digest(txn.connection, chat_id, digest_id)
            of = {"digest_id": digest_id}
            asked = Aspect(
                f"Digest {digest_id}", ("digest.edited",), (now.text,), (edited.text,), now.changed_by, of
            )
            if not agreed(txn, chat, asked, seen):
                return None
            event_id = txn.append(edited, chat_id=chat_id).id
            _exchange_fact(txn, now, edited.text, event_id)
            return event_id

        return await self._do(step)

    async def _do(self, step: Callable[[Txn], T]) -> T:
        return await self._store.writer.submit(step, durable=True)


def return_to_scene(txn: Txn, chat: Chat) -> int:
    """Close a scene without you and open one with you, in the place where you were last. Returns it. It
    answers that scene and is undone with it alone: what you have said since was not said there."""
    with_you = row(
        txn.connection,
        "SELECT container_id FROM scene WHERE chat_id = ? AND (present = '[]' OR EXISTS"
        " (SELECT 1 FROM json_each(present) WHERE value = ?)) ORDER BY id DESC LIMIT 1",
        (chat.id, YOU),
    )
    return _opened(txn, chat, Landing(with_you[0] if with_you else None), "you are back", chat.scene_id)


def _opened(txn: Txn, chat: Chat, landing: Landing, reason: str, cause_id: int | None = None) -> int:
    """The next scene by hand, all of it answering one event, its own first one unless another is named."""
    scene_id = 0
    for payload in next_scene(
        txn.connection, chat.id, chat.scene_id, landing, clock=chat.clock, reason=reason
    ):
        event = txn.append(payload, chat_id=chat.id, cause_id=cause_id)
        cause_id = cause_id or event.id
        scene_id = event.id if isinstance(payload, SceneOpened) else scene_id
    return scene_id


def _begun(db: apsw.Connection, chat_id: int) -> Chat:
    chat = open_chat(db, chat_id)
    if not chat.begun:
        raise Refused(
            f"The chat {chat.title!r} has not begun: its opening is not agreed on yet.",
            hint="Read what was made of the opening, correct it if need be, and confirm it.",
        )
    return chat


def _spoken(chat: Chat) -> None:
    if not chat.turns:
        raise Refused("Nothing has been said yet.", hint="Say something first, then let them go on.")


def _auto_turns(turns: int, *, least: int) -> AutoModeSet:
    if not least <= turns <= MAX_AUTO_TURNS:
        raise Invalid(
            f"The bots cannot speak {turns} turns by themselves.",
            hint=f"Give a number from {least} to {MAX_AUTO_TURNS}.",
        )
    return AutoModeSet(turns=turns)


def _length(chat: Chat, mode: SkipMode, words: str, minutes: int | None) -> int:
    """How long the skip is, if it is one."""
    if len(words) > MAX_SHORT_CHARS:
        raise Invalid(
            f"The words have {len(words)} characters; that is more than anybody needs to say when.",
            hint=f"Use at most {MAX_SHORT_CHARS}.",
        )
    length = story_time.minutes_until(words, chat.clock) if minutes is None else minutes
    said = f"words “{words[:SHOWN_CHARS]}”"
    asked = f"the {said}" if minutes is None else f"{minutes} minutes"
    if length is None:
        told = f"The {said} tell no time" if words else "Nothing says how much later: no words, no minutes"
        raise Invalid(f"{told}.", hint=f"Say how much later, for example {EXAMPLES}, or give minutes.")
    if length < 1:
        raise Invalid(
            f"A skip goes forward, and {asked} do not.",
            hint="Say what is at least a minute later. To go back in the story, rewind to a turn.",
        )
    if length > MAX_SKIP:
        raise Invalid(
            f"The skip is {story_time.span(length)} long, and nobody here lives to see the end of it.",
            hint="Skip a hundred years at most, or start a new chat.",
        )
    if mode == "elision" and length > DAY:
        raise Invalid(
            f"An elision of {story_time.span(length)} would leave out more than the dull middle of a scene.",
            hint="Use a jump, which lands in another scene.",
        )
    return length


def _exchange_fact(txn: Txn, known: meanwhile.Digest, text: str, cause_id: int) -> None:
    """What you hold to be true on account of a digest, as it is told now."""
    held = row(
        txn.connection,
        "SELECT id, target_id FROM fact WHERE chat_id = ? AND observer_id = ? AND how = 'digest'"
        " AND EXISTS (SELECT 1 FROM json_each(drew_on) WHERE value = ?)",
        (known.chat_id, YOU, known.id),
    )
    if held is None:
        return
    fact_id, target_id = held
    txn.append(EdgeFactRemoved(fact_id=fact_id), chat_id=known.chat_id, cause_id=cause_id)
    if text:
        fact = Fact(text=text[:MAX_SHORT_CHARS], how="digest")
        told = EdgeUpdated(observer_id=YOU, target_id=target_id, facts=(fact,), drew_on=(known.id,))
        txn.append(told, chat_id=known.chat_id, cause_id=cause_id)
