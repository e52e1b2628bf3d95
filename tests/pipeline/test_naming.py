"""A reply without its speaker's name before it, however the stream is cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.prompt.naming import Bare


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
