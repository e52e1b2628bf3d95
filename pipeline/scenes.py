"""Scenes: what a person says of one by hand, whether it goes on or is over.

What its witnesses tell of it are memories of theirs, and corrected as such (`pipeline.recollections`); the
lines that are kept beside them are set right here.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from pipeline import story_time
from pipeline.placing import known_by, same_name
from pipeline.seen import Aspect, agreed, open_chat
from pipeline.wording import SIGNIFICANCE
from store import places, spans
from store.errors import Invalid, NotFound, Refused
from store.events import (
    DAY,
    MAX_NAME_CHARS,
    MAX_QUOTES,
    Clock,
    Container,
    ContainerCreated,
    QuotesEdited,
    SceneEdited,
    SceneSignificance,
    ShortText,
)
from store.places import Scene, SceneSummary
from store.spans import Misfit, Span
from store.store import Store
from store.txn import Txn
from store.views import Chat

When = Clock | ShortText
"""Minutes of story time, or words that tell them."""
EXAMPLE = "“day 2, 14:30”"


class Wording(BaseModel):
    """A scene in a person's words; None leaves a thing as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: ShortText | None = Field(default=None, description="What it is called, or is about")
    place: Annotated[ShortText, Field(max_length=MAX_NAME_CHARS)] | None = Field(
        default=None, description="A place known by this name, or a new one; empty where it was in none"
    )
    significance: SceneSignificance | None = Field(
        default=None, description='0 to 3, or "turns" for that of its most significant turn'
    )
    begins: When | None = Field(
        default=None,
        description="When it began, in minutes of story time or in words, as “day 2, 14:30”; what was said in"
        " it moves along",
    )
    ends: When | None = Field(default=None, description="When it was over, likewise")
    weather: ShortText | None = Field(default=None, description="How the weather was, if it is over")


