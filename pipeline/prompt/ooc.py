"""Out of character: `((…))` is between people and never reaches a model or a memory.

Marks nest. An opening mark without its end takes the rest of the text with it: better a word too few than a
private remark sent. A closing mark without a beginning is ordinary text.
"""

import re

_MARKS = re.compile(r"\(\(|\)\)")


def strip_ooc(text: str) -> str:
    """The text without its out-of-character parts."""
    return "".join(part for part, hidden in parts(text) if not hidden)


def parts(text: str) -> list[tuple[str, bool]]:
    """The text cut into (part, is out of character), in order; the parts put together are the text."""
    found: list[tuple[str, bool]] = []
    depth = start = 0
    for mark in _MARKS.finditer(text):
        if mark.group() == "((":
            if depth == 0:
                found.append((text[start : mark.start()], False))
                start = mark.start()
            depth += 1
        elif depth > 0:
            depth -= 1
            if depth == 0:
                found.append((text[start : mark.end()], True))
                start = mark.end()
    found.append((text[start:], depth > 0))
    return [(part, hidden) for part, hidden in found if part]
