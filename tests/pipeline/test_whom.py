"""Whom: who is meant by a name in prose, in any script, also when it is an ordinary word."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.whom import called, named_in

HOST, GUEST = 1, 2


def named(text: str, host: tuple[str, ...] = ("Ada",), guest: tuple[str, ...] = ("Bea",)) -> set[int]:
    return set(named_in(text, {HOST: host, GUEST: guest}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada, are you there?", {HOST}),
        ("what does ada think", {HOST}),
        ("ADA!", {HOST}),
        ("I look at Bea's hands.", {GUEST}),
        ("Ada and Bea, listen.", {HOST, GUEST}),
        ("Canada is cold, Adam.", set()),
        ("The beach.", set()),
        ("Hello there.", set()),
        ("*nods to _Ada_*", {HOST}),
        ("snake_ada_case", set()),
        ("", set()),
    ],
)
def test_a_name_counts_as_a_whole_word_whatever_its_case(text: str, expected: set[int]) -> None:
    assert named(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I will go now.", set()),
        ("Will you come with me?", set()),
        ("Will, come here.", {HOST}),
        ("will, come here.", {HOST}),
        ("Come here, will!", {HOST}),
        ("hey will", {HOST}),
        ("@will come", {HOST}),
        ("I ask Will about the boat.", {HOST}),
        ('"Will?" I ask.', {HOST}),
        ("WILL YOU STOP", set()),
        ("You may go.", set()),
        ("May I sit down?", set()),
        ("We met in May.", set()),
        ("I told May everything.", {GUEST}),
        ("May, sit down.", {GUEST}),
        ("You may go, Will.", {HOST}),
        ("Will, you may go.", {HOST}),
        ("Will and May, sit.", {HOST, GUEST}),
        ("Will you come here, May?", {GUEST}),
        ("If you will, come.", set()),
    ],
)
def test_a_name_that_is_an_ordinary_word_counts_only_where_it_is_a_name(
    text: str, expected: set[int]
) -> None:
    assert named(text, ("Will",), ("May",)) == expected


def test_any_name_in_lower_case_after_an_article_is_no_name() -> None:
    assert named("I water the daisy.", ("Daisy",)) == set()
    assert named("what about daisy", ("Daisy",)) == {HOST}


def test_a_bot_named_you_is_not_everyone_who_is_spoken_to() -> None:
    assert named("How are you?", ("You",)) == set()
    assert named("Do you see that?", ("you",)) == set()
    assert named("You, come here.", ("You",)) == {HOST}


@pytest.mark.parametrize("name", ["C++", "A.D.A.", "(Ada)", "a|b", "[x]", "^$", "Ada\\d", "Mr. *", "?"])
def test_characters_of_a_pattern_are_letters_of_a_name(name: str) -> None:
    assert named(f"I think {name} knows.", (name,)) == {HOST}
    assert named("I think AxDxA knows aab C.", (name,)) == set()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("🦊", "hey 🦊!", {HOST}),
        ("🦊", "hey🦊you", {HOST}),
        ("🦊", "look 🦊\ufe0f", {HOST}),
        ("👩", "an astronaut 👩‍🚀 waves", set()),
        ("👋", "a wave 👋🏽", set()),
        ("שרה", "בואי הנה, שרה!", {HOST}),
        ("שרה", "\u200fשָׂרָה\u200e, hello", {HOST}),
        ("שרה", "שרהלה", set()),
        ("محمد", "مرحبا يا مُحَمَّد", {HOST}),
        ("小明", "小明你好", {HOST}),
        ("मीरा", "सुनो मीरा", {HOST}),
        ("मीर", "सुनो मीरा", set()),
        ("Zoë", "hi Zoe\u0308", {HOST}),
        ("Élan", "ÉLAN, wait", {HOST}),
        ("Old Tom", "is old  tom here?", {HOST}),
    ],
)
def test_names_in_any_script(name: str, text: str, expected: set[int]) -> None:
    assert named(text, (name,)) == expected


def test_what_both_are_called_counts_for_neither() -> None:
    assert named("Doc, help!", ("Ada", "Doc"), ("Bea", "doc")) == set()
    assert named("Ada?", ("Ada",), ("ada",)) == set()
    assert named("Doc, ask Bea.", ("Ada", "Doc"), ("Bea", "Doc")) == {GUEST}


def test_a_longer_name_hides_a_shorter_one_inside_it() -> None:
    assert named("Mary Ann?", ("Ann",), ("Mary Ann",)) == {GUEST}
    assert named("Mary Ann and Ann?", ("Ann",), ("Mary Ann",)) == {HOST, GUEST}


def test_a_long_text_full_of_names_is_read_in_no_time() -> None:
    began = time.thread_time()
    named("will ada May " * 8_000, ("Will", "Ada"), ("May",))
    assert time.thread_time() - began < 5, "a search that goes back over what it has read takes minutes"


@given(st.text(), st.lists(st.text(min_size=1), max_size=3), st.lists(st.text(min_size=1), max_size=3))
def test_no_text_and_no_name_break_the_search(text: str, host: list[str], guest: list[str]) -> None:
    assert named_in(text, {HOST: host, GUEST: guest}) <= {HOST, GUEST}
    assert called(text, {HOST: host, GUEST: guest}) in (None, HOST, GUEST)


def test_names_of_an_earlier_rank_stand_over_those_of_a_later() -> None:
    shown, known_as = {HOST: ("Ada",), GUEST: ("Bea",)}, {HOST: ("Ada", "Bea"), GUEST: ("Bea", "Doc")}
    assert called("bea", shown, known_as) == GUEST
    assert called("doc", shown, known_as) == GUEST
    assert called("doc", shown, known_as, {HOST: ("doc",)}) == GUEST
    assert called("bea", known_as) is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Ada Lovelace", HOST),
        ("ada", HOST),
        ("ADA LOVELACE.", HOST),
        ("Bea (the guest)", GUEST),
        ("Clara", None),
        ("", None),
        ("Adam", None),
    ],
)
def test_a_name_in_an_answer_is_read_leniently(said: str, expected: int | None) -> None:
    assert called(said, {HOST: ("Ada Lovelace",), GUEST: ("Bea",)}) == expected
