"""Words: how text is cut for the index, and which of a question's words are asked for.

The index cuts at white space and punctuation, so an unbroken run of Chinese, Japanese, Korean or Thai would
be one word that nothing but itself finds. Such runs are cut into pairs here, when written and when asked.
"""

import re

MAX_TERMS = 32
_RUN = (
    "[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff]+"
)
_UNBROKEN = re.compile(_RUN)
_WORD = re.compile(r"[^\W_]+")

_COMMON = """
    a about after again all am an and any are as at be because been before being between both but by can
    could did do does doing down during each few for from further had has have having he her here hers
    herself him himself his how i if in into is it its itself just me more most my myself no nor not now of
    off on once only or other our ours ourselves out over own same she should so some such than that the
    their theirs them themselves then there these they this those through to too under until up very was we
    were what when where which while who whom why will with would you your yours yourself yourselves s t d m
    ll re ve don didn doesn isn aren wasn weren won wouldn couldn shouldn hasn haven hadn ain let tell say
    says said ask asks asked know knows knew remember remembers remembered
"""
STOP_WORDS = frozenset(_COMMON.split())
"""Words that stand in every other memory: they find nothing and cost most of a search."""


def indexed(text: str) -> str:
    """The text as it is written into the index: single signs and pairs in place of each unbroken run."""
    return _UNBROKEN.sub(lambda run: f" {' '.join((*run.group(), *_pairs(run.group())))} ", text)


def terms_of(text: str) -> tuple[str, ...]:
    """What a question asks the index for: its distinct words without the stop words, at most `MAX_TERMS`.

    Each is letters and digits only, so that nothing a person writes is ever part of the query's grammar.
    """
    return tuple(dict.fromkeys(word for word in words_of(text) if word not in STOP_WORDS))[:MAX_TERMS]


def words_of(text: str) -> tuple[str, ...]:
    """All words of a text in their order, letters and digits only; an unbroken run in pairs."""
    return tuple(_WORD.findall(_spaced(text).lower()))


def unbroken_in(text: str) -> tuple[str, ...]:
    """The runs of a text that no white space divides into words."""
    return tuple(_UNBROKEN.findall(text))


def _spaced(text: str) -> str:
    return _UNBROKEN.sub(lambda run: f" {' '.join(_pairs(run.group()) or (run.group(),))} ", text)


def _pairs(run: str) -> tuple[str, ...]:
    return tuple(run[at : at + 2] for at in range(len(run) - 1))