class Scenes:
    """What pages, the JSON interface and the command line submit about scenes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def edit(self, chat_id: int, scene_id: int, wording: Wording, *, seen: int) -> int | None:
        """Put a scene in other words than those the person saw; None where it says the same. A place that is
        not known by its name is a new one.

        Raises:
            NotFound: there is no such scene; Invalid: its times cannot be so; Refused: it goes on, and its
                end or weather was given.
        """

        def step(txn: Txn) -> int | None:
            chat = open_chat(txn.connection, chat_id)
            now = scene_of(txn, chat, scene_id)
            edited = SceneEdited(scene_id=now.id, title=_stripped(wording.title))
            when = _when(txn, now, wording)
            if not agreed(txn, chat, _asked(txn, now, wording, when), seen):
                return None
            where = _where(txn, chat, now, wording)
            said = {"significance": wording.significance, "weather": _stripped(wording.weather)}
            told = edited.model_copy(update={**where, **when, **said})
            return txn.append(told, chat_id=chat.id).id

        return await self._store.writer.submit(step, durable=True)

    async def quotes(
        self, chat_id: int, scene_id: int, owner_id: int, quotes: Sequence[str], *, seen: int
    ) -> int | None:
        """The lines to keep beside what somebody tells of a scene, all of them; None where they are the same.

        Raises:
            NotFound: they tell nothing of it; Invalid: a line is empty, or there are too many.
        """
        wanted = tuple(quote.strip() for quote in quotes)
        if len(wanted) > MAX_QUOTES:
            raise Invalid(f"quotes: {len(wanted)} lines are given.", hint=f"Keep at most {MAX_QUOTES}.")
        if not all(wanted):
            raise Invalid("quotes: a line is empty.", hint="Leave it out, or write what was said.")
        edited = QuotesEdited(summary_id=scene_id, quotes=wanted)

        def step(txn: Txn) -> int | None:
            chat = open_chat(txn.connection, chat_id)
            told = told_by(txn, scene_of(txn, chat, scene_id), owner_id)
            of = {"summary_id": told.id}
            asked = Aspect("The quotes", (QuotesEdited.kind,), told.quotes, wanted, told.quotes_by, of)
            if not agreed(txn, chat, asked, seen):
                return None
            return txn.append(edited.model_copy(update=of), chat_id=chat.id).id

        return await self._store.writer.submit(step, durable=True)


def scene_of(txn: Txn, chat: Chat, scene_id: int) -> Scene:
    """A scene of the chat.

    Raises:
        NotFound: it has none of that id.
    """
    found = next((one for one in places.scenes(txn.connection, chat.id) if one.id == scene_id), None)
    if found is None:
        raise NotFound(f"There is no scene {scene_id} in chat {chat.id}.", hint="The story lists its scenes.")
    return found


def told_by(txn: Txn, scene: Scene, owner_id: int) -> SceneSummary:
    """What somebody tells of a scene.

    Raises:
        NotFound: nothing.
    """
    told = [one for one in places.all_summaries(txn.connection, scene.chat_id) if one.scene_id == scene.id]
    found = next((one for one in told if one.owner_id == owner_id), None)
    if found is None:
        there = ", ".join(str(one.owner_id) for one in told)
        raise NotFound(
            f"owner_id: {owner_id} tells nothing of scene {scene.id}.",
            hint=f"Those who do: {there}." if there else "It is told of when it is over.",
        )
    return found


def _asked(txn: Txn, now: Scene, wording: Wording, when: dict[str, int | None]) -> Aspect:
    """How the scene stands, and how it was typed."""
    title, judged, weather = _stripped(wording.title), wording.significance, _stripped(wording.weather)
    place = _place_name(txn, now)
    times = _times(now.clock, now.closed_clock)
    stands = (now.title, place, _judged(now.significance), times, now.weather or "")
    typed = (
        now.title if title is None else title,
        place if wording.place is None or _is(wording.place, place) else wording.place.strip(),
        stands[2] if judged is None else _judged(None if judged == "turns" else judged),
        _times(when["begins"], when["ends"]) if when else stands[3],
        stands[4] if weather is None else weather,
    )
    return Aspect("The scene", ("scene.edited",), stands, typed, now.changed_by, {"scene_id": now.id})


def _judged(significance: int | None) -> str:
    return "as its turns are" if significance is None else SIGNIFICANCE[significance]


def _times(begins: int | None, ends: int | None) -> str:
    told = (story_time.told(one) for one in (begins, ends) if one is not None)
    return " to ".join(told)


def _when(txn: Txn, now: Scene, wording: Wording) -> dict[str, int | None]:
    """The times that are meant, if they are others than the scene has."""
    if now.closed_by is None:
        for name, given in (("ends", wording.ends), ("weather", wording.weather)):
            if given is not None:
                raise Refused(
                    f"{name}: scene {now.id} goes on, and is not over yet.",
                    hint="Its time and weather are those of the story now: correct those.",
                )
    begins = _minutes("begins", wording.begins, now.clock)
    ends = _minutes("ends", wording.ends, now.clock)
    held = now.closed_clock if now.closed_by is not None else None
    wanted = (now.clock if begins is None else begins, held if ends is None else ends)
    if wanted == (now.clock, held):
        return {}
    span = spans.span(txn.connection, now.id)
    misfit = None if span is None else span.misfit(*wanted)
    if span is None or misfit is not None:
        raise _unfit(span, misfit, *wanted)
    return {"begins": wanted[0], "ends": wanted[1], "upto": span.upto}


def _minutes(name: str, given: When | None, begins: int) -> int | None:
    """What is meant, as minutes; words without a day are of the day on which the scene began."""
    if given is None or isinstance(given, int):
        return given
    if not given.strip():
        return None
    told = " ".join(given.casefold().split())
    day = story_time.DAY_NUMBER.search(told)
    within = story_time.minute_of_day(story_time.DAY_NUMBER.sub(" ", told))
    minutes = (int(day.group(1)) - 1 if day else begins // DAY) * DAY + (within or 0)
    if within is None or minutes < 0:
        raise Invalid(f"{name}: “{given[:80]}” tells no time of the story.", hint=f"Write it as {EXAMPLE}.")
    return minutes


def _unfit(span: Span | None, misfit: Misfit | None, begins: int, ends: int | None) -> Invalid:
    """Why a scene cannot be then, and when it can."""
    if span is None or misfit == "early":
        earliest = story_time.told(span.earliest if span else 0)
        return Invalid(
            f"begins: {story_time.told(begins)} is before what came before the scene was over.",
            hint=f"It begins at {earliest} at the earliest.",
        )
    length = story_time.span(span.until - span.begins) if span.until > span.begins else "no time"
    if misfit == "short":
        return Invalid(
            f"ends: from {story_time.told(begins)} to {story_time.told(ends or 0)} is too short for what"
            f" happened in the scene, which took {length}.",
            hint="Let it begin earlier, or end later.",
        )
    after = "what comes after it begins" if ends is not None else "what is told now"
    return Invalid(
        f"ends: a scene from {story_time.told(begins)}"
        + (f" to {story_time.told(ends)}" if ends is not None else "")
        + f" would not be over before {after}; what happened in it took {length}.",
        hint=f"It is over by {story_time.told(span.latest)} at the latest.",
    )


def _place_name(txn: Txn, scene: Scene) -> str:
    return places.place(txn.connection, scene.container_id).container.name if scene.container_id else ""


def _where(txn: Txn, chat: Chat, now: Scene, wording: Wording) -> dict[str, Any]:
    """The container that is meant, if the scene is to be in another one than it is."""
    if wording.place is None or _is(wording.place, _place_name(txn, now)):
        return {}
    name = wording.place.strip()
    if not name:
        return {"nowhere": True}
    known = known_by(txn.connection, chat.id, name)
    if known:
        return {"container_id": known[0]}
    created = ContainerCreated(container=Container(name=name))
    return {"container_id": txn.append(created, chat_id=chat.id).id}


def _is(typed: str, place: str) -> bool:
    return same_name(typed) == same_name(place)


def _stripped(text: str | None) -> str | None:
    return text if text is None else text.strip()
