"""The golden story in a real browser: every act of it done with the page's own controls."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import APIResponse, Browser, Locator, Page, Route, expect

from pipeline import story_time
from store import rebuild, views
from store.database import connect
from tests.e2e.test_browser import WAIT_MS, send, until, watched
from tests.e2e.test_three import answered, three
from tests.golden import script
from tests.golden.play import BETWEEN, BOTTLE, HAMPER, LEARNT, OVER, SCORE, TOLD
from tests.golden.script import Alone, Said
from tests.processes import FakeProcess, fake_process, narrate_with, server

pytestmark = pytest.mark.slow
ALL_TURNS = 60
ALL_SETTLED = """async () => {
    const runs = await (await fetch("/api/runs?limit=60")).json();
    return runs.every((one) => ["done", "cancelled", "dead"].includes(one.state));
}"""
RETOLD = "That evening somebody had torn a page out, and nobody said who."
ONCE_IT_HAS_ASKED_AGAIN = """
const heard = () => setTimeout(() => { document.body.dataset.asked = ""; }, 200);
document.addEventListener("fabula:changed", heard, { once: true });"""
"""A page gathers what changes within 60 ms before it asks."""


@dataclass
class Reader:
    """Somebody who tells the golden story on a page. `prompts` are what was sent for the marked turns."""

    page: Page
    fake: FakeProcess
    address: str
    chat: str = ""
    turns: int = 0
    prompts: dict[str, str] = field(default_factory=dict)

    def exchange(self, said: Said, judging: dict[str, object] | None = None, mark: str = "") -> None:
        self.fake.judge(judging or {})
        self.fake.script({"text": said.reply})
        send(self.page, said.text)
        self.answered(2, said.by)
        if mark:
            self.prompts[mark] = self.last_prompt(said.text)

    def exchanges(self, several: tuple[Said, ...]) -> None:
        for one in several:
            self.exchange(one)

    def answered(self, more: int, by: str = "") -> None:
        """So many turns more stand there, the last by somebody, and all that comes of them is done."""
        self.turns += more
        spoken = self.page.locator("#turns .turn .speaker")
        expect(spoken).to_have_count(self.turns, timeout=WAIT_MS)
        if by:
            expect(spoken.last).to_have_text(by)
        self.settled()

    def settled(self) -> None:
        """As the page says it and as the ledger does."""
        expect(self.page.locator("#stop")).to_be_hidden(timeout=WAIT_MS)
        until(self.page, ALL_SETTLED)

    def last_prompt(self, answering: str) -> str:
        """What the speaker was sent for a reply to these words."""
        for asked in reversed(self.fake.requests()):
            sent = json.dumps(asked["json"], ensure_ascii=False)
            if asked["json"].get("stream") and json.dumps(answering, ensure_ascii=False)[1:-1] in sent:
                return sent
        raise AssertionError(f"nothing was sent to answer {answering!r}")

    def open(self, way: str) -> Locator:
        """A form beside the composer."""
        self.page.locator(f"#way-{way} > summary").click()
        return self.page.locator(f"#way-{way} form")

    def clock(self, shows: str) -> None:
        expect(self.page.locator("#clock")).to_contain_text(shows, timeout=WAIT_MS)

    def story(self) -> None:
        self.page.get_by_role("link", name="Story", exact=True).click()
        expect(self.page.locator("#story[data-live=yes]")).to_be_visible(timeout=WAIT_MS)

    def back(self) -> None:
        self.page.get_by_role("link", name=re.compile("^Back to")).click()
        expect(self.page.locator("#chat[data-live=yes]")).to_be_visible(timeout=WAIT_MS)


@pytest.fixture
def reader(browser: Browser, tmp_path: Path) -> Iterator[Reader]:
    with fake_process(pace_ms=0) as fake:
        narrate_with(tmp_path, fake.base_url)
        with server(tmp_path) as running:
            page = browser.new_page(viewport={"width": 1200, "height": 900})
            yield Reader(page, fake, running.address)
            page.close()


def test_the_golden_story_is_told_with_the_controls_of_the_page(reader: Reader, tmp_path: Path) -> None:
    complaints = watched(reader.page)
    begin(reader)
    reader.exchanges(script.EVENING[:-1])
    reader.exchange(script.EVENING[-1], mark="1")
    plot(reader)
    supper(reader)
    time_passes(reader)
    meanwhile(reader)
    auto(reader)
    assert [one for one in complaints if "422" not in one] == [], "what was refused is said in its form"
    hold(reader.prompts)
    chat_id = int(reader.chat.rpartition("/")[2])
    with closing(connect(tmp_path / "chat.db", query_only=True)) as db:
        assert views.chat(db, chat_id).turns == ALL_TURNS
        assert db.execute("SELECT count(*) FROM run WHERE state = 'dead'").fetchall() == [(0,)]
        assert rebuild.check(db) == []


def begin(reader: Reader) -> None:
    """The chat, its opening agreed on, and the greeting."""
    for name, told, greeting in (("Ilse", script.ILSE, script.GREETING), ("Tobin", script.TOBIN, "")):
        bot = {"name": name, "description": told, "first_message": greeting}
        httpx.post(f"{reader.address}/api/bots", json=bot).raise_for_status()
    page = reader.page
    reader.fake.judge({})
    page.goto(reader.address)
    form = page.locator("form[action='/chats']")
    form.get_by_label("Opening").fill(script.OPENING)
    form.get_by_label("Your name").fill("Mira")
    form.get_by_label("Title").fill("The ferry house")
    form.get_by_role("button", name="Start").click()
    expect(page.locator("#opening:not([data-reading])")).to_be_visible(timeout=WAIT_MS)
    reader.chat = re.sub(r"#.*", "", page.url)
    opening = page.locator("#opening")
    opening.get_by_label("Place", exact=True).fill("the ferry house")
    opening.get_by_label("Description", exact=True).fill("one room and a fire")
    opening.get_by_label("Places in it").fill("table\nbench")
    opening.get_by_label("Time", exact=True).fill("evening")
    opening.get_by_label("Weather", exact=True).fill("wind from the river")
    opening.get_by_label("Ilse", exact=True).fill("splicing a rope")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator("#composer")).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("#chat[data-live=yes]")).to_be_visible(timeout=WAIT_MS)
    reader.answered(1, "Ilse")
    reader.clock("day 1, 19:0")


def plot(reader: Reader) -> None:
    """The thread, the guest, and what is planned."""
    page = reader.page
    reader.story()
    page.get_by_text("Open a thread").click()
    form = page.locator("#edit-thread")
    form.get_by_label("Title").fill("The missing page")
    form.get_by_label("What is open").fill("Somebody tore a page out of the crossing book.")
    form.get_by_role("button", name="Open it").click()
    expect(page.locator(".thread")).to_contain_text("moved last 0 minutes ago", timeout=WAIT_MS)
    reader.back()
    page.get_by_text("Add a guest").click()
    page.get_by_label("Have they met?").fill("They have never met.")
    page.get_by_role("button", name="Let them in").click()
    expect(page.locator("#cast")).to_contain_text("Tobin", timeout=WAIT_MS)
    page.locator("#drawer-close").click()
    reader.settled()
    reader.exchanges(script.GUEST_COMES)
    reader.story()
    lines = "\n".join(f"{one.name}: {one.description}" for one in (HAMPER, BOTTLE))
    plan(page, "Supper by the water", "Bread and eel on the landing, the last light on the river.", lines)
    row(page, "triggers", kind="phrase", what="supper by the water")
    row(page, "preconditions", kind="present", what="Mira, Ilse, Tobin")
    page.locator("#edit-plan").get_by_label("Significance").select_option("2")
    planned(page, 1)
    told = "The bell of the far bank calls for the ferry, three slow strokes."
    plan(page, "The night bell", told, "bell rope: wet, though it has not rained")
    row(page, "triggers", kind="time", what="some day")
    row(page, "on_start", kind="mood", who="Ilse", text="uneasy about the far bank")
    told = "Tobin was awake when the bell rang"
    row(page, "on_complete", kind="learns", who="Ilse", about="Tobin", text=told)
    page.get_by_role("button", name="Plan it").click()
    expect(page.get_by_role("alert")).to_contain_text("Begins as soon as, row 1: 'some day'", timeout=WAIT_MS)
    row(page, "triggers", kind="time", what="day 2, 02:00")
    planned(page, 2)
    reader.back()


def plan(page: Page, title: str, description: str, props: str) -> None:
    form = page.locator("#edit-plan")
    form.locator("summary").first.click()
    form.get_by_label("Title").fill(title)
    form.get_by_label("What happens").fill(description)
    form.get_by_label("Props").fill(props)


def row(page: Page, name: str, **typed: str) -> None:
    for column, value in typed.items():
        box = page.locator(f"#edit-plan [name={name}-{column}]").first
        if column in ("what", "text"):
            box.fill(value)
        elif column == "kind":
            box.select_option(value)
        else:
            box.select_option(label=value)


def planned(page: Page, number: int) -> None:
    page.get_by_role("button", name="Plan it").click()
    expect(page.locator("[aria-labelledby=head-planned] .event")).to_have_count(number, timeout=WAIT_MS)


def supper(reader: Reader) -> None:
    """Begun by its phrase, ended by what is told."""
    reader.exchanges(script.SUPPER[:2])
    reader.exchange(script.SUPPER[2], mark="2")
    for one in script.SUPPER[3:-1]:
        reader.exchange(one, {SCORE: {"score": 2, "reason": "the clock runs again"}})
    reader.story()
    expect(reader.page.locator("[aria-labelledby=head-active]")).to_contain_text("willow hamper")
    reader.back()
    reader.exchange(script.SUPPER[-1], {OVER: script.SUPPER_ENDS})
    reader.exchanges(script.ROWING)


def time_passes(reader: Reader) -> None:
    """An hour left out, then a night in which the bell rings."""
    page = reader.page
    form = reader.open("skip")
    form.get_by_label("Until when").fill("an hour later")
    form.get_by_role("button", name="Skip").click()
    expect(page.locator("#since .break")).to_contain_text("an hour later", timeout=WAIT_MS)
    reader.settled()
    reader.exchange(script.AFTER_ROWING[0])
    reader.exchange(script.AFTER_ROWING[1], mark="3")
    expect(page.locator("#turns .turn .break")).to_have_count(1)
    reader.fake.judge({TOLD: script.EVENING_TOLD, BETWEEN: script.NIGHT_PASSED})
    form = reader.open("skip")
    form.get_by_label("Until when").fill("yesterday")
    form.get_by_label("Jump").check()
    form.get_by_role("button", name="Skip").click()
    expect(form.get_by_role("alert")).to_contain_text("goes forward", timeout=WAIT_MS)
    form.get_by_label("Until when").fill("the next morning")
    form.get_by_role("button", name="Skip").click()
    reader.clock("day 2, 08:00")
    reader.settled()
    reader.exchange(script.MORNING[0], mark="4")
    reader.exchanges(script.MORNING[1:])
    reader.story()
    bell = page.locator("[aria-labelledby=head-active] .event")
    expect(bell).to_contain_text("from day 2, 02:00")
    bell.get_by_text("Complete", exact=False).first.click()
    bell.get_by_label("What those who were there remember").fill(script.BELL_GIST)
    bell.get_by_role("button", name="It is over").click()
    expect(page.locator("[aria-labelledby=head-done] .event")).to_have_count(2, timeout=WAIT_MS)
    reader.settled()
    in_other_words(reader)
    reader.back()


def in_other_words(reader: Reader) -> None:
    """The scene that is over, and what Ilse tells of it."""
    scene = reader.page.locator(".timeline .scene").first
    told = scene.locator(".told").filter(has_text="Ilse")
    expect(told).to_contain_text(script.EVENING_TOLD["summary"])
    told.locator("summary").first.press("Enter")
    told.get_by_label("What is remembered of it").fill(RETOLD)
    told.get_by_role("button", name="Save").click()
    expect(told).to_contain_text(RETOLD, timeout=WAIT_MS)
    told.get_by_text("Quotes").press("Enter")
    told.get_by_label("Words to keep").fill("The ferry sleeps till morning.\nMostly by the road.")
    told.get_by_role("button", name="Save").click()
    expect(told.locator("q")).to_have_count(2, timeout=WAIT_MS)
    scene.get_by_text("Edit the scene").press("Enter")
    scene.get_by_label("What it is called").fill("The torn page")
    scene.get_by_label("Where it was").fill("the landing")
    scene.get_by_label("Began").fill("day 1, 18:30")
    scene.get_by_label("Weather").fill("rain")
    scene.get_by_role("combobox", name="Significance").select_option("pivotal")
    scene.get_by_role("button", name="Save").click()
    expect(scene.locator("b")).to_have_text("The torn page", timeout=WAIT_MS)
    expect(scene.get_by_role("img", name="Significance 3 of 3, by hand")).to_be_visible()
    expect(scene).to_contain_text("the landing")
    expect(scene).to_contain_text("day 1, 18:30 to day 1, 20:41 · rain")


def meanwhile(reader: Reader) -> None:
    """A scene without Mira, and what she learns of it when she is back."""
    page = reader.page
    reader.fake.judge({TOLD: script.MORNING_TOLD})
    alone(reader, "meanwhile", script.MEANWHILE, premise=script.PREMISE)
    expect(page.locator("#now")).to_contain_text("The scene is without you.")
    expect(page.locator("#turns .break").last).to_have_text(f"Without you · {script.PREMISE}")
    reader.fake.judge({LEARNT: script.COULD_BE_LEARNT, TOLD: script.MEANWHILE_TOLD})
    page.get_by_role("button", name="Come back").click()
    expect(page.locator("#since .break")).to_have_text("You are back", timeout=WAIT_MS)
    reader.settled()
    reader.exchange(script.RETURN[0], {LEARNT: script.COULD_BE_LEARNT, TOLD: script.MEANWHILE_TOLD})
    reader.exchange(script.RETURN[1], mark="5")
    reader.exchange(script.RETURN[2], mark="6")
    reader.story()
    expect(page.locator("#part-digests .card")).to_contain_text("The latch is mended")
    expect(page.locator("#part-digests .card")).to_contain_text("You have learnt of it")
    expect(page.locator(".scene")).to_have_count(4)
    expect(page.locator(".scene.without")).to_contain_text("Ilse, Tobin")
    reader.back()


def auto(reader: Reader) -> None:
    """One turn by themselves; and who begins to write takes the floor."""
    alone(reader, "auto", script.ALONE_AT_LAST)
    expect(reader.page.locator("#auto-left")).to_have_count(0)


def alone(reader: Reader, way: str, turns: tuple[Alone, ...], **typed: str) -> None:
    reader.fake.script(*({"text": one.text} for one in turns))
    form = reader.open(way)
    for name, value in typed.items():
        form.locator(f"[name={name}]").fill(value)
    form.get_by_label("Turns").fill(str(len(turns)))
    form.get_by_role("button").click()
    reader.answered(len(turns))


def hold(prompts: dict[str, str]) -> None:
    """What `tests/golden/prompts.md` says of the marked prompts."""
    props: dict[str, Any] = {one: {HAMPER.description, BOTTLE.description} for one in prompts}
    supper, bell, thread = "Supper by the water:", "bell rope", "Still open: The missing page"
    assert "Tobin" not in prompts["1"]
    assert "the ferry house" in prompts["1"]
    for one, text in prompts.items():
        assert all((prop in text) == (one == "2") for prop in props[one]), one
        assert (supper in text) == (one == "2"), one
        assert (bell in text) == (one == "4"), one
        assert (thread in text) == (one in ("2", "4", "6")), one
    assert "little brass key" in prompts["3"]
    assert script.EVENING_TOLD["summary"] in prompts["4"]
    assert "uneasy about the far bank" in prompts["4"]
    assert script.EVENING_TOLD["summary"] in prompts["5"], "Tobin tells it as he did"
    assert (RETOLD in prompts["6"], script.EVENING_TOLD["summary"] in prompts["6"]) == (True, False)
    assert script.COULD_BE_LEARNT["learnt"] in prompts["5"]
    assert script.MEANWHILE_TOLD["summary"] in prompts["5"]
    assert "Tobin was awake when the bell rang" in prompts["6"]


def test_who_begins_to_write_takes_the_floor_in_every_tab(
    browser: Browser, tab: Callable[..., Page], tmp_path: Path
) -> None:
    with fake_process(pace_ms=0, tokens=3) as fake:
        fake.judge({})
        narrate_with(tmp_path, fake.base_url)
        with server(tmp_path) as running:
            path = three(running.address)
            play(running.address, auto_stops_on_typing="no")
            page, other = tab(360, 740), tab(360, 740)
            for one in (page, other):
                one.goto(running.address + path)
                expect(one.locator("#chat[data-live=yes]")).to_be_visible(timeout=WAIT_MS)
            answered(page, "Bo, hello.", "Bo", 2, WAIT_MS)
            fake.script({"text": "I was thinking of the sea.", "stall_after": 1})
            page.locator("#way-auto > summary").press("Enter")
            expect(page.locator("#auto-turns")).to_be_focused()
            page.locator("#auto-turns").fill("5")
            page.locator("#auto-turns").press("Enter")
            for one in (page, other):
                expect(one.locator("#auto-left")).to_have_text("4 more turns by themselves", timeout=WAIT_MS)
            expect(page.locator(".turn.writing")).to_be_visible(timeout=WAIT_MS)
            page.locator("#way-skip > summary").click()
            page.get_by_label("Until when").fill("next morning")
            page.get_by_label("Until when").press("Enter")
            refused = page.locator("#way-skip").get_by_role("alert")
            expect(refused).to_contain_text("A reply is just being written", timeout=WAIT_MS)
            expect(page.get_by_label("Until when")).to_have_value("next morning")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            page.get_by_label("Until when").press("Escape")
            expect(page.locator("#way-skip > summary")).to_be_focused()
            expect(page.locator(".turn.writing")).to_be_visible()
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            page.get_by_label("Your turn").press_sequentially("W")
            for one in (page, other):
                expect(one.locator("#auto-left")).to_have_text("4 more turns by themselves")
            assert not [url for url in asked if url.endswith("/auto")], "as chosen"
            play(running.address, auto_stops_on_typing="yes")
            page.evaluate("htmx.trigger('#now', 'refresh')")
            expect(page.locator("#now[data-stops]")).to_be_attached(timeout=WAIT_MS)
            page.get_by_label("Your turn").press_sequentially("e")
            for one in (page, other):
                expect(one.locator("#auto-left")).to_have_count(0, timeout=WAIT_MS)
            fake.release()
            for one in (page, other):
                expect(one.locator("#turns .turn")).to_have_count(3, timeout=WAIT_MS)
            without_scripts(browser, running.address + path)
            shows_the_clock_although_an_answer_came_late(page, f"{running.address}/api{path}")
            assert len(httpx.get(f"{running.address}/api{path}/turns").json()) == 3


def play(address: str, **settings: str) -> None:
    assert httpx.post(f"{address}/settings/play", data=settings).status_code == 303


def shows_the_clock_although_an_answer_came_late(page: Page, api: str) -> None:
    """What the page had asked for is answered after time has passed, and says how it was before."""
    late: list[Route] = []
    answers: list[APIResponse] = []

    def held(route: Route) -> None:
        if late or route.request.headers.get("hx-target") != "now":
            route.continue_()
            return
        late.append(route)
        answers.append(route.fetch())

    page.route(re.compile("/passing$"), held)
    with page.expect_request(lambda request: request.headers.get("hx-target") == "now"):
        page.evaluate("document.dispatchEvent(new CustomEvent('fabula:changed', { detail: [] }))")
    page.evaluate(ONCE_IT_HAS_ASKED_AGAIN)
    httpx.post(f"{api}/skip", json={"minutes": 90, "mode": "elision"}).raise_for_status()
    expect(page.locator("body[data-asked]")).to_be_attached(timeout=WAIT_MS)
    late[0].fulfill(response=answers[0])
    clock = httpx.get(f"{api}/time").json()["clock"]
    expect(page.locator("#clock")).to_contain_text(story_time.told(clock), timeout=WAIT_MS)


def without_scripts(browser: Browser, address: str) -> None:
    """Time passes and a thread is opened by forms that lead to pages."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(address)
    page.locator("#way-skip > summary").click()
    page.get_by_label("Until when").fill("next morning")
    page.get_by_label("Jump").check()
    page.get_by_role("button", name="Skip").click()
    expect(page.locator("#composer")).to_be_visible()
    page.get_by_role("link", name="Story", exact=True).click()
    page.get_by_text("Open a thread").click()
    page.locator("#edit-thread").get_by_label("Title").fill("Who thinks of the sea?")
    page.locator("#edit-thread").get_by_role("button", name="Open it").click()
    expect(page.locator(".thread")).to_contain_text("Who thinks of the sea?")
    page.get_by_role("link", name=re.compile("^Back to")).click()
    expect(page.locator("#clock")).to_contain_text("day 2, 08:00")
    expect(page.locator("#since .break")).to_contain_text("next morning")
    context.close()
