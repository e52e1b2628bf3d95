"""A reply without its speaker's name before it and without the lines of others, however the stream is cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.prompt.naming import Bare, OwnWords


def shown(name: str, *pieces: str) -> str:
    bare = Bare(name)
    return "".join(bare.take(piece) for piece in pieces) + bare.rest()


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("Ada: Good evening.", "Good evening."),
        ("ada:Good evening.", "Good evening."),
        ("**Ada:** *nods*", "*nods*"),
        ("  Ada: yes", "yes"),
        ("Adam: no", "Adam: no"),
        ("Ada nods.", "Ada nods."),
        ("Ada", "Ada"),
        ('"Ada: hm"', '"Ada: hm"'),
        ("", ""),
    ],
)
def test_the_name_goes_and_all_else_stays(written: str, left: str) -> None:
    assert shown("Ada", written) == left
    assert shown("Ada", *written) == left


@given(st.text(st.sampled_from("Ad:a *b"), max_size=20), st.lists(st.integers(0, 20), max_size=5))
def test_it_does_not_matter_where_the_stream_is_cut(written: str, cuts: list[int]) -> None:
    places = sorted({0, len(written), *(cut for cut in cuts if cut < len(written))})
    pieces = [written[a:b] for a, b in itertools.pairwise(places)]
    assert shown("Ada", *pieces).lstrip() == shown("Ada", written).lstrip()


def own(*pieces: str) -> str:
    words, said = OwnWords("Ada", ("Wren", "Bo", " ")), ""
    for piece in pieces:
        said += words.take(piece)
        if words.over:
            return said
    return said + words.rest()


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("Ada: Go.\nWren: I go.\nAda: Good.", "Go.\n"),
        ("Go.\n\n  **bo:** Wait!", "Go.\n"),
        ("Go.\n[Wren]: hm", "Go.\n"),
        ("Go.\nWrenna: hm\nBo nods.", "Go.\nWrenna: hm\nBo nods."),
        ("Go, Bo: now.\n“Wren: a bird.”", "Go, Bo: now.\n“Wren: a bird.”"),
        ("Go.\nWren", "Go.\nWren"),
        ("Go.\n\n: no name", "Go.\n\n: no name"),
        ("Wren: all of it is hers", "Wren: all of it is hers"),
    ],
)
def test_a_reply_ends_where_another_begins_to_speak(written: str, left: str) -> None:
    assert own(written) == left
    assert own(*written) == left


@given(st.text(st.sampled_from("BoAda:\n *"), max_size=30), st.lists(st.integers(0, 30), max_size=6))
def test_it_does_not_matter_where_a_stream_of_several_voices_is_cut(written: str, cuts: list[int]) -> None:
    places = sorted({0, len(written), *(cut for cut in cuts if cut < len(written))})
    pieces = [written[a:b] for a, b in itertools.pairwise(places)]
    assert own(*pieces).strip() == own(written).strip()
    assert "\nBo:" not in own(*pieces).lstrip()
