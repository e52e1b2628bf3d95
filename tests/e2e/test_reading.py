"""Reading in a real browser: a long story back and forth, a reader whom nothing moves, looks, and keys."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trio
from playwright.sync_api import Browser, Page, expect

from ops.bench.pages import long_chat
from tests.e2e.test_browser import WAIT_MS, send, watched
from tests.e2e.test_history import AT_END, calm, say, started, turn
from tests.processes import FakeProcess, fake_process, narrate_with, server

pytestmark = pytest.mark.slow
TURNS = 3_000
MOST = 300
"""More turns than this are never on the page."""
WATCHED = """
    window.shifts = [];
    window.announced = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((one) => {
      const moved = one.sources.map((source) => source.node?.id || source.node?.className);
      if (!one.hadRecentInput) window.shifts.push([one.value, ...moved]);
    })).observe({ type: "layout-shift", buffered: false });
    addEventListener("DOMContentLoaded", () => {
      const said = document.getElementById("said");
      new MutationObserver(() => { window.announced += 1; }).observe(said, { childList: true });
    });
"""
IN_VIEW = """() => {
    const shown = [...document.querySelectorAll("#turns > .turn")];
    const one = shown.find((turn) => turn.getBoundingClientRect().bottom > innerHeight / 2) ?? shown.at(-1);
    return one.dataset.id;
}"""


@pytest.fixture
def fake() -> Iterator[FakeProcess]:
    with fake_process(pace_ms=10, tokens=60) as process:
        yield process


def ids(page: Page) -> list[int]:
    """The turns on the page, from one look at it."""
    found = page.evaluate("[...document.querySelectorAll('#turns > .turn')].map((turn) => turn.dataset.id)")
    return [int(one) for one in found]


def until(page: Page, condition: str) -> None:
    """Wait frame by frame; the page's own policy forbids the way playwright would take."""
    page.evaluate(f"""async () => {{
        for (const end = performance.now() + {WAIT_MS}; !({condition});) {{
            if (performance.now() > end) throw new Error("never came true");
            await new Promise(requestAnimationFrame);
        }}
    }}""")


def top_of(page: Page, turn_id: int) -> int:
    return int(
        page.evaluate(f"Math.round(document.getElementById('turn-{turn_id}').getBoundingClientRect().top)")
    )


def in_view(page: Page) -> int:
    return int(page.evaluate(IN_VIEW))


def open_at(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("#chat[data-live=yes]")).to_be_visible(timeout=WAIT_MS)


def at_end(page: Page) -> bool:
    return bool(page.evaluate(AT_END))


def go_back(page: Page, newest: int) -> None:
    """Press Home until the newest turns are off the page; what is looked at stays where it is each time."""
    page.locator("h1").evaluate("() => document.activeElement.blur()")
    while newest in ids(page):
        first = ids(page)[0]
        page.evaluate("scrollTo(0, 0)")
        seen, top = in_view(page), top_of(page, in_view(page))
        until(page, f"document.querySelector('#turns > .turn').dataset.id < {first}")
        assert abs(top_of(page, seen) - top) <= 2
        assert len(ids(page)) <= MOST


