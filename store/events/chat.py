"""Chats: how one begins, who is in it, what the person sets for it."""

from pydantic import Field

from store.events.payload import MAX_SHORT_CHARS, Name, Payload, ShortText, Text
from store.events.references import EntityId


class ChatStarted(Payload):
    """A chat between you and a host; its root branch has the chat's own id. With an `opening` it is a draft:
    the kickoff reads it, and play begins when the person has agreed to what was read out of it."""

    kind = "chat.started"
    title: Name
    host_id: EntityId
    you_name: Name = "You"
    you_persona: Text = ""
    opening: Text = ""


class YouChanged(Payload):
    """What the person is called in a chat, and what the others may know of them; None leaves one as it is."""

    kind = "you.changed"
    name: Name | None = None
    persona: Text | None = None


class ChatRenamed(Payload):
    kind = "chat.renamed"
    title: Name


class ChatArchived(Payload):
    kind = "chat.archived"


class ChatPurged(Payload):
    """The tombstone of a chat that a person has deleted for good: how much it was, by kind, and no more. Its
    ids stay taken."""

    kind = "chat.purged"
    events: dict[str, int]
    rows: dict[str, int]
    vectors: int


class GuestAdded(Payload):
    """A second bot comes in. `met` says in the person's words whether host and guest know each other."""

    kind = "guest.added"
    guest_id: EntityId
    met: Text = ""


class GuestRemoved(Payload):
    kind = "guest.removed"
    guest_id: EntityId


class AuthorNoteSet(Payload):
    """A standing remark to the model, `depth` turns above the newest; an empty text takes it away."""

    kind = "author_note.set"
    text: ShortText = Field(max_length=MAX_SHORT_CHARS)
    depth: int = Field(default=4, ge=0, le=100)
