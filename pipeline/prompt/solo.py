"""The solo scene's prompt: you and one bot.

Order, in both layouts, from what never changes to what changes every turn: the speaker's identity and yours
in one system message, the dialogue, then what the card wants said last. They differ in the window: `cache`
moves it in large steps so that the server's evaluated prefix stays good, `classic` fills all the room.
"""

from collections.abc import Sequence
from typing import Literal

from pipeline.inference.types import Message, Role
from pipeline.prompt.blocks import Block, Breakdown, Piece, Prompt, Tier
from pipeline.prompt.budget import Budgets, PromptTooLarge
from pipeline.prompt.macros import substitute
from pipeline.prompt.scene import SoloScene
from pipeline.prompt.window import Said, Window, newest_that_fit, said
from pipeline.tokens import ModelCounter

Layout = Literal["cache", "classic"]

INSTRUCTION = (
    "You are {{char}} in a role-play with {{user}}. Write only {{char}}'s next turn: what {{char}} says,"
    ' does and notices, in your own fresh words. Put actions in *asterisks* and speech in "quotation marks".'
    " Never speak, act or decide for {{user}}. Stay in the scene."
)
BEGINS, GOES_ON = "[The scene begins.]", "[The scene goes on.]"
"""What stands before a dialogue that the speaker opens: many chat templates want the user's role first."""
JOIN_TOKENS = 2
"""What the blank line between two texts of one message may cost."""


def assemble(scene: SoloScene, counter: ModelCounter, budgets: Budgets, *, layout: Layout) -> Prompt:
    """The prompt for the speaker's next turn; the dialogue is read only as far as the soft budget reaches.

    Raises:
        PromptTooLarge: identity, persona, the turn to answer and the closing words alone exceed the budget.
    """
    dialogue = iter(scene.dialogue)
    newest = next(dialogue, None)
    answered = said(newest, counter.message) if newest is not None else None
    identity, persona, closing = _identity(scene, counter), _persona(scene, counter), _closing(scene, counter)
    fixed = (identity, persona, _answered(answered), closing)
    must = sum(block.tokens for block in fixed) + counter.message(GOES_ON)
    if must > budgets.hard:
        raise PromptTooLarge(_breakdown(fixed, budgets, layout, beside=counter.message(GOES_ON)))
    window = newest_that_fit(dialogue, budgets.soft - must, counter.message, steps=layout == "cache")
    lines = (*window.lines, answered) if answered is not None else window.lines
    opening = _opening(window, lines, scene.speaker.id)
    messages = [Message(role="system", content=_joined(identity, persona)), *opening]
    messages = _spoken(messages, lines, scene.speaker.id)
    sent = (identity, persona, _dialogue(window), *fixed[2:])
    beside = sum(counter.message(message.content) for message in opening)
    return Prompt(_closed(messages, closing), _breakdown(sent, budgets, layout, beside=beside))


def _identity(scene: SoloScene, counter: ModelCounter) -> Block:
    speaker = scene.speaker
    card = [
        ("About {{char}}:\n", speaker.description.strip()),
        ("{{char}}'s personality:\n", speaker.personality.strip()),
    ]
    own = [Piece(_named(scene, title + text), (speaker.id,)) for title, text in card if text]
    pieces = [Piece(_named(scene, INSTRUCTION), (speaker.id,)), *own]
    return _must("identity", pieces, counter.message("\n\n".join(piece.text for piece in pieces)))


def _persona(scene: SoloScene, counter: ModelCounter) -> Block:
    persona = scene.you.persona.strip()
    if not persona:
        return _must("persona", [], 0)
    text = _named(scene, f"About {{{{user}}}}:\n{persona}")
    return _must("persona", [Piece(text)], counter.text(text) + JOIN_TOKENS)


def _closing(scene: SoloScene, counter: ModelCounter) -> Block:
    wanted = scene.speaker.post_history.strip()
    if not wanted:
        return _must("post-history", [], 0)
    text = f"[{_named(scene, wanted)}]"
    return _must("post-history", [Piece(text, (scene.speaker.id,))], counter.message(text))


def _answered(answered: Said | None) -> Block:
    pieces = [Piece(answered.text, (answered.line.turn_id,))] if answered is not None else []
    return _must("turn to answer", pieces, answered.tokens if answered is not None else 0)


def _dialogue(window: Window) -> Block:
    pieces = tuple(Piece(one.text, (one.line.turn_id,)) for one in window.lines)
    return Block("dialogue", Tier.SHOULD, pieces, window.tokens, window.trimmed)


def _must(name: str, pieces: Sequence[Piece], tokens: int) -> Block:
    return Block(name, Tier.MUST, tuple(pieces), tokens)


def _named(scene: SoloScene, text: str) -> str:
    return substitute(text, char=scene.speaker.name, user=scene.you.name)


def _opening(window: Window, lines: Sequence[Said], speaker_id: int) -> list[Message]:
    if lines and lines[0].line.speaker_id != speaker_id:
        return []
    return [Message(role="user", content=GOES_ON if window.trimmed else BEGINS)]


def _joined(*blocks: Block) -> str:
    return "\n\n".join(block.text for block in blocks if block.pieces)


def _spoken(messages: Sequence[Message], lines: Sequence[Said], speaker_id: int) -> list[Message]:
    """The dialogue as messages; neighbours of one role become one, as many chat templates demand."""
    spoken = list(messages)
    for one in lines:
        role: Role = "assistant" if one.line.speaker_id == speaker_id else "user"
        text = one.text
        if spoken[-1].role == role:
            text = f"{spoken.pop().content}\n\n{text}"
        spoken.append(Message(role=role, content=text))
    return spoken


def _closed(messages: list[Message], closing: Block) -> tuple[Message, ...]:
    """Closing words join your last message: a second system message is refused by many templates."""
    if not closing.pieces:
        return tuple(messages)
    last = messages[-1]
    if last.role != "user":
        return (*messages, Message(role="user", content=closing.text))
    return (*messages[:-1], Message(role="user", content=f"{last.content}\n\n{closing.text}"))


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
