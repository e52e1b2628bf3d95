"""Markup: a turn's text as safe HTML.

Text comes from people, cards and models, all untrusted: light markdown without HTML, images or anything that
loads, then a sanitiser over the result. What is out of character is dimmed.
"""

import re
from functools import cache
from html import escape

import nh3
from markdown_it import MarkdownIt

from pipeline.prompt.ooc import parts

_MARK = re.compile("[\ue000\ue001]")
_ASIDE = re.compile("\ue000(\\d+)\ue001")
_TAGS = {"p", "br", "em", "strong", "s", "blockquote", "ul", "ol", "li", "code", "pre", "hr", "a", "span"}
_ATTRIBUTES = {"a": {"href", "title"}, "span": {"class"}, "ol": {"start"}}


@cache
def _markdown() -> MarkdownIt:
    return (
        MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": 20})
        .enable("strikethrough")
        .disable(["image", "html_block", "html_inline", "reference", "lheading", "heading"])
    )


def rendered(text: str) -> str:
    """Safe HTML for a turn. Out-of-character parts are set aside while markdown is read, so that they stay
    in their sentence and their asterisks stay asterisks."""
    aside: list[str] = []
    kept = ""
    for part, hidden in parts(_MARK.sub("", text)):
        kept += f"\ue000{len(aside)}\ue001" if hidden else part
        if hidden:
            aside.append(part)
    html = _ASIDE.sub(lambda found: _dimmed(aside[int(found.group(1))]), _markdown().render(kept))
    schemes, rel = {"http", "https"}, "noreferrer nofollow"
    return nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=schemes, link_rel=rel)


def _dimmed(part: str) -> str:
    return f'<span class="ooc">{escape(part).replace(chr(10), "<br>")}</span>'
