"""The library: the bots a person has written."""

from typing import Annotated

from pydantic import Field

from store.events.payload import Name, Payload, Text
from store.events.references import EntityId


class BotFields(Payload):
    """What a person writes about a bot; shared by authoring and editing."""

    name: Name
    aliases: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    description: Text = ""
    personality: Text = ""
    first_message: Text = ""
    post_history: Text = ""


class BotAuthored(BotFields):
    kind = "bot.authored"


class BotEdited(BotFields):
    kind = "bot.edited"
    bot_id: EntityId


class BotArchived(Payload):
    kind = "bot.archived"
    bot_id: EntityId
