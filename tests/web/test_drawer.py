"""The drawer and the opening as pages: what they show, to whom, and how untrusted names fare in them."""

import re
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from store.events import (
    EdgeUpdated,
    GroupUpdated,
    MemoryWritten,
)
from tests.web.conftest import Site
from tests.web.play import Play
from web.graph import edge_graph, sparkline
from web.models_state import EdgeOut, EntityOut, PointOut
from web.templates import FOLDER

PAGE = {"accept": "text/html"}
PIECE = {"hx-request": "true", "accept": "text/html"}
HOSTILE = (
    "(.*)+[A-Z]$",
    "🌙🦊 Fox",
    "\u200fعائشة",
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "{{ 7 * 7 }}",
    "Will",
    "you",
)


async def begun(site: Site) -> Play:
    chat_id = await site.chat()
    return Play(site, chat_id, (await site.client.get(f"/api/chats/{chat_id}")).json()["host_id"])


async def bot(site: Site, name: str) -> int:
    return int((await site.client.post("/api/bots", json={"name": name})).json()["id"])


async def page(site: Site, path: str, headers: dict[str, str] = PAGE) -> str:
    answer = await site.client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def someone(entity_id: int, name: str = "Ada") -> EntityOut:
    empty = dict.fromkeys(("mood", "goals", "status", "activity", "slot"), "")
    return EntityOut(id=entity_id, here=True, name=name, inventory=(), changed_by=0, **empty)


def edge(observer_id: int, target_id: int, affinity: int = 40, name: str = "Ada") -> EdgeOut:
    return EdgeOut(
        observer_id=observer_id,
        target_id=target_id,
        observer=name,
        target="You",
        present=True,
        affinity=affinity,
        trust=-30,
        summary="",
        changed_by=1,
        course=[],
        facts=[],
    )


