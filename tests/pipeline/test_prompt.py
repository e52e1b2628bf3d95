"""Prompt assembly: what a model is given, and what it is never given."""

import random
from collections.abc import Iterator

import pytest

from pipeline.prompt.assembly import BEGINS, GOES_ON, Layout, assemble
from pipeline.prompt.blocks import Prompt
from pipeline.prompt.budget import Budgets, PromptTooLarge
from pipeline.prompt.macros import substitute
from pipeline.prompt.ooc import parts, strip_ooc
from pipeline.prompt.scene import Line, Scene, Speaker, You
from pipeline.tokens import TokenCounter

COUNTER = TokenCounter()
ADA = Speaker(1, "Ada", "{{char}} keeps the lighthouse for {{user}}.", "Dry.", "Stay brief, {{char}}.")
YOU = You("Sam", "A sailor.")
WORDS = "the lamp turns and the sea goes on and nobody comes to the door tonight either "


def dialogue(turns: int, length: int = 1) -> list[Line]:
    """So many turns, newest first, the last one yours."""
    oldest_first = [
        Line(
            100 + n,
            n,
            None if (turns - n) % 2 else 1,
            "Sam" if (turns - n) % 2 else "Ada",
            f"{n}: {WORDS * length}",
        )
        for n in range(turns)
    ]
    return oldest_first[::-1]


def prompt(
    turns: int, *, length: int = 1, budgets: Budgets | None = None, layout: Layout = "cache"
) -> Prompt:
    scene = Scene(ADA, YOU, dialogue(turns, length))
    return assemble(scene, TokenCounter().for_model("llama-3"), budgets or Budgets(), layout=layout)


def test_the_blocks_stand_where_they_should() -> None:
    made = prompt(3)
    assert [message.role for message in made.messages] == ["system", "user", "assistant", "user"]
    system = made.messages[0].content
    assert "You are Ada in a role-play with Sam" in system
    assert "Ada keeps the lighthouse for Sam." in system
    assert "A sailor." in system
    assert made.messages[-1].content.endswith("[Stay brief, Ada.]")
    assert [block.name for block in made.breakdown.blocks] == [
        "identity",
        "persona",
        "dialogue",
        "turn to answer",
        "post-history",
    ]
    assert [block.event_ids for block in made.breakdown.blocks] == [(1, 1), (), (100, 101), (102,), (1,)]


def test_only_as_much_of_the_dialogue_is_read_as_fits() -> None:
    read = 0

    def lazily() -> Iterator[Line]:
        nonlocal read
        for line in dialogue(10_000):
            read += 1
            yield line

    scene = Scene(ADA, YOU, lazily())
    assemble(scene, TokenCounter().for_model("x"), Budgets(soft=2000), layout="classic")
    assert read < 150


@pytest.mark.parametrize("layout", ["cache", "classic"])
def test_the_newest_turns_stay_and_the_oldest_go(layout: Layout) -> None:
    made = prompt(500, layout=layout)
    assert made.breakdown.total <= made.breakdown.soft
    assert made.messages[-1].content.startswith("499:")
    assert 100 not in made.breakdown.blocks[2].event_ids
    assert made.breakdown.blocks[2].trimmed > 0


