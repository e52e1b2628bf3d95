"""Composing: from a turn to answer to the prompt that is sent, checked before it goes.

The narrator, the preview and the estimate all come through here, so that what is shown is what is sent.
"""

from dataclasses import dataclass, replace

import apsw
import structlog

from pipeline.prompt.assembly import Layout, assemble
from pipeline.prompt.blocks import Origin, Prompt
from pipeline.prompt.budget import Budgets
from pipeline.prompt.knowledge import Recall, scene_before
from pipeline.prompt.lineage import Leak, leaks, without
from pipeline.prompt.scene import Configuration, Part, Scene
from pipeline.tokens import ModelCounter
from store.views import Turn

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Composed:
    """A prompt, who was in its scene, and what was kept out of it at the last moment."""

    prompt: Prompt
    speaker_name: str
    configuration: Configuration
    leaks: tuple[Leak, ...] = ()


@dataclass(frozen=True, slots=True)
class Measure:
    """How a prompt is measured and laid out."""

    counter: ModelCounter
    budgets: Budgets
    layout: Layout


def compose(
    db: apsw.Connection,
    turn: Turn,
    speaker_id: int,
    measure: Measure,
    recall: Recall | None = None,
    *,
    unprompted: bool = False,
) -> Composed:
    """The prompt for a speaker's answer to a turn, or for what it says after it by itself. A piece the
    speaker cannot know is left out and reported.

    Raises:
        PromptTooLarge: what must be in it exceeds the hard budget.
        NotFound: the turn's chat or the speaker does not exist.
    """
    db.execute(
        "BEGIN"
    )  # one snapshot: what is committed meanwhile neither mixes in nor empties the page cache
    try:
        scene = scene_before(db, turn, speaker_id, recall, unprompted=unprompted)
        prompt = assemble(scene, measure.counter, measure.budgets, layout=measure.layout)
        found = tuple(leaks(db, turn.chat_id, speaker_id, prompt.blocks))
        if found:
            log.error(
                "a prompt held what its speaker cannot know", chat=turn.chat_id, leaks=list(map(str, found))
            )
            scene = _cleared(
                scene_before(db, turn, speaker_id, recall, unprompted=unprompted), without(found)
            )
            prompt = assemble(scene, measure.counter, measure.budgets, layout=measure.layout)
        return Composed(prompt, scene.speaker.name, scene.configuration, found)
    finally:
        db.execute("COMMIT")


def _cleared(scene: Scene, out: frozenset[tuple[Origin, int]]) -> Scene:
    parts = tuple(cleared for part in scene.parts if (cleared := _part(part, out)).pieces)
    lines = (line for line in scene.dialogue if (Origin.TURN, line.turn_id) not in out)
    recall = scene.recall
    cleared_recall = (lambda shown: _part(recall(shown), out)) if recall is not None else None
    return replace(scene, parts=parts, dialogue=lines, recall=cleared_recall)


def _part(part: Part, out: frozenset[tuple[Origin, int]]) -> Part:
    kept = (one for one in part.pieces if (one.origin, one.row_id) not in out)
    return replace(part, pieces=tuple(kept))
