"""Ways a story goes, in a real browser: carried on, drafted, told again in a branch, left while a reply is
written; kept in a snapshot, derived again, brought back."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_browser import WAIT_MS, watched
from tests.e2e.test_history import act, calm, say, see, started, turn
from tests.processes import FakeProcess

pytestmark = pytest.mark.slow
OPENING = "Who goes there?"


def opened(page: Page, address: str) -> str:
    """A chat, with the page on it."""
    chat = f"{address}/chats/{started(address)}"
    page.goto(chat)
    expect(page.locator("#chat[data-live=yes]")).to_be_visible(timeout=WAIT_MS)
    return chat


def go_on_in(page: Page, name: str) -> None:
    page.get_by_role("link", name="Branches").click()
    branch = page.get_by_role("dialog").locator(".tree > li", has_text=name)
    branch.get_by_role("button", name="Go on here").click()


def fits(page: Page) -> None:
    """Nothing sticks out on a narrow screen."""
    page.set_viewport_size({"width": 360, "height": 720})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1000, "height": 900})


def test_a_reply_goes_to_the_branch_it_was_begun_in(
    tab: Callable[..., Page], fake: FakeProcess, address: str
) -> None:
    first, second = tab(1000, 900), tab(1000, 900)
    complaints = watched(first) + watched(second)
    second.goto(opened(first, address))
    both = (first, second)
    say(first, fake, "Only me.", "Come in")

    # carried on, in an alternative that begins with what was there
    fake.script({"text": "then, quickly."})
    act(first, 2, "carry on")
    see(both, OPENING, "Only me.", "Come in then, quickly.")
    calm(address)
    expect(turn(second, 2).locator(".count")).to_have_text("2 / 2")

    # drafted into the composer, and nowhere else until it is sent
    fake.script({"text": "I bring fish."})
    first.get_by_role("button", name="Draft my line").click()
    expect(first.get_by_label("Your turn")).to_have_value("I bring fish.", timeout=WAIT_MS)
    see(both, OPENING, "Only me.", "Come in then, quickly.")
    fake.script({"text": "Put it down."})
    first.get_by_role("button", name="Send").click()
    whole = (OPENING, "Only me.", "Come in then, quickly.", "I bring fish.", "Put it down.")
    see(both, *whole)
    calm(address)

    # an older reply told again in a branch, and left while it is still being written
    act(first, 2, "tell again")
    question = first.get_by_role("dialog")
    expect(question.get_by_label("Name of the new branch")).to_be_hidden()
    question.get_by_label("In a new branch from here").check()
    question.get_by_label("Name of the new branch").fill("outside")
    fake.script({"text": "Wait outside a while.", "stall_after": 2})
    question.get_by_role("button", name="Tell again").click()
    for page in both:
        expect(page.locator(".turn.writing .prose")).to_contain_text("Wait outside", timeout=WAIT_MS)
    go_on_in(first, "main")
    see(both, *whole)
    for page in both:
        expect(page.locator(".turn.writing")).to_have_count(0)
    fake.release()
    calm(address)
    see(both, *whole)
    go_on_in(second, "outside")
    see(both, OPENING, "Only me.", "Wait outside a while.")
    second.reload()
    see((second,), OPENING, "Only me.", "Wait outside a while.")
    assert complaints == []


def test_a_story_is_kept_derived_again_and_brought_back(
    browser: Browser, fake: FakeProcess, address: str, tmp_path: Path
) -> None:
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    page = context.new_page()
    complaints = watched(page)
    chat = opened(page, address)
    say(page, fake, "Only me.", "Come in then.")
    told = (OPENING, "Only me.", "Come in then.")

    page.get_by_role("link", name="Branches").click()
    page.get_by_role("link", name="Snapshots of this chat").click()
    expect(page.get_by_text("There is no snapshot of this chat yet.")).to_be_visible()
    page.get_by_label("Note").fill("before the storm")
    page.get_by_role("button", name="Take a snapshot now").click()
    expect(page.get_by_role("listitem")).to_contain_text("3 turns · just now · by hand")
    fits(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    kept = download.value.path().read_bytes()
    page.get_by_role("link", name="before the storm").click()
    for what in ("before the storm", "just now, by hand", "3 turns", "Ada", OPENING, "Come in then."):
        expect(page.locator("td", has_text=what).first).to_be_visible()
    fits(page)
    snapshot = page.url

    # another's words; what came of the old ones is told again where it is asked for
    page.goto(chat)
    act(page, 1, "edit")
    page.get_by_label("The words of this turn").fill("Nobody at all.")
    page.get_by_role("button", name="Save").click()
    see((page,), OPENING, "Nobody at all.", "Come in then.")
    act(page, 1, "derive again…")
    question = page.get_by_role("dialog")
    kept_of_it = question.locator("div", has_text="What each bot keeps of it").last
    expect(kept_of_it).to_contain_text("of the old words")
    expect(kept_of_it.get_by_role("listitem")).to_have_text("Ada remembers “Only me.”")
    for box in question.get_by_role("checkbox").all():
        expect(box).to_be_checked()
    question.get_by_label("What everybody does and carries").uncheck()
    fits(page)
    question.get_by_role("button", name="Derive again").click()
    expect(page.locator("#done")).to_contain_text("Being derived again: what each bot keeps of it")
    calm(address)
    act(page, 1, "derive again…")
    expect(kept_of_it).to_contain_text("of these words")
    expect(kept_of_it.get_by_role("listitem")).to_have_text("Ada remembers “Nobody at all.”")
    expect(question.get_by_label("What everybody does and carries")).to_be_checked()
    question.get_by_role("link", name="Cancel").click()

    # brought back: as a branch, in which all stands as it stood, and as another chat
    page.goto(snapshot)
    page.get_by_label("a new branch of the chat").check()
    page.get_by_role("button", name="Restore").click()
    page.wait_for_url(chat)
    see((page,), *told)
    page.get_by_role("link", name="Branches").click()
    expect(page.locator(".tree > .here")).to_contain_text("snapshot: before the storm")
    page.goto(snapshot)
    page.get_by_label("a new chat").check()
    page.get_by_role("button", name="Restore").click()
    page.wait_for_url(re.compile(r"/chats/\d+$"))
    assert page.url != chat
    see((page,), *told)
    assert complaints == []

    # a file that is cut off is refused in its place
    cut = tmp_path / "cut.json"
    cut.write_bytes(kept[:-100])
    page.goto(f"{address}/snapshots")
    file = page.get_by_label("A snapshot file")
    file.evaluate("input => { input.dataset.most = 1000 }")
    file.set_input_files(cut)
    assert "a snapshot has at most 0.0 MB" in file.evaluate("input => input.validationMessage")
    page.reload()
    file.set_input_files(cut)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert")).to_contain_text("cut.json is cut off")
    page.get_by_role("link", name="Backups").click()
    page.get_by_role("button", name="Back up now").click()
    expect(page.locator("pre")).to_contain_text(f"--data {tmp_path}")
    fits(page)
    context.close()
