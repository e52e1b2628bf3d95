"""The board: the plot of a chat as a person looks at it."""

from collections.abc import Mapping
from dataclasses import dataclass

import apsw

from pipeline.plot.ending import holders
from pipeline.plot.standing import Standing
from store import plot, views
from store.plot import StoryEvent, Thread


@dataclass(frozen=True, slots=True)
class Board:
    """`held` says of a story event that goes on who holds which of its props: to be asked when it ends."""

    clock: int
    story_events: tuple[StoryEvent, ...]
    threads: tuple[Thread, ...]
    held: Mapping[int, Mapping[str, tuple[int, ...]]]

    def stale_minutes(self, thread: Thread) -> int:
        """How much story time has gone by since a thread moved; none where it is closed."""
        return max(0, self.clock - thread.touched_clock) if thread.closed_by is None else 0


def board(db: apsw.Connection, chat_id: int) -> Board:
    """Everything planned, going on and over, in the order it was planned, and all threads."""
    chat = views.chat(db, chat_id)
    events = plot.story_events(db, chat_id)
    going = [one for one in events if one.state == "active"]
    standing = Standing.of(db, chat_id) if going else None
    held = {one.id: holders(one, standing) for one in going} if standing is not None else {}
    return Board(chat.clock, tuple(events), tuple(plot.threads(db, chat_id)), held)
