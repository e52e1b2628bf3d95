"""What is looked up, in a real browser, wide and narrow: tokens, what was sent, search, ratings, settings."""

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.actors.bench import ACTIVITIES
from tests.e2e.test_browser import WAIT_MS, send, watched
from tests.processes import FakeProcess, fake_process, narrate_with, server

pytestmark = pytest.mark.slow
SIZES = ((1200, 900), (360, 740))
EVIL = "<script>alert(1)</script>"


def assert_fits(page: Page) -> None:
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_one_looks_into_a_story_and_finds_ones_way_back(
    browser: Browser, tmp_path: Path, width: int, height: int
) -> None:
    with fake_process(tokens=12) as fake:
        narrate_with(tmp_path, fake.base_url)
        with server(tmp_path) as running:
            page = browser.new_page(viewport={"width": width, "height": height})
            complaints = watched(page)
            bot = httpx.post(f"{running.address}/api/bots", json={"name": f"Ada {EVIL}"}).json()["id"]
            started = {"host_id": bot, "title": f"The light {EVIL}"}
            chat = httpx.post(f"{running.address}/api/chats", json=started).json()["id"]
            page.goto(f"{running.address}/chats/{chat}")
            _the_bar_follows_what_is_typed(page)
            send(page, f"I walked to the lamp {EVIL}.")
            expect(page.locator("#turns .turn.bot")).to_have_count(1, timeout=WAIT_MS)
            _what_was_sent(page)
            _found_again(page)
            _rated(page, f"{running.address}/chats/{chat}")
            _set_and_tested(page, running.address)
            _out_of_character_in_other_marks(page, f"{running.address}/chats/{chat}")
            _long_work(page, fake)
            assert [one for one in complaints if "422" not in one] == []  # the browser tells a refused form


def _the_bar_follows_what_is_typed(page: Page) -> None:
    """And nothing moves when it changes."""
    level = page.locator("#budget .level")
    expect(level).to_have_text(re.compile(r"^\d+ of 8192"), timeout=WAIT_MS)
    before, place = level.inner_text(), page.locator("#composer").bounding_box()
    page.get_by_label("Your turn").fill("Is it lit? " * 20)
    expect(level).not_to_have_text(before, timeout=WAIT_MS)
    page.get_by_label("Your turn").fill("")
    expect(level).to_have_text(before, timeout=WAIT_MS)
    assert page.locator("#composer").bounding_box() == place
    page.locator("#budget summary").press("Enter")
    expect(page.locator("#budget .legend-of")).to_contain_text("room for the reply 512")
    expect(page.get_by_role("img", name=re.compile("Tokens by part: identity"))).to_be_visible()
    page.locator("#budget summary").press("Enter")
    assert_fits(page)


def _what_was_sent(page: Page) -> None:
    turn = page.locator("#turns .turn.bot")
    turn.hover()
    turn.locator(".else > summary").press("Enter")
    turn.get_by_role("link", name="what was sent").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"What was sent for a reply of Ada {EVIL}")
    expect(page.get_by_role("cell", name="fake-model at fake")).to_be_visible()
    page.locator(".block > summary", has_text="turn to answer").press("Enter")
    expect(page.locator(".piece").last).to_contain_text(f"I walked to the lamp {EVIL}.")
    assert_fits(page)
    page.get_by_role("link", name="Back to the turn").click()
    expect(page.locator(".turn:target")).to_be_in_viewport()


def _found_again(page: Page) -> None:
    page.get_by_role("link", name="Search").click()
    page.get_by_label("Words").fill("walk lamp")
    page.get_by_label("Words").press("Enter")
    expect(page.locator("mark")).to_have_text(["walked", "lamp"])
    expect(page.locator(".found")).to_contain_text(EVIL)
    assert_fits(page)
    page.locator(".found a").click()
    expect(page.locator(".turn:target")).to_contain_text("I walked to the lamp")


def _rated(page: Page, chat: str) -> None:
    page.goto(f"{chat}/significance")
    page.get_by_label(re.compile("I walked to the lamp")).check()
    page.get_by_role("button", name="pivotal").click()
    expect(page.locator(".rated")).to_contain_text("pivotal, by hand")
    expect(page.get_by_role("img", name=re.compile("1 pivotal"))).to_be_visible()
    assert_fits(page)


def _set_and_tested(page: Page, address: str) -> None:
    page.goto(f"{address}/settings")
    page.get_by_role("button", name="Test fake").press("Enter")
    expect(page.locator(".tried")).to_contain_text("works streaming: ", timeout=WAIT_MS)
    page.get_by_label("What is filled").fill("12")
    page.locator("#budget").get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("greater than or equal to 256")
    expect(page.get_by_label("What is filled")).to_have_value("12")
    page.get_by_label("What is filled").fill("4096")
    page.locator("#budget").get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("from the next reply or decision on")
    assert_fits(page)


def _out_of_character_in_other_marks(page: Page, chat: str) -> None:
    """Shown in the marks of the log, and hinted at in one's own."""
    playing = page.locator("#play")
    playing.get_by_label("Out of character begins with").fill("[[")
    playing.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("say how [[ is closed")
    expect(playing.get_by_label("and ends with")).to_have_attribute("aria-invalid", "true")
    playing.get_by_label("and ends with").fill("]]")
    playing.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved.")
    page.goto(chat)
    placeholder = "Speak, *act*, or [[step out of character]]"
    expect(page.get_by_label("Your turn")).to_have_attribute("placeholder", placeholder)
    send(page, "Hm. [[the phone]]")
    expect(page.locator("#turns .you .ooc")).to_have_text("((the phone))", timeout=WAIT_MS)
    expect(page.locator("#turns .turn.bot")).to_have_count(2, timeout=WAIT_MS)


def _long_work(page: Page, fake: FakeProcess) -> None:
    """Found from the desk, begun, there again after a reload, seen from every page, cancelled."""
    fake.judge({ACTIVITIES: {}}, held=True)
    page.get_by_role("link", name="Desk").click()
    page.get_by_role("link", name="Long work").click()
    page.locator("select[name=stage]").select_option("activities")
    page.get_by_role("button", name="What would it do?").click()
    expect(page.get_by_role("status").first).to_contain_text("run(s); their new outcome takes the place of")
    page.get_by_role("button", name="Begin").click()
    for _reload in range(2):
        expect(page.get_by_role("progressbar")).to_be_visible()
        expect(page.locator("#now")).to_contain_text("Replay of activities in chat")
        assert_fits(page)
        page.reload()
    page.get_by_role("link", name="Search").click()
    page.get_by_role("link", name="At work").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#now")).to_contain_text("Nothing is under way.", timeout=WAIT_MS)
    expect(page.locator("#now .chip").first).to_have_text("cancelled")
    fake.judge({})
    page.get_by_role("link", name="Search").click()
    expect(page.get_by_role("link", name="At work")).to_have_count(0)
