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
    "decade": 3_650 * DAY,
    "century": 36_500 * DAY,
}
SHORT = {
    "min": "minute",
    "mins": "minute",
    "h": "hour",
    "hr": "hour",
    "hrs": "hour",
    "centuries": "century",
}
MANY = {"century": "centuries"}
ONES = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
NUMBERS: dict[str, float] = {
    "half a": 0.5,
    "half an": 0.5,
    "a": 1,
    "an": 1,
    "a couple of": 2,
    "couple of": 2,
    "a few": 3,
    "few": 3,
    "several": 5,
    "a dozen": 12,
    "a hundred": 100,
    "hundred": 100,
    "a thousand": 1_000,
    "thousand": 1_000,
    **{word: number for number, word in enumerate(ONES, 1)},
    **{word: 10 * number for number, word in enumerate(TENS, 2)},
    **{f"{ten}-{one}": 10 * n + m for n, ten in enumerate(TENS, 2) for m, one in enumerate(ONES[:9], 1)},
}
_ANY_NUMBER = "|".join(sorted(map(re.escape, NUMBERS), key=len, reverse=True))
_ANY_UNIT = "|".join(UNITS)
_ANY_HOUR = "|".join(HOURS)
_ANY_SHORT = "|".join(sorted(SHORT, key=len, reverse=True))
SPAN = re.compile(
    rf"(?<![\w.])(\d{{1,9}}(?:\.\d{{1,3}})?|{_ANY_NUMBER})(\s+and\s+a\s+half)?\s*(?:more\s+)?"
    rf"(?:({_ANY_UNIT})s?|({_ANY_SHORT}))\b(\s+and\s+a\s+half)?"
)
BESIDE = re.compile(rf"{SPAN.pattern}\s+(before|after|past)\s+(?:the\s+)?({_ANY_HOUR})\b")
BACK = re.compile(r"\b(?:ago|earlier|yesterday|last (?:night|evening|week|month|year))\b")
NEXT = re.compile(rf"\b(?:next|following)\s+({_ANY_UNIT}|{_ANY_HOUR})\b")
TOMORROW = re.compile(r"\b(the day after )?tomorrow\b")
DAY_NUMBER = re.compile(r"\bday\s+(\d{1,6})\b")
CLOCK = re.compile(
    rf"\b(at\s+)?(half past\s+|quarter past\s+|quarter to\s+)?(\d{{1,2}}|{'|'.join(ONES[:12])})"
    r"(?:[:.](\d\d))?\s*(am|pm|a\.m\.|p\.m\.|o'clock|o’clock)?(?!\w)"
    r"(?:(?=\s*(at night|in the (?:morning|afternoon|evening))\b)|)"
)
SHIFTED = {"half past": 30, "quarter past": 15, "quarter to": -15}
OF_DAY = re.compile(rf"\b({_ANY_HOUR}|tonight)\b")
AFTERNOON = re.compile(r"\b(?:afternoon|evening)\b")
LATE = re.compile(r"\b(?:evening|night|tonight)\b")
UNSURE = re.compile(
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\b(?:spring|summer|autumn|fall|winter|weekend)\b"
)
"""A story has no calendar that would tell when this is."""
LONG_ENOUGH_TO_SLEEP = 5 * HOUR
"""Until this hour of a night, the day that is over is still "today"."""


def minutes_until(words: str, clock: int) -> int | None:
    """How many minutes after `clock` the words mean, less than 1 where that is not ahead; None where they
    tell no time."""
    told = " ".join(words.casefold().split())
    if UNSURE.search(told):
        return None
    for read in (_day_number, _next, _tomorrow, _beside, _span, _hour):
        minutes = read(told, clock)
        if minutes is not None:
            return minutes
    return -DAY if BACK.search(told) else None


def clock_at(words: str, clock: int) -> int | None:
    """What the clock says when it is as late as the words say, from `clock` on: "evening" is this evening, or
    tomorrow's where it is over. None where they tell no time of day."""
    told = " ".join(words.casefold().split())
    beside = BESIDE.search(told)
    if UNSURE.search(told) or (SPAN.search(told) and not beside):
        return None
    found = DAY_NUMBER.search(told)
    if found is not None:
        return max(clock, clock + (_day_number(told, clock) or 0))
    if beside or NEXT.search(told) or TOMORROW.search(told):
        return clock + (minutes_until(words, clock) or 0)
    minute = minute_of_day(told)
    if minute is None:
        return None
    if _on_a_clock(told) is None and part_of_day(clock) == part_of_day(minute):
        return clock
    return clock + (minute - clock) % DAY


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
    return f"{number} {unit if number == 1 else MANY.get(unit, unit + 's')}"


