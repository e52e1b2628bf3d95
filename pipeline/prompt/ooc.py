"""Out of character: `((…))` is between people and never reaches a model or a memory.

Marks nest, and a single bracket opened inside takes its own end with it, so that `(((brb)))` is one aside. An
opening mark without its end takes the rest of the text with it: better a word too few than a private remark
sent. A closing mark without a beginning is ordinary text.
"""

import re

_BRACKETS = re.compile(r"\(\(|\(|\)")


def strip_ooc(text: str) -> str:
    """The text without its out-of-character parts."""
    if "((" not in text:
        return text
    return "".join(part for part, hidden in parts(text) if not hidden)


def parts(text: str) -> list[tuple[str, bool]]:
    """The text cut into (part, is out of character), in order; the parts put together are the text."""
    found: list[tuple[str, bool]] = []
    shown_from = 0
    while (begin := text.find("((", shown_from)) >= 0:
        end = _end_of_aside(text, begin)
        found += [(text[shown_from:begin], False), (text[begin:end], True)]
        shown_from = end
    found.append((text[shown_from:], False))
    return [(part, hidden) for part, hidden in found if part]


def _end_of_aside(text: str, begin: int) -> int:
    """Where the aside that begins here is over; the end of the text where it is never closed."""
    open_brackets: list[str] = []
    at = begin
    while (bracket := _BRACKETS.search(text, at)) is not None:
        at = bracket.end()
        if bracket.group() != ")":
            open_brackets.append(bracket.group())
        elif open_brackets[-1] == "(":
            open_brackets.pop()
        elif text.startswith(")", at):
            open_brackets.pop()
            at += 1
        if not open_brackets:
            return at
    return len(text)
