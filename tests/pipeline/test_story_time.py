"""Story time in words: what is meant by them, and what nobody can tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.story_time import clock_at, minutes_until, span, told
from store.events import DAY, NOON

CLOCKS = st.integers(0, 400 * DAY)


@pytest.mark.parametrize(
    ("words", "when"),
    [
        ("next morning", "day 2, 08:00"),
        ("the following evening", "day 2, 19:00"),
        ("Two hours later", "day 1, 14:00"),
        ("2 hours 30 minutes", "day 1, 14:30"),
        ("an hour and a half", "day 1, 13:30"),
        ("two and a half hours", "day 1, 14:30"),
        ("45 min", "day 1, 12:45"),
        ("a week later", "day 8, 12:00"),
        ("three days later, at dawn", "day 4, 06:00"),
        ("the day after tomorrow at noon", "day 3, 12:00"),
        ("at midnight", "day 2, 00:00"),
        ("tonight", "day 1, 22:00"),
        ("10:30 pm", "day 1, 22:30"),
        ("seven o'clock in the evening", "day 1, 19:00"),
        ("at 12:30 in the afternoon", "day 1, 12:30"),
        ("half past nine", "day 2, 09:30"),
        ("about three in the morning", "day 2, 03:00"),
        ("evening of day 3", "day 3, 19:00"),
        ("an hour before dawn", "day 2, 05:00"),
        ("two hours after sunset", "day 1, 21:00"),
    ],
)
def test_words_for_a_later_time_are_understood(words: str, when: str) -> None:
    minutes = minutes_until(words, NOON)
    assert minutes is not None
    assert told(NOON + minutes) == when


def test_before_dawn_the_night_still_belongs_to_the_day_before() -> None:
    assert minutes_until("next morning", DAY + 120) == 6 * 60


@pytest.mark.parametrize(
    "words", ["", "blue", "soon", "25:99", "next monday", "in spring", "7", "🕰", "a" * 3000]
)
def test_words_that_tell_no_time_are_not_guessed(words: str) -> None:
    assert minutes_until(words, NOON) is None
    assert clock_at(words, NOON) is None


@pytest.mark.parametrize("words", ["two hours ago", "yesterday", "0 minutes", "day 1, 07:00"])
def test_what_is_not_ahead_is_told_as_such(words: str) -> None:
    minutes = minutes_until(words, NOON)
    assert minutes is not None
    assert minutes < 1


@given(CLOCKS, CLOCKS)
def test_a_clock_that_was_told_is_read_back(now: int, then: int) -> None:
    assert minutes_until(told(then), now) == then - now


@given(
    st.text(max_size=40) | st.sampled_from(["evening", "next morning", "at 3", "midnight", "noon"]), CLOCKS
)
def test_the_clock_is_never_told_to_go_back(words: str, now: int) -> None:
    assert (clock_at(words, now) or now) >= now


def test_a_time_of_day_that_is_now_is_now_and_one_that_is_over_comes_again() -> None:
    assert clock_at("evening", 19 * 60 + 30) == 19 * 60 + 30
    assert clock_at("morning", NOON) == DAY + 8 * 60
    assert clock_at("an hour before dawn", NOON) == DAY + 5 * 60
    assert clock_at("night", 0) == 0
    assert clock_at("near ten at night", 0) == 22 * 60


def test_a_very_long_time_is_told_in_english() -> None:
    assert (span(36_500 * DAY), span(73_000 * DAY)) == ("1 century", "2 centuries")
