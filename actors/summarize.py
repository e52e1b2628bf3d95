"""Summarize: what each witness keeps of a scene that is over.

`scene.closed` arrives once all that judges its turns has settled. For every bot that was there one
`scene.summarized` and one summary memory leave, told from its own persona and edges over its own memories
alone; with them how it now sees the others, and, when all three were there, how they are as a group. A long
scene is read in parts, each with the story so far. What cannot be judged is kept as an honest extract.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field

from pipeline.cast import Cast, cast_of
from pipeline.context import Context
from pipeline.deciding import decide
from pipeline.inference.types import Message
from pipeline.loose_ends import loose_ends
from pipeline.parts import clipped, parted
from pipeline.stage import Emits, stage
from pipeline.tokens import ModelCounter
from store import memories, places, relations, views
from store.events import (
    MAX_SHORT_CHARS,
    YOU,
    EdgeSummarized,
    Event,
    GroupUpdated,
    MemoryWritten,
    Payload,
    SceneClosed,
    SceneSummarized,
)
from store.memories import Memory
from store.views import Chat

PART_TOKENS, CARD_TOKENS, EDGES_TOKENS, SO_FAR_TOKENS = 1600, 500, 500, 300
ANSWER_TOKENS = 600
WORTH_QUOTING = 2
MAX_QUOTES, MAX_FACTS_TOLD = 6, 8
MAX_EXTRACT_CHARS, MAX_EXTRACT_LINE_CHARS = 1500, 300
ALL_THREE = 3


class Seen(BaseModel):
    """How one other is seen after the scene."""

    who: str = Field(description="the name of the other")
    summary: str = Field(description="one or two sentences: how you see them now")


class Told(BaseModel):
    """A scene as one of its witnesses tells it."""

    summary: str = Field(description="the scene in at most 120 words, as you would remember it", min_length=1)
    quotes: list[str] = Field(default=[], description="lines to keep, word for word, only if they matter")
    others: list[Seen] = Field(default=[], description="how you see each of the others now")


class Together(BaseModel):
    """How the three are as a group; empty leaves it as it was."""

    summary: str = Field(default="", description="two sentences on how the three are together, or empty")


ASK = (
    "You are {name}. {card}\n\nYou look back on a scene that is over. Tell it from your own point of view, in"
    " your own manner, as '{name}' would remember it: what happened, what it meant to you, what is left open."
    " You know nothing but what stands below. Things that were only there for the moment need no mention."
)
ASK_GROUP = (
    "You read a scene in which {names} were together, and say in two sentences how the three are as a group"
    " now. Only what all three saw and heard stands below."
)


@stage(
    "summarize",
    on=(SceneClosed,),
    timeout_s=None,
    awaits=("narrate", "remember", "significance", "edges", "activities", "plot", "scene"),
)
async def summarize(closed: Event[SceneClosed], ctx: Context) -> Emits:
    scene_id = closed.payload.scene_id
    there = places.perceived(ctx.db, scene_id)
    if not there:
        return
    chat = views.chat(ctx.db, ctx.claim.chat_id)
    owners = sorted({entity for turn in there for entity in turn} - {YOU})
    of_scene = {one: memories.of_scene(ctx.db, chat.id, one, scene_id) for one in owners}
    met = {entity for kept in of_scene.values() for memory in kept for entity in memory.witnesses}
    cast = cast_of(ctx.db, chat, sorted(met))
    for owner_id, kept in of_scene.items():
        if kept:
            async for payload in _point_of_view(ctx, _Witness(owner_id, scene_id, chat, kept, cast)):
                yield payload
    async for payload in _group(ctx, chat, of_scene.get(chat.host_id, []), cast):
        yield payload
    async for payload in loose_ends(ctx, chat, scene_id, of_scene, cast):
        yield payload


@dataclass(frozen=True, slots=True)
class _Witness:
    """A bot that was there, with what it kept of the scene and whom it met in it."""

    owner_id: int
    scene_id: int
    chat: Chat
    kept: Sequence[Memory]
    cast: Cast

    @property
    def others(self) -> tuple[int, ...]:
        met = {entity for memory in self.kept for entity in memory.witnesses}
        return tuple(sorted(met - {self.owner_id}))

    @property
    def drew_on(self) -> tuple[int, ...]:
        return tuple(memory.id for memory in self.kept)


async def _point_of_view(ctx: Context, witness: _Witness) -> AsyncIterator[Payload]:
    told = await _told(ctx, witness)
    yield SceneSummarized(
        scene_id=witness.scene_id,
        owner_id=witness.owner_id,
        summary=told.summary.strip(),
        quotes=_kept_quotes(told.quotes, witness.kept),
        drew_on=witness.drew_on,
    )
    yield MemoryWritten(
        owner_id=witness.owner_id,
        speaker_name=witness.cast.names[witness.owner_id],
        text=told.summary.strip(),
        witnesses=(witness.owner_id,),
        form="summary",
        how="witnessed",
        scene_id=witness.scene_id,
        drew_on=witness.drew_on,
    )
    seen = {witness.cast.called(one.who): one.summary.strip() for one in told.others}
    for target_id in witness.others:
        if summary := seen.get(target_id):
            yield EdgeSummarized(
                observer_id=witness.owner_id,
                target_id=target_id,
                summary=summary[:MAX_SHORT_CHARS],
                drew_on=witness.drew_on,
            )


async def _told(ctx: Context, witness: _Witness) -> Told:
    """The scene in parts, the later ones with the story so far; quotes of all of them are kept."""
    counter = ctx.counter.for_model(ctx.endpoints.model)
    extract = Told(summary=_extract(witness.kept))
    so_far, quotes = "", list[str]()
    told = extract
    for part in parted([memory.said for memory in witness.kept], PART_TOKENS, counter):
        question = _question(ctx, witness, part, so_far, counter)
        told = await decide(ctx, Told, question, default=extract, answer_tokens=ANSWER_TOKENS)
        if not told.summary.strip():
            told = told.model_copy(update={"summary": extract.summary})
        so_far = clipped(told.summary, SO_FAR_TOKENS, counter)
        quotes += told.quotes
    return told.model_copy(update={"quotes": quotes})


def _question(
    ctx: Context, witness: _Witness, part: str, so_far: str, counter: ModelCounter
) -> list[Message]:
    bot = views.bot(ctx.db, witness.owner_id)
    card = clipped(f"{bot.description}\n{bot.personality}", CARD_TOKENS, counter)
    told = [f"How you see the others:\n{_edges(ctx, witness, counter)}"]
    if so_far:
        told.append(f"The scene so far, as you told it:\n{so_far}\nNow tell all of it, with what follows.")
    worth = [memory.said for memory in witness.kept if memory.significance >= WORTH_QUOTING]
    told.append(f"What you saw and heard:\n{part}")
    told.append("Keep no quotes." if not worth else "Quote only lines that will matter later.")
    ask = ASK.format(name=witness.cast.names[witness.owner_id], card=card)
    return [Message(role="system", content=ask), Message(role="user", content="\n\n".join(told))]


def _edges(ctx: Context, witness: _Witness, counter: ModelCounter) -> str:
    """The witness's own edges in words; nobody else's."""
    lines = []
    for target_id in witness.others:
        edge = relations.edge(ctx.db, witness.chat.id, witness.owner_id, target_id)
        known = relations.facts(ctx.db, witness.chat.id, witness.owner_id, target_id, limit=MAX_FACTS_TOLD)
        facts = "; ".join(fact.text for fact in known)
        lines.append(
            f"{witness.cast.names[target_id]}: affinity {edge.affinity}, trust {edge.trust}."
            f" {edge.summary} {facts}".rstrip()
        )
    return clipped("\n".join(lines), EDGES_TOKENS, counter)


def _kept_quotes(quotes: Sequence[str], kept: Sequence[Memory]) -> tuple[str, ...]:
    """Those of the quotes that were really said, in a turn that mattered, as they were said."""
    said = [memory.text for memory in kept if memory.significance >= WORTH_QUOTING]
    found = []
    for quote in quotes:
        line = quote.strip().strip('"“”').strip()
        if line and len(line) <= MAX_SHORT_CHARS and any(line in text for text in said):
            found.append(line)
    return tuple(dict.fromkeys(found))[:MAX_QUOTES]


def _extract(kept: Sequence[Memory]) -> str:
    """How it began, what mattered, how it ended: in the words of those who said it."""
    chosen = [
        memory
        for at, memory in enumerate(kept)
        if at in (0, len(kept) - 1) or memory.significance >= WORTH_QUOTING
    ]
    lines = [memory.said[:MAX_EXTRACT_LINE_CHARS] for memory in chosen]
    while len(lines) > 2 and len("\n".join(lines)) > MAX_EXTRACT_CHARS:
        lines.pop(-2)
    return "\n".join(lines)


async def _group(ctx: Context, chat: Chat, of_host: Sequence[Memory], cast: Cast) -> AsyncIterator[Payload]:
    """How the three are together, from nothing but what all three perceived: each of them will read it."""
    of_three = [memory for memory in of_host if len(memory.witnesses) == ALL_THREE]
    if not of_three:
        return
    three = of_three[-1].witnesses
    kept = [memory for memory in of_three if memory.witnesses == three]
    counter = ctx.counter.for_model(ctx.endpoints.model)
    last = parted([memory.said for memory in kept], PART_TOKENS, counter)[-1]
    before = relations.group(ctx.db, chat.id, three)
    told = f"Until now: {before.summary}\n\n{last}" if before else last
    ask = ASK_GROUP.format(names=", ".join(cast.names[one] for one in three))
    question = [Message(role="system", content=ask), Message(role="user", content=told)]
    together = await decide(ctx, Together, question, default=Together())
    if summary := together.summary.strip():
        drew_on = tuple(memory.id for memory in kept)
        yield GroupUpdated(members=three, summary=summary[:MAX_SHORT_CHARS], drew_on=drew_on)
