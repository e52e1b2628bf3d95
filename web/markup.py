"""Markup: a turn's text as safe HTML.

Text comes from people, cards and models, all untrusted: light markdown without HTML, images or anything that
loads, then a sanitiser over the result. What is out of character is dimmed.
"""

from functools import cache

import nh3
from markdown_it import MarkdownIt

from pipeline.prompt.ooc import parts

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
    """Safe HTML for a turn."""
    html = "".join(
        f'<span class="ooc">{_escaped(part)}</span>' if hidden else _markdown().render(part)
        for part, hidden in parts(text)
    )
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https"},
        link_rel="noreferrer nofollow",
    )


def _escaped(text: str) -> str:
    return nh3.clean_text(text).replace("\n", "<br>").replace("&#10;", "<br>")
