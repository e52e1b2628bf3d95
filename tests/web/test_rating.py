"""Significance by hand: many turns at once, undone at once, and never overruled by a stage."""

from store.events import SignificanceScored
from store.rows import rows
from store.txn import Txn
from tests.fakes.behaviour import decides
from tests.web.conftest import Site
from tests.web.play import Play

PAGE = {"accept": "text/html"}


async def test_turns_are_rated_by_hand_and_stay_so(site: Site) -> None:
    chat_id = await site.chat("<b>Hello</b>")
    for number in range(2):
        await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": f"Turn {number}"})
        turns = await site.turns(chat_id, 3 + 2 * number)
    await site.settled()
    play = Play(site, chat_id, int(str(turns[1]["speaker_id"] or 0)))
    ids = [int(str(turn["id"])) for turn in turns]
    address, form = f"/api/chats/{chat_id}/significance", f"/chats/{chat_id}/significance"
    assert (await site.client.get(address)).json()["routine"] == 5

    def pins() -> set[int]:
        """The turns of which Ada has the memory pinned."""
        found = rows(site.program.engine.store.hot, "SELECT turn_id FROM memory WHERE pinned = 'auto'")
        return {turn_id for (turn_id,) in found}

    before = play.position()
    rated = await site.client.post(form, data={"turn_ids": [str(ids[1]), str(ids[2])], "score": "3"})
    assert rated.status_code == 303
    logged = [one for one in play.logged(before) if one[0] != "memory.pinned"]
    assert [(kind, said["turn_id"], run) for kind, said, run in logged] == [
        ("significance.scored", ids[1], None),
        ("significance.scored", ids[2], None),
    ]
    assert pins() == {ids[1], ids[2]}
    assert (await site.client.get(address)).json() == {
        "unrated": 0,
        "routine": 3,
        "notable": 0,
        "significant": 0,
        "pivotal": 2,
    }
    store = site.program.engine.store
    ((run_id,),) = rows(store.hot, "SELECT min(id) FROM run WHERE stage = 'significance'")

    def judged_again(txn: Txn) -> None:
        """As a stage would."""
        for ordinal, turn_id in enumerate((ids[1], ids[4]), 90):
            scored = SignificanceScored(turn_id=turn_id, score=1)
            txn.append(scored, chat_id=chat_id, run_id=run_id, ordinal=ordinal)

    await store.writer.submit(judged_again)
    told = (await site.client.get(address)).json()
    assert (told["pivotal"], told["notable"]) == (2, 1)
    shown = (await site.client.get(form, params={"shown": "3"}, headers=PAGE)).text
    assert shown.count("pivotal, by hand") == 2
    assert "2 pivotal" in shown
    assert "&lt;b&gt;Hello" in (await site.client.get(form, headers=PAGE)).text
    play.assert_rebuilds()

    await site.client.post(f"/api/chats/{chat_id}/undo")
    told = (await site.client.get(address)).json()
    assert (told["pivotal"], told["routine"], told["notable"]) == (0, 3, 2)
    assert pins() == set()
    play.assert_rebuilds()

    for score, turn_ids, left in ((3, ids[1:3], {ids[1], ids[2]}), (2, ids[1:2], {ids[2]})):
        await site.client.post(address, json={"turn_ids": turn_ids, "score": score})
        assert pins() == left
    site.fake.judging = {'\\"score\\"': decides({"score": 3})}
    again = {"stages": ["significance"]}
    await site.client.post(f"/api/chats/{chat_id}/turns/{ids[1]}/derived", json=again)
    await site.settled()
    assert pins() == {ids[2]}, "a stage that finds it pivotal does not overrule the person"
    play.assert_rebuilds()


async def test_what_cannot_be_rated_is_told_and_nothing_is_rated(site: Site) -> None:
    chat_id, other = await site.chat("Hello"), await site.chat("Bye")
    mine = (await site.client.get(f"/api/chats/{chat_id}/turns")).json()[0]["id"]
    theirs = (await site.client.get(f"/api/chats/{other}/turns")).json()[0]["id"]
    for body, status in (
        ({"turn_ids": [mine, theirs], "score": 2}, 404),
        ({"turn_ids": [], "score": 2}, 422),
        ({"turn_ids": [mine], "score": 4}, 422),
        ({"turn_ids": [mine] * 501, "score": 1}, 422),
    ):
        answer = await site.client.post(f"/api/chats/{chat_id}/significance", json=body)
        assert answer.status_code == status, answer.text
    none = await site.client.post(f"/chats/{chat_id}/significance", data={"score": "2"}, headers=PAGE)
    assert (none.status_code, "No turn is ticked." in none.text) == (422, True)
    await site.settled()
    assert (await site.client.get(f"/api/chats/{chat_id}/significance")).json()["routine"] == 1
