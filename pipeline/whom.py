"""Whom: who is meant by a name in a person's prose, and by a name in a model's answer.

Names are found as whole words in any script, also when they hold characters a pattern would read as grammar.
A name that is an ordinary word ("Will", "May", "Rose") is somebody only where it is written as a name in the
middle of a sentence, or called out as one: "will, come here".
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from pipeline.words import DETERMINERS, GREETINGS, ORDINARY, TIMES, WHEN

_INVISIBLE = re.compile(
    "[\u00ad\u0640\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufe0f"
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670]"
)
"""Direction marks, emoji selectors, and the vowel points that Hebrew and Arabic write or leave out."""
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
)
"""Scripts that put no space between words."""
_JOINERS = "\u200d\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
"""What makes a longer emoji of a shorter one."""
_QUOTES = " \t\"'“”‘’«»„*_()[]~"
_ENDINGS = ".!?…:;。！？؟\n"
_AFTER_CALL = ",،、，" + _ENDINGS + "—–-"
_BEFORE_CALL = ",،、，—–"
_AND_ANOTHER = re.compile(r"(?:and|or|&) [^\W\d_a-z]")
"""After the first of two who are called at once."""
_LAST_WORD = re.compile(r"(\w+)\W*\Z")

NEARBY_CHARS = 80
"""How far from a name its place in the sentence is read."""


def plain(text: str) -> str:
    """The text in one spelling: composed, and without what is not seen."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFC", text))


def folded(text: str) -> str:
    """What two spellings of one thing have in common."""
    whole = " ".join(plain(text).casefold().split())
    return whole.strip(" .,;:!?\"'@*") or whole


def named_in(text: str, known: Mapping[int, Iterable[str]]) -> frozenset[int]:
    """Which of several entities, each with its names and aliases, are named in a text.

    What two of them are called counts for neither; a longer name hides a shorter one inside it.
    """
    text = plain(text)
    owners = _owners(known)
    taken = bytearray(len(text))
    named: set[int] = set()
    for name in sorted(owners, key=lambda one: (-len(one), one)):
        for start, end in _occurrences(text, name):
            if any(taken[start:end]):
                continue
            taken[start:end] = b"\x01" * (end - start)
            if len(owners[name]) == 1 and _is_meant(text, start, end, name):
                named |= owners[name]
    return frozenset(named)


def stands_in(text: str, words: str) -> bool:
    """Whether these words stand in a text as whole words, in any case."""
    wanted = plain(words).casefold().strip()
    return bool(wanted) and next(_occurrences(plain(text).casefold(), wanted), None) is not None


def called(said: str, *ranks: Mapping[int, Iterable[str]]) -> int | None:
    """Who is meant by a name in an answer: the one exactly so called, by names of the first rank that has
    it, else the only one that any of them begins to name."""
    key = folded(said)
    if not key:
        return None
    for names in ranks:
        exact = {entity for entity, known in names.items() if key in map(folded, known)}
        if exact:
            return exact.pop() if len(exact) == 1 else None
    near = {
        entity
        for names in ranks
        for entity, known in names.items()
        for name in map(folded, known)
        if name and (name.startswith(f"{key} ") or key.startswith(f"{name} "))
    }
    return near.pop() if len(near) == 1 else None


def _owners(known: Mapping[int, Iterable[str]]) -> dict[str, set[int]]:
    """Name as written → whose it is; names that differ only in case are one, except for whose they are."""
    by_fold: dict[str, set[int]] = {}
    for entity, names in known.items():
        for name in names:
            by_fold.setdefault(folded(name), set()).add(entity)
    return {
        spelt: by_fold[folded(name)]
        for names in known.values()
        for name in names
        if (spelt := plain(name).strip())
    }


def _occurrences(text: str, name: str) -> Iterator[tuple[int, int]]:
    """Where a name stands as a word of its own."""
    pattern = r"\s+".join(re.escape(part) for part in name.split())
    for found in re.finditer(pattern, text, re.IGNORECASE):
        start, end = found.span()
        before, after = _beside(text[max(0, start - 2) : start][::-1]), _beside(text[end : end + 2])
        if not _continues(before, text[start], name) and not _continues(after, text[end - 1], name):
            yield start, end


def _beside(two: str) -> str:
    """The character beside a name, the nearer of two first; a lone underscore only emphasizes."""
    return "" if two[:1] == "_" and not two[1:].isalnum() else two[:1]


def _continues(beside: str, edge: str, name: str) -> bool:
    """Whether the character beside a name's edge makes it part of a longer word."""
    if not beside:
        return False
    if beside in _JOINERS or unicodedata.category(beside).startswith("M"):
        return True
    if len(name) > 1 and _SPACELESS.match(edge):
        return False
    return _in_word(beside) and _in_word(edge)


def _in_word(one: str) -> bool:
    return one.isalnum() or one == "_" or unicodedata.category(one).startswith("M")


def _is_meant(text: str, start: int, end: int, name: str) -> bool:
    """Whether the words at this place are the name and not the ordinary word it also is."""
    before = text[max(0, start - NEARBY_CHARS) : start]
    if _is_called(before, text[end : end + NEARBY_CHARS]):
        return True
    word, ordinary = _word_before(before), folded(name) in ORDINARY
    if folded(name) in TIMES and word in WHEN:
        return False
    if text[start:end] != name:
        return not ordinary and word not in DETERMINERS
    return not ordinary or (name != name.lower() and not _begins_sentence(before))


def _is_called(before: str, after: str) -> bool:
    """A vocative place: a call of its own, set off by commas, or after a greeting."""
    if before.endswith("@"):
        return True
    tail = before.rstrip(_QUOTES)
    opens = (
        _begins_sentence(before) or tail.endswith(tuple(_BEFORE_CALL)) or _word_before(before) in GREETINGS
    )
    rest = after.lstrip(_QUOTES)
    return opens and (not rest or rest.startswith(tuple(_AFTER_CALL)) or _AND_ANOTHER.match(rest) is not None)


def _begins_sentence(before: str) -> bool:
    tail = before.rstrip(_QUOTES)
    return not tail or tail.endswith(tuple(_ENDINGS))


def _word_before(before: str) -> str:
    """The word right before a place, with nothing but space and quotes between."""
    tail = before.rstrip(_QUOTES)
    found = _LAST_WORD.search(tail)
    return found[1].casefold() if found and tail and _in_word(tail[-1]) else ""
