"""Knowledge: what a speaker knows at a moment, gathered from its own edges, facts, memories and summaries.

One function owns each part. Nothing here reads on behalf of anyone but the speaker; the scene's configuration
says which parts are loaded. What was so when the scene began goes before the dialogue, what has changed
since goes after it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

import apsw

from pipeline.cast import YOURSELF
from pipeline.prompt.blocks import Origin, Piece, Tier
from pipeline.prompt.edges import edge_to_other, edge_to_you, group
from pipeline.prompt.plot import story_events, threads
from pipeline.prompt.scene import Configuration, Line, Part, Scene, Speaker, Where, You
from pipeline.prompt.view import View
from pipeline.whom import folded
from store import meanwhile, memories, places, plot, relations, views
from store.events import YOU
from store.memories import Memory
from store.relations import EntityState
from store.views import Bot, Chat, Turn, Utterance

LAST_SUMMARIES = 3
Recall = Callable[[frozenset[int]], Sequence[Memory]]
"""Asked with the turns that stand in the prompt anyway, gives the memories to add, the dearest first."""


def configuration_of(chat: Chat) -> Configuration:
    """Who is in the scene now."""
    if YOU not in chat.cast:
        return Configuration.MEANWHILE
    if len(chat.bots) > 1:
        return Configuration.ALL_THREE
    host = chat.bots == (chat.host_id,)
    return Configuration.SOLO_WITH_HOST if host else Configuration.SOLO_WITH_GUEST


def scene_before(
    db: apsw.Connection,
    turn: Turn,
    speaker_id: int,
    recall: Recall | None = None,
    *,
    unprompted: bool = False,
) -> Scene:
    """The scene as a speaker knows it when it is to answer a turn, or to go on by itself after it.

    Raises:
        NotFound: the turn's chat or the speaker does not exist.
    """
    chat, bot = views.chat(db, turn.chat_id), views.bot(db, speaker_id)
    states, open_plot = relations.states(db, chat.id), plot.open_plot(db, chat.id)
    scene = places.scene(db, chat.scene_id) if chat.scene_id is not None else None
    view = View(db, chat, scene, bot, _names(db, chat, bot), states, open_plot)
    configuration = configuration_of(chat)
    parts = (part for owner in PARTS[configuration] for part in owner(view))
    heard = _heard(db, chat, turn, speaker_id, itself=unprompted)
    lines = (_line(view, one) for one in (heard if unprompted else chain([turn], heard)))
    return Scene(
        Speaker(bot.id, bot.name, bot.description, bot.personality, bot.post_history),
        You(chat.you_name, chat.you_persona, _names_before(db, chat, speaker_id)),
        lines,
        tuple(part for part in parts if part.pieces),
        configuration,
        named=configuration in (Configuration.ALL_THREE, Configuration.MEANWHILE),
        unprompted=unprompted,
        recall=(lambda shown: _recalled(view, recall(shown))) if recall is not None else None,
    )


def _names(db: apsw.Connection, chat: Chat, speaker: Bot) -> dict[int, str]:
    bots = {bot_id: views.bot(db, bot_id).name for bot_id in chat.members if bot_id != speaker.id}
    return {YOU: chat.you_name, speaker.id: speaker.name, **bots}


def _names_before(db: apsw.Connection, chat: Chat, speaker_id: int) -> tuple[str, ...]:
    """What you were called while the speaker was there to hear it; what stands for anybody ("You") is no
    name."""
    heard = {
        one.name
        for one in chat.called
        if memories.perceived_any(db, chat.id, speaker_id, one.since, one.until)
    }
    return tuple(name for name in chat.you_before if name in heard and folded(name) not in YOURSELF)


def _heard(
    db: apsw.Connection, chat: Chat, answered: Turn, speaker_id: int, *, itself: bool
) -> Iterator[Turn | Utterance]:
    """The turns before, and with `itself` that one too, that the speaker perceived, back to the last scene it
    has a summary of: what is told there need not be told twice, and its props stay behind."""
    told = places.summarized_scenes(db, chat.id, speaker_id)
    first: list[Turn | Utterance] = [answered] if itself and not answered.hidden else []
    for turn in chain(first, views.utterances_before(db, answered)):
        if turn.scene_id in told:
            return
        if speaker_id in turn.present:
            yield turn


def _line(view: View, turn: Turn | Utterance) -> Line:
    entity = YOU if turn.speaker_id is None else turn.speaker_id
    name = view.names[entity] if entity in view.names else views.bot(view.db, entity).name
    return Line(turn.id, turn.ordinal, turn.speaker_id, name, turn.text)


def own_state(view: View) -> list[Part]:
    """The speaker's own state of body and mind."""
    state = view.states.get(view.speaker.id)
    if state is None:
        return []
    told = [("mood", state.mood), ("goals", state.goals), ("status", state.status)]
    told.append(("carries", ", ".join(state.inventory)))
    pieces = [_state(f"{name}: {text}", state) for name, text in told if text]
    return [Part("state", Tier.MUST, Where.TAIL, view.text("{{char}} now"), tuple(pieces))]


def _state(text: str, state: EntityState) -> Piece:
    return Piece(text, (state.changed_by,), Origin.STATE, row_id=state.entity_id)


