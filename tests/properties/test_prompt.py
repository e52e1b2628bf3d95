"""Invariant 10: the hard budget holds, what must be in is whole, and what cannot fit is refused."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.inference.types import Message
from pipeline.prompt.assembly import assemble
from pipeline.prompt.blocks import Piece, Tier
from pipeline.prompt.budget import Budgets, PromptTooLarge
from pipeline.prompt.ooc import KEPT, Marker, parts, strip_ooc
from pipeline.prompt.scene import Line, Part, Scene, Speaker, Where, You
from pipeline.tokens import TokenCounter
from tests.properties.simulation import TEXTS

COUNTER = TokenCounter()
LONG = st.builds(lambda text, times: (text + " ") * times, TEXTS, st.integers(1, 60)) | st.integers(
    1, 400
).map(lambda words: f"It was {'very ' * words}dark.")
"""Short and long, and not only the same over and over: what is cut off must be missed."""


PIECES = st.lists(LONG.map(lambda text: Piece(text.strip())), min_size=1, max_size=8).map(tuple)
PARTS = st.builds(
    Part,
    st.sampled_from(["state", "edge", "group", "world", "scene", "activities", "pinned"]),
    st.sampled_from([Tier.MUST, Tier.SHOULD]),
    st.sampled_from(Where),
    st.just("Of Ada"),
    PIECES,
)
MEMORIES = st.builds(
    Part, st.just("memories"), st.just(Tier.NICE), st.just(Where.TAIL), st.just("Remembered"), PIECES
)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    said = draw(st.lists(LONG, min_size=1, max_size=40))
    lines = [Line(n, n, draw(st.sampled_from([None, 1])), "x", text) for n, text in enumerate(said)]
    speaker = Speaker(1, "Ada", draw(LONG), draw(LONG), draw(LONG))
    parts = draw(st.lists(PARTS, max_size=6, unique_by=lambda part: part.name))
    memories = draw(st.none() | MEMORIES)
    recall = (lambda _shown: memories) if memories is not None else None
    you = You("Sam", draw(LONG))
    return Scene(speaker, you, lines[::-1], tuple(parts), named=draw(st.booleans()), recall=recall)


@settings(max_examples=150)
@given(
    scene=scenes(),
    hard=st.integers(256, 3000),
    soft=st.integers(256, 6000),
    context=st.none() | st.integers(512, 4096),
)
def test_hard_budgets_hold_and_must_blocks_are_whole(
    scene: Scene, hard: int, soft: int, context: int | None
) -> None:
    budgets = Budgets(hard=hard, soft=soft).within(context)
    assert budgets.soft <= budgets.hard <= hard
    assert context is None or budgets.hard + budgets.response <= 0.95 * context
    counter = COUNTER.for_model("unknown")
    for layout in ("cache", "classic"):
        try:
            made = assemble(scene, counter, budgets, layout=layout)
        except PromptTooLarge as refused:
            assert refused.breakdown.total > budgets.hard
            assert all(block.tier == "must" for block in refused.breakdown.blocks)
            continue
        sent = sum(counter.message(message.content) for message in made.messages)
        assert sent <= made.breakdown.total
        assert made.breakdown.total <= budgets.hard
        text = "\n".join(message.content for message in made.messages)
        newest = next(iter(scene.dialogue))
        for part in (part for part in scene.parts if part.tier is Tier.MUST):
            assert all(piece.text in text for piece in part.pieces)
        for block in made.blocks:
            assert all(piece.text in text for piece in block.pieces), "the account tells what was sent"
        for must in (scene.speaker.description, scene.speaker.personality, scene.you.persona):
            assert must.strip() in text
        assert strip_ooc(newest.text).strip() in text


@given(st.lists(st.sampled_from(["((", "))", "(", ")", "a", " b", "\n"]), max_size=30).map("".join))
def test_what_is_in_marks_never_survives_and_what_is_outside_always_does(text: str) -> None:
    assert "".join(part for part, _ in parts(text)) == text
    assert strip_ooc(text) == "".join(part for part, hidden in parts(text) if not hidden)
    assert "((" not in strip_ooc(text).replace(")(", ") (") or "((" not in text
    depth = 0
    for part, hidden in parts(text):
        assert part.startswith("((") if hidden else True
        depth += hidden
    assert (depth == 0) == ("((" not in text)


VISIBLE = st.text("ab \n.*", min_size=1, max_size=6).map(lambda text: (text, text))


def _joined(parts: list[tuple[str, str]]) -> tuple[str, str]:
    return "".join(text for text, _ in parts), "".join(seen for _, seen in parts)


ASIDES = st.recursive(
    VISIBLE,
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda parts: (f"(({_joined(parts)[0]}))", "")),
    max_leaves=6,
)
"""(text, what of it is in character): asides within asides, with plain words inside and around them."""


@given(parts=st.lists(ASIDES, max_size=5), unclosed=st.none() | ASIDES)
def test_an_aside_within_an_aside_hides_up_to_its_own_end(
    parts: list[tuple[str, str]], unclosed: tuple[str, str] | None
) -> None:
    text, seen = _joined(parts)
    assert strip_ooc(text) == seen
    if unclosed is not None:
        assert strip_ooc(f"{text}(({unclosed[0]}") == seen


@settings(max_examples=60)
@given(
    said=st.lists(st.integers(1, 120), min_size=8, max_size=120),
    closing=st.sampled_from(["", "Stay brief."]),
    room=st.integers(400, 3000),
)
def test_the_prompt_before_is_a_prefix_of_the_next_except_where_the_window_steps(
    said: list[int], closing: str, room: int
) -> None:
    """All but the last message, which the closing words are taken from, stands unchanged at the beginning."""
    lines = [Line(n, n, n % 2 or None, "x", "word " * length) for n, length in enumerate(said)]
    speaker, budgets = Speaker(1, "Ada", "Keeps the light.", "", closing), Budgets(hard=room, soft=room)
    before: tuple[Message, ...] = ()
    began = begins = -1
    for turns in range(1, len(lines) + 1, 2):
        scene = Scene(speaker, You("Sam", ""), lines[:turns][::-1])
        made = assemble(scene, COUNTER.for_model("x"), budgets, layout="cache")
        begins = made.breakdown.blocks[2].trimmed
        assert begins >= began
        if begins == began:
            assert made.messages[: len(before) - 1] == before[:-1]
        before, began = made.messages, begins


@given(hidden=st.text("xyz", min_size=4, max_size=12), at=st.integers(0, 3))
def test_what_is_out_of_character_is_in_no_prompt(hidden: str, at: int) -> None:
    texts = ["Who goes there?", "Me.", "Come in.", "Thanks."]
    texts[at] += f" (({hidden}))"
    lines = [Line(n, n, n % 2 or None, "w", text) for n, text in enumerate(texts)]
    scene = Scene(Speaker(1, "Ada", "", "", ""), You("Sam", ""), lines[::-1])
    for layout in ("cache", "classic"):
        assert hidden not in str(assemble(scene, COUNTER.for_model("x"), Budgets(), layout=layout).messages)


MARKERS = [Marker("[[", "]]"), Marker("//", "//"), Marker("(", ")"), Marker("[", "[/"), Marker("<!--", "-->")]


@given(data=st.data(), marker=st.sampled_from(MARKERS))
def test_an_aside_in_other_marks_is_kept_as_one_whatever_brackets_it_holds(
    data: st.DataObject, marker: Marker
) -> None:
    """Words in character are of a and b, asides of x and y."""
    used = {*marker.begins, *marker.ends}
    words = st.text([one for one in "ab :)" if one not in used], max_size=4)
    aside = st.text([one for one in "xy :()" if one not in used], max_size=8)
    own = aside.map(lambda said: f"{marker.begins}{said}{marker.ends}")
    if marker.begins not in (marker.ends, "("):
        own |= st.tuples(aside, own, aside).map(lambda some: f"{marker.begins}{''.join(some)}{marker.ends}")
    before = "a" if "(" in used else "a("
    pieces = [words.map(lambda said: f"a{said}"), own.map(lambda said: f"{before}{said}"), own]
    pieces.append(st.just(" ((x :) y))"))
    text = "".join(data.draw(st.lists(st.one_of(pieces), max_size=6)))
    unclosed = data.draw(st.sampled_from(["", f"{marker.begins}x :("]))
    kept = marker.canonical(text + unclosed)
    assert [one for one in strip_ooc(kept) if one in "abxy"] == [one for one in text if one in "ab"]
    assert strip_ooc(kept).replace(" ", "") == _outside(text, marker).replace(" ", "")
    assert marker.canonical(kept) == kept
    assert KEPT.canonical(text) == text


def _outside(text: str, marker: Marker) -> str:
    """What is in character, told by where asides begin and end."""
    depth, at, said = 0, 0, ""
    while at < len(text):
        marks = [(marker.ends, -1), (marker.begins, 1)] if depth else [("((", 0), (marker.begins, 1)]
        mark, step = next(((one, by) for one, by in marks if text.startswith(one, at)), ("", 0))
        if mark == "((":
            at = text.index("))", at) + 2
        elif mark:
            depth, at = depth + step, at + len(mark)
        else:
            said += "" if depth else text[at]
            at += 1
    return said
