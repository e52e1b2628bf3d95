"""The page in a real browser: two tabs on one chat, through stop, reload, a crash and a restart."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from store.database import connect
from store.rows import rows
from tests.processes import FakeProcess, fake_process, free_port, narrate_with, server
from tests.settling import LIMIT_S

pytestmark = pytest.mark.slow
WAIT_MS = LIMIT_S * 1000
SERVER_GONE = ("net::ERR_", "htmx:afterRequest", "htmx:sendError")
"""What the console says of requests under way when a server dies."""


@pytest.fixture
def fake() -> Iterator[FakeProcess]:
    with fake_process(pace_ms=15, tokens=30) as process:
        yield process


def watched(page: Page) -> list[str]:
    """What the console complains of."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def create_bot_and_chat(page: Page, address: str) -> None:
    """As a person does it, from the empty first page."""
    page.goto(address)
    page.get_by_role("link", name="Create your first bot").click()
    page.get_by_label("Name", exact=False).first.fill("Ada")
    page.get_by_label("Description", exact=False).fill("Keeper of the lighthouse <script>alert(1)</script>")
    page.get_by_label("First message", exact=False).fill("*looks up from the lamp* Who goes there, {{user}}?")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Start a chat").click()
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"/chats/\d+$"))


def send(page: Page, text: str) -> None:
    page.get_by_label("Your turn").fill(text)
    page.get_by_label("Your turn").press("Enter")


def until(page: Page, so: str) -> None:
    """Wait until it is so. Playwright's own way evaluates text within the page, which its policy forbids."""
    over = time.monotonic() + WAIT_MS / 1000
    while not page.evaluate(so):
        assert time.monotonic() < over, f"it is never so: {so}"
        page.wait_for_timeout(20)


def texts(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("#turns .turn .prose").all_inner_texts()]


def logged(address: str, chat_id: str) -> list[str]:
    turns = httpx.get(f"{address}/api/chats/{chat_id}/turns").json()
    return [re.sub(r"\*", "", turn["text"]).strip() for turn in turns]


def kept(data: Path, text: str) -> None:
    """Wait until so much of what is being written would outlive the process."""
    over = time.monotonic() + LIMIT_S
    with closing(connect(data / "chat.db", query_only=True)) as db:
        while not rows(db, "SELECT 1 FROM partial WHERE text LIKE ?", (f"{text}%",)):
            assert time.monotonic() < over, "nothing of it is kept"


def test_two_tabs_mirror_a_chat_through_stop_reload_crash_and_restart(
    tab: Callable[..., Page], fake: FakeProcess, tmp_path: Path
) -> None:
    narrate_with(tmp_path, fake.base_url)
    port = free_port()
    first, second = tab(), tab()
    complaints = watched(first)
    with server(tmp_path, port=port) as running:
        create_bot_and_chat(first, running.address)
        chat_id = first.url.rpartition("/")[2]
        second.goto(first.url)
        expect(first.locator("#turns .turn")).to_have_count(1)
        expect(first.locator("#turns em")).to_have_text("looks up from the lamp")

        # streaming, mirrored
        fake.script({"stall_after": 5})
        send(first, "Only me. ((is this on?)) *waves*")
        for page in (first, second):
            expect(page.locator(".turn.writing .prose")).to_contain_text("w3", timeout=WAIT_MS)
        fake.release()
        for page in (first, second):
            expect(page.locator("#turns .turn")).to_have_count(3, timeout=WAIT_MS)
            expect(page.locator(".turn.writing")).to_have_count(0)
        expect(first.locator("#turns .you .ooc")).to_have_text("((is this on?))")
        assert "is this on" not in str(fake.requests()[-1]["json"])

        # stop keeps what was written
        fake.script({"stall_after": 7})
        send(first, "Tell me everything.")
        expect(second.locator(".turn.writing .prose")).to_contain_text("w5", timeout=WAIT_MS)
        second.get_by_role("button", name="Stop").click()
        for page in (first, second):
            expect(page.locator("#turns .turn").nth(4)).to_contain_text("stopped", timeout=WAIT_MS)

        # reload in the middle of a stream
        fake.script({"stall_after": 4})
        send(first, "And then?")
        expect(first.locator(".turn.writing .prose")).to_contain_text("w2", timeout=WAIT_MS)
        second.reload()
        expect(second.locator(".turn.writing .prose")).to_contain_text("w2", timeout=WAIT_MS)
        fake.release()
        for page in (first, second):
            expect(page.locator("#turns .turn")).to_have_count(7, timeout=WAIT_MS)

        # killed in the middle of a stream
        fake.script({"tokens": 4000, "pace_ms": 15})
        send(first, "One more.")
        for page in (first, second):
            expect(page.locator(".turn.writing .prose")).to_contain_text("w8", timeout=WAIT_MS)
        kept(tmp_path, "w0 w1 w2")
        running.kill()
        expect(first.locator("#status")).to_have_text("Reconnecting…", timeout=WAIT_MS)
    del complaints[:]  # a refused connection is what the console should say while the server is gone
    with server(tmp_path, port=port) as running:
        for page in (first, second):
            expect(page.locator("#turns .turn")).to_have_count(9, timeout=WAIT_MS)
            expect(page.locator("#turns .turn").nth(8)).to_contain_text("cut off when Fabula ended")
            expect(page.locator(".turn.writing")).to_have_count(0)
        said = logged(running.address, chat_id)
        assert texts(first) == texts(second) == said
        assert said[8].startswith("w0 w1 w2")
        send(second, "Still there?")
        for page in (first, second):
            expect(page.locator("#turns .turn")).to_have_count(11, timeout=WAIT_MS)
        assert texts(first) == texts(second) == logged(running.address, chat_id)
    assert [one for one in complaints if not any(words in one for words in SERVER_GONE)] == []


def test_an_error_reaches_the_person_with_a_way_out(
    browser: Browser, fake: FakeProcess, tmp_path: Path
) -> None:
    narrate_with(tmp_path, fake.base_url)
    fake.script({"status": 401, "body": '{"error": {"message": "bad key"}}'})
    page = browser.new_page()
    with server(tmp_path) as running:
        create_bot_and_chat(page, running.address)
        send(page, "Hello?")
        card = page.locator("#trouble .card")
        expect(card).to_contain_text("API key", timeout=WAIT_MS)
        expect(card).to_contain_text("your turn is safe")
        expect(card).to_contain_text("not tried again by itself any more")
        expect(card.get_by_role("link", name="The model")).to_have_attribute("href", "/endpoints")
        card.get_by_text("Technical detail").click()
        expect(card.locator("pre")).to_contain_text("bad key")
        card.get_by_role("button", name="Retry now").click()
        expect(page.locator("#turns .turn")).to_have_count(3, timeout=WAIT_MS)
        expect(page.locator("#trouble .card")).to_have_count(0)
    page.close()


def test_a_turn_that_is_too_long_stays_in_the_box(
    browser: Browser, fake: FakeProcess, tmp_path: Path
) -> None:
    narrate_with(tmp_path, fake.base_url)
    page = browser.new_page(viewport={"width": 360, "height": 720})
    with server(tmp_path) as running:
        create_bot_and_chat(page, running.address)
        box = page.get_by_label("Your turn")
        box.evaluate("box => { box.removeAttribute('maxlength'); box.value = 'x'.repeat(100001); }")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#trouble .card")).to_contain_text("100000", timeout=WAIT_MS)
        assert len(box.input_value()) == 100_001
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()
