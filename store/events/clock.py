"""The story clock, and what moves it by more than the turns themselves do."""

from typing import Annotated, Literal

from pydantic import Field

from store.events.payload import Payload, ShortText
from store.events.references import EventId

DAY = 24 * 60
NOON = DAY // 2
"""When a story begins that does not tell its time."""
TURN_MINUTES = 1
"""How long a turn takes."""
MAX_SKIP = 100 * 366 * DAY
"""A hundred years: what is longer is another story."""

Clock = Annotated[int, Field(ge=0)]
"""Minutes of story time since midnight before the story's first day."""
Minutes = Annotated[int, Field(ge=1, le=MAX_SKIP)]
SkipMode = Literal["elision", "jump"]
"""An elision leaves out the dull middle of what goes on; a jump lands in another scene."""


class SkipRequested(Payload):
    """A person wants to be later in the story: by so many minutes, which `words` may have said."""

    kind = "time.skip_requested"
    mode: SkipMode
    minutes: Minutes
    words: ShortText = ""


class TimeSkipped(Payload):
    kind = "time.skipped"
    mode: SkipMode
    minutes: Minutes
    words: ShortText = ""
    turn_id: EventId | None = None
    """The turn that said so, if one did."""
