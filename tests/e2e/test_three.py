"""You, a host and a guest in a real browser: who is named answers, on the scripted model and a real one."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from store import rebuild
from store.database import connect
from tests.e2e.test_browser import WAIT_MS, send
from tests.processes import fake_process, narrate_with, server

pytestmark = pytest.mark.slow
EMBEDDED_WAIT_MS = 3 * WAIT_MS


def three(address: str) -> str:
    """A chat of you, Ada and her guest Bo; its path."""
    ada, bo = (httpx.post(f"{address}/api/bots", json={"name": name}).json()["id"] for name in ("Ada", "Bo"))
    chat = httpx.post(f"{address}/api/chats", json={"host_id": ada}).json()["id"]
    httpx.post(f"{address}/api/chats/{chat}/guest", json={"guest_id": bo}).raise_for_status()
    return f"/chats/{chat}"


def answered(page: Page, text: str, speaker: str, turns: int, within_ms: int) -> None:
    """Say something and see who answers, once so many turns stand there."""
    send(page, text)
    spoken = page.locator("#turns .turn .speaker")
    expect(spoken).to_have_count(turns, timeout=within_ms)
    expect(spoken.nth(turns - 1)).to_have_text(speaker)
    expect(page.locator("#stop")).to_be_hidden(timeout=within_ms)


def assert_the_books_are_right(data: Path) -> None:
    db = connect(data / "chat.db", query_only=True)
    assert rebuild.check(db) == []
    assert db.execute("SELECT count(*) FROM run WHERE state = 'dead'").fetchall() == [(0,)]
    db.close()


def test_who_is_named_answers_and_everyone_remembers(browser: Browser, tmp_path: Path) -> None:
    with fake_process(pace_ms=2, tokens=6) as fake:
        narrate_with(tmp_path, fake.base_url)
        with server(tmp_path) as running:
            path = three(running.address)
            page = browser.new_page(viewport={"width": 1200, "height": 900})
            page.goto(running.address + path)
            answered(page, "Bo, are you there?", "Bo", 2, WAIT_MS)
            answered(page, "And you, Ada?", "Ada", 4, WAIT_MS)
            answered(page, "*looks from one to the other*", "Ada", 6, WAIT_MS)
            expect(page.locator("#part-memories .memory").first).to_be_visible(timeout=WAIT_MS)
            page.close()
            owners = httpx.get(f"{running.address}/api{path}/state").json()["present"]
            assert [one["name"] for one in owners] == ["You", "Ada", "Bo"]
        assert_the_books_are_right(tmp_path)


def test_the_embedded_model_plays_both(browser: Browser, tmp_path: Path) -> None:
    with server(tmp_path) as running:
        path = three(running.address)
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.goto(running.address + path)
        for name in ("Bo", "Ada"):  # the other may break in, so turns are not counted
            send(page, f"{name}, say one word.")
            spoken = page.locator("#turns .turn .speaker", has_text=name)
            expect(spoken.first).to_be_visible(timeout=EMBEDDED_WAIT_MS)
            expect(page.locator("#stop")).to_be_hidden(timeout=EMBEDDED_WAIT_MS)
        page.close()
    assert_the_books_are_right(tmp_path)
