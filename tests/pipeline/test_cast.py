"""Cast: whoever is labelled for a model is found again by that label, whatever they are called."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.cast import Cast, labels
from store.events import YOU

AWKWARD = ("Will", "May", "You", "I", "a+(b", "🦊", "שרה", "小明", "\u200f")
NAMES = st.sampled_from(["Ada", "ada", "Ada (host)", "Ada (guest)", "Ada (guest 2)", *AWKWARD]) | st.text(
    min_size=1, max_size=8
).filter(str.strip)
PARTS = st.sampled_from(["host", "guest", "you"])


def cast(**known_as: tuple[str, ...]) -> Cast:
    """You, a host and whoever else, each with all they are called."""
    parts = {"you": YOU, "host": 1, "guest": 2, "former": 3}
    named = {
        parts[part]: (names[0], "guest" if part == "former" else part) for part, names in known_as.items()
    }
    return Cast(labels(named), {parts[part]: names for part, names in known_as.items()})


@given(st.lists(st.tuples(NAMES, PARTS), min_size=1, max_size=5), st.lists(st.lists(NAMES), max_size=5))
def test_every_label_stands_for_the_one_who_bears_it(
    named: list[tuple[str, str]], aliases: list[list[str]]
) -> None:
    shown = labels(dict(enumerate(named)))
    known_as = {
        one: (name, *(aliases[one] if one < len(aliases) else ())) for one, (name, _) in enumerate(named)
    }
    told = Cast(shown, known_as)
    assert {one: told.called(label) for one, label in shown.items()} == {one: one for one in shown}


def test_namesakes_are_told_apart_by_their_part_and_then_by_a_number() -> None:
    two_guests = cast(you=("Ada",), host=("ada",), guest=("Ada",), former=("ADA",))
    assert list(two_guests.names.values()) == ["Ada (you)", "ada (host)", "Ada (guest)", "ADA (guest 2)"]
    assert two_guests.called("Ada") is None


def test_an_alias_of_both_is_nobodys_and_a_name_stands_over_an_alias() -> None:
    told = cast(you=("Max",), host=("Ada", "Doc", "Bea"), guest=("Bea", "Doc", "Player"))
    assert told.called("Doc") is None
    assert told.called("Bea") == 2
    assert told.called("player") == 2


def test_the_person_is_also_found_by_what_models_call_them() -> None:
    told = cast(you=("Max",), host=("You Know Who",))
    assert (told.called("the user"), told.called("You"), told.called("you know who")) == (YOU, YOU, 1)
    assert cast(host=("Ada",), guest=("Bea",)).called("you") is None
