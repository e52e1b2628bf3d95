"""Summarize: each witness tells the scene from its own memories, and nothing it did not perceive gets in."""

from pathlib import Path

import pytest

from store import memories, places, plot, relations, views
from store.events import (
    YOU,
    DecisionDefaulted,
    EdgeSummarized,
    EdgeUpdated,
    GroupUpdated,
    MemoryWitnessChanged,
    MemoryWritten,
    SceneClosed,
    SceneOpened,
    SceneSummarized,
    SignificanceScored,
    TurnUser,
)
from tests.actors.bench import SHORT, UNUSABLE, Table, empty_table
from tests.fakes.behaviour import decides

TOLD = {"summary": "We talked by the fire.", "quotes": [], "others": [{"who": "You", "summary": "Kind."}]}


async def _turn(on: Table, text: str, significance: int = 0) -> int:
    """A turn of yours that everyone present remembers, judged before the scene closes."""
    turn_id = await on.append(TurnUser(text=text))
    scored = SignificanceScored(turn_id=turn_id, score=significance)
    await on.append(scored, cause_id=turn_id)
    there = views.turn(on.store.hot, turn_id).present
    for owner_id in there:
        if owner_id != YOU:
            kept = MemoryWritten(
                owner_id=owner_id, turn_id=turn_id, speaker_name="You", text=text, witnesses=there
            )
            await on.append(kept, cause_id=turn_id)
    return turn_id


async def _close(on: Table) -> int:
    scene_id = views.chat(on.store.hot, on.chat_id).scene_id
    assert scene_id is not None
    await on.append(SceneClosed(scene_id=scene_id))
    await on.append(SceneOpened())
    await on.settled()
    return scene_id


async def test_what_was_said_while_the_guest_was_away_never_reaches_its_summary(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "summarize") as on:
        host, guest = await on.bot("Ada", description="a baker"), await on.bot("Bea", description="a spy")
        chat_id = await on.start(host)
        await on.play.add_guest(chat_id, guest)
        await _turn(on, "Welcome both.")
        await on.play.remove_guest(chat_id)
        await _turn(on, "The key is under the QUINCE tree.")
        await on.append(EdgeUpdated(observer_id=host, target_id=YOU, affinity_delta=61))
        on.fake.default = decides(TOLD)
        scene_id = await _close(on)
        of_host, of_guest, of_group, of_threads = on.asked()
        assert ("QUINCE" in of_host, "a baker" in of_host, "affinity 61" in of_host) == (True, True, True)
        assert ("QUINCE" in of_guest, "a spy" in of_guest, "affinity 61" in of_guest) == (False, True, False)
        assert "Welcome both." in of_guest
        assert "QUINCE" not in of_group + of_threads
        for owner_id in (host, guest):
            (told,) = places.summaries(on.store.hot, chat_id, owner_id)
            own = {memory.id for memory in memories.of_scene(on.store.hot, chat_id, owner_id, scene_id)}
            assert set(told.drew_on) == own
        on.check()


async def test_a_scene_gives_a_summary_a_memory_edges_and_a_group_once(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "summarize") as on:
        host, guest = await on.bot("Ada"), await on.bot("Bea")
        chat_id = await on.start(host)
        await on.play.add_guest(chat_id, guest)
        await _turn(on, "I swear I will come back.", significance=3)
        quotes = ["I swear I will come back.", "Never said by anyone."]
        on.fake.script(
            decides(TOLD | {"quotes": quotes}), decides(TOLD), decides({"summary": "They get on."})
        )
        scene_id = await _close(on)
        summaries = on.told(SceneSummarized)
        assert [(one.owner_id, one.quotes) for one in summaries] == [
            (host, ("I swear I will come back.",)),
            (guest, ()),
        ]
        kept = [one for one in on.told(MemoryWritten) if one.form == "summary"]
        assert [(one.owner_id, one.scene_id, one.how) for one in kept] == [
            (host, scene_id, "witnessed"),
            (guest, scene_id, "witnessed"),
        ]
        pairs = [(one.observer_id, one.target_id) for one in on.told(EdgeSummarized)]
        assert pairs == [(host, YOU), (guest, YOU)]
        assert len(on.told(GroupUpdated)) == 1
        group = relations.group(on.store.hot, chat_id, (YOU, host, guest))
        assert group is not None
        assert group.summary == "They get on."
        on.check()


@pytest.mark.parametrize(
    ("host", "guest", "said", "seen"),
    [
        ("Will", "May", "may", "guest"),
        ("Will", "May", "will", None),
        ("Ada", "ada", "ada (guest)", "guest"),
        ("Ada", "ada", "Ada", None),
        ("A.*", "B+(x", "b+(x", "guest"),
        ("Ada", "🦊", "🦊\ufe0f", "guest"),
        ("Ada", "שרה", "\u200fשָׂרָה", "guest"),
        ("Ada", "Bea", "Queen Bee", "guest"),
        ("Ada", "Bea", "Doc", None),
        ("Ada", "Bea", "the player", "you"),
        ("Ada", "Bea", "max", "you"),
    ],
)
async def test_the_others_are_known_by_whatever_they_are_called(
    tmp_path: Path, host: str, guest: str, said: str, seen: str | None
) -> None:
    async with empty_table(tmp_path / "chat.db", "summarize") as on:
        host_id = await on.bot(host, aliases=("Doc",))
        guest_id = await on.bot(guest, aliases=("Doc", "Queen Bee"))
        chat_id = await on.start(host_id, you_name="Max")
        await on.play.add_guest(chat_id, guest_id)
        await _turn(on, "Hello, both.")
        on.fake.script(decides(TOLD | {"others": [{"who": said, "summary": "Odd."}]}))
        await _close(on)
        pairs = [(one.observer_id, one.target_id) for one in on.told(EdgeSummarized)]
        ids = {"guest": guest_id, "you": YOU}
        assert pairs == ([(host_id, ids[seen])] if seen is not None else [])
        on.check()


