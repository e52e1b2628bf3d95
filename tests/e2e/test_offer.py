"""The offer in a real browser: from the tiny model to a found server with one press."""

from pathlib import Path

import pytest
import trio
from playwright.sync_api import Page, expect, sync_playwright

from tests.e2e.conftest import CHROMIUM, QUIET
from tests.e2e.test_browser import create_bot_and_chat, send, watched
from tests.fakes.endpoint import fake_endpoint
from tests.web.conftest import open_site
from tests.web.test_endpoints import ollama_at

pytestmark = pytest.mark.slow
NARROW_PX = 360


def in_browser(address: str, fake_address: str) -> None:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = chromium.new_page(viewport={"width": NARROW_PX, "height": 720})
        complaints = watched(page)
        press_and_play(page, address, fake_address)
        assert complaints == []
        chromium.close()


def press_and_play(page: Page, address: str, fake_address: str) -> None:
    page.goto(address)
    notice = page.get_by_role("complementary", name="About the model")
    expect(notice).to_contain_text("it is tiny")
    expect(notice.get_by_role("listitem")).to_contain_text(f"Ollama {fake_address}")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW_PX
    notice.get_by_label("Model of Ollama").select_option("large:70b")
    notice.get_by_role("button", name="Use this").click()
    expect(page.get_by_role("status")).to_have_text("large:70b narrates now.")
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_role("listitem")).to_contain_text("Ollama")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW_PX
    create_bot_and_chat(page, address)
    expect(notice).to_have_count(0)
    expect(page.get_by_role("link", name="Model: large:70b")).to_be_visible()
    send(page, "Hello")
    expect(page.locator("#turns .turn")).to_have_count(3)


async def test_a_found_server_narrates_after_one_press(tmp_path: Path) -> None:
    async with fake_endpoint() as fake, open_site(tmp_path, fake, candidates=[ollama_at(fake)]) as site:
        await site.narrates()
        await trio.to_thread.run_sync(in_browser, site.address, fake.base_url)
        assert fake.requests[-1].json["model"] == "large:70b"
