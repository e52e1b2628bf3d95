"""Invariant 8 for retrieval: nothing unwitnessed and nothing of another owner ever comes back."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.database import connect
from store.events import MemoryEdited, MemoryPinned, MemoryWitnessChanged
from store.recall import CONFIGURATIONS, Configuration, Ranking, recall
from store.search import Scope, match_of
from store.vectors import Vectors
from store.words import terms_of
from tests.fakes.remembering import Remembering, meaning

WORDS = (
    "lamp",
    "storm",
    "key",
    "oak",
    "c1o2",
    "AND",
    "scope",
    "猫が好き",
    "naïve",
    '"',
    "text:",
    "NEAR(",
    "*",
    "🎉",
)
SENTENCES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
VECTORS = st.tuples(*(st.floats(-1, 1, width=16) for _ in range(3))).filter(any)


@dataclass(frozen=True)
class Told:
    """A turn: who of three owners keeps a memory of it, whom its mask then names, and what befalls it."""

    text: str
    owners: frozenset[int]
    blinded: frozenset[int]
    vector: tuple[float, ...]
    fate: str


TURNS = st.builds(
    Told,
    SENTENCES,
    st.frozensets(st.integers(0, 2)),
    st.frozensets(st.integers(0, 2)),
    VECTORS,
    st.sampled_from(["", "edited", "pinned"]),
)
QUESTIONS = st.tuples(st.one_of(SENTENCES, st.text(max_size=30)), VECTORS)


def play(world: Remembering, told: list[Told], owners: frozenset[int]) -> None:
    for one in told:
        ids = world.turn(one.text, *sorted(one.owners & owners), vector=one.vector)
        for memory_id, owner in zip(ids, sorted(one.owners & owners), strict=True):
            if one.fate == "edited":
                edit = MemoryEdited(memory_id=memory_id, text=f"{one.text} again")
                world.txn.append(edit, chat_id=world.chat_id)
            if one.fate == "pinned":
                world.txn.append(MemoryPinned(memory_id=memory_id, by="manual"), chat_id=world.chat_id)
            if owner in one.blinded:
                blind = MemoryWitnessChanged(memory_id=memory_id, witnesses=(0,))
                world.txn.append(blind, chat_id=world.chat_id)


@settings(max_examples=60)
@given(
    before=st.lists(TURNS, max_size=8),
    after=st.lists(TURNS, max_size=4),
    questions=st.lists(QUESTIONS, min_size=1, max_size=4),
    configuration=st.sampled_from(CONFIGURATIONS),
)
def test_only_what_its_owner_witnessed_comes_back(
    fresh_path: Callable[[], Path],
    before: list[Told],
    after: list[Told],
    questions: list[tuple[str, tuple[float, ...]]],
    configuration: Configuration,
) -> None:
    db = connect(fresh_path(), query_only=False)
    world, vectors = Remembering(db).begin("Ada", "Bea", "Cy"), Vectors()
    for story in (before, after):  # asked in between, so that the matrices are kept and caught up
        play(world, story, frozenset({0, 1, 2}))
        for owner in range(3):
            own = world.owners[owner]
            for text, vector in questions:
                asked = (text, meaning(*vector))
                for one in recall(
                    db, vectors, world.scope(owner), *asked, k=50, ranking=Ranking(configuration)
                ):
                    assert one.memory.owner_id == own
                    assert own in one.memory.witnesses
                    [stored] = db.execute(
                        "SELECT witnesses FROM memory WHERE id = ?", (one.memory.id,)
                    ).fetchall()
                    assert own in json.loads(str(stored[0]))
    db.close()


@pytest.mark.slow
@settings(max_examples=300)
@given(story=st.lists(TURNS, max_size=8), question=QUESTIONS, by_meaning=st.booleans())
def test_what_is_found_does_not_depend_on_the_memories_of_others(
    fresh_path: Callable[[], Path],
    story: list[Told],
    question: tuple[str, tuple[float, ...]],
    by_meaning: bool,
) -> None:
    """Scores may move with the words of others; which memories there are to find may not."""
    text, vector = question
    meant = meaning(*vector) if by_meaning else None
    found = []
    for owners in (frozenset({2}), frozenset({0, 1, 2})):
        db = connect(fresh_path(), query_only=False)
        world = Remembering(db).begin("Ada", "Bea", "Cy")
        play(world, story, owners)
        hits = recall(db, Vectors(), world.scope(2), text, meant, k=50)
        found.append(sorted((one.memory.text, one.memory.turn_id is not None) for one in hits))
        db.close()
    assert found[0] == found[1]


@given(text=st.text(max_size=200))
def test_what_a_person_writes_is_never_grammar(text: str) -> None:
    terms = terms_of(text)
    assert len(terms) <= 32
    assert all(term.replace("²", "2").isalnum() for term in terms)
    query = match_of(Scope(2, 1), terms)
    assert query is None or query.count('"') == 2 * (len(terms) + 1)