async def test_one_who_was_made_a_witness_by_hand_is_named_as_well(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "summarize") as on:
        host, guest = await on.bot("Ada"), await on.bot("Bea")
        chat_id = await on.start(host)
        await _turn(on, "Only us two.")
        (kept,) = memories.of_owner(on.store.hot, chat_id, host)
        await on.append(MemoryWitnessChanged(memory_id=kept.id, witnesses=(YOU, host, guest)))
        on.fake.default = decides(TOLD)
        await _close(on)
        assert "Bea: affinity 0" in on.asked()[0]
        on.check()


async def test_a_routine_line_is_never_kept_as_a_quote(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "summarize") as on:
        host = await on.bot("Ada")
        await on.start(host)
        await _turn(on, "Pass the salt.", significance=1)
        on.fake.default = decides(TOLD | {"quotes": ["Pass the salt."]})
        await _close(on)
        assert [one.quotes for one in on.told(SceneSummarized)] == [()]
        assert on.told(GroupUpdated) == []


@pytest.mark.parametrize("way", UNUSABLE)
async def test_without_a_usable_answer_an_honest_extract_is_kept(tmp_path: Path, way: str) -> None:
    async with empty_table(tmp_path / "chat.db", "summarize", patience=SHORT) as on:
        await on.start(await on.bot("Ada"))
        for text, significance in (("First.", 0), ("Routine.", 0), ("Marry me.", 3), ("Last.", 0)):
            await _turn(on, text, significance)
        on.fake.default = UNUSABLE[way]
        await _close(on)
        (told,) = on.told(SceneSummarized)
        assert told.summary.splitlines() == ["You: First.", "You: Marry me.", "You: Last."]
        assert [one.decision for one in on.told(DecisionDefaulted)] == ["Told", "LooseEnds"]
        on.check()


async def test_a_scene_in_which_nothing_was_said_is_not_summarised(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "summarize") as on:
        await on.start(await on.bot("Ada"))
        await _close(on)
        assert on.fake.requests == []
        assert on.told(SceneSummarized) == []


async def test_a_long_scene_is_read_in_parts_that_each_fit_the_classifier(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "summarize") as on:
        await on.start(await on.bot("Ada"))
        await _turn(on, "word " * 6000)
        for number in range(12):
            await _turn(on, f"marker{number} " + "and so it went on " * 60)
        on.fake.default = decides(TOLD)
        await _close(on)
        parts = [one for one in on.asked() if "You look back" in one]
        assert len(parts) > 2
        assert all(sum(f"marker{number} " in part for part in parts) == 1 for number in range(12))
        assert all("We talked by the fire." in part for part in parts[1:])
        assert max(len(part.split()) for part in parts) < 3000
        assert len(on.told(SceneSummarized)) == 1


OPENS = {"opened": [{"title": "The key", "summary": "Who has it?"}, {"title": "the KEY"}, {"title": "-"}]}
THREADS = "The list"


async def test_what_a_scene_leaves_open_is_a_thread_of_those_who_all_saw_it(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", "summarize", judging={THREADS: decides(OPENS)}) as on:
        host, guest = await on.bot("Ada"), await on.bot("Bea")
        chat_id = await on.start(host)
        on.fake.default = decides(TOLD)
        await _turn(on, "Somebody took the key.")
        scene_id = await _close(on)
        (opened,) = plot.open_threads(on.store.hot, chat_id)
        assert (opened.title, opened.known_to, opened.scene_id) == ("The key", (YOU, host), scene_id)
        assert opened.drew_on == tuple(
            one.id for one in memories.of_scene(on.store.hot, chat_id, host, scene_id)
        )
        await on.play.add_guest(chat_id, guest)
        moves = {"updated": [{"title": "the key", "summary": "Under the mat."}], **OPENS}
        on.fake.judging = {THREADS: decides(moves)}
        await _turn(on, "It is a fine day.")
        await _close(on)
        of_three, of_two = (str(one.json) for one in on.fake.decisions[-2:])
        assert ("The key" in of_three, "The key: Who has it?" in of_two) == (False, True)
        mine, ours = plot.open_threads(on.store.hot, chat_id)
        assert (mine.summary, mine.known_to) == ("Under the mat.", (YOU, host))
        assert (ours.title, ours.known_to) == ("The key", (YOU, host, guest))
        on.fake.judging = {THREADS: decides({"closed": [{"title": "The Key", "resolution": "Found."}]})}
        await on.play.remove_guest(chat_id)
        await _turn(on, "Here it is.")
        await _close(on)
        assert [one.id for one in plot.open_threads(on.store.hot, chat_id)] == [ours.id]
        assert plot.thread(on.store.hot, chat_id, mine.id).resolution == "Found."
        on.check()