def lifelike(turns: int, seed: int, longest: int) -> list[Line]:
    """Short turns of yours, replies of a third to all of `longest` words; oldest first."""
    chance, words = random.Random(seed), WORDS.split()
    return [
        Line(
            n, n, n % 2 or None, "x", " ".join(chance.choices(words, k=chance.randint(longest // 3, longest)))
        )
        if n % 2
        else Line(n, n, None, "Sam", " ".join(chance.choices(words, k=chance.randint(5, 40))))
        for n in range(turns)
    ]


@pytest.mark.parametrize("longest", [40, 120, 200])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_cache_serves_most_of_a_lifelike_dialogue(seed: int, longest: int) -> None:
    """Forty turns at a full 6K window: the share of text that is not a prefix of the prompt before, the
    new turns included."""
    reread = total = 0
    before = ""
    lines = lifelike(800, seed, longest)
    for turns in range(701, 781, 2):
        scene = Scene(ADA, YOU, lines[:turns][::-1])
        made = assemble(scene, COUNTER.for_model("llama-3"), Budgets().within(8192), layout="cache")
        text = "".join(message.content for message in made.messages)
        common = next((n for n, (a, b) in enumerate(zip(before, text, strict=False)) if a != b), len(before))
        if before:
            reread += len(text) - min(common, len(text))
            total += len(text)
        before = text.removesuffix("\n\n[Stay brief, Ada.]")
    assert reread / total <= 0.15


def test_what_must_be_in_and_does_not_fit_is_refused_with_its_account() -> None:
    scene = Scene(Speaker(1, "Ada", WORDS * 500, "", ""), YOU, dialogue(3))
    with pytest.raises(PromptTooLarge) as refused:
        assemble(scene, TokenCounter().for_model("x"), Budgets(hard=1000, soft=800), layout="cache")
    assert "1000" in refused.value.message
    assert refused.value.breakdown.blocks[0].name == "identity"
    assert "identity" in refused.value.detail


def test_a_small_context_narrows_everything() -> None:
    narrowed = Budgets().within(2048)
    assert narrowed.response + narrowed.hard <= int(2048 * 0.95)
    made = prompt(200, budgets=narrowed)
    assert made.breakdown.total <= narrowed.hard


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Hello ((brb)) there", "Hello  there"),
        ("((all of it))", ""),
        ("a ((b ((c)) d)) e", "a  e"),
        ("(((brb)))", ""),
        ("((back in (about) five)) Hello", " Hello"),
        ("((smile :) )) Hello", " Hello"),
        ("open ((and never closed", "open "),
        ("closed)) only", "closed)) only"),
        ("f(x) and (y)", "f(x) and (y)"),
    ],
)
def test_out_of_character_is_cut_out(text: str, left: str) -> None:
    assert strip_ooc(text) == left
    assert "".join(part for part, _ in parts(text)) == text


def test_out_of_character_turns_reach_no_prompt() -> None:
    lines = [
        Line(3, 2, None, "Sam", "Go on. ((sorry, phone))"),
        Line(2, 1, None, "Sam", "((are you there?))"),
        Line(1, 0, 1, "Ada", "Who goes there?"),
    ]
    made = assemble(Scene(ADA, YOU, lines), TokenCounter().for_model("x"), Budgets(), layout="cache")
    assert "phone" not in str(made.messages)
    assert "are you there" not in str(made.messages)


def test_macros_are_replaced_once_and_in_any_case() -> None:
    assert substitute("{{CHAR}} and <user> and {{ char }}", char="{{user}}", user="Sam") == (
        "{{user}} and Sam and {{user}}"
    )


def test_special_tokens_in_a_turn_are_text() -> None:
    assert TokenCounter().count("<|endoftext|> <|im_start|>") > 2


def test_the_factor_follows_what_the_endpoint_reports() -> None:
    counter = TokenCounter()
    start = counter.factor("some-model")
    for _ in range(30):
        estimated = counter.for_model("some-model").text(WORDS * 20)
        counter.observe("some-model", estimated, int(counter.count(WORDS * 20) * 1.4))
    assert start == 1.2
    assert counter.factor("some-model") == pytest.approx(1.4, abs=0.02)
    counter.observe("some-model", 1, 10_000)
    assert counter.factor("some-model") <= 1.6


def assembled(lines: list[Line], speaker: Speaker = ADA) -> Prompt:
    scene = Scene(speaker, YOU, lines)
    return assemble(scene, TokenCounter().for_model("x"), Budgets(), layout="cache")


def test_a_dialogue_that_the_speaker_opens_begins_with_a_word_of_yours() -> None:
    """Templates of several families refuse a dialogue that begins with the model's role."""
    made = assembled([Line(2, 1, None, "Sam", "Hello."), Line(1, 0, 1, "Ada", "Who goes there?")])
    assert [message.role for message in made.messages] == ["system", "user", "assistant", "user"]
    assert made.messages[1].content == BEGINS


def test_a_window_that_begins_later_says_that_the_scene_goes_on() -> None:
    openings = {prompt(turns).messages[1].content.split("\n")[0] for turns in range(400, 480)}
    assert GOES_ON in openings
    assert BEGINS not in openings


def test_closing_words_never_join_a_turn_of_the_speaker() -> None:
    made = assembled([Line(2, 1, 1, "Ada", "And then"), Line(1, 0, None, "Sam", "Go on.")])
    assert [message.role for message in made.messages] == ["system", "user", "assistant", "user"]
    assert made.messages[-1].content == "[Stay brief, Ada.]"


def test_neighbouring_turns_of_one_role_become_one_message() -> None:
    made = assembled([Line(n, n, None, "Sam", f"part {n}") for n in (2, 1, 0)])
    assert made.messages[1].content == "part 0\n\npart 1\n\npart 2\n\n[Stay brief, Ada.]"


@pytest.mark.parametrize("lines", [[], [Line(1, 0, None, "Sam", "((only this))")]])
def test_a_scene_in_which_nothing_was_said_yet_can_be_opened(lines: list[Line]) -> None:
    made = assembled(lines, Speaker(1, "Ada", "", "", ""))
    assert [message.role for message in made.messages] == ["system", "user"]
    assert made.messages[1].content == BEGINS


@pytest.mark.parametrize("length", [1, 2, 4, 8])
@pytest.mark.parametrize("context", [4096, 16384])
def test_a_full_window_is_reread_by_at_most_15_percent_and_keeps_a_quarter(context: int, length: int) -> None:
    """Forty turns of a dialogue with turns of up to 130 words, which at least a dozen of fit."""
    budgets, lines = Budgets().within(context), dialogue(800, length)
    fits = prompt(801, length=length, budgets=budgets, layout="classic").breakdown.blocks[2].kept
    read_again = sent = 0
    before: tuple[int, ...] = ()
    for turns in range(701, 781, 2):
        made = assemble(
            Scene(ADA, YOU, lines[800 - turns :]), COUNTER.for_model("llama-3"), budgets, layout="cache"
        )
        now = made.breakdown.blocks[2].event_ids
        assert len(now) >= fits // 4 - 1
        if before and now[0] != before[0]:
            read_again += made.breakdown.total * len(set(now) & set(before)) // len(now)
        sent, before = sent + made.breakdown.total, now
    assert read_again / sent <= 0.15


def test_the_account_says_how_many_turns_are_left_out() -> None:
    figures = prompt(500).breakdown.blocks[2]
    assert figures.trimmed + figures.kept + 1 == 500
    assert figures.event_ids[0] == 100 + figures.trimmed
