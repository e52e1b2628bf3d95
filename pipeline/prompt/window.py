"""The dialogue window: the newest turns that fit, beginning where the last prompt's began if it can.

A window that slides by one turn changes its first line every time, and the model's server must read all of
it again. This one begins at a landmark: of the older turns that fit, the one whose ordinal can be halved most
often. A landmark stays the best until it falls out of the window or a rarer one comes near enough, so the
beginning moves seldom and far. It depends only on the dialogue and the room: every process, every rebuild
and every preview finds the same window.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.prompt.ooc import strip_ooc
from pipeline.prompt.scene import Line

FARTHEST = 32
"""How many turns that fit may be left out for the sake of a landmark; never more than three quarters.
Wherever a dozen turns fit, at most 15 % of what is sent has then to be read again, and most of the
room is used on average."""
_RAREST = 64


class Said(NamedTuple):
    """A line as it goes into a prompt: without what is out of character, and what it costs in tokens."""

    line: Line
    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Window:
    """The lines that are in, oldest first, and how many turns before them are not."""

    lines: tuple[Said, ...]
    trimmed: int

    @property
    def tokens(self) -> int:
        return sum(said.tokens for said in self.lines)


@dataclass(frozen=True, slots=True)
class Telling:
    """To whom the dialogue is told: the speaker's own lines are bare, another bot's bear its name, yours do
    when there are `several` to tell apart."""

    speaker_id: int
    cost: Callable[[str], int]
    several: bool = False

    def said(self, line: Line) -> Said | None:
        """The line for a prompt; None when all of it is out of character."""
        text = strip_ooc(line.text).strip()
        if not text:
            return None
        if line.speaker_id != self.speaker_id and (self.several or line.speaker_id is not None):
            text = f"{line.speaker_name}: {text}"
        return Said(line, text, self.cost(text))


def newest_that_fit(dialogue: Iterable[Line], room: int, telling: Telling, *, steps: bool) -> Window:
    """Fill `room` tokens from the newest line back, reading one line further than fits. With `steps` the
    window begins at a landmark as soon as not everything fits."""
    kept: list[Said] = []
    overflowing: Said | None = None
    for line in dialogue:
        candidate = telling.said(line)
        if candidate is None:
            continue
        room -= candidate.tokens
        if room < 0:
            overflowing = candidate
            break
        kept.append(candidate)
    kept.reverse()
    if overflowing is None:
        return Window(tuple(kept), 0)
    if steps:
        kept = kept[_landmark([one.line.ordinal for one in kept]) :]
    first_missing = overflowing.line.ordinal + 1
    return Window(tuple(kept), max(kept[0].line.ordinal, first_missing) if kept else first_missing)


def _landmark(ordinals: Sequence[int]) -> int:
    """The index to begin at, among the older lines."""
    reachable = range(min(len(ordinals) * 3 // 4, FARTHEST) + 1) if ordinals else range(1)
    return max(reachable, key=lambda n: _halvings(ordinals[n]) if ordinals else 0)


def _halvings(ordinal: int) -> int:
    """How often a number can be halved; zero counts as the rarest landmark of all."""
    return (ordinal & -ordinal).bit_length() - 1 if ordinal else _RAREST
