"""Recall: what a moment brings back, and why."""

import apsw
import pytest

from store.events import (
    MemoryEdited,
    MemoryPinned,
    MemoryWitnessChanged,
    OutcomeSuperseded,
    SignificanceScored,
)
from store.recall import CONFIGURATIONS, Configuration, Ranking, Recalled, recall
from store.vectors import Vectors
from tests.fakes.remembering import Remembering, meaning


@pytest.fixture
def world(database: apsw.Connection) -> Remembering:
    return Remembering(database).begin("Ada", "Bea")


def hits(recalled: list[Recalled]) -> list[int]:
    return [one.memory.id for one in recalled if one.follows is None]


def test_without_an_embedding_words_alone_decide(world: Remembering) -> None:
    [key] = world.turn("I hid the silver key under the oak", 0)
    world.turn("The soup is cold", 0)
    world.turn("It rains again", 0)
    found = recall(world.db, Vectors(), world.scope(), "Where did you hide the key?")
    assert hits(found)[0] == key
    assert found[0].scores.text == 1.0
    assert (found[0].scores.text_rank, found[0].scores.meaning_rank) == (1, None)


def test_meaning_finds_what_shares_no_word(world: Remembering) -> None:
    world.turn("The soup is cold", 0, vector=(1, 0, 0))
    [key] = world.turn("I hid the silver key under the oak", 0, vector=(0, 1, 0))
    found = recall(world.db, Vectors(), world.scope(), "the place of that thing", meaning(0, 1, 0.1))
    assert hits(found)[0] == key
    assert found[0].scores.meaning == 1.0
    assert found[0].scores.meaning_rank == 1


def test_a_hit_brings_the_turn_that_followed_if_it_was_perceived(world: Remembering) -> None:
    world.turn("The harbour burns", 0)
    [answer] = world.turn("Then we must leave tonight", 0)
    world.turn("Zebra stripes", 0)
    world.turn("Only Bea hears this", 1)
    found = recall(world.db, Vectors(), world.scope(), "harbour", k=1, ranking=Ranking("text"))
    assert [one.memory.id for one in found if one.follows] in ([], [answer])
    zebra = recall(world.db, Vectors(), world.scope(), "zebra", k=1, ranking=Ranking("text"))
    assert [one.follows for one in zebra] == [None]


def test_pins_and_the_turns_in_the_window_are_left_out(world: Remembering) -> None:
    [pinned] = world.turn("The lamp of the lighthouse", 0)
    world.txn.append(MemoryPinned(memory_id=pinned, by="manual"), chat_id=world.chat_id)
    [shown] = world.turn("The lamp is out", 0)
    [kept] = world.turn("A lamp in the cellar", 0)
    turn_id = world.db.execute("SELECT turn_id FROM memory WHERE id = ?", (shown,)).fetchone()
    assert turn_id is not None
    found = recall(world.db, Vectors(), world.scope(), "lamp", without_turns={int(str(turn_id[0]))})
    assert [one.memory.id for one in found] == [kept]


def test_among_equals_the_significant_and_the_recent_come_first(world: Remembering) -> None:
    world.turn("Quiet", 0)
    [old] = world.turn("A storm", 0)
    world.turn("Quiet", 0)
    [pivotal] = world.turn("A storm", 0)
    world.turn("Quiet", 0)
    [new] = world.turn("A storm", 0)
    turn_id = world.db.execute("SELECT turn_id FROM memory WHERE id = ?", (pivotal,)).fetchone()
    assert turn_id is not None
    scored = SignificanceScored(turn_id=int(str(turn_id[0])), score=3)
    world.txn.append(scored, chat_id=world.chat_id)
    found = recall(world.db, Vectors(), world.scope(), "storm")
    ranked = [memory_id for memory_id in hits(found) if memory_id in (old, pivotal, new)]
    assert ranked.index(pivotal) < ranked.index(old)
    assert ranked.index(new) < ranked.index(old)
    assert next(one for one in found if one.memory.id == pivotal).scores.significance == 1.0


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_nobody_finds_what_only_another_perceived(world: Remembering, configuration: Configuration) -> None:
    world.turn("The treasure is in the well", 1, vector=(0, 1, 0))
    secret = world.keep("The treasure is in the well", None, 0, vector=(0, 1, 0), witnesses=(0,))
    [own] = world.turn("A treasure map", 0, vector=(0, 1, 1))
    ranking = Ranking(configuration)
    found = recall(world.db, Vectors(), world.scope(), "treasure", meaning(0, 1, 0), ranking=ranking)
    assert [one.memory.id for one in found] == [own]
    assert secret not in [one.memory.id for one in found]


