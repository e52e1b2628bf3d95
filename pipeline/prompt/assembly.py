"""Assembly: the words a speaker's model is given, block by block, within a budget.

Two layouts of the same blocks. `classic` tells everything in the numbered order and fills all the room with
dialogue. `cache` orders for reuse: what never changes first, what holds for the scene next, then the
dialogue, whose window moves in large steps, and what changes from turn to turn just before the turn to
answer, so that the server's evaluated prefix stays good.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Literal

from pipeline.inference.types import Message, Role
from pipeline.prompt.blocks import Block, Breakdown, Origin, Piece, Prompt, Tier
from pipeline.prompt.budget import Budgets, PromptTooLarge
from pipeline.prompt.macros import substitute
from pipeline.prompt.parts import Fitted, fitted, trimmed
from pipeline.prompt.scene import Configuration, Scene, Where
from pipeline.prompt.window import Said, Telling, Window, newest_that_fit
from pipeline.tokens import ModelCounter

Layout = Literal["cache", "classic"]
Speech = tuple[Role, str]

INSTRUCTION = (
    "You are {{char}} in a role-play with {{user}}. Write only {{char}}'s next turn: what {{char}} says,"
    ' does and notices, in your own fresh words. Put actions in *asterisks* and speech in "quotation marks".'
    " Never speak, act or decide for {{user}}. Stay in the scene."
)
AMONG_OTHERS = " Lines of others begin with their names; begin yours without one, and never write theirs."
MEANWHILE = (
    "You are {{char}} in a scene of a role-play in which {{user}} is not present. Write only {{char}}'s next"
    ' turn: what {{char}} says, does and notices. Put actions in *asterisks* and speech in "quotation marks".'
    + AMONG_OTHERS
)
YOUR_TURN = "It is {{char}}'s turn."
GO_ON = "Nobody else speaks just now: {{char}} goes on."
BEGINS, GOES_ON = "[The scene begins.]", "[The scene goes on.]"
"""What stands before a dialogue that the speaker opens: many chat templates want the user's role first."""
JOIN_TOKENS = 2
"""What the blank line between two texts of one message may cost."""


def assemble(scene: Scene, counter: ModelCounter, budgets: Budgets, *, layout: Layout) -> Prompt:
    """The prompt for the speaker's next turn; the dialogue is read only as far as the soft budget reaches.

    Raises:
        PromptTooLarge: what must be in it alone exceeds the hard budget.
    """
    telling = Telling(scene.speaker.id, counter.message, scene.named)
    dialogue = iter(scene.dialogue)
    newest = next(dialogue, None)
    answered = telling.said(newest) if newest is not None else None
    identity, persona, closing = _identity(scene, counter), _persona(scene, counter), _closing(scene, counter)
    fixed = (identity, persona, _answered(answered), closing)
    beside = counter.message(GOES_ON)
    must = sum(block.tokens for block in fixed) + beside
    parts = fitted(scene, counter, budgets.soft - must, reserve=layout == "cache")
    must_blocks = (*fixed, *(one.block for one in parts.fitted if one.part.tier is Tier.MUST))
    if must + parts.must_tokens + parts.note_tokens > budgets.hard:
        raise PromptTooLarge(_breakdown(must_blocks, budgets, layout, beside=beside + parts.note_tokens))
    window = newest_that_fit(dialogue, parts.room_left, telling, steps=layout == "cache")
    lines = (*window.lines, answered) if answered is not None else window.lines
    opening = _opening(window, lines, scene.speaker.id)
    known = (*parts.fitted, *_recalled(scene, lines, counter, parts.recall_room))
    head, tail = _placed(known, layout)
    system = _joined(identity.text, persona.text, *head)
    told = _told(lines, scene.speaker.id, _note(scene, tail))
    spoken = [("system", system), *opening, *told, ("user", closing.text)]
    blocks = (identity, persona, *_ordered(known, _dialogue(window)), *fixed[2:])
    beside = sum(counter.message(text) for _, text in opening) + parts.note_tokens
    account = partial(_breakdown, blocks, budgets, layout, beside=beside)
    return Prompt(messages_of(spoken), blocks, account)


def _recalled(scene: Scene, lines: Sequence[Said], counter: ModelCounter, room: int) -> list[Fitted]:
    """What comes back to mind of the turns that do not stand in the prompt anyway, as far as it fits."""
    whole_chat = bool(lines) and lines[0].line.ordinal == 0
    if scene.recall is None or whole_chat:
        return []
    part = scene.recall(frozenset(one.line.turn_id for one in lines))
    return [trimmed(part, counter, room)] if part.pieces else []


def _ordered(parts: Sequence[Fitted], dialogue: Block) -> list[Block]:
    """The blocks in the numbered order: the dialogue stands before what was recalled."""
    before = [one.block for one in parts if one.part.tier is not Tier.NICE]
    return [*before, dialogue, *(one.block for one in parts if one.part.tier is Tier.NICE)]


