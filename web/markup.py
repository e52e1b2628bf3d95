"""Markup: a turn's text as safe HTML, whole or as a line of something else.

Text comes from people, cards and models, all untrusted: light markdown without HTML, images or anything that
loads, then a sanitiser over the result. What is out of character is dimmed.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from html import escape

import nh3
from markdown_it import MarkdownIt

from pipeline.prompt.ooc import parts

_MARK = re.compile("[\ue000\ue001]")
_ASIDE = re.compile("\ue000(\\d+)\ue001")
_PIECE = re.compile("(<[^>]*>)")
"""Tags and the text between them; the parser leaves no `>` in an attribute."""
_EMPTY = re.compile(r"<(\w+)[^>]*></\1>")
_DEPTH = 3
"""How deep in each other tags are looked for that are left without a word; more is nobody's prose."""
_BEGIN, _END, _HIT, _OVER = "\ue002", "\ue003", "\ue004", "\ue005"
"""Stand in a text where what is shown of it begins and ends, and around what was looked for: characters that
are part of a word to the parser, so that no asterisk beside them means anything else."""
_PLACED = str.maketrans(dict.fromkeys("\ue000\ue001\ue002\ue003\ue004\ue005", "\ufffd"))
_AROUND = 600
"""How far around an excerpt the beginning and the end of an emphasis are looked for."""
_TAGS = {"p", "br", "em", "strong", "s", "blockquote", "ul", "ol", "li", "code", "pre", "hr", "a", "span"}
_TAGS_OF_A_LINE = {"em", "strong", "s", "code", "span", "mark"}
_ATTRIBUTES = {"a": {"href", "title"}, "span": {"class"}, "ol": {"start"}}


@cache
def _markdown() -> MarkdownIt:
    return (
        MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": 20})
        .enable("strikethrough")
        .disable(["image", "html_block", "html_inline", "reference", "lheading", "heading"])
    )


def rendered(text: str) -> str:
    """Safe HTML for a turn."""
    html = _with_asides(_MARK.sub("", text), _markdown().render)
    schemes, rel = {"http", "https"}, "noreferrer nofollow"
    return nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=schemes, link_rel=rel)


def shortened(text: str, most: int) -> str:
    """The beginning of a text as safe HTML within a line, cut between words."""
    end = len(text) if len(text) <= most else max(text.rfind(" ", 0, most), 0) or most
    return excerpt(text, 0, end)


def excerpt(text: str, begin: int, end: int, hits: Sequence[tuple[int, int]] = ()) -> str:
    """What stands from one place in a text to another, as safe HTML within a line; `hits` are marked. What is
    emphasised there is so shown, also where the emphasis begins before it or ends after it."""
    begin, end = _beside_space(text, begin, -1), _beside_space(text, end, 1)
    paragraph, over = text.rfind("\n\n", 0, begin) + 1, text.find("\n\n", end)
    last = min(over if over >= 0 else len(text), end + _AROUND)
    marks = [(begin, _BEGIN)] if begin else []
    marks += [mark for one in hits for mark in ((one[0], _HIT), (one[1], _OVER))]
    marks += [(end, _END)] if end < len(text) else []
    marked, at = "", max(paragraph, begin - _AROUND)
    placed = text.translate(_PLACED)
    for place, mark in [*marks, (last, "")]:
        marked, at = f"{marked}{placed[at:place]}{mark}", place
    html = _with_asides(marked, _markdown().renderInline)
    if begin and _BEGIN not in html:  # in the middle of a link's address, which is not shown
        html = escape(marked)
    shown = "".join(_between(html, not begin)).replace(_HIT, "<mark>").replace(_OVER, "</mark>")
    for _ in range(_DEPTH):
        shown = _EMPTY.sub("", shown)
    told = nh3.clean(shown, tags=_TAGS_OF_A_LINE, attributes=_ATTRIBUTES).strip()
    return f"{'…' if begin else ''}{told}{'…' if end < len(text) else ''}"


def _beside_space(text: str, place: int, towards: int) -> int:
    """The place, or the other side of the space it lies at: an underscore counts only beside a space."""
    beside = place - 1 if towards < 0 else place
    return place + towards if 0 <= beside < len(text) and text[beside].isspace() else place


def _between(html: str, shown: bool) -> Iterator[str]:
    """The text from the beginning of what is shown to its end, and all tags, so that each finds its end."""
    for piece in _PIECE.split(html):
        left = piece
        while left and not piece.startswith("<"):
            told, mark, left = left.partition(_END if shown else _BEGIN)
            if shown:
                yield told
            shown = shown != bool(mark)
        if piece.startswith("<"):
            yield piece


def _with_asides(text: str, render: Callable[[str], str]) -> str:
    """Out-of-character parts are set aside while markdown is read, so that they stay in their sentence and
    their asterisks stay asterisks."""
    aside: list[str] = []
    kept = ""
    for part, hidden in parts(text):
        kept += f"\ue000{len(aside)}\ue001" if hidden else part
        if hidden:
            aside.append(part)
    return _ASIDE.sub(lambda found: _dimmed(aside[int(found.group(1))]), render(kept))


def _dimmed(part: str) -> str:
    return f'<span class="ooc">{escape(part).replace(chr(10), "<br>")}</span>'
