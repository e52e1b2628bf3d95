"""The estimate: where the tokens of the next prompt would go if the person sent what stands in the composer.

It comes through the same composing as the prompt itself, beside the play loop: in a thread, on a connection
of its own, and not while a turn is on its way to its model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import apsw
from pydantic import BaseModel, ConfigDict

from pipeline.endpoints import Endpoints
from pipeline.foreground import Foreground
from pipeline.habits import Habits
from pipeline.inference.types import Message
from pipeline.prompt.blocks import Breakdown, Tier
from pipeline.prompt.budget import PromptTooLarge
from pipeline.prompt.compose import Measure, compose
from pipeline.prompt.lineage import UNSAID
from pipeline.prompt.ooc import strip_ooc
from pipeline.prompt.remembering import Remembering
from pipeline.tokens import TokenCounter
from pipeline.whom import named_in
from store import views
from store.recall import Ranking
from store.store import Store
from store.views import Chat, Turn

GROUPS: Mapping[str, str] = {
    "identity": "identity",
    "persona": "identity",
    "post-history": "identity",
    "state": "identity",
    "edge to you": "edges",
    "edge to you now": "edges",
    "edge to other": "edges",
    "edge to other now": "edges",
    "group": "edges",
    "scene": "scene",
    "premise": "scene",
    "world": "scene",
    "summaries": "scene",
    "activities": "scene",
    "author's note": "scene",
    "dialogue": "dialogue",
    "turn to answer": "dialogue",
    "pinned": "memories",
    "pinned now": "memories",
    "memories": "memories",
    "digests": "memories",
    "story events": "plot",
    "threads": "plot",
    "lore": "lore",
}
"""Block → the part of the bar it is shown in; a block that is not named here is among the others."""
ORDER = ("identity", "edges", "scene", "plot", "dialogue", "memories", "lore", "others")
FULL, CROWDED = 0.75, 0.75
"""Yellow: so much of the context window is taken, the reply's room included. Red: so much of the soft budget
is taken by what is never trimmed that there is hardly room for a story."""


class Estimate(BaseModel):
    """Tokens by part, and how full the window is: green, yellow or red. `problem` says why nothing would be
    sent."""

    model_config = ConfigDict(frozen=True)
    speaker_id: int
    parts: dict[str, int]
    total: int
    soft: int
    hard: int
    response: int
    window: int
    trimmed: int
    level: str
    problem: str = ""


@dataclass(frozen=True)
class Estimating:
    """Estimates for the chats of one program."""

    store: Store
    endpoints: Endpoints
    counter: TokenCounter
    foreground: Foreground
    habits: Habits

    async def estimate(self, chat_id: int, text: str) -> Estimate:
        """What would be sent if the person said this now; without words, what is there besides them.

        Raises:
            NotFound: no such chat.
        """
        await self.foreground.calm()
        said = self.habits.marker.canonical(text)
        return await self.store.read(lambda db: self.estimated(db, chat_id, said))

    async def worded(self, chat_id: int) -> tuple[Estimate, tuple[Message, ...]]:
        """What would be sent besides the person's words, and how it would read; no words where nothing would
        be sent.

        Raises:
            NotFound: no such chat.
        """
        await self.foreground.calm()
        return await self.store.read(lambda db: self._made(db, chat_id, ""))

    def estimated(self, db: apsw.Connection, chat_id: int, text: str) -> Estimate:
        """The same at once, on this thread."""
        return self._made(db, chat_id, text)[0]

    def _made(self, db: apsw.Connection, chat_id: int, text: str) -> tuple[Estimate, tuple[Message, ...]]:
        chat = views.chat(db, chat_id)
        speaker_id = _speaker(db, chat, text)
        model, capabilities = self.endpoints.narrating_now
        budgets = self.endpoints.budgets.within(capabilities.context_tokens)
        measure = Measure(self.counter.for_model(model), budgets, self.endpoints.layout_for(capabilities))
        turn = _unsaid(chat, text)
        embedder = self.endpoints.embedder
        remembering = Remembering(
            db,
            self.store.vectors,
            turn,
            speaker_id,
            embedder.model if embedder is not None else "",
            Ranking(text_weight=self.endpoints.text_weight),
        )
        window = capabilities.context_tokens or budgets.hard + budgets.response
        try:
            prompt = compose(db, turn, speaker_id, measure, remembering).prompt
        except PromptTooLarge as error:
            return _of(speaker_id, error.breakdown, window, error.message), ()
        return _of(speaker_id, prompt.breakdown, window), prompt.messages


def _of(speaker_id: int, made: Breakdown, window: int, problem: str = "") -> Estimate:
    parts = parts_of(made.blocks, made.total)
    return Estimate(
        speaker_id=speaker_id,
        parts=parts,
        total=made.total,
        soft=made.soft,
        hard=made.hard,
        response=made.response,
        window=window,
        trimmed=sum(block.trimmed for block in made.blocks),
        level=level_of(made, window),
        problem=problem,
    )


class Counted(Protocol):
    """A block of which the tokens are known."""

    @property
    def name(self) -> str: ...

    @property
    def tokens(self) -> int: ...


def parts_of(blocks: Sequence[Counted], total: int) -> dict[str, int]:
    """Part → its tokens, in their order; what belongs to no block is among the others."""
    parts = dict.fromkeys(ORDER, 0)
    for block in blocks:
        parts[GROUPS.get(block.name, "others")] += block.tokens
    parts["others"] += total - sum(block.tokens for block in blocks)
    return {name: tokens for name, tokens in parts.items() if tokens}


def level_of(made: Breakdown, window: int) -> str:
    """Green, yellow or red."""
    must = sum(block.tokens for block in made.blocks if block.tier is Tier.MUST)
    if made.total > made.hard or must > CROWDED * made.soft:
        return "red"
    return "yellow" if made.total + made.response > FULL * window else "green"


def _speaker(db: apsw.Connection, chat: Chat, text: str) -> int:
    """Who would answer, as far as it can be told without asking a model."""
    known = [views.bot(db, bot_id) for bot_id in chat.bots]
    named = named_in(strip_ooc(text), {bot.id: (bot.name, *bot.aliases) for bot in known})
    if len(named) == 1:
        return min(named)
    return chat.bots[0] if chat.bots else chat.host_id


def _unsaid(chat: Chat, text: str) -> Turn:
    """The turn it would be, after all that was said."""
    return Turn(
        id=UNSAID,
        chat_id=chat.id,
        anchor_id=UNSAID,
        ordinal=chat.turns,
        speaker_id=None,
        text=text,
        answers=None,
        scene_id=chat.scene_id,
        present=chat.cast,
        significance=None,
        truncated=False,
        ended="complete",
        model="",
        run_id=None,
        recorded_at=0,
    )