def test_a_long_story_is_read_back_and_forth(browser: Browser, fake: FakeProcess, tmp_path: Path) -> None:
    _, chat_id = trio.run(long_chat, tmp_path / "chat.db", TURNS)
    narrate_with(tmp_path, fake.base_url)
    with server(tmp_path) as running:
        chat = f"{running.address}/chats/{chat_id}"
        told = list(range(ids_from := 3, ids_from + TURNS))
        context = browser.new_context(viewport={"width": 900, "height": 800})
        page = context.new_page()
        complaints = watched(page)
        open_at(page, chat)
        assert ids(page) == told[-60:]
        until(page, AT_END)

        # back: pieces come before they are wanted, the far end is cut off, no turn is missing or twice
        page.mouse.move(400, 300)
        for _ in range(12):
            seen, top = in_view(page), top_of(page, in_view(page))
            page.mouse.wheel(0, -900)
            moved = f"document.getElementById('turn-{seen}').getBoundingClientRect().top - {top}"
            until(page, f"Math.abs({moved} - 900) <= 2")
        go_back(page, told[-1])
        here = ids(page)
        assert here == list(range(here[0], here[-1] + 1))
        below = page.get_by_role("button", name="To the end")
        expect(below).to_be_visible()

        # what is said meanwhile is announced, and is not put where it does not belong
        place, top = in_view(page), top_of(page, in_view(page))
        httpx.post(f"{running.address}/api/chats/{chat_id}/turns", json={"text": "Still there?"})
        expect(page.get_by_role("button", name="New below")).to_be_visible(timeout=WAIT_MS)
        expect(page.locator("#said")).to_contain_text("w59", timeout=WAIT_MS)
        assert (ids(page), top_of(page, place)) == (here, top)

        # a reload and a change of clothes keep the place
        page.reload()
        expect(page.locator(f"#turn-{place}")).to_be_in_viewport(timeout=WAIT_MS)
        expect(page.locator("#chat[data-live=yes]")).to_be_visible(timeout=WAIT_MS)
        page.evaluate("scrollBy(0, -200)")
        place = in_view(page)
        page.get_by_role("button", name="How it looks").evaluate("(button) => button.click()")
        page.get_by_label("Compact").check()
        page.get_by_label("Dark").check()
        expect(page.locator(f"#turn-{place}")).to_be_in_viewport()
        page.keyboard.press("Escape")

        # forward again, and to the end
        last = ids(page)[-1]
        page.locator(f"#turn-{last}").evaluate("(turn) => turn.scrollIntoView()")
        until(page, f"[...document.querySelectorAll('#turns > .turn')].at(-1).dataset.id > {last}")
        page.get_by_role("button", name=re.compile("To the end|New below")).click()
        expect(page.locator("#turns > .turn.you .prose").last).to_have_text("Still there?", timeout=WAIT_MS)
        expect(page.locator("#turns > .turn .prose").last).to_contain_text("w59")
        until(page, AT_END)
        expect(page.locator("#below")).to_be_hidden()
        assert len(ids(page)) <= MOST

        # a link to any turn, from elsewhere and on the page itself
        open_at(page, f"{chat}?turn={told[700]}")
        expect(page.locator(f"#turn-{told[700]}")).to_be_focused(timeout=WAIT_MS)
        expect(page.locator(f"#turn-{told[700]}")).to_be_in_viewport()
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.evaluate(f"location.hash = '#turn-{told[1500]}'")
        expect(page.locator(f"#turn-{told[1500]}")).to_be_focused(timeout=WAIT_MS)
        open_at(page, f"{chat}#turn-{told[0]}")
        expect(page.locator(f"#turn-{told[0]}")).to_be_in_viewport(timeout=WAIT_MS)
        expect(page.locator("#turns .older")).to_have_count(0)
        assert complaints == []
        context.close()

        scriptless = browser.new_context(java_script_enabled=False)
        page = scriptless.new_page()
        page.goto(chat)
        page.get_by_role("link", name="Earlier turns").click()
        page.get_by_role("link", name="Earlier turns").click()
        page.get_by_role("link", name="Later turns").click()
        assert len(page.locator("#turns > .turn").all()) == 60
        scriptless.close()


def test_a_reader_stays_where_they_are_while_a_reply_is_written(
    browser: Browser, fake: FakeProcess, tmp_path: Path
) -> None:
    _, chat_id = trio.run(long_chat, tmp_path / "chat.db", 20)
    narrate_with(tmp_path, fake.base_url)
    with server(tmp_path) as running:
        page = browser.new_page(viewport={"width": 360, "height": 640})
        page.add_init_script(WATCHED)
        open_at(page, f"{running.address}/chats/{chat_id}")
        prose = "The lamp *turns* over the water.\n\nShe counts the **ships** that are not there."
        fake.script({"text": f"{prose} " * 8, "pace_ms": 12, "stall_after": len(prose.split()) + 2})
        send(page, "And tonight?")
        expect(page.locator(".turn.writing .prose")).to_contain_text("not there. The", timeout=WAIT_MS)
        until(page, AT_END)
        page.evaluate("scrollBy(0, -90)")
        place, top = in_view(page), top_of(page, in_view(page))
        fake.release()
        expect(page.get_by_role("button", name="New below")).to_be_visible()
        expect(page.locator("#turns > .turn")).to_have_count(22, timeout=WAIT_MS)
        assert (top_of(page, place), at_end(page)) == (top, False)
        calm(running.address)
        until(page, "window.announced === 1")
        assert page.evaluate("window.shifts") == []
        page.get_by_role("button", name="New below").click()
        until(page, AT_END)

        # at the end they go with it, and the reply ends where it was written
        fake.script({"text": f"{prose} " * 4, "pace_ms": 4})
        send(page, "And tomorrow?")
        expect(page.locator("#turns > .turn")).to_have_count(24, timeout=WAIT_MS)
        calm(running.address)
        until(page, f"{AT_END} && window.announced === 2")
        assert page.evaluate("window.shifts") == []
        page.close()


