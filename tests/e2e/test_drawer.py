"""The drawer in a real browser, wide and narrow: corrected in place, following the story, by keyboard too."""

import re

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_browser import WAIT_MS, send, watched
from tests.processes import FakeProcess

pytestmark = pytest.mark.slow
SIZES = ((1200, 900), (360, 720))


def started(address: str, **chosen: object) -> str:
    """A chat with Ada, and Bea who is not in it; the chat's path."""
    bots = [
        httpx.post(f"{address}/api/bots", json={"name": name}).json()["id"] for name in ("Ada", "Bea <b>")
    ]
    chat = httpx.post(f"{address}/api/chats", json={"host_id": bots[0], **chosen}).json()["id"]
    return f"/chats/{chat}"


def open_drawer(page: Page, address: str, path: str) -> None:
    page.goto(address + path)
    if page.viewport_size and page.viewport_size["width"] < 1000:
        expect(page.locator("#drawer")).to_be_hidden()
        page.get_by_role("button", name="Scene and people").press("Enter")
    expect(page.locator("#part-people")).to_be_visible(timeout=WAIT_MS)


def assert_fits(page: Page) -> None:
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("(d => d.scrollWidth <= d.clientWidth)(document.getElementById('drawer'))")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_an_activity_is_corrected_and_a_guest_comes_and_goes(
    browser: Browser, address: str, width: int, height: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": height})
    complaints = watched(page)
    path = started(address)
    open_drawer(page, address, path)
    assert_fits(page)

    page.locator("#edit-activity-1 > summary").press("Enter")
    page.locator("#edit-activity-1").get_by_label("Doing").fill("mends a net")
    page.locator("#edit-activity-1").get_by_role("button", name="Save").press("Enter")
    expect(page.locator("#part-people .doing").nth(1)).to_contain_text("mends a net", timeout=WAIT_MS)
    expect(page.locator("#drawer-said")).to_have_text("Saved.")
    expect(page.locator("#edit-activity-1 > summary")).to_be_focused()

    page.get_by_text("Add a guest").click()
    page.get_by_label("Have they met?").fill("At sea, once.")
    page.get_by_role("button", name="Let them in").click()
    expect(page.get_by_role("button", name="Send Bea <b> away")).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("#cast")).to_contain_text("Ada and Bea <b>", timeout=WAIT_MS)
    expect(page.locator(".graph .node")).to_have_count(3, timeout=WAIT_MS)
    expect(page.locator("#part-edges .relation")).to_have_count(6)
    assert_fits(page)
    page.get_by_role("button", name="Send Bea <b> away").click()
    expect(page.get_by_text("Add a guest")).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("#cast")).not_to_contain_text("Bea", timeout=WAIT_MS)
    expect(page.locator(".graph .node")).to_have_count(2, timeout=WAIT_MS)

    page.keyboard.press("Escape")
    if width < 1000:
        expect(page.locator("#drawer")).to_be_hidden()
        expect(page.get_by_role("button", name="Scene and people")).to_be_focused()
    assert complaints == []
    page.close()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_what_changed_meanwhile_is_shown_and_nothing_typed_is_lost(
    browser: Browser, address: str, width: int, height: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": height})
    path = started(address)
    open_drawer(page, address, path)
    page.locator("#edit-activity-1 > summary").click()
    form = page.locator("#edit-activity-1")
    form.get_by_label("Doing").fill("sleeps")
    meanwhile = {"entity_id": 1, "activity": "reads", "seen": 10**6}
    state = httpx.get(f"{address}/api{path}/state").json()
    meanwhile["seen"] = state["present"][1]["changed_by"]
    httpx.post(f"{address}/api{path}/corrections/activity", json=meanwhile).raise_for_status()
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("reads", timeout=WAIT_MS)
    expect(page.get_by_role("alert")).to_contain_text("sleeps")
    expect(form.get_by_label("Doing")).to_have_value("sleeps")
    assert_fits(page)
    form.get_by_role("button", name="Save").click()
    expect(page.locator("#part-people .doing").nth(1)).to_contain_text("sleeps", timeout=WAIT_MS)
    page.close()


def test_the_drawer_follows_the_story_and_says_who_writes(
    browser: Browser, fake: FakeProcess, address: str
) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    path = started(address)
    open_drawer(page, address, path)
    fake.script({"stall_after": 3})
    send(page, "Hello.")
    expect(page.locator("#status")).to_contain_text("Ada is writing", timeout=WAIT_MS)
    fake.release()
    expect(page.locator("#part-memories .memory")).to_have_count(2, timeout=WAIT_MS)
    expect(page.locator("#turns .turn .speaker").nth(1)).to_have_text("Ada")
    seen = {"time": "noon", "seen": 0}
    httpx.post(f"{address}/api{path}/corrections/world", json=seen).raise_for_status()
    expect(page.locator("#part-scene")).to_contain_text("noon", timeout=WAIT_MS)
    page.get_by_role("button", name="Close").click()
    page.reload()
    expect(page.locator("#drawer")).to_be_hidden()
    page.close()


def test_nothing_starts_before_the_opening_is_agreed_to(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 720})
    path = started(address, opening="A train at night.")
    page.goto(address + path)
    expect(page.locator("#opening")).to_contain_text("A train at night.")
    expect(page.locator("#composer")).to_be_hidden()
    expect(page.locator("#opening:not([data-reading]) > details[open]")).to_be_visible(timeout=WAIT_MS)
    assert page.evaluate("scrollY") == 0, "it is read from its top"
    page.get_by_label("Place", exact=True).fill("Night train")
    page.get_by_label("Time", exact=True).fill("midnight")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Begin").click()
    expect(page.locator("#composer")).to_be_visible(timeout=WAIT_MS)
    open_drawer(page, address, re.sub(r"#.*", "", path))
    expect(page.locator("#part-scene")).to_contain_text("Night train")
    page.close()


def test_without_scripts_the_drawer_is_a_page(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 720})
    page = context.new_page()
    page.goto(address + started(address))
    page.get_by_role("link", name="Scene and people").click()
    page.locator("#edit-world > summary").click()
    page.locator("#edit-world").get_by_label("Weather").fill("storm")
    page.locator("#edit-world").get_by_role("button", name="Save").click()
    expect(page.locator("#part-scene")).to_contain_text("storm")
    context.close()
