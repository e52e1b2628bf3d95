"""Answers: the field types of decisions, which forgive what does no harm.

A model that writes "3" for 3, a list where one line was asked for, or twelve remarks where eight have room,
has decided; sending it back would cost ten seconds and teach nothing. What changes the meaning is not
forgiven: a score outside its scale stays wrong.
"""

from typing import Annotated

from pydantic import BeforeValidator

MAX_LINE_CHARS = 200
MAX_CHANGE = 10
"""How far one turn can move affinity or trust, either way."""
UNSAID = frozenset({"", "-", "none", "null", "n/a", "unchanged", "same", "unknown", "no change", "nothing"})
"""What models write into a field they have nothing for."""


def _line(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, list):
        value = ", ".join(str(one) for one in value if isinstance(one, str | int | float))
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return clipped(value) if isinstance(value, str) else value


def clipped(text: str, limit: int = MAX_LINE_CHARS) -> str:
    """One line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def said(text: str) -> str:
    """The text, or nothing where the model only says that it has nothing to say."""
    return "" if text.strip(" .").casefold() in UNSAID else text


def whole(value: object) -> object:
    """A number as a whole one, where it is one in other clothes."""
    if value is None:
        return 0
    if isinstance(value, str):
        try:
            value = float(value.strip())
        except ValueError:
            return value
    if isinstance(value, float) and abs(value) < 1e6:
        return round(value)
    return value


def clamped(change: int) -> int:
    """A change of affinity or trust, as far as one turn can move it."""
    return max(-MAX_CHANGE, min(MAX_CHANGE, change))


def _share(value: object) -> object:
    if isinstance(value, str):
        try:
            value = float(value.strip().rstrip("%"))
        except ValueError:
            return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return min(1.0, max(0.0, value / 100 if value > 1 else float(value)))


def _yes_no(value: object) -> object:
    words = {"yes": True, "true": True, "no": False, "false": False}
    return words.get(value.strip().casefold(), value) if isinstance(value, str) else value


def _word(value: object) -> object:
    return value.strip().casefold() if isinstance(value, str) else value


def few(limit: int) -> BeforeValidator:
    """Before a list of records: what is no record is left out, and what exceeds the limit. The limit belongs
    into the schema too (`max_length`), or a tiny model goes on until its ten seconds are over."""

    def records(value: object) -> object:
        if value is None:
            return []
        if isinstance(value, dict):
            value = [value]
        return [one for one in value if isinstance(one, dict)][:limit] if isinstance(value, list) else value

    return BeforeValidator(records)


def _lines(value: object) -> object:
    value = [] if value is None else [value] if isinstance(value, str) else value
    return (
        [one for one in value if isinstance(one, str) and one.strip()] if isinstance(value, list) else value
    )


Line = Annotated[str, BeforeValidator(_line)]
"""A short text on one line."""
Lines = Annotated[list[Line], BeforeValidator(_lines)]
Whole = Annotated[int, BeforeValidator(whole)]
"""A whole number; "+3" and 3.0 are ones."""
Share = Annotated[float, BeforeValidator(_share)]
"""From 0 to 1; percentages are read as such."""
YesNo = Annotated[bool, BeforeValidator(_yes_no)]
OneWord = BeforeValidator(_word)
"""Before a Literal of lower-case words."""
