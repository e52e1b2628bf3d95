"""The desk in a real browser: a stage that fails is seen, understood, mended; one is paused and resumed."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_browser import WAIT_MS, create_bot_and_chat, send, watched
from tests.processes import fake_process, narrate_with, run_fabula, server

pytestmark = pytest.mark.slow


def test_a_failed_stage_is_mended_and_a_paused_one_goes_on(tab: Callable[..., Page], tmp_path: Path) -> None:
    with fake_process(tokens=6) as fake, server(_data(tmp_path, fake.base_url)) as running:
        page = tab(360, 800)
        complaints = watched(page)
        create_bot_and_chat(page, running.address)
        chat = page.url

        # the endpoint refuses: the run is dead, and the desk says so by itself
        desk = tab(360, 800)
        desk.goto(f"{running.address}/desk")
        expect(desk.locator("#to-narrate-dead")).to_have_count(0)
        told = {"error": {"message": "bad key <img src=x onerror=alert(1)>"}}
        fake.script({"status": 401, "body": json.dumps(told)})
        send(page, "Anyone there?")
        expect(page.locator("#trouble .error")).to_be_visible(timeout=WAIT_MS)
        expect(desk.locator("#to-narrate-dead")).to_have_text(re.compile("^1"), timeout=WAIT_MS)
        assert desk.evaluate("document.documentElement.scrollWidth <= innerWidth")

        # by keyboard alone: to the runs, to the run, its cause, and try it again
        desk.locator("#to-narrate-dead").focus()
        desk.keyboard.press("Enter")
        expect(desk.locator(".runs .why")).to_have_text(re.compile("does not know the API key"))
        with desk.expect_response(lambda answer: "hx-request" in answer.request.headers):
            pass  # the list has looked again by itself, and the way back must still find the whole page
        desk.locator(".runs a").focus()
        desk.keyboard.press("Enter")
        expect(desk.get_by_role("heading", name=re.compile("Attempt 1: dead"))).to_be_visible()
        desk.go_back()
        expect(desk.get_by_role("heading", name="Runs")).to_be_visible()
        desk.go_forward()
        expect(desk.get_by_text("Set the key again")).to_be_visible()
        desk.get_by_text("Technical detail").click()
        expect(desk.locator(".attempt pre").first).to_contain_text("<img src=x onerror=alert(1)>")
        desk.get_by_label("Note").fill("the key is right now")
        desk.keyboard.press("Enter")
        expect(desk.locator("h1 .chip")).to_have_text("done", timeout=WAIT_MS)
        expect(desk.get_by_role("heading", name=re.compile("Attempt 2: done"))).to_be_visible()
        expect(desk.get_by_text("the key is right now")).to_be_visible()
        expect(page.locator("#turns .turn")).to_have_count(3, timeout=WAIT_MS)

        # narration is paused: the chat says it, and goes on when the person lets it
        desk.goto(f"{running.address}/desk")
        desk.locator("#switch-narrate").click()
        expect(desk.locator("#stage-narrate .told")).to_be_visible()
        send(page, "And now?")
        expect(page.get_by_role("heading", name="Narration is paused.")).to_be_visible(timeout=WAIT_MS)
        expect(page.locator("#turns .turn")).to_have_count(4)
        drained = run_fabula("drain", "--timeout", "20", data=tmp_path)
        assert drained.returncode == 1
        assert "Paused: narrate" in drained.stdout
        page.locator("#trouble").get_by_role("button", name="Resume").click()
        expect(page.locator("#turns .turn")).to_have_count(5, timeout=WAIT_MS)
        expect(page.locator("#trouble .card")).to_have_count(0)
        expect(desk.locator("#stage-narrate .told")).to_have_count(0, timeout=WAIT_MS)

        # what came of the turn, from the turn itself
        page.goto(chat)
        turn = page.locator("#turns .turn.you").last
        turn.hover()
        turn.locator(".else > summary").click()
        turn.get_by_role("link", name="what came of it").click()
        expect(page.locator(".descent")).to_contain_text("turn.assistant")
        page.locator(".descent").get_by_role("link", name="narrate").click()
        expect(page.locator("h1")).to_contain_text("narrate")
        assert complaints == []


def _data(folder: Path, base_url: str) -> Path:
    narrate_with(folder, base_url)
    return folder
