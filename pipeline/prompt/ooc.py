"""Out of character: `((…))` is between people and never reaches a model or a memory.

Marks nest, and a single bracket opened inside takes its own end with it, so that `(((brb)))` is one aside. An
opening mark without its end takes the rest of the text with it: better a word too few than a private remark
sent. A closing mark without a beginning is ordinary text.

The log knows these marks alone. Where somebody has chosen others, what they say is put into these as it comes
in, so that what was aside when it was said stays so, whatever marks are chosen later.
"""

import re
import unicodedata
from dataclasses import dataclass

BEGINS, ENDS = "((", "))"
MAX_MARK_CHARS = 8
OF_PROSE = frozenset("*_~\"'`“”„‘’‚«»‹›.,;:!?¿¡-–—…")
"""What stories themselves are written with: no mark is made of these alone."""
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


@dataclass(frozen=True, slots=True)
class Marker:
    """The marks between which a person steps out of character."""

    begins: str = BEGINS
    ends: str = ENDS

    def canonical(self, text: str) -> str:
        """The text as it is kept: what stands between these marks in `((…))`. What stands there already stays
        as it is, so that doing it twice changes nothing."""
        if self == KEPT:
            return text
        either = _either(self.begins, BEGINS)
        told, at = "", 0
        while (found := either.search(text, at)) is not None:
            told += text[at : found.start()]
            if found.group() == BEGINS:
                at = _end_of_aside(text, found.start())
                told += text[found.start() : at]
            else:
                aside, at = self._aside(text, found.end())
                told += f"{' ' if told.endswith('(') else ''}{BEGINS}{_paired(aside)}{ENDS}"
        return told + text[at:]

    def _aside(self, text: str, begin: int) -> tuple[str, int]:
        """What is said after an opening mark, and where its end is over."""
        depth = 1
        for found in _either(self.begins, self.ends).finditer(text, begin):
            depth += 1 if found.group() != self.ends else -1
            if not depth:
                return text[begin : found.start()], found.end()
        return text[begin:], len(text)


KEPT = Marker()
"""The marks in the log."""


def checked_mark(mark: str) -> str:
    """A mark that nobody writes by accident.

    Raises:
        ValueError: it is not one, and why.
    """
    if not mark or any(unicodedata.category(one)[0] not in "PS" for one in mark):
        raise ValueError("a mark is made of brackets, signs and symbols, without letters, digits and spaces")
    if OF_PROSE.issuperset(mark):
        raise ValueError("stories are written with that; take a bracket or a sign, as in [[ or //")
    return mark


def checked_pair(begins: str, ends: str) -> str:
    """The closing mark, where it goes with the opening one.

    Raises:
        ValueError: it does not, and why.
    """
    if (begins == BEGINS) != (ends == ENDS):
        raise ValueError(f"{BEGINS} and {ENDS} belong together; say how {begins} is closed")
    if BEGINS in begins and begins != BEGINS:
        raise ValueError(
            f"what begins with {begins} begins with {BEGINS} already: choose another opening mark"
        )
    return ends


def _either(*marks: str) -> re.Pattern[str]:
    """Any of them, the longer first where one begins as the other does."""
    return re.compile("|".join(map(re.escape, sorted(marks, key=len, reverse=True))))


def _paired(aside: str) -> str:
    """The words of an aside with their brackets in pairs, so that a smile ends it neither early nor late: one
    that closes nothing is kept apart from the next, one that is not closed is closed at the end."""
    still_open: list[str] = []
    told, at = "", 0
    while (bracket := _BRACKETS.search(aside, at)) is not None:
        told += aside[at : bracket.end()]
        at = bracket.end()
        before_another = aside.startswith(")", at)
        if bracket.group() != ")":
            still_open.append(bracket.group())
        elif still_open and (still_open[-1] == "(" or before_another):
            if still_open.pop() == BEGINS:
                told, at = told + ")", at + 1
        elif before_another or at == len(aside):
            told += " "
    return told + aside[at:] + "".join(")" * len(one) for one in reversed(still_open))


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
