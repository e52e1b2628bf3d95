"""The solo scene's prompt: you and one bot.

Order, in both layouts, from what never changes to what changes every turn: the speaker's identity and yours
in one system message, the dialogue, then what the card wants said last. They differ in the window: `cache`
moves it in large steps so that the server's evaluated prefix stays good, `classic` fills all the room.
"""

from collections.abc import Callable
from typing import Literal

from pipeline.inference.types import Message, Role
from pipeline.prompt.blocks import BlockFigures, Breakdown, Prompt, Tier
from pipeline.prompt.budget import Budgets, PromptTooLarge
from pipeline.prompt.macros import substitute
from pipeline.prompt.ooc import strip_ooc
from pipeline.prompt.scene import Line, SoloScene
from pipeline.prompt.window import Window, newest_that_fit
from pipeline.tokens import ModelCounter

Layout = Literal["cache", "classic"]

INSTRUCTION = (
    "You are {{char}} in a role-play with {{user}}. Write only {{char}}'s next turn: what {{char}} says,"
    " does and notices, in your own fresh words. Put actions in *asterisks* and speech in plain text."
    " Never speak, act or decide for {{user}}. Stay in the scene."
)


def assemble(scene: SoloScene, counter: ModelCounter, budgets: Budgets, *, layout: Layout) -> Prompt:
    """The prompt for the speaker's next turn.

    Raises:
        PromptTooLarge: identity, persona, the turn to answer and the closing words alone exceed the budget.
    """
    identity, persona, closing = _identity(scene), _persona(scene), _closing(scene)
    fixed = {
        "identity": counter.message(identity),
        "persona": counter.text(persona),
        "post-history": counter.message(closing) if closing else 0,
    }
    dialogue = iter(scene.dialogue)
    answered = next(dialogue)
    cost = _cost_of(counter)
    must = sum(fixed.values()) + cost(answered)
    _refuse_if_larger(must, fixed, cost(answered), budgets, layout)
    room = max(budgets.soft - must, 0)
    window = newest_that_fit(dialogue, room, cost, steps=layout == "cache")
    lines = (*window.lines, answered)
    system = "\n\n".join(part for part in (identity, persona) if part)
    messages = [Message(role="system", content=system), *_spoken(lines, scene.speaker.id)]
    if closing:
        messages = _close(messages, closing)
    figures = _figures(fixed, window, [cost(line) for line in lines], lines)
    breakdown = _breakdown(figures, budgets, layout)
    return Prompt(tuple(messages), breakdown)


def _cost_of(counter: ModelCounter) -> Callable[[Line], int]:
    return lambda line: counter.message(strip_ooc(line.text).strip())


def _identity(scene: SoloScene) -> str:
    speaker = scene.speaker
    parts = [INSTRUCTION]
    if speaker.description.strip():
        parts.append(f"About {{{{char}}}}:\n{speaker.description.strip()}")
    if speaker.personality.strip():
        parts.append(f"{{{{char}}}}'s personality:\n{speaker.personality.strip()}")
    return substitute("\n\n".join(parts), char=speaker.name, user=scene.you.name)


def _persona(scene: SoloScene) -> str:
    persona = scene.you.persona.strip()
    if not persona:
        return ""
    return substitute(f"About {{{{user}}}}:\n{persona}", char=scene.speaker.name, user=scene.you.name)


def _closing(scene: SoloScene) -> str:
    return substitute(scene.speaker.post_history.strip(), char=scene.speaker.name, user=scene.you.name)


def _spoken(lines: tuple[Line, ...], speaker_id: int) -> list[Message]:
    """The dialogue as messages; neighbours of one role become one, as many chat templates demand."""
    messages: list[Message] = []
    for line in lines:
        text = strip_ooc(line.text).strip()
        role: Role = "assistant" if line.speaker_id == speaker_id else "user"
        if messages and messages[-1].role == role:
            text = f"{messages.pop().content}\n\n{text}"
        messages.append(Message(role=role, content=text))
    return messages


def _close(messages: list[Message], closing: str) -> list[Message]:
    """Closing words join the last message: a second system message is refused by many templates."""
    last = messages[-1]
    return [*messages[:-1], last.model_copy(update={"content": f"{last.content}\n\n[{closing}]"})]


def _refuse_if_larger(
    must: int, fixed: dict[str, int], answered: int, budgets: Budgets, layout: Layout
) -> None:
    if must <= budgets.hard:
        return
    blocks = [
        BlockFigures(name=name, tier=Tier.MUST, tokens=tokens, kept=1, trimmed=0)
        for name, tokens in (*fixed.items(), ("turn to answer", answered))
    ]
    raise PromptTooLarge(_breakdown(blocks, budgets, layout))


def _figures(
    fixed: dict[str, int], window: Window, costs: list[int], lines: tuple[Line, ...]
) -> list[BlockFigures]:
    def must(name: str) -> BlockFigures:
        return BlockFigures(
            name=name, tier=Tier.MUST, tokens=fixed[name], kept=int(fixed[name] > 0), trimmed=0
        )

    dialogue = BlockFigures(
        name="dialogue",
        tier=Tier.SHOULD,
        tokens=sum(costs),
        kept=len(lines),
        trimmed=window.trimmed,
        event_ids=tuple(line.turn_id for line in lines),
    )
    return [must("identity"), must("persona"), dialogue, must("post-history")]


def _breakdown(blocks: list[BlockFigures], budgets: Budgets, layout: Layout) -> Breakdown:
    return Breakdown(
        layout=layout,
        blocks=tuple(blocks),
        total=sum(block.tokens for block in blocks),
        soft=budgets.soft,
        hard=budgets.hard,
        response=budgets.response,
    )
