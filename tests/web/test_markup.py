"""A turn's words as a line of something else: light formatting, what was looked for, and no tag of theirs."""

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from web.markup import excerpt, shortened

HOSTILE = st.text(st.sampled_from("<>()[]*_`~!\"'&;:/=- \nax\ue000\ue001\ue002\ue003\ue0040"), max_size=80)
WORDS = st.lists(st.sampled_from(["lamp", "the", "a.", "dark,"]), max_size=30).map(" ".join)
TAG = re.compile("<[^>]*>")


@given(HOSTILE, st.integers(0, 80), st.integers(0, 80))
def test_no_cut_makes_a_tag_we_did_not_choose(text: str, one: int, other: int) -> None:
    begin, end = sorted((min(one, len(text)), min(other, len(text))))
    middle = (begin + end) // 2
    shown = excerpt(text, begin, end, ((begin, middle), (middle, end)))
    for tag in TAG.findall(shown):
        assert tag in {*("<em>", "<strong>", "<s>", "<code>", "<mark>", '<span class="ooc">')} | {
            *("</em>", "</strong>", "</s>", "</code>", "</mark>", "</span>")
        }
    assert shown.count("<em>") == shown.count("</em>")


@given(WORDS, st.integers(0, 200), st.integers(0, 200))
def test_plain_words_are_shown_from_where_to_where_they_are_asked_for(
    text: str, one: int, other: int
) -> None:
    begin, end = sorted((min(one, len(text)), min(other, len(text))))
    told = html.unescape(excerpt(text, begin, end))
    assert told.strip("…").strip() == text[begin:end].strip()
    assert told.startswith("…") or begin <= 1
    assert told.endswith("…") or end >= len(text) - 1


def test_an_emphasis_is_shown_where_it_begins_or_ends_outside() -> None:
    text = "She said: *the old lamp is lit* and **left**. ((the *lamp*!)) _Dark._"
    lamp, left = text.index("lamp"), text.index("left")
    assert excerpt(text, lamp, left + 4, ((lamp, lamp + 4),)) == (
        "…<em> <mark>lamp</mark> is lit</em> and <strong>left</strong>…"
    )
    assert shortened(text, 20) == "She said: <em>the old </em>…"
    assert shortened(text, 1000) == (
        "She said: <em>the old lamp is lit</em> and <strong>left</strong>."
        ' <span class="ooc">((the *lamp*!))</span> <em>Dark.</em>'
    )
    assert shortened("[go](https://example.org) **on**", 99) == "go <strong>on</strong>"
    assert shortened("", 9) == ""


def test_a_wall_of_marks_is_cut_in_time() -> None:
    for mark in ("*", "[", "((", "_", "`", "**a"):
        wall = mark * (100_000 // len(mark))
        assert shortened(wall, 10_000)
        assert excerpt(wall, 50_000, 50_220, ((50_100, 50_101),))
