"""Parts: texts cut to what a decision's prompt has room for."""

from collections.abc import Sequence

from pipeline.tokens import ModelCounter

CUT = " …"


def clipped(text: str, room: int, counter: ModelCounter) -> str:
    """The beginning of a text, at most `room` tokens of it; says where it was cut."""
    text = text.strip()
    if counter.text(text) <= room:
        return text
    shorter, longer = 0, len(text)
    while longer - shorter > 1:
        middle = (shorter + longer) // 2
        if counter.text(text[:middle] + CUT) <= room:
            shorter = middle
        else:
            longer = middle
    return text[:shorter].rstrip() + CUT


def parted(lines: Sequence[str], room: int, counter: ModelCounter) -> list[str]:
    """The lines in order, gathered into texts of at most `room` tokens each; a longer line is cut."""
    parts: list[list[str]] = []
    left = 0
    for line in lines:
        fitting = clipped(line, room, counter)
        needed = counter.text(fitting + "\n")
        if not parts or needed > left:
            parts.append([])
            left = room
        parts[-1].append(fitting)
        left -= needed
    return ["\n".join(part) for part in parts]
