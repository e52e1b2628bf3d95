"""Edges: how the speaker sees the others, what it knows of them, and what the three are to each other.

What was so when the scene began goes before the dialogue, what has changed since goes after it.
"""

from collections.abc import Sequence

from pipeline.prompt.blocks import Origin, Piece, Tier
from pipeline.prompt.scene import Part, Where
from pipeline.prompt.view import View
from store import relations
from store.events import YOU
from store.relations import Edge, Known

MAX_FACTS = 12
AFFINITY_WORDS = (
    (-60, "loathing"),
    (-25, "dislike"),
    (-5, "unease"),
    (5, "neither"),
    (25, "liking"),
    (60, "fondness"),
)
TRUST_WORDS = (
    (-60, "none at all"),
    (-25, "distrust"),
    (-5, "doubt"),
    (5, "undecided"),
    (25, "some"),
    (60, "much"),
)


def edge_to_you(view: View) -> list[Part]:
    return _edge(view, YOU, "edge to you")


def edge_to_other(view: View) -> list[Part]:
    others = [bot_id for bot_id in view.chat.bots if bot_id != view.speaker.id]
    return [part for other in others for part in _edge(view, other, "edge to other")]


def _edge(view: View, target: int, name: str) -> list[Part]:
    """The edge in words and what was known when the scene began; then how it stands and what is new."""
    edge = relations.edge(view.db, view.chat.id, view.speaker.id, target)
    facts = relations.facts(view.db, view.chat.id, view.speaker.id, target, limit=MAX_FACTS)
    before = [_fact(view, fact) for fact in facts if fact.event_id <= view.since]
    new = [_fact(view, fact) for fact in facts if fact.event_id > view.since]
    summary = [_told(edge, edge.summary)] if edge.summary else []
    stands = [_told(edge, _strength(edge))] if edge.affinity or edge.trust else []
    who = view.names.get(target, "the other")
    title = view.text(f"{{{{char}}}} and {who}")
    return [
        Part(name, Tier.SHOULD, Where.HEAD, title, tuple(summary + before)),
        Part(f"{name} now", Tier.SHOULD, Where.TAIL, f"{title}, as it stands", tuple(stands + new)),
    ]


def _told(edge: Edge, text: str) -> Piece:
    return Piece(text, (edge.changed_by,), Origin.EDGE, row_id=edge.target_id)


def _strength(edge: Edge) -> str:
    return (
        f"affection {edge.affinity} ({_word(edge.affinity, AFFINITY_WORDS, 'love')}),"
        f" trust {edge.trust} ({_word(edge.trust, TRUST_WORDS, 'complete')}), each from -100 to 100"
    )


def _word(value: int, words: Sequence[tuple[int, str]], highest: str) -> str:
    return next((word for limit, word in words if value < limit), highest)


def _fact(view: View, fact: Known) -> Piece:
    """A fact with its teller: what was told may be false."""
    teller = view.names.get(fact.from_id) if fact.from_id is not None else None
    told = f" ({fact.how} by {teller})" if teller and fact.how == "told" else ""
    if not told and fact.how in ("overheard", "read", "inferred"):
        told = f" ({fact.how})"
    descends = (fact.event_id, *fact.drew_on)
    return Piece(fact.text + told, descends, Origin.FACT, fact.how, fact.from_id, fact.id)


def group(view: View) -> list[Part]:
    node = relations.group(view.db, view.chat.id, view.chat.cast)
    if node is None:
        return []
    piece = Piece(node.summary, (node.changed_by, *node.drew_on), Origin.GROUP, "digest")
    return [Part("group", Tier.SHOULD, Where.HEAD, "The three of them", (piece,))]
