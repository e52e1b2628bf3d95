"""A plan as a form writes it: conditions and effects one a row, props one a line, times in words."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline import story_time
from store.errors import FabulaError, Invalid
from store.events import Condition, Effect, Prop, StoryPlan
from store.plot import StoryEvent
from web.typed import Texts, Typed

CONDITIONS = {
    "time": "it is",
    "place": "the scene is at",
    "present": "present are",
    "event": "this is over:",
    "phrase": "somebody says",
}
EFFECTS = {
    "gains": "gets",
    "learns": "learns",
    "feels": "feels otherwise",
    "activity": "is doing",
    "mood": "is in the mood",
    "weather": "the weather is",
}
"""Kinds as a form words them."""
USES = {
    "gains": ("who", "text"),
    "learns": ("who", "about", "text"),
    "feels": ("who", "about", "affinity", "trust"),
    "activity": ("who", "text"),
    "mood": ("who", "text"),
    "weather": ("text",),
}
"""The fields of a row that count for an effect of a kind."""
FIELD = {"who": "entity_id", "about": "about_id"}
COLUMNS = ("kind", "who", "about", "text", "affinity", "trust")
LABELS = {
    "triggers": "Begins as soon as",
    "preconditions": "but only while",
    "on_start": "When it begins",
    "on_complete": "What survives it",
    "more": "Something else survives",
}
EMPTY_ROWS = 1
_FIELD_OF_A_ROW = re.compile(rf"\b({'|'.join(LABELS)}|effects)[.\[](\d+)\]?(?:\.\w+)?")
_WORDS_FOR = {"entity_id": "who", "about_id": "about whom"}

Row = dict[str, str]


@dataclass(frozen=True)
class Known:
    """What a row may name: people and story events, each by a name of its own; and what the clock shows."""

    clock: int
    people: Mapping[int, str]
    events: Mapping[int, str]


def titles(events: Iterable[StoryEvent]) -> dict[int, str]:
    """Story event → its title, told apart where two have the same."""
    all_ = list(events)
    many = [one.plan.title.casefold() for one in all_]
    return {
        one.id: one.plan.title
        if many.count(one.plan.title.casefold()) == 1
        else f"{one.plan.title} (no. {one.id})"
        for one in all_
    }


def condition_rows(name: str, held: Sequence[Condition], known: Known, typed: Texts | None) -> list[Row]:
    """What a form shows: the conditions as they are, or as they were typed; then an empty row."""
    if typed is not None:
        shown = _typed_rows(name, ("kind", "what"), typed)
    else:
        shown = [{"kind": one.kind, "what": _what(one, known)} for one in held]
    return [*shown, *({"kind": "", "what": ""} for _ in range(EMPTY_ROWS))]


def waits_for(plan: StoryPlan, known: Known) -> str:
    """When a plan begins by itself, as a sentence goes on after "it begins"."""

    def told(held: Sequence[Condition], between: str) -> str:
        return between.join(f"{CONDITIONS[one.kind]} {_what(one, known)}" for one in held)

    begins = f"as soon as {told(plan.triggers, ', or ')}"
    return f"{begins}, but only while {told(plan.preconditions, ', and ')}" if plan.preconditions else begins


def effect_rows(name: str, held: Sequence[Effect], typed: Texts | None) -> list[Row]:
    shown = _typed_rows(name, COLUMNS, typed) if typed is not None else list(map(_effect_row, held))
    return [*shown, *(dict.fromkeys(COLUMNS, "") for _ in range(EMPTY_ROWS))]


def _effect_row(one: Effect) -> Row:
    who = "" if one.entity_id is None else str(one.entity_id)
    about = "" if one.about_id is None else str(one.about_id)
    numbers = {"affinity": str(one.affinity), "trust": str(one.trust)}
    return {"kind": one.kind, "who": who, "about": about, "text": one.text, **numbers}


def prop_lines(props: Iterable[Prop]) -> str:
    return "\n".join(map(_line, props))


def plan_of(texts: Texts, known: Known, before: StoryPlan | None = None) -> StoryPlan:
    """The plan that was typed; `before` is the one the form showed.

    Raises:
        Invalid: a row names nobody, or no time; pydantic's error for a field that is wrong by itself.
    """
    typed = Typed(texts)
    values: dict[str, Any] = {name: typed.text(name).strip() for name in ("title", "description")}
    significance = typed.text("significance") or "1"
    values["significance"] = int(significance) if significance in ("0", "1", "2", "3") else significance
    values["props"] = list(_props(typed.text("props"), before.props if before else ()))
    for name in ("preconditions", "triggers"):
        values[name] = list(_conditions(name, texts, known))
    for name in ("on_start", "on_complete"):
        values[name] = list(effects_typed(name, texts))
    expires = typed.text("expires").strip()
    values["expires"] = _clock("Runs out", expires, known) if expires else None
    return StoryPlan.model_validate(values)


def effects_typed(name: str, texts: Texts) -> Iterator[dict[str, Any]]:
    """The effects of the rows under a name, as `Effect` takes them."""
    for one in _typed_rows(name, COLUMNS, texts):
        used = USES.get(one["kind"], COLUMNS[1:])
        given = {FIELD.get(column, column): one[column].strip() for column in used}
        yield {"kind": one["kind"], **{field: value for field, value in given.items() if value}}


def in_form_words(problem: FabulaError) -> FabulaError:
    """An error that names a field of a plan as the form calls it."""

    def words(found: re.Match[str]) -> str:
        field = found.group(1)
        return f"{LABELS.get(field, LABELS['on_complete'])}, row {int(found.group(2)) + 1}"

    told = _FIELD_OF_A_ROW.sub(words, problem.message)
    for field, said in _WORDS_FOR.items():
        told = told.replace(field, said)
    return type(problem)(told, hint=_FIELD_OF_A_ROW.sub(words, problem.hint), detail=problem.detail)


def _typed_rows(name: str, columns: Sequence[str], texts: Texts) -> list[Row]:
    """The rows that say something, which are those a form shows again."""
    lists = [texts.get(f"{name}-{column}", ()) for column in columns]
    number = max(map(len, lists), default=0)
    cells = [[one[n] if n < len(one) else "" for one in lists] for n in range(number)]
    return [dict(zip(columns, row, strict=True)) for row in cells if row[0] or any(map(str.strip, row[1:]))]


def _conditions(name: str, texts: Texts, known: Known) -> Iterator[dict[str, Any]]:
    for number, one in enumerate(_typed_rows(name, ("kind", "what"), texts)):
        what, where = one["what"].strip(), f"{LABELS[name]}, row {number + 1}"
        match one["kind"]:
            case "time":
                yield {"kind": "time", "clock": _clock(where, what, known)}
            case "present":
                yield {"kind": "present", "entity_ids": _people(where, what, known)}
            case "event":
                yield {"kind": "event", "event_id": _event(where, what, known)}
            case kind:
                yield {"kind": kind, "place" if kind == "place" else "phrase": what}


def _what(held: Condition, known: Known) -> str:
    match held.kind:
        case "time":
            return story_time.told(held.clock or 0)
        case "present":
            return ", ".join(known.people.get(one, f"no. {one}") for one in held.entity_ids)
        case "event":
            return known.events.get(held.event_id or 0, f"no. {held.event_id}")
        case "place":
            return held.place
        case "phrase":
            return held.phrase


def _clock(where: str, words: str, known: Known) -> int:
    length = story_time.minutes_until(words, known.clock)
    named = story_time.DAY_NUMBER.search(words.casefold()) is not None
    if length is None or known.clock + length < 0 or (length < 1 and not named):
        raise Invalid(
            f"{where}: {words!r} tells no time that is to come.",
            hint="Say for example “day 2, 02:00”, “at midnight” or “two hours later”.",
        )
    return known.clock + length


def _people(where: str, what: str, known: Known) -> list[int]:
    """Those named, separated by commas; a name may have a comma in it."""
    rest, found = what, []
    names = sorted(known.people.items(), key=lambda one: -len(one[1]))
    while rest:
        for entity_id, name in names:
            after = rest[len(name) :].lstrip()
            if rest[: len(name)].casefold() == name.casefold() and after[:1] in ("", ","):
                found.append(entity_id)
                rest = after[1:].strip()
                break
        else:
            there = ", ".join(known.people.values())
            raise Invalid(f"{where}: {rest!r} is nobody in this chat.", hint=f"Those in it are {there}.")
    return found


def _event(where: str, what: str, known: Known) -> int:
    for event_id, title in known.events.items():
        if title.casefold() == what.casefold():
            return event_id
    titles = ", ".join(known.events.values())
    raise Invalid(
        f"{where}: there is no story event {what!r} in this chat.",
        hint=f"Its story events are {titles}." if titles else "Plan that one first.",
    )


def _line(prop: Prop) -> str:
    told = f"{prop.name}: {prop.description}" if prop.description else prop.name
    return " ".join(told.split())


def _props(text: str, before: Iterable[Prop]) -> Iterator[Prop | dict[str, str]]:
    """One a line, its name before the first colon; a line that was shown means what it was shown for."""
    known = {_line(prop): prop for prop in before}
    for line in (" ".join(one.split()) for one in text.split("\n")):
        if line in known:
            yield known[line]
        elif line:
            name, _, description = line.partition(":")
            yield {"name": name.strip(), "description": description.strip()}
