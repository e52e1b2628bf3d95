"""The simulation's events, drawn field by field: everything in a chat that is not its turns.

Entities are few and their words fewer, so that the same one is changed again and things are held twice.
"""

from hypothesis import strategies as st

from store.errors import ErrorClass
from store.events import (
    MAX_AUTO_TURNS,
    ActivityChanged,
    AuthorNoteSet,
    AutoModeSet,
    AutoTicked,
    Condition,
    ContainerChanged,
    ContainerCreated,
    DecisionDefaulted,
    DigestEdited,
    DigestSurfaced,
    DigestWritten,
    EdgeFactRemoved,
    EdgeSummarized,
    EdgeUpdated,
    EntityChanged,
    GroupUpdated,
    GuestAdded,
    GuestRemoved,
    InventoryChanged,
    MemoryEdited,
    MemoryEmbedded,
    MemoryPinned,
    MemoryUnpinned,
    MemoryWitnessChanged,
    MemoryWritten,
    OpeningConfirmed,
    OpeningProposed,
    Payload,
    Prop,
    QuotesEdited,
    SceneClosed,
    SceneEdited,
    SceneOpened,
    SceneSummarized,
    SignificanceScored,
    SkipRequested,
    StoryEventCancelled,
    StoryEventCompleted,
    StoryEventEdited,
    StoryEventExpired,
    StoryEventPlanned,
    StoryEventStarted,
    StoryPlan,
    ThreadClosed,
    ThreadOpened,
    ThreadUpdated,
    TimeSkipped,
    WorldChanged,
    YouChanged,
)
from store.events.places import Container, Opening
from store.events.relationships import Fact

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=60).filter(
    lambda text: bool(text.strip())
)
IDS = st.integers(0, 3)
WORDS = st.sampled_from(["", "calm", "a lamp", "An Oil Lamp"])
THINGS = st.lists(st.sampled_from(["lamp", "Lamp", "key", "rope"]), max_size=3).map(tuple)
SOMEBODY = st.lists(IDS, max_size=3).map(tuple)
MODES = st.sampled_from(["elision", "jump"])
MINUTES = st.integers(1, 3_000)
DELTAS = st.integers(-200, 200)
BY = st.sampled_from(["auto", "manual"])
FACTS = st.lists(st.builds(Fact, text=TEXTS, from_id=st.none() | IDS), max_size=2).map(tuple)
CLOCKS = st.none() | st.integers(0, 5_000)
CONDITIONS = st.one_of(
    st.builds(Condition, kind=st.just("time"), clock=st.integers(0, 5_000)),
    st.builds(Condition, kind=st.just("event"), event_id=IDS),
    st.builds(Condition, kind=st.just("phrase"), phrase=st.sampled_from(["the bell", "a lamp"])),
)
PLANS = st.builds(
    StoryPlan,
    title=TEXTS,
    props=st.lists(st.builds(Prop, name=TEXTS), max_size=2).map(tuple),
    triggers=st.lists(CONDITIONS, max_size=2).map(tuple),
    expires=CLOCKS,
)
CONTAINERS = st.builds(Container, name=TEXTS, description=WORDS, slots=THINGS, public=st.booleans())
OPENINGS = st.builds(Opening, container=st.none() | CONTAINERS, time=WORDS, weather=WORDS)
SIMULATED: tuple[st.SearchStrategy[Payload], ...] = (
    st.builds(GuestAdded, guest_id=IDS, met=WORDS),
    st.builds(GuestRemoved, guest_id=IDS),
    st.builds(AuthorNoteSet, text=WORDS, depth=IDS),
    st.builds(YouChanged, name=st.none() | TEXTS, persona=st.none() | WORDS),
    st.builds(OpeningProposed, opening=OPENINGS),
    st.builds(OpeningConfirmed, opening=OPENINGS),
    st.builds(EntityChanged, entity_id=IDS, mood=st.none() | WORDS, goals=st.none() | WORDS),
    st.builds(ActivityChanged, entity_id=IDS, activity=WORDS, slot=st.none() | WORDS),
    st.builds(InventoryChanged, entity_id=IDS, gained=THINGS, lost=THINGS),
    st.builds(
        MemoryWritten,
        owner_id=IDS,
        speaker_name=WORDS,
        text=TEXTS,
        witnesses=SOMEBODY,
        form=st.just("summary"),
        scene_id=st.none() | IDS,
        significance=st.none() | IDS,
    ),
    st.builds(MemoryEdited, memory_id=IDS, text=TEXTS),
    st.builds(MemoryPinned, memory_id=IDS, by=BY),
    st.builds(MemoryUnpinned, memory_id=IDS, by=BY),
    st.builds(MemoryWitnessChanged, memory_id=IDS, witnesses=SOMEBODY),
    st.builds(MemoryEmbedded, memory_id=IDS, model=TEXTS, digest=TEXTS),
    st.builds(ContainerCreated, container=CONTAINERS),
    st.builds(ContainerChanged, container_id=IDS, container=CONTAINERS),
    st.builds(
        SceneOpened,
        container_id=st.none() | IDS,
        title=WORDS,
        present=SOMEBODY,
        from_turn_id=st.none() | IDS,
    ),
    st.builds(SceneClosed, scene_id=IDS, reason=WORDS, followed=st.booleans()),
    st.builds(
        SceneEdited,
        scene_id=IDS,
        title=st.none() | WORDS,
        container_id=st.none() | IDS,
        nowhere=st.booleans(),
        significance=st.sampled_from([None, "turns", 0, 2, 3]),
        begins=CLOCKS,
        ends=CLOCKS,
        upto=st.none() | IDS,
        weather=st.none() | WORDS,
    ),
    st.builds(SceneSummarized, scene_id=IDS, owner_id=IDS, summary=TEXTS, quotes=THINGS),
    st.builds(QuotesEdited, summary_id=IDS, quotes=THINGS),
    st.builds(WorldChanged, time=st.none() | WORDS, weather=st.none() | WORDS, clock=CLOCKS),
    st.builds(SkipRequested, mode=MODES, minutes=MINUTES, words=WORDS),
    st.builds(TimeSkipped, mode=MODES, minutes=MINUTES, turn_id=st.none() | IDS),
    st.builds(StoryEventPlanned, plan=PLANS),
    st.builds(StoryEventEdited, story_event_id=IDS, plan=PLANS),
    st.builds(StoryEventStarted, story_event_id=IDS, present=SOMEBODY, clock=CLOCKS),
    st.builds(StoryEventCompleted, story_event_id=IDS, gist=WORDS),
    st.builds(StoryEventCancelled, story_event_id=IDS, reason=WORDS),
    st.builds(StoryEventExpired, story_event_id=IDS, clock=CLOCKS),
    st.builds(ThreadOpened, title=TEXTS, summary=WORDS, known_to=SOMEBODY),
    st.builds(ThreadUpdated, thread_id=IDS, summary=st.none() | WORDS, known_to=st.none() | SOMEBODY),
    st.builds(ThreadClosed, thread_id=IDS, resolution=WORDS),
    st.builds(AutoModeSet, turns=st.integers(0, MAX_AUTO_TURNS)),
    st.builds(AutoTicked, turn_id=IDS),
    st.builds(DigestWritten, scene_id=IDS, text=TEXTS, told_by=SOMEBODY),
    st.builds(DigestEdited, digest_id=IDS, text=TEXTS),
    st.builds(DigestSurfaced, digest_id=IDS, scene_id=IDS),
    st.builds(SignificanceScored, turn_id=IDS, score=IDS),
    st.builds(DecisionDefaulted, stage=TEXTS, decision=TEXTS, error_class=st.sampled_from(ErrorClass)),
    st.builds(
        EdgeUpdated, observer_id=IDS, target_id=IDS, affinity_delta=DELTAS, trust_delta=DELTAS, facts=FACTS
    ),
    st.builds(EdgeSummarized, observer_id=IDS, target_id=IDS, summary=WORDS),
    st.builds(EdgeFactRemoved, fact_id=IDS),
    st.builds(GroupUpdated, summary=WORDS),
)