def test_vectors_of_two_models_never_meet(world: Remembering) -> None:
    [memory_id] = world.turn("Old text", 0, vector=(1, 0, 0))
    vectors = Vectors()
    other = meaning(1, 0, 0, model="another")
    assert not vectors.nearest(world.db, world.scope(), other, 5)
    world.embed(memory_id, other)
    assert list(vectors.nearest(world.db, world.scope(), other, 5)) == [memory_id]
    assert not vectors.nearest(world.db, world.scope(), meaning(1, 0), 5), "another length is another space"


def test_a_matrix_follows_what_is_written_edited_and_witnessed(world: Remembering) -> None:
    vectors = Vectors()

    def nearest(*numbers: float) -> list[int]:
        return list(vectors.nearest(world.db, world.scope(), meaning(*numbers), 1))

    assert nearest(1, 0, 0) == []
    [first] = world.turn("first", 0, vector=(1, 0, 0))
    [second] = world.turn("second", 0, vector=(0, 1, 0))
    assert nearest(1, 0, 0) == [first]
    [late] = world.turn("late", 0)
    assert nearest(0, 0, 1) != [late]
    world.embed(late, meaning(0, 0, 1))
    assert nearest(0, 0, 1) == [late]
    world.txn.append(MemoryEdited(memory_id=first, text="edited"), chat_id=world.chat_id)
    assert nearest(1, 0, 0) != [first], "the vector of its former text counts no more"
    world.embed(first, meaning(0.9, 0.1, 0))
    assert nearest(1, 0, 0) == [first]
    blind = MemoryWitnessChanged(memory_id=second, witnesses=(0,))
    world.txn.append(blind, chat_id=world.chat_id)
    assert second not in vectors.nearest(world.db, world.scope(), meaning(0, 1, 0), 9)
    seen = MemoryWitnessChanged(memory_id=second, witnesses=(0, world.owners[0]))
    world.txn.append(seen, chat_id=world.chat_id)
    assert nearest(0, 1, 0) == [second]


def test_a_matrix_forgets_a_superseded_outcome(world: Remembering) -> None:
    vectors = Vectors()
    [kept] = world.turn("kept", 0, vector=(1, 0, 0))
    [gone] = world.turn("gone", 0, vector=(0, 1, 0))
    assert list(vectors.nearest(world.db, world.scope(), meaning(0, 1, 0), 1)) == [gone]
    world.db.execute("DELETE FROM memory WHERE id = ?", (gone,))  # what a refold leaves
    assert list(vectors.nearest(world.db, world.scope(), meaning(0, 1, 0), 9)) == [kept]
    world.txn.append(OutcomeSuperseded(superseded_run_id=99), chat_id=world.chat_id)
    assert kept in vectors.nearest(world.db, world.scope(), meaning(0, 1, 0), 9)


def test_matrices_used_least_recently_make_room(world: Remembering) -> None:
    world.turn("shared", 0, 1, vector=(1, 0, 0))
    vectors = Vectors(limit_bytes=1)
    for owner in (0, 1, 0):
        assert vectors.nearest(world.db, world.scope(owner), meaning(1, 0, 0), 1)
    one = Vectors()
    one.nearest(world.db, world.scope(0), meaning(1, 0, 0), 1)
    assert vectors.nbytes == one.nbytes


def test_a_long_memory_and_odd_questions_do_no_harm(world: Remembering) -> None:
    [long] = world.turn("needle " + "hay " * 24_900, 0)
    world.turn("🎉 party 🎉", 0)
    for asked in (
        '" OR text:* NEAR( scope:"c1o1" ^ -{} AND NOT',
        "'); DROP TABLE memory; --",
        "🎉",
        "",
        "_ ²③",
    ):
        recall(world.db, Vectors(), world.scope(), asked)
    assert long in hits(recall(world.db, Vectors(), world.scope(), "needle " * 5_000))


def test_a_run_of_signs_without_spaces_is_found_by_part_of_it(world: Remembering) -> None:
    [cat] = world.turn("昨日、銀色の鍵を庭に隠した", 0)
    world.turn("天気がいいですね", 0)
    for asked in ("鍵", "銀色", "鍵を庭"):
        found = recall(world.db, Vectors(), world.scope(), asked)
        assert cat in hits(found)
        assert found[0].scores.text == 1.0
    assert not recall(world.db, Vectors(), world.scope(), "鍵穴")
