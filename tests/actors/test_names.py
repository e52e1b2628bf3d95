"""Whoever goes by another name is still who they were: to the model, in memories, in every branch."""

from pathlib import Path

from pipeline.cast import cast_of
from pipeline.corrections import Corrections
from pipeline.rewriting import Rewriting
from store import memories, views
from store.events import YOU, MemoryEmbedded, TurnAssistant, YouChanged
from tests.actors.bench import Table, empty_table
from tests.fakes.behaviour import says

STAGES = ("addressee", "narrate", "remember")


async def rename(played: Table, name: str, persona: str | None = None) -> None:
    seen = views.chat(played.store.hot, played.chat_id).changed_by
    change = YouChanged(name=name, persona=persona)
    assert await Corrections(played.store).you(played.chat_id, change, seen=seen) is not None


def kept(played: Table) -> list[str]:
    """What the host remembers, as a model is told it, the oldest first."""
    found = memories.of_owner(played.store.hot, played.chat_id, played.host_id)
    return [one.said for one in reversed(found)]


async def seated(played: Table) -> None:
    host = await played.bot("Ada", description="Ada waits for {{user}}.")
    await played.start(host, guest_id=await played.bot("Bea"), you_name="Marlow")
    played.fake.default = says("Indeed.")
    await played.say("Ada, the key is under the stone.")


async def test_the_model_is_told_the_new_name_and_what_the_old_one_meant(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", *STAGES) as played:
        await seated(played)
        await rename(played, "Wren", "A smuggler.")
        await played.say("Ada, where is it?")
        asked = played.asked()[-1]
        assert "Ada waits for Wren." in asked
        assert "Wren: Ada, the key is under the stone." in asked
        assert "A smuggler.\nWren was called Marlow before." in asked
        assert asked.count("Marlow") == 1
        chat = views.chat(played.store.hot, played.chat_id)
        cast = cast_of(played.store.hot, chat, (YOU, *chat.bots))
        assert (cast.called("Wren"), cast.called("marlow"), cast.names[YOU]) == (YOU, YOU, "Wren")
        played.check()


async def test_who_came_later_is_not_told_a_name_it_never_heard(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", *STAGES) as played:
        await played.start(await played.bot("Ada"), you_name="Marlow")
        await played.say("The key is under the stone.")
        await rename(played, "Wren")
        await played.add_guest("Bea")
        await played.say("Bea, where is it?")
        assert "Marlow" not in played.asked()[-1]
        await played.say("Ada, where is it?")
        assert "Wren was called Marlow before." in played.asked()[-1]
        played.check()


async def test_a_reply_speaks_for_you_under_none_of_your_names(tmp_path: Path) -> None:
    async with empty_table(tmp_path / "chat.db", *STAGES) as played:
        await seated(played)
        await rename(played, "Wren")
        for name in ("Wren", "Marlow"):
            played.fake.default = says(f"Under the stone.\n{name}: I see.")
            await played.say("Ada, where?")
            assert played.told(TurnAssistant)[-1].text == "Under the stone."
        played.check()


async def test_what_was_remembered_bears_the_name_of_now_at_no_cost(tmp_path: Path) -> None:
    """No memory is written, indexed or embedded again."""
    async with empty_table(tmp_path / "chat.db", *STAGES) as played:
        await seated(played)
        index = played.store.hot.execute("SELECT rowid, scope, text FROM memory_text").fetchall()
        before = [one.recorded for one in memories.of_owner(played.store.hot, played.chat_id, played.host_id)]
        assert kept(played)[0] == "Marlow: Ada, the key is under the stone."
        await rename(played, "Wren")
        await played.settled()
        assert kept(played) == ["Wren: Ada, the key is under the stone.", "Ada: Indeed."]
        assert played.store.hot.execute("SELECT rowid, scope, text FROM memory_text").fetchall() == index
        now = [one.recorded for one in memories.of_owner(played.store.hot, played.chat_id, played.host_id)]
        assert now == before
        assert played.told(MemoryEmbedded) == []
        played.check()


async def test_a_name_is_undone_goes_along_to_where_one_goes_back_and_stays_behind_in_a_branch(
    tmp_path: Path,
) -> None:
    async with empty_table(tmp_path / "chat.db", *STAGES) as played:
        await seated(played)
        rewriting = Rewriting(played.store, tmp_path)

        def you() -> tuple[str, tuple[str, ...]]:
            chat = views.chat(played.store.hot, played.chat_id)
            return chat.you_name, chat.you_before

        first = views.turns_before(played.store.hot, played.chat_id, None, 9)[-1]
        await rename(played, "Wren")
        assert await rewriting.undo(played.chat_id) == ("you.changed",)
        assert you() == ("Marlow", ())
        assert kept(played)[0].startswith("Marlow: ")
        await played.say("Ada?")
        await rename(played, "Wren")
        await rename(played, "Marlow")
        await rename(played, "Wren")
        assert you() == ("Wren", ("Marlow",))
        root = views.chat(played.store.hot, played.chat_id).branch_id
        await rewriting.rewind(played.chat_id, first.id)
        assert you() == ("Wren", ("Marlow",))
        await rename(played, "Robin")
        await rewriting.switch(played.chat_id, root)
        assert you() == ("Wren", ("Marlow",))
        played.check()