def _placed(parts: Sequence[Fitted], layout: Layout) -> tuple[list[str], list[str]]:
    """The texts before the dialogue and those just before the turn to answer."""
    head: list[str] = []
    tail: list[str] = []
    for one in parts:
        if one.block.pieces:
            late = one.part.where is Where.TAIL if layout == "cache" else one.part.tier is Tier.NICE
            (tail if late else head).append(one.text)
    return head, tail


def _identity(scene: Scene, counter: ModelCounter) -> Block:
    speaker = scene.speaker
    instruction = MEANWHILE if scene.configuration is Configuration.MEANWHILE else INSTRUCTION
    if scene.named and scene.configuration is not Configuration.MEANWHILE:
        instruction += AMONG_OTHERS
    card = [
        ("About {{char}}:\n", speaker.description.strip()),
        ("{{char}}'s personality:\n", speaker.personality.strip()),
    ]
    own = [_card(_named(scene, title + text), speaker.id) for title, text in card if text]
    pieces = [Piece(_named(scene, instruction)), *own]
    return _must("identity", pieces, counter.message("\n\n".join(piece.text for piece in pieces)))


def _card(text: str, bot_id: int) -> Piece:
    return Piece(text, (bot_id,), Origin.CARD, "own card")


def _persona(scene: Scene, counter: ModelCounter) -> Block:
    """What is told of the person, and by which other names what was said and remembered calls them."""
    absent = scene.configuration is Configuration.MEANWHILE
    before = f"{{{{user}}}} was called {' and '.join(scene.you.before)} before." if scene.you.before else ""
    told = [one for one in ("" if absent else scene.you.persona.strip(), before) if one]
    if not told:
        return _must("persona", [], 0)
    text = _named(scene, "About {{user}}:\n" + "\n".join(told))
    piece = Piece(text, origin=Origin.PERSONA, how="told", from_id=0)
    return _must("persona", [piece], counter.text(text) + JOIN_TOKENS)


def _closing(scene: Scene, counter: ModelCounter) -> Block:
    wanted = scene.speaker.post_history.strip()
    turn = _named(scene, GO_ON) if scene.unprompted else _named(scene, YOUR_TURN) if scene.named else ""
    if not wanted and not turn:
        return _must("post-history", [], 0)
    text = f"[{' '.join(one for one in (_named(scene, wanted), turn) if one)}]"
    return _must("post-history", [_card(text, scene.speaker.id)], counter.message(text))


def _answered(answered: Said | None) -> Block:
    pieces = [_turn(answered)] if answered is not None else []
    return _must("turn to answer", pieces, answered.tokens if answered is not None else 0)


def _turn(one: Said) -> Piece:
    return Piece(one.text, (one.line.turn_id,), Origin.TURN)


def _dialogue(window: Window) -> Block:
    return Block("dialogue", Tier.SHOULD, tuple(map(_turn, window.lines)), window.tokens, window.trimmed)


def _must(name: str, pieces: Sequence[Piece], tokens: int) -> Block:
    return Block(name, Tier.MUST, tuple(pieces), tokens)


def _named(scene: Scene, text: str) -> str:
    return substitute(text, char=scene.speaker.name, user=scene.you.name)


def _opening(window: Window, lines: Sequence[Said], speaker_id: int) -> list[Speech]:
    if lines and lines[0].line.speaker_id != speaker_id:
        return []
    return [("user", GOES_ON if window.trimmed else BEGINS)]


def _joined(*texts: str) -> str:
    return "\n\n".join(text for text in texts if text)


def _note(scene: Scene, tail: Sequence[str]) -> str:
    """What changes from turn to turn, as a remark that is not part of the dialogue."""
    if not tail:
        return ""
    return "\n".join([_named(scene, "[At this moment, known to {{char}} and not said aloud:"), *tail]) + "]"


def _told(lines: Sequence[Said], speaker_id: int, note: str) -> Iterator[Speech]:
    """The dialogue, with the note right before the last line."""
    for left, one in zip(range(len(lines))[::-1], lines, strict=True):
        if not left:
            yield "user", note
        yield ("assistant" if one.line.speaker_id == speaker_id else "user"), one.text
    if not lines:
        yield "user", note


def messages_of(speeches: Iterable[Speech]) -> tuple[Message, ...]:
    """Neighbours of one role become one message, as many chat templates demand; so closing words join your
    last one, because a second system message is refused by as many."""
    by_role = groupby(((role, text) for role, text in speeches if text), key=itemgetter(0))
    return tuple(Message(role=role, content=_joined(*(text for _, text in texts))) for role, texts in by_role)


def _breakdown(blocks: Sequence[Block], budgets: Budgets, layout: Layout, *, beside: int) -> Breakdown:
    """The account of a prompt; `beside` are the tokens of what belongs to no block."""
    return Breakdown(
        layout=layout,
        blocks=tuple(block.figures() for block in blocks),
        total=sum(block.tokens for block in blocks) + beside,
        soft=budgets.soft,
        hard=budgets.hard,
        response=budgets.response,
    )
