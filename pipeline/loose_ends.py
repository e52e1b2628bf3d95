"""Loose ends: the threads a closed scene leaves open, moves on or settles.

What one company knows another need not. So each company that shares threads, and the fullest of the scene, is
asked by itself, over nothing but what every bot of it perceived, and is shown the threads of that company
alone; whatever is told of them then, all who read it later saw.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field

from pipeline.answers import Line, few, said
from pipeline.cast import Cast
from pipeline.context import Context
from pipeline.deciding import decide
from pipeline.inference.types import Message
from pipeline.moment import question
from pipeline.parts import parted
from pipeline.whom import folded
from store import plot
from store.events import MAX_NAME_CHARS, YOU, Payload, ThreadClosed, ThreadOpened, ThreadUpdated
from store.memories import Memory
from store.plot import Thread
from store.views import Chat

PART_TOKENS, ANSWER_TOKENS = 1600, 400
MAX_OPENED, MAX_MOVED, MAX_OPEN = 2, 6, 20
"""So many threads at most are opened and touched at once, and open before no more are by themselves."""
TASK = (
    "You read a scene that is over and keep the list of what is left open in the story: promises, secrets,"
    " questions, dangers, unfinished business. Open a thread only for what will clearly matter later; mostly"
    " none. Change or close one of the list only if the scene plainly says so."
)


class Loose(BaseModel):
    title: Line = Field(default="", description="a few words")
    summary: Line = Field(default="", description="how it stands, in one or two sentences")


class Settled(BaseModel):
    title: Line = Field(default="", description="title from the list")
    resolution: Line = Field(default="", description="how it was settled, in one sentence")


class LooseEnds(BaseModel):
    """What the scene did to the list. The default leaves it as it was."""

    opened: Annotated[list[Loose], few(MAX_OPENED)] = Field(default=[], max_length=MAX_OPENED)
    updated: Annotated[list[Loose], few(MAX_MOVED)] = Field(
        default=[], max_length=MAX_MOVED, description="those of the list that stand differently now"
    )
    closed: Annotated[list[Settled], few(MAX_MOVED)] = Field(default=[], max_length=MAX_MOVED)


Kept = Mapping[int, Sequence[Memory]]
"""Bot → what it kept of the scene."""


@dataclass(frozen=True, slots=True)
class _Company:
    """Bots who know the same threads, and what all of them perceived of the scene."""

    bots: frozenset[int]
    kept: Sequence[Memory]
    threads: Sequence[Thread]
    may_open: bool

    @property
    def drew_on(self) -> tuple[int, ...]:
        return tuple(memory.id for memory in self.kept)

    @property
    def known_to(self) -> tuple[int, ...]:
        """The bots, and you where you were there all along."""
        you = all(YOU in memory.witnesses for memory in self.kept)
        return tuple(sorted(self.bots | ({YOU} if you else set())))


async def loose_ends(
    ctx: Context, chat: Chat, scene_id: int, of_scene: Kept, cast: Cast
) -> AsyncIterator[Payload]:
    """The events of the threads, one company after the other."""
    counter = ctx.counter.for_model(ctx.endpoints.model)
    for company in _companies(plot.open_threads(ctx.db, chat.id), of_scene):
        told = LooseEnds()
        for part in parted([memory.said for memory in company.kept], PART_TOKENS, counter):
            asked = _question(company, cast, part)
            more = await decide(ctx, LooseEnds, asked, default=LooseEnds(), answer_tokens=ANSWER_TOKENS)
            told = LooseEnds.model_construct(
                opened=told.opened + more.opened,
                updated=told.updated + more.updated,
                closed=told.closed + more.closed,
            )
        still_open = {one.id for one in plot.open_threads(ctx.db, chat.id)}
        for payload in _told(company, told, scene_id, still_open):
            yield payload


def _companies(threads: Sequence[Thread], of_scene: Kept) -> Iterator[_Company]:
    """The fullest company of the scene, and each other that shares threads and was there together."""
    witnessed = {frozenset(memory.witnesses) - {YOU}: None for kept in of_scene.values() for memory in kept}
    fullest = max(witnessed, key=lambda bots: (len(bots), sorted(bots)), default=frozenset())
    sharing = dict.fromkeys((fullest, *(frozenset(one.known_to) - {YOU} for one in threads)))
    for bots in sharing:
        kept = _perceived_by_all(bots, of_scene)
        known = [one for one in threads if frozenset(one.known_to) - {YOU} == bots]
        if kept:
            yield _Company(bots, kept, known, may_open=bots == fullest)


def _perceived_by_all(bots: frozenset[int], of_scene: Kept) -> list[Memory]:
    """What every one of them remembers, in the same words."""
    if not bots or not bots <= set(of_scene):
        return []
    shared = set.intersection(*({(one.turn_id, one.said) for one in of_scene[bot]} for bot in bots))
    first = of_scene[min(bots)]
    return [one for one in first if (one.turn_id, one.said) in shared and bots <= set(one.witnesses)]


def _question(company: _Company, cast: Cast, told: str) -> tuple[Message, Message]:
    listed = "\n".join(f"- {one.title}: {one.summary}".rstrip(": ") for one in company.threads)
    names = ", ".join(cast.names[one] for one in sorted(company.bots) if one in cast.names)
    return question(
        TASK,
        f"The list:\n{listed}" if listed else "The list is empty.",
        f"The scene, as {names} saw it:\n{told}",
    )


def _told(company: _Company, told: LooseEnds, scene_id: int, still_open: set[int]) -> Iterator[Payload]:
    known = {folded(one.title): one for one in company.threads if one.id in still_open}
    for settled in told.closed:
        thread = known.pop(folded(settled.title), None)
        if thread is not None:
            yield ThreadClosed(
                thread_id=thread.id, resolution=said(settled.resolution), drew_on=company.drew_on
            )
    for moved in told.updated:
        thread = known.get(folded(moved.title))
        if thread is not None and said(moved.summary) and folded(moved.summary) != folded(thread.summary):
            yield ThreadUpdated(thread_id=thread.id, summary=moved.summary, drew_on=company.drew_on)
    taken = {folded(one.title) for one in company.threads}
    for opened in told.opened if company.may_open and len(still_open) < MAX_OPEN else ():
        title = said(opened.title)[:MAX_NAME_CHARS].strip()
        if title and folded(title) not in taken:
            taken.add(folded(title))
            yield ThreadOpened(
                title=title,
                summary=said(opened.summary),
                known_to=company.known_to,
                scene_id=scene_id,
                drew_on=company.drew_on,
            )
