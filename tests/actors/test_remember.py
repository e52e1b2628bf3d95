"""Remember: every bot that perceived a turn keeps it, and nobody else."""

from pathlib import Path

from store.events import YOU, MemoryWritten, TurnAssistant, TurnUser
from tests.actors.bench import table


async def test_each_bot_present_remembers_with_all_who_were_there(tmp_path: Path) -> None:
    async with table(
        tmp_path / "chat.db", "addressee", "remember", guest={}, you={"you_name": "Sam"}
    ) as played:
        await played.say("Bea, hello! ((afk))")
        there = (YOU, played.host_id, played.guest_id)
        kept = [
            (one.owner_id, one.speaker_name, one.text, one.witnesses) for one in played.told(MemoryWritten)
        ]
        assert kept == [
            (played.host_id, "Sam", "Bea, hello!", there),
            (played.guest_id, "Sam", "Bea, hello!", there),
            (played.host_id, "Bea", "Indeed.", there),
            (played.guest_id, "Bea", "Indeed.", there),
        ]
        assert played.fake.decisions == []
        played.check()


async def test_a_guest_keeps_what_it_saw_and_nothing_from_before_or_after(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", "addressee", "remember") as played:
        await played.say("Before.")
        guest = await played.add_guest(name="Bea")
        await played.say("Ada, during.")
        await played.remove_guest()
        await played.say("After.")
        mine = [one.text for one in played.told(MemoryWritten) if one.owner_id == guest]
        assert mine == ["Ada, during.", "Indeed."]
        assert guest not in played.told(MemoryWritten)[-1].witnesses
        played.check()


async def test_the_words_of_one_who_left_while_speaking_carry_its_name(tmp_path: Path) -> None:
    async with table(tmp_path / "chat.db", "remember", guest={}) as played:
        asked = await played.append(TurnUser(text="Bea?"))
        guest = played.guest_id
        await played.remove_guest()
        await played.append(
            TurnAssistant(speaker_id=guest, text="I was leaving.", answers=asked), cause_id=asked
        )
        await played.settled()
        last = [one for one in played.told(MemoryWritten) if one.text == "I was leaving."]
        assert {(one.owner_id, one.speaker_name) for one in last} == {
            (played.host_id, "Bea"),
            (guest, "Bea"),
        }
        assert len(last) == 2
        played.check()
