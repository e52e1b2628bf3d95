"""Beginnings: how a chat starts, and how what was read out of its opening becomes true.

A chat with an opening is a draft: it has a cast, and nothing is said in it before the person has agreed to
where, when and how it begins. What they agree to becomes events in the same commit as their agreement.
"""

from collections.abc import Iterator

from pipeline import story_time
from pipeline.plot.planning import checked
from pipeline.prompt.macros import substitute
from store import views
from store.errors import Conflict, Invalid, Refused
from store.events import (
    ActivityChanged,
    ChatStarted,
    ContainerCreated,
    EdgeSummarized,
    EdgeUpdated,
    GuestAdded,
    Opening,
    OpeningConfirmed,
    Payload,
    SceneOpened,
    StoryEventPlanned,
    TurnAssistant,
    WorldChanged,
)
from store.txn import Txn
from store.views import Bot, Chat


def start(txn: Txn, started: ChatStarted, guest: GuestAdded | None) -> int:
    """Append a chat with its cast; without an opening to agree on, its first scene and message too.

    Raises:
        NotFound, Refused: a bot that is not there, archived, or host and guest at once.
    """
    host = castable(txn, started.host_id)
    chat_id = txn.append(started).id
    if guest is not None:
        checked_guest(txn, views.chat(txn.connection, chat_id), guest.guest_id)
        txn.append(guest, chat_id=chat_id, cause_id=chat_id)
    if not started.opening.strip():
        txn.append(SceneOpened(), chat_id=chat_id, cause_id=chat_id)
        _greet(txn, chat_id, host, started.you_name, chat_id)
    return chat_id


def confirm(txn: Txn, chat_id: int, opening: Opening) -> int:
    """Make an opening true and let the host speak first; returns the id of the agreement.

    Raises:
        Conflict: play has begun already; Refused: archived; Invalid: it names somebody who is not there, or
            plans what cannot come about.
    """
    chat = views.chat(txn.connection, chat_id)
    if chat.archived:
        raise Refused(f"The chat {chat.title!r} is archived.", hint="Start a new chat with the same bot.")
    if chat.begun:
        raise Conflict(
            f"The chat {chat.title!r} has begun already; its opening was agreed on before.",
            hint="Change place, time or relationships in the chat itself.",
        )
    _checked(chat, opening)
    confirmed = txn.append(OpeningConfirmed(opening=opening), chat_id=chat_id)
    container_id = None
    if opening.container is not None:
        created = ContainerCreated(container=opening.container)
        container_id = txn.append(created, chat_id=chat_id, cause_id=confirmed.id).id
    txn.append(SceneOpened(container_id=container_id), chat_id=chat_id, cause_id=confirmed.id)
    for payload in _consequences(opening):
        txn.append(payload, chat_id=chat_id, cause_id=confirmed.id)
    for plan in opening.story_events:
        planned = StoryEventPlanned(plan=checked(txn, views.chat(txn.connection, chat_id), plan))
        txn.append(planned, chat_id=chat_id, cause_id=confirmed.id)
    _greet(txn, chat_id, views.bot(txn.connection, chat.host_id), chat.you_name, confirmed.id)
    return confirmed.id


def castable(txn: Txn, bot_id: int) -> Bot:
    """A bot that may take part in a chat."""
    bot = views.bot(txn.connection, bot_id)
    if bot.archived:
        raise Refused(f"The bot {bot.name!r} is archived.", hint="Choose another bot.")
    return bot


def checked_guest(txn: Txn, chat: Chat, guest_id: int) -> Bot:
    """The bot that comes in as a guest, if it may."""
    guest = castable(txn, guest_id)
    if guest_id == chat.host_id:
        raise Refused(
            f"{guest.name!r} is the host of this chat and cannot be its guest as well.",
            hint="Choose another bot.",
        )
    if chat.guest_id is not None:
        there = views.bot(txn.connection, chat.guest_id)
        raise Refused(
            f"{there.name!r} is already here as a guest, and a chat has one at most.",
            hint=f"Send {there.name!r} away first.",
        )
    return guest


def _consequences(opening: Opening) -> Iterator[Payload]:
    """What an agreed opening changes, after its scene is open: a new scene forgets what anybody did."""
    if opening.time or opening.weather:
        clock = story_time.clock_at(opening.time, 0)
        yield WorldChanged(time=opening.time or None, weather=opening.weather or None, clock=clock)
    for one in opening.activities:
        yield ActivityChanged(entity_id=one.entity_id, activity=one.activity)
    for edge in opening.edges:
        pair = {"observer_id": edge.observer_id, "target_id": edge.target_id}
        if edge.affinity or edge.trust:
            yield EdgeUpdated(**pair, affinity_delta=edge.affinity, trust_delta=edge.trust)
        if edge.summary.strip():
            yield EdgeSummarized(**pair, summary=edge.summary)


def _checked(chat: Chat, opening: Opening) -> None:
    named = {one.entity_id for one in opening.activities}
    named |= {entity for edge in opening.edges for entity in (edge.observer_id, edge.target_id)}
    strangers = sorted(named - set(chat.cast))
    if strangers:
        raise Invalid(
            f"The opening names the entity {strangers[0]}, who is not in the chat {chat.title!r}.",
            hint="Name only you (0), the host and the guest.",
        )
    if any(edge.observer_id == edge.target_id for edge in opening.edges):
        raise Invalid("The opening has a relationship of somebody with themselves.", hint="Leave it out.")


def _greet(txn: Txn, chat_id: int, host: Bot, you_name: str, cause_id: int) -> None:
    """The host's first message, if it has one."""
    if not host.first_message.strip():
        return
    text = substitute(host.first_message, char=host.name, user=you_name)
    first = TurnAssistant(speaker_id=host.id, text=text, ended="authored")
    txn.append(first, chat_id=chat_id, cause_id=cause_id)
