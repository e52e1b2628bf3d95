"""Introduce: what host and guest are to each other when the guest comes in.

`guest.added` with the person's words about whether the two have met arrives; the two directed edges between
them leave. They are two: what one feels or knows is not what the other does. If it cannot be read, they are
strangers, and a replay can read it later.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from pipeline.cast import cast_of
from pipeline.context import Context
from pipeline.deciding import decide
from pipeline.inference.types import Message
from pipeline.parts import clipped
from pipeline.prompt.ooc import strip_ooc
from pipeline.stage import Emits, stage
from store import views
from store.events import MAX_SHORT_CHARS, EdgeSummarized, EdgeUpdated, Event, Fact, GuestAdded, Payload
from store.views import Chat

MET_TOKENS, CARD_TOKENS, ANSWER_TOKENS = 1200, 300, 600
MAX_KNOWN, MAX_KNOWN_CHARS = 5, 300
Degree = Annotated[int, Field(ge=-100, le=100)]


class View(BaseModel):
    """How one of the two sees the other."""

    affinity: Degree = Field(default=0, description="-100 hates, 0 is indifferent, 100 loves")
    trust: Degree = Field(default=0, description="-100 fears betrayal, 0 does not know, 100 trusts blindly")
    knows: list[str] = Field(default=[], description="what this one knows of the other from their past")
    summary: str = Field(default="", description="one sentence from this one's point of view, or empty")


class Acquaintance(BaseModel):
    """How two who come together stand. The default: they have never met."""

    first: View = Field(default=View(), description="how the first sees the second")
    second: View = Field(default=View(), description="how the second sees the first")


ASK = (
    "You read what is told about two characters of a role-play who come together, and say how each of them"
    " sees the other. Only what is told counts; leave everything else at 0 or empty. Never give to one what"
    " only the other feels or knows. The first is {first}, the second is {second}."
)


@stage("introduce", on=(GuestAdded,), timeout_s=None)
async def introduce(added: Event[GuestAdded], ctx: Context) -> Emits:
    if not strip_ooc(added.payload.met).strip():
        return
    chat, guest_id = views.chat(ctx.db, ctx.claim.chat_id), added.payload.guest_id
    host_id = chat.host_id
    question = _question(ctx, chat, guest_id, added.payload.met)
    met = await decide(ctx, Acquaintance, question, default=Acquaintance(), answer_tokens=ANSWER_TOKENS)
    for payload in (*_edge(host_id, guest_id, met.first), *_edge(guest_id, host_id, met.second)):
        yield payload


def _question(ctx: Context, chat: Chat, guest_id: int, met: str) -> list[Message]:
    counter = ctx.counter.for_model(ctx.endpoints.model)
    two = (chat.host_id, guest_id)
    names = cast_of(ctx.db, chat, two).names
    bots = {bot_id: views.bot(ctx.db, bot_id) for bot_id in two}
    cards = [
        f"{names[bot_id]}: {clipped(bot.description or bot.personality, CARD_TOKENS, counter)}"
        for bot_id, bot in bots.items()
    ]
    told = "\n".join(
        (*cards, "", "What is told about the two:", clipped(strip_ooc(met), MET_TOKENS, counter))
    )
    ask = ASK.format(first=names[chat.host_id], second=names[guest_id])
    return [Message(role="system", content=ask), Message(role="user", content=told)]


def _edge(observer_id: int, target_id: int, view: View) -> Iterator[Payload]:
    facts = _facts(view.knows)
    if view.affinity or view.trust or facts:
        yield EdgeUpdated(
            observer_id=observer_id,
            target_id=target_id,
            affinity_delta=view.affinity,
            trust_delta=view.trust,
            facts=facts,
        )
    if summary := view.summary.strip():
        yield EdgeSummarized(observer_id=observer_id, target_id=target_id, summary=summary[:MAX_SHORT_CHARS])


def _facts(knows: Sequence[str]) -> tuple[Fact, ...]:
    """A shared past was witnessed: nobody had to tell it."""
    known = [told.strip()[:MAX_KNOWN_CHARS] for told in knows if told.strip()]
    return tuple(Fact(text=told, how="witnessed") for told in dict.fromkeys(known))[:MAX_KNOWN]
