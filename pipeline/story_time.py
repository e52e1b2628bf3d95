"""Story time in words: what a person means by "next morning", and how a clock is told to them.

Only what can be read without doubt is read; the rest is None, and whoever asked says so or goes on without.
"""

import re
from re import Match

from store.events import DAY

HOUR = 60
PARTS: tuple[tuple[str, int], ...] = (
    ("night", 0),
    ("early morning", 5 * HOUR),
    ("morning", 8 * HOUR),
    ("midday", 12 * HOUR),
    ("afternoon", 14 * HOUR),
    ("evening", 18 * HOUR),
    ("night", 22 * HOUR),
)
"""From which minute of a day on it is called what."""
HOURS = {
    "midnight": 0,
    "dawn": 6 * HOUR,
    "daybreak": 6 * HOUR,
    "sunrise": 6 * HOUR,
    "morning": 8 * HOUR,
    "noon": 12 * HOUR,
    "midday": 12 * HOUR,
    "lunchtime": 12 * HOUR,
    "afternoon": 15 * HOUR,
    "sunset": 19 * HOUR,
    "dusk": 19 * HOUR,
    "evening": 19 * HOUR,
    "nightfall": 21 * HOUR,
    "night": 22 * HOUR,
}
"""The minute of the day that is meant by a word."""
UNITS = {
    "minute": 1,
    "hour": HOUR,
    "day": DAY,
    "night": DAY,
    "week": 7 * DAY,
    "fortnight": 14 * DAY,
    "month": 30 * DAY,
    "year": 365 * DAY,
}
NUMBERS = {
    "a": 1.0,
    "an": 1.0,
    "one": 1.0,
    "two": 2.0,
    "a couple of": 2.0,
    "couple of": 2.0,
    "three": 3.0,
    "a few": 3.0,
    "few": 3.0,
    "four": 4.0,
    "five": 5.0,
    "several": 5.0,
    "six": 6.0,
    "seven": 7.0,
    "eight": 8.0,
    "nine": 9.0,
    "ten": 10.0,
    "eleven": 11.0,
    "twelve": 12.0,
    "half an": 0.5,
    "half a": 0.5,
}
_ANY_NUMBER = "|".join(sorted(map(re.escape, NUMBERS), key=len, reverse=True))
_ANY_UNIT = "|".join(UNITS)
_ANY_HOUR = "|".join(HOURS)
SPAN = re.compile(rf"\b(\d+(?:\.\d+)?|{_ANY_NUMBER})\s+({_ANY_UNIT})s?(\s+and\s+a\s+half)?\b")
NEXT = re.compile(rf"\b(?:next|following)\s+({_ANY_UNIT}|{_ANY_HOUR})\b")
TOMORROW = re.compile(r"\btomorrow\b")
CLOCK = re.compile(r"\b(?:at\s+)?(\d{1,2})(?::(\d\d))?\s*(am|pm|a\.m\.|p\.m\.|o'clock|o’clock)?(?!\w)")
OF_DAY = re.compile(rf"\b({_ANY_HOUR}|tonight)\b")


def minutes_until(words: str, clock: int) -> int | None:
    """How many minutes after `clock` the words mean; None where they tell no time. Never less than 1."""
    told = " ".join(words.casefold().split())
    for read in (_next, _tomorrow, _span, _hour):
        minutes = read(told, clock)
        if minutes is not None:
            return max(1, minutes)
    return None


def clock_at(words: str, clock: int) -> int | None:
    """What the clock says when it is as late as the words say, from `clock` on: "evening" is this evening, or
    tomorrow's where it is over. None where they tell no time of day."""
    told = " ".join(words.casefold().split())
    minutes = _hour(told, clock, now_too=True)
    return None if minutes is None else clock + minutes


def part_of_day(clock: int) -> str:
    minute = clock % DAY
    return next(name for name, begins in reversed(PARTS) if minute >= begins)


def told(clock: int) -> str:
    """A clock for people: "day 3, 07:40"."""
    return f"day {clock // DAY + 1}, {clock % DAY // HOUR:02}:{clock % HOUR:02}"


def in_words(clock: int) -> str:
    """A clock as a story tells it: "morning of day 3"."""
    return f"{part_of_day(clock)} of day {clock // DAY + 1}"


def span(minutes: int) -> str:
    """How long, in the largest unit that tells it well: "20 hours", "2 weeks"."""
    fitting = {name: unit for name, unit in UNITS.items() if name not in _COLLOQUIAL and _fits(unit, minutes)}
    unit, length = max(fitting.items(), key=lambda one: one[1])
    number = round(minutes / length)
    return f"{number} {unit}{'' if number == 1 else 's'}"


_COLLOQUIAL = frozenset({"night", "fortnight"})


def _fits(unit: int, minutes: int) -> bool:
    return unit == 1 or minutes >= 2 * unit or minutes == unit


def _next(told: str, clock: int) -> int | None:
    """ "Next morning", "the following evening", "next week"."""
    found = NEXT.search(told)
    if found is None:
        return None
    what = found.group(1)
    if what in HOURS:
        return _tomorrow_at(HOURS[what], clock)
    if what == "day":
        return _tomorrow_at(_of_day(told[found.end() :]), clock)
    return UNITS[what]


def _tomorrow(told: str, clock: int) -> int | None:
    if TOMORROW.search(told) is None:
        return None
    minute = _clock_time(told)
    return _tomorrow_at(_of_day(told) if minute is None else minute, clock)


def _tomorrow_at(minute: int | None, clock: int) -> int:
    """Until so many minutes into the next day, its morning where that is not told."""
    return DAY * (clock // DAY + 1) + (HOURS["morning"] if minute is None else minute) - clock


def _span(told: str, _clock: int) -> int | None:
    """ "Two hours later", "half an hour", "a year and a half"."""
    found = SPAN.search(told)
    if found is None:
        return None
    number = NUMBERS.get(found.group(1))
    amount = float(found.group(1)) if number is None else number
    amount += 0.5 if found.group(3) else 0
    return round(amount * UNITS[found.group(2)])


def _hour(told: str, clock: int, *, now_too: bool = False) -> int | None:
    """ "At midnight", "that evening", "10:30 pm": the next time it is so."""
    minute = _clock_time(told)
    minute = _of_day(told) if minute is None else minute
    if minute is None:
        return None
    ahead = (minute - clock) % DAY
    if now_too and part_of_day(clock) == part_of_day(minute) and _clock_time(told) is None:
        return 0
    return ahead if ahead or now_too else DAY


def _clock_time(told: str) -> int | None:
    for found in CLOCK.finditer(told):
        if (minute := _minute(found)) is not None:
            return minute
    return None


def _minute(found: Match[str]) -> int | None:
    """The minute of the day; a bare number is no time, and nor is one that no clock shows."""
    hour, minute, half = int(found.group(1)), int(found.group(2) or 0), (found.group(3) or "")[:1]
    if not found.group(2) and not half and not found.group(0).startswith("at "):
        return None
    if half in ("a", "p"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    return hour * HOUR + minute if hour < 24 and minute < 60 else None


def _of_day(told: str) -> int | None:
    found = OF_DAY.search(told)
    if found is None:
        return None
    return HOURS["night" if found.group(1) == "tonight" else found.group(1)]
