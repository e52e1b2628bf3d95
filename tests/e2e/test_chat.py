"""A chat's page as somebody uses it who knows others like it: what is told, what is offered, what moves."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_browser import WAIT_MS, send, texts, until, watched
from tests.e2e.test_history import act, calm
from tests.processes import FakeProcess, fake_process, narrate_with, server

pytestmark = pytest.mark.slow
PLACED = "#passing .clock, .way > summary, #composer, #send, #turns .turn, .openers > *, .heading, .foot"
BOXES = (
    f"[...document.querySelectorAll('{PLACED}')].map((one) => JSON.stringify(one.getBoundingClientRect()))"
)
STATUSES = """(() => { window.statuses = []; new MutationObserver(() => {
    window.statuses.push(document.getElementById("status").textContent); }).observe(
    document.getElementById("status"), {childList: true, characterData: true, subtree: true}); })()"""


def begun(address: str, **bot: str) -> str:
    """A chat of you, Ada and Bea; its address."""
    with httpx.Client(base_url=f"{address}/api", timeout=20) as api:
        ada, bea = (api.post("/bots", json={"name": name, **bot}).json()["id"] for name in ("Ada", "Bea"))
        chat = api.post("/chats", json={"host_id": ada, "guest_id": bea}).json()["id"]
    return f"{address}/chats/{chat}"


def unmoved(page: Page, details: str) -> None:
    """Opening and closing something by keyboard moves nothing beside it."""
    before, summary = page.evaluate(BOXES), page.locator(f"{details} > summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.locator(details)).to_have_attribute("open", "")
    assert page.evaluate(BOXES) == before, details
    page.keyboard.press("Escape")
    expect(page.locator(details)).not_to_have_attribute("open", "")
    expect(summary).to_be_focused()
    assert page.evaluate(BOXES) == before, details


def test_names_undo_and_who_is_writing_are_told_in_every_tab(
    tab: Callable[..., Page], tmp_path: Path
) -> None:
    with fake_process(pace_ms=2, tokens=6) as fake:
        narrate_with(tmp_path, fake.base_url)
        fake.judge({'\\"interjects\\"': {}, '\\"host\\", \\"guest\\"': {}})
        with server(tmp_path) as running:
            _played(tab, fake, begun(running.address))


def _played(tab: Callable[..., Page], fake: FakeProcess, chat: str) -> None:
    first, second = tab(), tab(360, 720)
    complaints = watched(first)
    for page in (first, second):
        page.goto(chat)
        until(page, 'document.getElementById("chat").dataset.live === "yes"')
        expect(page.locator("#undo-last")).to_be_disabled()
        expect(page.locator("#undo-last")).to_have_accessible_name("Undo")
        expect(page.locator("#undo-last")).to_have_attribute("aria-disabled", "true")
    send(first, "*knocks* Ada, open.")
    for page in (first, second):
        expect(page.locator("#turns .turn")).to_have_count(2, timeout=WAIT_MS)

    # nothing moves when a form is opened
    address = chat.rpartition("/chats/")[0]
    calm(address)
    for page in (first, second):
        for details in ("#way-skip", "#way-auto", "#way-meanwhile", "details.more"):
            unmoved(page, details)

    # another name, in both tabs at once; undone by key, and nothing more to undo
    for page in (second, first):
        page.locator("details.more > summary").click()
        page.get_by_role("link", name="Your name").click()
        expect(page.locator("#you-name")).to_be_focused(timeout=WAIT_MS)
    second.get_by_role("button", name="Close").click()
    first.locator("#you-name").fill("Wren")
    first.locator("#edit-you").get_by_role("button", name="Save").click()
    for page in (first, second):
        expect(page.locator("#turns .you .speaker")).to_have_text("Wren", timeout=WAIT_MS)
        expect(page.locator("#undo-last")).to_be_enabled()
    remembered = first.locator("#part-memories .words").last
    expect(remembered).to_have_text("Wren knocks Ada, open.", timeout=WAIT_MS)
    expect(remembered.locator("em")).to_have_text("knocks")
    second.evaluate("scrollTo(0, 0)")
    second.locator("#undo-last").focus()
    second.keyboard.press("Enter")
    for page in (first, second):
        expect(page.locator("#turns .you .speaker")).to_have_text("You", timeout=WAIT_MS)
        expect(page.locator("#undo-last")).to_be_disabled()
    expect(second.locator("#undo-last")).to_be_focused()  # whoever goes by keyboard stays where they are
    second.keyboard.press("Enter")
    expect(second.locator("#done")).to_have_text("There is nothing to undo.")

    # after a reload, and a retry of what had failed, it is said who writes
    fake.script({"status": 402, "body": "{}"}, {"tokens": 6, "stall_after": 0})
    send(first, "Ada, once more.")
    expect(first.locator("#trouble .card")).to_be_visible(timeout=WAIT_MS)
    first.reload()
    expect(first.locator("#trouble .card")).to_be_visible(timeout=WAIT_MS)
    first.evaluate(STATUSES)
    first.get_by_role("button", name="Retry now").click()
    expect(first.locator("#status")).to_have_text("Ada is writing…", timeout=WAIT_MS)
    fake.release()
    expect(first.locator("#turns .turn")).to_have_count(4, timeout=WAIT_MS)
    assert set(first.evaluate("window.statuses")) <= {"", "Ada is writing…"}
    expect(first.locator("#turns .you").last.get_by_role("button", name="have it answered")).to_have_count(0)

    # a turn whose reply was taken out is answered after all, by the key that tells a reply again
    calm(address)
    act(first, 3, "retract…")
    first.get_by_role("button", name="Retract", exact=True).click()
    for page in (first, second):
        expect(page.locator("#turns .turn")).to_have_count(3, timeout=WAIT_MS)
        expect(
            page.locator("#turns .you").last.get_by_role("button", name="have it answered")
        ).to_be_visible()
    calm(address)
    fake.script({"text": "*opens* Again?"})
    second.locator("#text").press("Control+Enter")
    for page in (first, second):
        expect(page.locator("#turns .turn")).to_have_count(4, timeout=WAIT_MS)
        expect(page.get_by_role("button", name="have it answered")).to_have_count(0)
        assert texts(page)[-1] == "opens Again?"
    assert complaints == []


def test_a_first_look_is_told_nothing_that_is_not_so(tab: Callable[..., Page], tmp_path: Path) -> None:
    """Nobody works here yet: nothing is being written, and what is known of the small model is put away."""
    with server(tmp_path, "--no-workers") as running:
        chat = begun(running.address, first_message="Who goes *there*?")
        page, other = tab(360, 720), tab()
        complaints = watched(page)
        page.goto(chat)
        expect(page.locator("#draft")).to_be_disabled(timeout=WAIT_MS)  # there is a run, and it is told
        expect(page.locator("#status")).to_have_text("")
        page.get_by_role("button", name="Put away").click()
        expect(page.locator(".notice")).to_have_count(0)
        other.goto(chat)
        expect(other.locator("#turns em")).to_have_text("there")
        expect(other.locator(".notice")).to_have_count(0)
        assert complaints == []
