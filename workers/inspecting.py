"""`fabula prompt --turn`: what a reply was told with, in lines a person reads."""

from pipeline.inspection import Inspection, Recollection
from workers.terminal import OUT, show_json, show_table

BLOCK = ("name", "tier", "tokens", "kept", "trimmed")
MEMORY = ("rank", "score", "words", "meaning", "significance", "recency", "sent", "memory")


def show(one: Inspection, *, as_json: bool) -> None:
    """The account of one reply: the blocks, what came back to mind, then the words."""
    if as_json:
        show_json(one.model_dump(mode="json"))
        return
    OUT.print("\n".join(_head(one)), markup=False, highlight=False)
    if one.missing:
        return
    show_table(BLOCK, [block.model_dump() for block in one.blocks])
    if one.recalled:
        OUT.print("\nWhat came back to mind:", markup=False)
        show_table(MEMORY, [_memory(memory) for memory in one.recalled])
    if not one.exact:
        OUT.print("\nIts words are not kept any more; these are the events it was made of.", markup=False)
        for block in one.blocks:
            OUT.rule(block.name)
            for piece in block.pieces:
                OUT.print(f"#{piece.event_ids[0]} {piece.text}", markup=False, highlight=False)
    for message in one.messages:
        OUT.rule(message.role)
        OUT.print(message.content, markup=False, highlight=False)


def _head(one: Inspection) -> list[str]:
    lines = [f"Turn {one.turn_id} of chat {one.chat_id}, told by {one.model or 'no model'}"]
    if one.missing:
        return [*lines, one.missing]
    settings = ", ".join(f"{name} {value}" for name, value in one.sampler.items())
    lines.append(f"at {one.endpoint or 'an endpoint'}: {settings or 'settings not kept'}")
    if one.not_taken:
        lines.append(f"not taken by this endpoint: {', '.join(one.not_taken)}")
    lines.append(
        f"{one.configuration}, layout {one.layout}: {one.total} tokens estimated of {one.soft} soft,"
        f" {one.hard} hard; {one.response} kept free for the reply"
    )
    if one.counts.prompt_tokens is not None:
        cached = f" ({one.counts.cached_tokens} cached)" if one.counts.cached_tokens is not None else ""
        lines.append(f"reported: {one.counts.prompt_tokens} in{cached}, {one.counts.completion_tokens} out")
    return [*lines, *_times(one), *(f"kept out: {leak}" for leak in one.leaks)]


def _times(one: Inspection) -> list[str]:
    if one.times is None:
        return []
    told = {
        "waited": one.times.waited_s,
        "composed in": one.times.composed_s,
        "first token after": one.times.first_token_s,
        "all of it": one.times.stream_s,
    }
    return [", ".join(f"{name} {value:.4f} s" for name, value in told.items() if value is not None)]


def _memory(memory: Recollection) -> dict[str, object]:
    return {
        **memory.model_dump(),
        "rank": f"after {memory.rank}" if memory.follows else memory.rank,
        "sent": "yes" if memory.sent else "no room",
        "memory": memory.text[:80],
    }
