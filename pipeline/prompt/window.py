"""The dialogue window: the newest turns that fit, beginning where the last prompt's began if it can.

A window that slides by one turn changes its first line every time, and the model's server must read all of
it again. This one begins at a multiple of STEP turns and stays there until the dialogue no longer fits; then
it jumps so far that a quarter of the room is free again. Where it begins depends only on the dialogue and
the room, so every process and every rebuild finds the same window.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pipeline.prompt.ooc import strip_ooc
from pipeline.prompt.scene import Line

STEP = 8


@dataclass(frozen=True, slots=True)
class Window:
    """The lines that are in, oldest first, and how many of those read were left out."""

    lines: tuple[Line, ...]
    trimmed: int


def newest_that_fit(
    dialogue: Iterable[Line], room: int, cost: Callable[[Line], int], *, steps: bool
) -> Window:
    """Fill `room` tokens from the newest line back. Lines that are all out of character count for nothing.

    With `steps`, the window begins at a step boundary, unless that would leave out more than half of what
    fits (a few very long turns).
    """
    kept: list[Line] = []
    spent = left_out = 0
    for line in dialogue:
        text = strip_ooc(line.text).strip()
        if not text:
            continue
        spent += cost(line)
        if spent > room:
            left_out = 1
            break
        kept.append(line)
    kept.reverse()
    if not left_out or not steps:
        return Window(tuple(kept), left_out)
    stepped = _from_boundary(kept)
    return Window(tuple(stepped), left_out + len(kept) - len(stepped))


def _from_boundary(kept: list[Line]) -> list[Line]:
    """Drop the lines before a boundary that grows with the window: half the turns that fit, at least STEP."""
    stride = STEP
    while stride * 4 <= len(kept):
        stride *= 2
    boundary = next((n for n, line in enumerate(kept) if line.ordinal % stride == 0), 0)
    return kept[boundary:]
