"""Bars: where a prompt's tokens go, and how the turns of a chat are rated, as pictures.

Drawn with presentation attributes and classes, as the content policy allows no inline style. Each has its
text alternative, and the numbers always stand beside it: nothing is told by colour or length alone.
"""

from collections.abc import Mapping, Sequence
from html import escape

from markupsafe import Markup

WIDTH = 1000
BAR_HEIGHT = 12
CHART_WIDTH, ROW_HEIGHT, LABEL_WIDTH, COUNT_WIDTH = 420, 30, 96, 64


def token_bar(parts: Mapping[str, int], response: int, window: int, told: str) -> Markup:
    """Part by part against the context window, the reply's room at its end."""
    scale = WIDTH / max(window, sum(parts.values()) + response, 1)
    drawn, left = [f'<rect class="room" width="{WIDTH}" height="{BAR_HEIGHT}"/>'], 0.0
    for name, tokens in parts.items():
        wide = tokens * scale
        drawn.append(_rect(f"part-{name}", left, wide))
        left += wide
    wide = response * scale
    drawn.append(_rect("part-reply", max(WIDTH - wide, left), wide))
    return Markup(  # noqa: S704 - numbers, names of ours, and a text that is escaped
        f'<svg class="tokens" viewBox="0 0 {WIDTH} {BAR_HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(told)}">{"".join(drawn)}</svg>'
    )


def _rect(name: str, left: float, wide: float) -> str:
    return f'<rect class="{name}" x="{left:.1f}" width="{wide:.1f}" height="{BAR_HEIGHT}"/>'


def distribution(rows: Sequence[tuple[str, int]], told: str) -> Markup:
    """One bar for each row, named on its left and counted on its right."""
    most = max((number for _, number in rows), default=0) or 1
    room = CHART_WIDTH - LABEL_WIDTH - COUNT_WIDTH
    drawn = []
    for place, (name, number) in enumerate(rows):
        top, wide = place * ROW_HEIGHT, number / most * room
        drawn.append(
            f'<text class="label" x="{LABEL_WIDTH - 8}" y="{top + 20}" text-anchor="end">'
            f"{escape(name)}</text>"
            f'<rect class="level-{place}" x="{LABEL_WIDTH}" y="{top + 5}" width="{wide:.1f}"'
            f' height="{ROW_HEIGHT - 10}" rx="3"/>'
            f'<text class="count" x="{LABEL_WIDTH + wide + 6:.1f}" y="{top + 20}">{number}</text>'
        )
    return Markup(  # noqa: S704 - every text in it is escaped
        f'<svg class="distribution" viewBox="0 0 {CHART_WIDTH} {len(rows) * ROW_HEIGHT}" role="img"'
        f' aria-label="{escape(told)}">{"".join(drawn)}</svg>'
    )