_COLLOQUIAL = frozenset({"night", "fortnight"})


def _fits(unit: int, minutes: int) -> bool:
    return unit == 1 or minutes >= 2 * unit or minutes == unit


def _day_number(told: str, clock: int) -> int | None:
    """ "Day 3, 07:40", "evening of day 3"."""
    found = DAY_NUMBER.search(told)
    if found is None:
        return None
    minute = minute_of_day(told[: found.start()] + told[found.end() :])
    return DAY * (int(found.group(1)) - 1) + (HOURS["morning"] if minute is None else minute) - clock


def _next(told: str, clock: int) -> int | None:
    """ "Next morning", "the following evening", "next week"."""
    found = NEXT.search(told)
    if found is None:
        return None
    what = found.group(1)
    if what in HOURS:
        return _days_on(1, HOURS[what], clock)
    if what == "day":
        return _days_on(1, minute_of_day(told[found.end() :]), clock)
    return UNITS[what]


def _tomorrow(told: str, clock: int) -> int | None:
    found = TOMORROW.search(told)
    return _days_on(2 if found.group(1) else 1, minute_of_day(told), clock) if found else None


def _days_on(days: int, minute: int | None, clock: int) -> int:
    """Until a minute of a later day, its morning where that is not told. Before dawn the night still belongs
    to the day before."""
    today = (clock - LONG_ENOUGH_TO_SLEEP) // DAY
    ahead = DAY * (today + days) + (HOURS["morning"] if minute is None else minute) - clock
    return ahead if ahead > 0 else ahead + DAY


def _span(told: str, clock: int) -> int | None:
    """ "Two hours later", "half an hour", "a year and a half", "three days later, at dawn"."""
    spans = list(SPAN.finditer(told))
    if not spans:
        return None
    minutes = round(sum(map(_length, spans)))
    if BACK.search(told):
        return -minutes
    minute = minute_of_day(SPAN.sub(" ", told))
    if minute is None:
        return minutes
    return _days_on(minutes // DAY, minute, clock) if minutes >= DAY else None


def _length(found: Match[str]) -> float:
    number, unit = found.group(1), found.group(3) or SHORT[found.group(4)]
    amount = NUMBERS[number] if number in NUMBERS else float(number)
    halves = sum(1 for group in (2, 5) if found.group(group))
    return (amount + 0.5 * halves) * UNITS[unit]


def _hour(told: str, clock: int) -> int | None:
    """ "At midnight", "that evening", "10:30 pm": the next time it is so."""
    minute = minute_of_day(told)
    if minute is None:
        return None
    return (minute - clock) % DAY or DAY


def _beside(told: str, clock: int) -> int | None:
    """ "An hour before dawn", "two hours after sunset": the next time it is so."""
    found = BESIDE.search(told)
    if found is None:
        return None
    *_, side, hour = found.groups()
    length = found.group(0).partition(f" {side} ")[0]
    span = _span(length, clock) or 0
    return (HOURS[hour] + (-span if side == "before" else span) - clock) % DAY or DAY


def minute_of_day(told: str) -> int | None:
    """What a clock shows, or a part of the day."""
    shown = _on_a_clock(told)
    return _of_day(told) if shown is None else shown


def _on_a_clock(told: str) -> int | None:
    for found in CLOCK.finditer(told):
        if (minute := _shown(found, told)) is not None:
            return minute
    return None


def _shown(found: Match[str], told: str) -> int | None:
    """The minute of the day; a bare number is no time, and nor is one that no clock shows."""
    at, shift, number, minutes, half, part = found.groups()
    hour, minute, half = (
        (ONES.index(number) + 1 if number in ONES else int(number)),
        int(minutes or 0),
        (half or "")[:1],
    )
    if not (at or shift or minutes or half or part):
        return None
    if half in ("a", "p"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    elif (6 <= hour < 12 and LATE.search(told)) or (hour < 6 and AFTERNOON.search(told)):
        hour += 12
    elif hour == 12 and LATE.search(told) and not AFTERNOON.search(told):
        hour = 0
    minute += SHIFTED.get((shift or "").strip(), 0)
    return (hour * HOUR + minute) % DAY if hour < 24 and minute < 60 else None


def _of_day(told: str) -> int | None:
    found = OF_DAY.search(told)
    if found is None:
        return None
    return HOURS["night" if found.group(1) == "tonight" else found.group(1)]