def world(view: View) -> list[Part]:
    told = places.world(view.db, view.chat.id)
    pieces = [
        Piece(f"{name}: {text}", (told.changed_by,), Origin.WORLD)
        for name, text in (("time", told.time), ("weather", told.weather))
        if text
    ]
    return [Part("world", Tier.SHOULD, Where.TAIL, "Around them", tuple(pieces))]


def place(view: View) -> list[Part]:
    if view.scene is None or view.scene.container_id is None:
        return []
    stands = places.place(view.db, view.scene.container_id)
    held = stands.container
    nature = [word for word, is_so in (("moving", held.moving), ("public", held.public)) if is_so]
    told = [held.name + (f" ({', '.join(nature)})" if nature else ""), held.description]
    told.append(f"within it: {', '.join(held.slots)}" if held.slots else "")
    pieces = tuple(Piece(text, (stands.changed_by,), Origin.PLACE) for text in told if text)
    return [Part("scene", Tier.SHOULD, Where.HEAD, "The place", pieces)]


def premise(view: View) -> list[Part]:
    """What the person has said of the scene; everyone in it knows."""
    title = view.scene.title if view.scene is not None else ""
    pieces = (Piece(view.text(title), (view.since,), Origin.PLACE),) if title else ()
    return [Part("premise", Tier.SHOULD, Where.HEAD, "The scene", pieces)]


def digests(view: View) -> list[Part]:
    """What the person has learnt, coming into this scene, of one that the speaker was in without them."""
    told = meanwhile.surfaced_in(view.db, view.chat.id, view.chat.scene_id)
    pieces = [
        Piece(one.text, (one.id,), Origin.DIGEST, "digest", row_id=one.id)
        for one in told
        if view.speaker.id in one.told_by
    ]
    title = view.text("{{user}} has come to know")
    return [Part("digests", Tier.SHOULD, Where.HEAD, title, tuple(pieces))]


def summaries(view: View) -> list[Part]:
    """The speaker's own account of the last scenes, the latest first to stay."""
    told = places.summaries(view.db, view.chat.id, view.speaker.id, limit=LAST_SUMMARIES)
    pieces = []
    for one in reversed(told):
        quotes = "".join(f' "{quote}"' for quote in one.quotes)
        lineage = (one.id, *one.drew_on)
        pieces.append(Piece(one.summary + quotes, lineage, Origin.SUMMARY, "digest", row_id=one.id))
    return [
        Part(
            "summaries", Tier.SHOULD, Where.HEAD, view.text("What {{char}} has lived through"), tuple(pieces)
        )
    ]


def activities(view: View) -> list[Part]:
    """What everyone present is doing; always in."""
    pieces = []
    for entity in view.chat.cast:
        state = view.states.get(entity)
        if state is not None and (state.activity or state.slot):
            where = f" ({state.slot})" if state.slot else ""
            pieces.append(_state(f"{view.names[entity]}: {state.activity or 'is here'}{where}", state))
    return [Part("activities", Tier.MUST, Where.TAIL, "What they are doing", tuple(pieces))]


def pinned(view: View) -> list[Part]:
    """What the speaker never loses sight of."""
    held = memories.pinned(view.db, view.chat.id, view.speaker.id)
    before = [_memory(one) for one in held if (one.pinned_by or 0) <= view.since]
    new = [_memory(one) for one in held if (one.pinned_by or 0) > view.since]
    title = view.text("{{char}} will never forget")
    return [
        Part("pinned", Tier.SHOULD, Where.HEAD, title, tuple(before)),
        Part("pinned now", Tier.SHOULD, Where.TAIL, title, tuple(new)),
    ]


def _recalled(view: View, found: Sequence[Memory]) -> Part:
    """What the turn to answer brings back to the speaker's mind."""
    title = view.text("{{char}} remembers")
    return Part("memories", Tier.NICE, Where.TAIL, title, tuple(_memory(one) for one in found))


def _memory(memory: Memory) -> Piece:
    descends = tuple(one for one in (memory.id, memory.turn_id, *memory.drew_on) if one is not None)
    return Piece(memory.said, descends, Origin.MEMORY, memory.how, memory.from_id, memory.id)


def note(view: View) -> list[Part]:
    """The person's standing remark to the model."""
    text = view.chat.note.strip()
    pieces = (Piece(view.text(text), (view.chat.id,), Origin.NOTE, "told", YOU),) if text else ()
    return [Part("author's note", Tier.SHOULD, Where.TAIL, "Bear in mind", pieces)]


Owner = Callable[[View], list[Part]]
_EVERYWHERE: tuple[Owner, ...] = (
    world,
    place,
    premise,
    digests,
    summaries,
    activities,
    threads,
    story_events,
    note,
    pinned,
)
PARTS: Mapping[Configuration, tuple[Owner, ...]] = {
    Configuration.SOLO_WITH_HOST: (own_state, edge_to_you, *_EVERYWHERE),
    Configuration.SOLO_WITH_GUEST: (own_state, edge_to_you, *_EVERYWHERE),
    Configuration.ALL_THREE: (own_state, edge_to_you, edge_to_other, group, *_EVERYWHERE),
    Configuration.MEANWHILE: (own_state, edge_to_other, *_EVERYWHERE),
}
"""What each configuration of a scene loads, in the numbered order."""
