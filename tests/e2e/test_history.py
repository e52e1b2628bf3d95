"""The past in a real browser: told again, swiped, edited, hidden, retracted, undone, rewound, in two tabs."""

import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.test_browser import WAIT_MS, logged, send, texts, until, watched
from tests.processes import FakeProcess

pytestmark = pytest.mark.slow
AT_END = "document.documentElement.scrollHeight - innerHeight - scrollY <= 1"


def started(address: str) -> str:
    bot = httpx.post(f"{address}/api/bots", json={"name": "Ada", "first_message": "Who goes there?"}).json()[
        "id"
    ]
    return str(httpx.post(f"{address}/api/chats", json={"host_id": bot}).json()["id"])


def turn(page: Page, number: int) -> Locator:
    return page.locator("#turns > .turn").nth(number)


def act(page: Page, number: int, name: str) -> None:
    """Press one of a turn's buttons, in its menu if it is there."""
    told = turn(page, number)
    told.hover()
    button = told.get_by_role("button", name=name)
    if not button.is_visible():
        told.locator("summary", has_text="more").click()
    button.click()


def see(pages: tuple[Page, ...], *expected: str) -> None:
    """Every tab shows these turns, and no other."""
    for page in pages:
        expect(page.locator("#turns > .turn .prose")).to_have_text(
            [re.compile(rf"^\s*{re.escape(text)}\s*$") for text in expected], timeout=WAIT_MS
        )


def calm(address: str) -> None:
    """Wait until nothing is left to run, so that a script answers what it is meant for."""
    over = time.monotonic() + WAIT_MS / 1000
    while any(run["state"] not in ("done", "dead", "cancelled") for run in newest_runs(address)):
        assert time.monotonic() < over, f"runs go on and on: {newest_runs(address)[:3]}"


def newest_runs(address: str) -> list[dict[str, Any]]:
    return list(httpx.get(f"{address}/api/runs").json())


def say(page: Page, fake: FakeProcess, text: str, reply: str) -> None:
    calm(re.sub(r"/chats/.*", "", page.url))
    fake.script({"text": reply})
    send(page, text)
    expect(page.locator("#turns > .turn").last).to_contain_text(reply, timeout=WAIT_MS)
    calm(re.sub(r"/chats/.*", "", page.url))


@pytest.mark.parametrize(("width", "height"), [(1000, 900), (360, 720)])
def test_the_past_is_rewritten_and_both_tabs_follow(
    tab: Callable[..., Page], fake: FakeProcess, address: str, width: int, height: int
) -> None:
    first, second = tab(width, height), tab(width, height)
    complaints = watched(first) + watched(second)
    chat = started(address)
    for page in (first, second):
        page.goto(f"{address}/chats/{chat}")
        expect(page.locator("#chat[data-live=yes]")).to_be_visible(timeout=WAIT_MS)
    both, opening = (first, second), "Who goes there?"
    say(first, fake, "Only me.", "Come in then.")
    say(first, fake, "Is it late?", "It is past two.")
    told = (opening, "Only me.", "Come in then.", "Is it late?")
    see(both, *told, "It is past two.")

    # told again, and swiped back and forth
    fake.script({"text": "It is nearly dawn."})
    act(first, 4, "tell again")
    see(both, *told, "It is nearly dawn.")
    calm(address)
    expect(turn(second, 4).locator(".count")).to_have_text("2 / 2")
    act(second, 4, "The alternative before")
    see(both, *told, "It is past two.")
    act(first, 4, "The next alternative")
    see(both, *told, "It is nearly dawn.")

    # edited in place; what is typed survives what happens elsewhere
    act(first, 1, "edit")
    first.get_by_label("The words of this turn").fill("Only <b>me</b>, Ada.")
    act(second, 4, "The alternative before")
    see((second,), *told, "It is past two.")
    first.get_by_role("button", name="Save").click()
    told = (opening, "Only <b>me</b>, Ada.", "Come in then.", "Is it late?")
    see(both, *told, "It is past two.")

    # hidden, a thin line that opens
    act(first, 2, "hide")
    for page in both:
        expect(turn(page, 2).locator("summary").first).to_contain_text("Hidden", timeout=WAIT_MS)
        expect(turn(page, 2).locator(".prose")).to_be_hidden()
    turn(first, 2).locator("summary").first.click()
    expect(turn(first, 2).locator(".prose")).to_be_visible()
    turn(first, 2).get_by_role("button", name="show").click()
    for page in both:
        expect(turn(page, 2).locator(".prose")).to_be_visible(timeout=WAIT_MS)

    # retracted with its preview, and undone by a key
    act(first, 3, "retract…")
    preview = first.get_by_role("dialog")
    expect(preview.locator(".falling li")).to_have_text(["Is it late?", "It is past two."])
    expect(preview).to_contain_text("2 memories")
    preview.get_by_role("link", name="Cancel").click()
    see(both, *told, "It is past two.")
    act(first, 3, "retract…")
    preview.get_by_role("button", name="Retract").click()
    see(both, *told[:3])
    first.locator("h1").click()
    first.keyboard.press("Control+z")
    expect(first.locator("#done")).to_contain_text("retraction", timeout=WAIT_MS)
    see(both, *told, "It is past two.")

    # back to the first reply; the other way stays, and is gone back to
    first.set_viewport_size({"width": width, "height": 480})
    act(first, 2, "go back to here")
    first.evaluate("scrollTo(0, 0)")
    first.get_by_role("button", name="Go back").click()
    see(both, *told[:3])
    until(first, AT_END)  # where the story goes on
    first.set_viewport_size({"width": width, "height": height})
    say(second, fake, "I bring fish.", "Put it down.")
    see(both, *told[:3], "I bring fish.", "Put it down.")
    first.get_by_role("link", name="Branches").click()
    tree = first.get_by_role("dialog")
    expect(tree.locator(".tree > li")).to_have_count(2)
    expect(tree.locator(".tree > .here")).to_contain_text("Put it down.")
    tree.get_by_role("button", name="Show side by side").click()
    expect(tree.locator("tr.differs", has_text="Said last")).to_contain_text("It is past two.")
    tree.get_by_role("link", name="Back to the branches").click()
    tree.get_by_role("button", name="Go on here").click()
    see(both, *told, "It is past two.")

    for page in both:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert texts(first) == texts(second) == logged(address, chat)
    assert complaints == []
