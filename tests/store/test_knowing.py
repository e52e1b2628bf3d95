"""Why somebody knows something, and who else does."""

import apsw
import pytest

from store import knowing, views
from store.errors import Invalid
from store.events import (
    YOU,
    BotAuthored,
    ChatStarted,
    EdgeUpdated,
    Fact,
    GuestAdded,
    GuestRemoved,
    MemoryWritten,
    TurnUser,
)
from store.txn import Txn


@pytest.fixture
def story(database: apsw.Connection) -> tuple[int, int, int, int]:
    """The key was hidden while the guest was away; later the host told the guest, who believes it."""
    with database:
        txn = Txn(database, {}, 1)
        host = txn.append(BotAuthored(name="Ada", aliases=("the keeper",))).id
        guest = txn.append(BotAuthored(name="Bo")).id
        chat = txn.append(ChatStarted(title="x", host_id=host)).id
        hidden = txn.append(TurnUser(text="I hide the key under the 100% oak_tree."), chat_id=chat).id
        memory = MemoryWritten(
            owner_id=host,
            turn_id=hidden,
            speaker_name="You",
            text="the key, the 100% oak_tree",
            witnesses=(0, host),
        )
        txn.append(memory, chat_id=chat)
        txn.append(GuestAdded(guest_id=guest), chat_id=chat)
        said = txn.append(TurnUser(text="Ada whispers where the key is."), chat_id=chat).id
        fact = Fact(text="the key is under the oak_tree", how="told", from_id=host)
        learnt = EdgeUpdated(observer_id=guest, target_id=YOU, facts=(fact,), turn_id=said, drew_on=(said,))
        txn.append(learnt, chat_id=chat)
        txn.append(GuestRemoved(guest_id=guest), chat_id=chat)
    return chat, host, guest, hidden


def test_a_memory_leads_back_to_its_turn_and_to_those_who_were_there(
    database: apsw.Connection, story: tuple[int, int, int, int]
) -> None:
    chat, host, _guest, hidden = story
    (one,) = knowing.why(database, chat, host, "OAK_tree")
    assert (one.form, one.how) == ("memory", "witnessed")
    assert [origin.event_id for origin in one.origins] == [hidden]
    assert one.others == (YOU,)


def test_a_told_fact_names_its_teller(database: apsw.Connection, story: tuple[int, int, int, int]) -> None:
    chat, host, guest, _hidden = story
    (one,) = knowing.why(database, chat, guest, "oak_tree")
    assert (one.form, one.how, one.from_id) == ("fact", "told", host)
    assert set(one.others) == {YOU, host}


@pytest.mark.parametrize("text", ["oakXtree", "100_", "nothing of it", "%", "_"])
def test_nothing_is_a_pattern(database: apsw.Connection, story: tuple[int, int, int, int], text: str) -> None:
    chat, _host, guest, _hidden = story
    found = knowing.why(database, chat, guest, text)
    assert all(text in one.text for one in found)


def test_a_former_guest_is_found_by_name_and_a_stranger_is_not(
    database: apsw.Connection, story: tuple[int, int, int, int]
) -> None:
    chat, host, guest, _hidden = story
    told = views.chat(database, chat)
    assert knowing.entity_named(database, told, "bo") == guest
    assert knowing.entity_named(database, told, "The Keeper") == host
    with pytest.raises(Invalid, match="Nobody in this chat is called 'Cy'") as caught:
        knowing.entity_named(database, told, "Cy")
    assert "Ada, Bo" in caught.value.hint
    with pytest.raises(Invalid, match="nothing to look for"):
        knowing.why(database, chat, host, "  ")
