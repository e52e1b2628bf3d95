"""The edges as pictures: a small directed graph, and the course of each edge as a sparkline.

Everything is drawn with presentation attributes and classes, as the content policy allows no inline style,
and every picture has its text alternative: nothing is told by colour or shape alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import hypot

from markupsafe import Markup

from web.models_state import EdgeOut, EntityOut, PointOut

WIDTH, HEIGHT_OF_TWO, HEIGHT_OF_THREE = 320, 130, 322
NODE_WIDTH, NODE_HEIGHT = 104, 30
BEND = 20
"""How far the middle of an arrow lies from the straight line, so that an edge and its mirror stay apart."""
MAX_NODE_CHARS = 11
NOTABLE = 20
"""From here on a feeling is coloured as warm or cold."""
SPARK_WIDTH, SPARK_HEIGHT = 132, 36


@dataclass(frozen=True, slots=True)
class _Spot:
    x: float
    y: float


def tone(strength: int) -> str:
    """The class that colours a number; the number itself always stands beside it."""
    return "warm" if strength >= NOTABLE else "cold" if strength <= -NOTABLE else "even"


def signed(strength: int) -> str:
    return f"{strength:+d}".replace("-", "−") if strength else "0"


def edge_graph(people: Sequence[EntityOut], edges: Sequence[EdgeOut]) -> Markup:
    """Those present and how each sees the others; an arrow from observer to target."""
    spots = _spots(people)
    drawn = [one for one in edges if one.observer_id in spots and one.target_id in spots]
    height = HEIGHT_OF_TWO if len(people) < 3 else HEIGHT_OF_THREE
    told = " ".join(_told(one) for one in drawn) or "Nothing lies between them yet."
    parts = [
        f'<svg class="graph" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' aria-labelledby="graph-name graph-told">',
        '<title id="graph-name">How those present see each other</title>',
        f'<desc id="graph-told">{escape(told)}</desc>',
        *(_marker(name) for name in ("warm", "even", "cold")),
        *(_arrow(spots[one.observer_id], spots[one.target_id], one) for one in drawn),
        *(_node(spots[one.id], one.name) for one in people),
        "</svg>",
    ]
    return Markup("".join(parts))  # noqa: S704 - every text in it is escaped above


def _told(edge: EdgeOut) -> str:
    return f"{edge.observer} sees {edge.target} with affinity {edge.affinity} and trust {edge.trust}."


def _spots(people: Sequence[EntityOut]) -> dict[int, _Spot]:
    two = (_Spot(58, 65), _Spot(262, 65))
    three = (_Spot(160, 22), _Spot(60, 270), _Spot(260, 270))
    where = two if len(people) < 3 else three
    return {one.id: spot for one, spot in zip(people, where, strict=False)}


def _node(spot: _Spot, name: str) -> str:
    shown = name if len(name) <= MAX_NODE_CHARS else f"{name[: MAX_NODE_CHARS - 1]}…"
    left, top = spot.x - NODE_WIDTH / 2, spot.y - NODE_HEIGHT / 2
    return (
        f'<rect class="node" x="{left:g}" y="{top:g}" width="{NODE_WIDTH}" height="{NODE_HEIGHT}" rx="15"/>'
        f'<text class="name" x="{spot.x:g}" y="{spot.y + 4.5:g}" text-anchor="middle">{escape(shown)}</text>'
    )


def _marker(name: str) -> str:
    return (
        f'<marker id="head-{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        f' orient="auto" markerUnits="userSpaceOnUse"><path class="head {name}" d="M0 0L8 4L0 8z"/></marker>'
    )


def _arrow(start: _Spot, end: _Spot, edge: EdgeOut) -> str:
    """A bent line to the right of its own direction, and the two numbers at its middle."""
    length = hypot(end.x - start.x, end.y - start.y)
    across = _Spot(-(end.y - start.y) / length, (end.x - start.x) / length)
    middle = _Spot((start.x + end.x) / 2, (start.y + end.y) / 2)
    bend = _Spot(middle.x - 2 * BEND * across.x, middle.y - 2 * BEND * across.y)
    first, last = _rim(start, bend), _rim(end, bend)
    label, side = _label(start, end, across)
    mood = tone(edge.affinity)
    curve = f"M{first.x:.1f} {first.y:.1f}Q{bend.x:.1f} {bend.y:.1f} {last.x:.1f} {last.y:.1f}"
    return (
        f'<path class="arrow {mood}" d="{curve}" marker-end="url(#head-{mood})"/>'
        f'<text class="figures" x="{label.x:.1f}" y="{label.y + 4:.1f}" text-anchor="{side}">'
        f'<tspan class="{mood}">{signed(edge.affinity)}</tspan><tspan class="even"> / </tspan>'
        f'<tspan class="{tone(edge.trust)}">{signed(edge.trust)}</tspan></text>'
    )


def _label(start: _Spot, end: _Spot, across: _Spot) -> tuple[_Spot, str]:
    """Beside the arrow's bend, and which of its ends is there. Inside the triangle the labels of its two
    sides stand at different heights, low enough to have room."""
    level = abs(across.x) < 0.5
    side = "middle" if level else "end" if across.x > 0 else "start"
    left = start.x + end.x < WIDTH
    outside, inside = (0.62, 0.7) if left or level else (0.45, 0.42)
    along = outside if level or left == (side == "end") else inside
    away = BEND + (15 if level else 8)
    x = start.x + along * (end.x - start.x) - away * across.x
    return _Spot(x, start.y + along * (end.y - start.y) - away * across.y), side


def _rim(node: _Spot, towards: _Spot) -> _Spot:
    """Where a line from the middle of a node leaves it, with a little air."""
    x, y = towards.x - node.x, towards.y - node.y
    scale = 1 / hypot(x / (NODE_WIDTH / 2 + 4), y / (NODE_HEIGHT / 2 + 5))
    return _Spot(node.x + x * scale, node.y + y * scale)


def sparkline(points: Sequence[PointOut]) -> Markup:
    """Affinity as a line and trust as a dashed one, from neutral on, each change a step."""
    if not points:
        return Markup("")
    affinity, trust = [0, *(p.affinity for p in points)], [0, *(p.trust for p in points)]
    told = f"{_course('Affinity', affinity)} {_course('Trust', trust)}"
    half = SPARK_HEIGHT / 2
    return Markup(  # noqa: S704 - made of numbers alone
        f'<svg class="spark" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" role="img" aria-label="{told}">'
        f'<path class="zero" d="M0 {half:g}H{SPARK_WIDTH}"/>'
        f'<polyline class="trust" points="{_polyline(trust)}"/>'
        f'<polyline class="affinity" points="{_polyline(affinity)}"/></svg>'
    )


def _course(what: str, values: Sequence[int]) -> str:
    changes = len(values) - 1
    steps = f"{changes} change{'' if changes == 1 else 's'}"
    return f"{what} is {values[-1]} after {steps}, between {min(values)} and {max(values)}."


def _polyline(values: Sequence[int]) -> str:
    step = (SPARK_WIDTH - 4) / (len(values) - 1)
    half = SPARK_HEIGHT / 2
    return " ".join(
        f"{2 + number * step:.1f},{half - value * (half - 3) / 100:.1f}"
        for number, value in enumerate(values)
    )