def test_keys_press_the_buttons_that_are_there(browser: Browser, fake: FakeProcess, tmp_path: Path) -> None:
    narrate_with(tmp_path, fake.base_url)
    with server(tmp_path) as running:
        page = browser.new_page(viewport={"width": 1000, "height": 800})
        complaints = watched(page)
        open_at(page, f"{running.address}/chats/{started(running.address)}")
        say(page, fake, "Only me.", "Come in then.")
        box, editor = page.get_by_label("Your turn"), page.get_by_label("The words of this turn")

        def told(*expected: str) -> None:
            expect(page.locator("#turns > .turn .prose")).to_have_text(list(expected), timeout=WAIT_MS)
            calm(running.address)

        # by keyboard alone: the way past the head, and what has the focus is seen
        page.get_by_role("link", name="Skip to the content").focus()
        expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        expect(box).to_be_focused()

        # edits
        box.press("ArrowUp")
        expect(editor).to_have_value("Come in then.")
        editor.press("Escape")
        expect(editor).to_have_count(0)
        box.press("Control+ArrowUp")
        expect(editor).to_have_value("Only me.")
        box.focus()
        page.keyboard.press("Escape")
        expect(editor).to_have_count(0)

        # alternatives: beyond the last one it is told again
        first = ("Who goes there?", "Only me.")
        fake.script({"text": "Shut the door."})
        box.press("ArrowRight")
        told(*first, "Shut the door.")
        box.press("ArrowLeft")
        told(*first, "Come in then.")
        page.locator("h1").click()
        page.keyboard.press("ArrowRight")
        told(*first, "Shut the door.")
        fake.script({"text": "Wipe your feet."})
        box.press("Control+Enter")
        told(*first, "Wipe your feet.")
        expect(turn(page, 2).locator(".count")).to_have_text("3 / 3")
        fake.script({"text": " And sit."})
        box.press("Alt+Enter")
        expect(turn(page, 2).locator(".prose")).to_contain_text("And sit.", timeout=WAIT_MS)
        calm(running.address)
        requests = len(fake.requests())

        # never while a word is being composed, nor where the keys have a use of their own
        for told_of in ("isComposing: true", "keyCode: 229"):
            for key in ("ArrowUp", "ArrowRight", "Enter", "?"):
                box.evaluate(
                    f"box => box.dispatchEvent(new KeyboardEvent('keydown', "
                    f"{{ key: '{key}', {told_of}, bubbles: true, ctrlKey: {str(key == 'Enter').lower()} }}))"
                )
        box.fill("a wor")
        for key in ("ArrowUp", "Control+ArrowUp", "ArrowLeft", "ArrowRight", "?"):
            box.press(key)
        expect(box).to_have_value(re.compile(r"\?"))
        expect(editor).to_have_count(0)
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(turn(page, 2).locator(".count")).to_have_text("4 / 4")
        assert len(fake.requests()) == requests
        box.fill("")

        # Escape stops
        fake.script({"tokens": 300, "pace_ms": 20, "stall_after": 8})
        send(page, "Tell me everything.")
        expect(page.locator(".turn.writing .prose")).to_contain_text("w5", timeout=WAIT_MS)
        page.keyboard.press("Escape")
        expect(turn(page, 4)).to_contain_text("stopped", timeout=WAIT_MS)
        calm(running.address)

        # the sheet, a tip, and a browser without keys
        page.keyboard.press("?")
        sheet = page.get_by_role("dialog", name="Keys")
        expect(sheet).to_contain_text("Carry the last reply on")
        page.keyboard.press("?")
        expect(sheet).to_be_hidden()
        expect(box).to_have_value("?")
        box.fill("")
        turn(page, 4).hover()
        turn(page, 4).get_by_role("button", name="carry on").hover()
        expect(page.get_by_role("tooltip")).to_have_text(re.compile(r"carry on\s+Alt\s*\+\s*Enter"))
        page.keyboard.press("Escape")
        expect(page.get_by_role("tooltip")).to_be_hidden()
        page.keyboard.press("?")
        sheet.get_by_label("Use these keys").uncheck()
        page.keyboard.press("Escape")
        box.press("ArrowUp")
        box.press("?")
        expect(box).to_have_value("?")
        expect(editor).to_have_count(0)
        assert complaints == []
        page.close()