def _read(picture: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(str(picture))  # noqa: S314 - drawn by us, a moment ago


@pytest.mark.parametrize(("people", "pairs"), [(2, 0), (2, 2), (3, 6)])
def test_the_graph_has_an_arrow_with_both_numbers_for_every_directed_edge(people: int, pairs: int) -> None:
    edges = [edge(a, b) for a in range(people) for b in range(people) if a != b][:pairs]
    picture = edge_graph([someone(n) for n in range(people)], edges)
    svg = _read(picture)
    texts = ["".join(found.itertext()) for found in svg.findall("text")]
    assert len([path for path in svg.findall("path") if "arrow" in path.attrib["class"]]) == pairs
    assert texts.count("+40 / −30") == pairs
    assert (svg.attrib["role"], len(svg.findall("rect"))) == ("img", people)
    told = svg.findtext("desc") or ""
    assert told.count("affinity 40 and trust -30") == pairs
    assert "style=" not in picture


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_a_name_in_the_graph(name: str) -> None:
    svg = _read(edge_graph([someone(0), someone(1, name)], [edge(1, 0, name=name)]))
    assert f"{name} sees You" in (svg.findtext("desc") or "")
    assert {child.tag for child in svg} <= {"title", "desc", "marker", "path", "text", "rect"}


@pytest.mark.parametrize("number", [0, 1, 2, 400])
def test_a_sparkline_stays_in_its_frame_and_says_where_it_went(number: int) -> None:
    points = [PointOut(event_id=n, affinity=(-1) ** n * 100, trust=n % 100) for n in range(number)]
    drawn = str(sparkline(points))
    if not number:
        assert drawn == ""
        return
    numbers = [float(found) for found in re.findall(r"[ \"](-?[\d.]+),", drawn)]
    assert all(0 <= x <= 132 for x in numbers)
    assert f"after {number} change" in drawn


async def test_the_course_is_clamped_like_the_fold(site: Site) -> None:
    play = await begun(site)
    for delta in (90, 90, -30):
        await play.record(EdgeUpdated(observer_id=play.host_id, target_id=0, affinity_delta=delta))
    (found,) = [one for one in (await play.state())["edges"] if one["observer_id"] == play.host_id]
    assert [point["affinity"] for point in found["course"]] == [90, 100, 70]
    assert found["affinity"] == 70
    assert 'class="spark"' in await page(site, f"/chats/{play.chat_id}/drawer/edges", PIECE)


async def test_a_guest_comes_is_shown_everywhere_and_goes(site: Site) -> None:
    play = await begun(site)
    guest = await bot(site, "Bea")
    shown = await page(site, f"/chats/{play.chat_id}/drawer")
    assert "Add a guest" in shown
    form = {"guest_id": str(guest), "met": "at sea, once", "form": "guest"}
    path = f"/chats/{play.chat_id}/drawer"
    came = await site.client.post(f"{path}/guest", data=form)
    assert (came.status_code, came.headers["location"]) == (303, f"{path}#part-people")
    shown = await page(site, path)
    assert "Send Bea away" in shown
    assert "As a group" in shown
    assert "with <a" in await page(site, f"/chats/{play.chat_id}/cast")
    assert ">Bea<" in await page(site, f"/chats/{play.chat_id}")
    state = await play.state()
    assert (state["guest_id"], len(state["edges"])) == (guest, 6)
    twice = await site.client.post(f"{path}/guest", data=form, headers=PIECE)
    assert (twice.status_code, "already here" in twice.text) == (409, True)
    await play.record(GroupUpdated(members=(0, play.host_id, guest), summary="three in a kitchen"))
    gone = await site.client.post(f"{path}/guest-removed", headers=PIECE)
    assert (gone.status_code, "Add a guest" in gone.text) == (200, True)
    again = await site.client.post(f"{path}/guest-removed", data={"form": "guest-removed"}, headers=PIECE)
    assert (again.status_code, "There is no guest" in again.text) == (409, True)
    play.assert_rebuilds()


@pytest.mark.parametrize("headers", [PAGE, PIECE])
async def test_the_guest_form_comes_back_with_what_was_typed(site: Site, headers: dict[str, str]) -> None:
    play = await begun(site)
    await bot(site, "Bea")
    form = {"guest_id": str(play.host_id), "met": "<they> met", "form": "guest"}
    answer = await site.client.post(f"/chats/{play.chat_id}/drawer/guest", data=form, headers=headers)
    assert answer.status_code == 409
    assert "&lt;they&gt; met</textarea>" in answer.text


async def test_a_guest_over_json(site: Site) -> None:
    play = await begun(site)
    path, guest = f"/api/chats/{play.chat_id}/guest", await bot(site, "Bea")
    assert (await site.client.post(path, json={"guest_id": guest})).status_code == 200
    assert (await play.state())["guest_id"] == guest
    assert (await site.client.delete(path)).status_code == 200
    assert (await site.client.delete(path)).status_code == 409


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_stays_a_name_on_every_page(site: Site, name: str) -> None:
    play = await begun(site)
    guest = await bot(site, name)
    typed = {"guest_id": guest, "met": f"As {name} they met."}
    assert (await site.client.post(f"/api/chats/{play.chat_id}/guest", json=typed)).status_code == 200
    told = MemoryWritten(owner_id=guest, speaker_name=name, text=f"{name} speaks.", witnesses=(0, guest))
    await play.record(told)
    pair = {"observer_id": guest, "target_id": 0}
    fact = await play.correct("fact", **pair, text=f"A fact of {name}", how="told", from_id=guest)
    assert fact.status_code == 200
    for path in (
        f"/chats/{play.chat_id}",
        f"/chats/{play.chat_id}/drawer",
        f"/chats/{play.chat_id}/cast",
        "/",
    ):
        shown = await page(site, path)
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert " style=" not in shown
    names = {one["name"] for one in (await play.state())["present"]}
    assert names == {"You", "Ada", f"{name} (guest)" if name == "you" else name}


async def test_two_of_one_name_are_told_apart(site: Site) -> None:
    play = await begun(site)
    await site.client.post(f"/api/chats/{play.chat_id}/guest", json={"guest_id": await bot(site, "ADA")})
    assert [one["name"] for one in (await play.state())["present"]] == ["You", "Ada", "ADA (guest)"]


async def test_memories_are_paged_newest_first(site: Site) -> None:
    play = await begun(site)
    host = play.host_id
    ids = [
        await play.record(MemoryWritten(owner_id=host, speaker_name="You", text=f"m{n}", witnesses=(0, host)))
        for n in range(12)
    ][::-1]
    shown = await page(site, f"/chats/{play.chat_id}/drawer/memories", PIECE)
    assert [int(found) for found in re.findall(r'id="memory-(\d+)"', shown)] == ids[:10]
    more = re.search(r'hx-get="([^"]+before=\d+)"', shown)
    assert more is not None
    older = await page(site, more.group(1), PIECE)
    assert [int(found) for found in re.findall(r'id="memory-(\d+)"', older)] == ids[10:]
    assert "<main" in await page(site, more.group(1))
    path = f"/api/chats/{play.chat_id}/memories?owner={host}&limit=5&before={ids[4]}"
    assert [one["id"] for one in (await site.client.get(path)).json()] == ids[5:10]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("drawer/cellar", 404),
        ("drawer/memories/1?before=x", 422),
        ("memories", 404),
    ],
)
async def test_what_the_drawer_has_not_is_told(site: Site, path: str, status: int) -> None:
    play = await begun(site)
    assert (await site.client.get(f"/chats/{play.chat_id}/{path}", headers=PAGE)).status_code == status
    assert (await site.client.get(f"/api/chats/{play.chat_id}/memories")).status_code == 422
    assert (await site.client.get("/chats/999/drawer", headers=PAGE)).status_code == 404
    assert (await site.client.get("/api/chats/999/state")).status_code == 404


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("colour", ["warm", "cold", "quiet", "accent", "ink"])
def test_numbers_are_legible_on_every_ground(colour: str, scheme: int) -> None:
    """WCAG AA: 4.5 to 1."""
    styles = (FOLDER / "static" / "fabula.css").read_text()
    for ground in ("sheet", "paper", "you"):
        one, other = (
            _luminance(re.findall(rf"--{name}: light-dark\((#\w{{6}}), (#\w{{6}})\)", styles)[0][scheme])
            for name in (colour, ground)
        )
        assert (max(one, other) + 0.05) / (min(one, other) + 0.05) >= 4.5
