"""Every page there is, with hostile words in every place that takes any: none runs, and all can be used.

The pages are those of the application's own routes, so a new one is tried without being named here. What
fills a new parameter of an address has to be said in `made`, or the test fails.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.routing import Route

from store import snapshots
from store.database import connect
from tests.e2e.test_browser import WAIT_MS, watched
from tests.e2e.test_history import act, calm
from tests.processes import fake_process, server
from web.app import routes

pytestmark = pytest.mark.slow
AXE = Path(__file__).parent / "axe.min.js"
BAD = (
    "\"'></p></textarea><script>alert('ran')</script><img src=x onerror=alert(1)>"
    "<svg/onload=alert(1)>[go](javascript:alert(1)){{7*7}}"
)
LOOKS: tuple[tuple[int, int, Literal["light", "dark"], dict[str, Any]], ...] = (
    (1200, 900, "light", {}),
    (1200, 900, "dark", {"runOnly": ["color-contrast"]}),
    (360, 720, "light", {"runOnly": ["color-contrast"]}),
    (360, 720, "dark", {}),
)
"""Width, height, theme, and what axe is asked: a theme changes colours alone, a width everything else."""
PIECES = frozenset(
    {
        "/chats/{chat_id:id}/cast",
        "/chats/{chat_id:id}/opening",
        "/chats/{chat_id:id}/turns",
        "/chats/{chat_id:id}/turns/{turn_id:id}",
        "/chats/{chat_id:id}/undo",
        "/work/now",
    }
)
"""Addresses that give a piece of a page to a script; the pages that show them are tried."""
WATCH = """
    window.alert = (words) => window.happened(`alert: ${words}`);
    addEventListener("securitypolicyviolation", (event) =>
        window.happened(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""
SERIOUS = """async (options) => (await axe.run(document, options)).violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.any[0]?.message || ""}`)}`)"""


@dataclass
class World:
    """A story in which everything is called something bad. `examples` fill the parameters of addresses."""

    address: str
    examples: dict[str, object] = field(default_factory=dict)
    queries: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    """Pages of their own kind at an address that is tried already, or at none."""

    def post(self, path: str, /, **typed: object) -> Any:
        answer = httpx.post(f"{self.address}/api{path}", json=typed, timeout=20)
        assert answer.is_success, answer.text
        return answer.json()

    def pages(self) -> Iterator[str]:
        for route in routes():
            if not isinstance(route, Route) or "GET" not in (route.methods or ()):
                continue
            if route.path.startswith("/api/") or route.path in PIECES:
                continue
            if self._is_html(address := self._filled(route.path)):
                yield address
        yield from self.others

    def _is_html(self, path: str) -> bool:
        """Whether it is a page at all, and not a download or a document for programs."""
        answer = httpx.get(self.address + path, headers={"accept": "text/html"})
        return answer.headers.get("content-type", "").startswith("text/html") or answer.is_redirect

    def _filled(self, path: str) -> str:
        def example(found: re.Match[str]) -> str:
            name = found.group(1)
            assert name in self.examples, f"{path}: say in made() what fills {{{name}}}"
            return str(self.examples[name])

        filled = re.sub(r"{(\w+)(?::\w+)?}", example, path)
        return f"{filled}?{self.queries[path]}" if path in self.queries else filled


def configured(data: Path, base_url: str) -> None:
    """A narrator whose model has a bad name: it is in the head of every page."""
    data.mkdir(parents=True, exist_ok=True)
    named = json.dumps(BAD)
    endpoint = f'[endpoint.fake]\nbase_url = "{base_url}/v1"\nmodel = {named}\n[profile]\nnarrate = "fake"\n'
    (data / "config.toml").write_text(endpoint, encoding="utf-8")


def made(address: str, data: Path) -> World:
    world = World(address)
    bad = {"description": BAD, "personality": BAD, "post_history": BAD, "first_message": BAD}
    host = world.post("/bots", name=BAD, aliases=[BAD[:100]], **bad)["id"]
    guest = world.post("/bots", name="Bo <b>")["id"]
    start = {"host_id": host, "title": BAD, "you_name": BAD, "you_persona": BAD}
    chat = world.post("/chats", **start)["id"]
    world.post(f"/chats/{chat}/guest", guest_id=guest, met=BAD)

    def correct(what: str, /, **typed: object) -> None:
        path, seen = f"{address}/api/chats/{chat}/corrections/{what}", 0
        answer = httpx.post(path, json={**typed, "seen": seen})
        if answer.status_code == 409:  # it says which event changed it last
            seen = int(answer.json()["error"]["detail"].rpartition(" ")[2])
            answer = httpx.post(path, json={**typed, "seen": seen})
        assert answer.is_success, answer.text

    correct("place", name=BAD[:200], description=BAD, slots=[BAD[:200]], public=True)
    correct("world", time=BAD[:200], weather=BAD[:200])
    correct("activity", entity_id=host, activity=BAD[:200], slot=BAD[:200])
    correct("entity", entity_id=host, mood=BAD, goals=BAD, status=BAD)
    correct("inventory", entity_id=0, inventory=[BAD[:200]])
    correct("edge-summary", observer_id=host, target_id=0, summary=BAD)
    correct("edge", observer_id=host, target_id=0, affinity=40, trust=-40)
    world.post(f"/chats/{chat}/corrections/fact", observer_id=host, target_id=0, text=BAD)
    correct("group", summary=BAD)
    correct("note", text=BAD)
    first = httpx.get(f"{address}/api/chats/{chat}/turns").json()[0]["id"]
    plot(world, chat, host)
    branch = world.post(f"/chats/{chat}/branches", turn_id=first, name=BAD[:200])["id"]
    db = connect(data / "chat.db", query_only=True)
    snapshot = snapshots.take(db, data / "snapshots", chat, why="by-hand", now=0)
    db.close()
    (data / "snapshots" / f"{snapshot.stem}<img src=x onerror=alert(1)>.json").write_bytes(
        snapshot.read_bytes()
    )
    archived = world.post("/chats", host_id=guest)["id"]
    assert httpx.post(f"{address}/chats/{archived}/archive").status_code == 303
    draft = world.post("/chats", host_id=host, opening=BAD)["id"]
    active = next(
        one["id"] for one in httpx.get(f"{address}/api/chats/{chat}/branches").json() if one["active"]
    )
    world.examples = {
        "chat_id": chat,
        "bot_id": host,
        "turn_id": first,
        "owner_id": host,
        "part": "edges",
        "piece": "events",
        "file": snapshot.name,
        "run_id": httpx.get(f"{address}/api/runs").json()[0]["id"],
        "event_id": first,
    }
    world.queries = {
        "/chats/{chat_id:id}/why": f"owner={host}&text=alert",
        "/chats/{chat_id:id}/branches/compare": f"one={active}&other={branch}",
        "/desk/runs/bulk": "deed=discard",
    }
    world.others = [f"/chats/{draft}", f"/chats/{archived}", "/nowhere"]
    return world


def plot(world: World, chat: int, host: int) -> None:
    """A story event in each state, threads, and a skip of time."""
    plan = {
        "title": BAD[:200],
        "description": BAD,
        "props": [{"name": BAD[:200], "description": BAD}],
        "triggers": [{"kind": "phrase", "phrase": BAD}, {"kind": "place", "place": BAD}],
        "preconditions": [{"kind": "present", "entity_ids": [0, host]}],
        "on_start": [{"kind": "gains", "entity_id": host, "text": BAD[:200]}],
        "on_complete": [{"kind": "learns", "entity_id": host, "about_id": 0, "text": BAD}],
    }
    _, active, over = (world.post(f"/chats/{chat}/story-events", **plan)["id"] for _ in range(3))
    world.post(f"/chats/{chat}/story-events/{over}/cancel", reason=BAD)
    world.post(f"/chats/{chat}/story-events/{active}/start")
    _, closed = (world.post(f"/chats/{chat}/threads", title=BAD[:200], summary=BAD)["id"] for _ in range(2))
    world.post(f"/chats/{chat}/threads/{closed}/close", resolution=BAD)
    world.post(f"/chats/{chat}/skip", mode="elision", words=f"two hours later {BAD}")


def unusable(page: Page, name: str) -> list[str]:
    """What axe finds, wide and narrow, light and dark; and a page that is wider than its window."""
    found: set[str] = set()
    for width, height, scheme, options in LOOKS:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        found |= {f"{name} {width} {scheme}: {one}" for one in page.evaluate(SERIOUS, options)}
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            found.add(f"{name} is {wide} px wide at {width}")
    return sorted(found)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[World, Any]]:
    with fake_process(pace_ms=1, tokens=4) as fake:
        configured(tmp_path, fake.base_url)
        with server(tmp_path) as running:
            yield made(running.address, tmp_path), fake


def test_every_page_can_be_used_and_runs_nothing_it_shows(browser: Browser, world: tuple[World, Any]) -> None:
    story, fake = world
    context = browser.new_context(reduced_motion="reduce")
    happened: list[str] = []
    context.expose_binding("happened", lambda _source, words: happened.append(words))
    context.add_init_script(WATCH)
    context.add_init_script(path=AXE)
    page = context.new_page()
    complaints = watched(page)
    problems: list[str] = []

    # one story that is played here, so that the model and the person say it as well
    chat = f"{story.address}/chats/{story.examples['chat_id']}"
    page.goto(chat)
    expect(page.locator("#chat[data-live=yes]")).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("h1")).to_have_text(BAD)
    expect(page.locator("#turns .speaker").first).to_contain_text(BAD)
    calm(story.address)
    fake.script({"text": f"Bo: {BAD}"})
    page.get_by_label("Your turn").fill(f"Bo <b>, {BAD} ((aside {BAD}))")
    page.get_by_label("Your turn").press("Enter")
    expect(page.locator("#turns > .turn")).to_have_count(3, timeout=WAIT_MS)
    calm(story.address)
    for told in page.locator("#turns > .turn .prose").all():
        expect(told).to_contain_text("<script>alert('ran')</script>")

    # what lies over the chat
    overlays: dict[str, Callable[[], object]] = {
        "drawer": lambda: page.get_by_role("button", name="Scene and people").click(),
        "looks": lambda: page.get_by_role("button", name="How it looks").click(),
        "keys": lambda: page.keyboard.press("?"),
        "branches": lambda: page.get_by_role("link", name="Branches").click(),
        "edit": lambda: act(page, 1, "edit"),
        "menu": page.locator("#turns summary", has_text="more").last.click,
    }
    for name, opening in overlays.items():
        page.set_viewport_size({"width": 1000, "height": 800})
        page.goto(chat)
        page.locator("h1").click()
        opening()
        expect(page.locator("dialog[open], :popover-open, .editor, .else[open]").first).to_be_visible()
        problems += unusable(page, name)

    for name in ("story", "passing"):
        page.goto(f"{chat}/{name}")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        problems += unusable(page, f"{name}, unfolded")

    for path in story.pages():
        expected = 404 if path == "/nowhere" else 200
        answer = page.goto(story.address + path)
        assert answer is not None
        assert answer.status == expected, path
        assert "<!doctype html>" in answer.text(), f"{path} is a piece of a page: name it in PIECES"
        problems += unusable(page, path)
    assert problems == []
    assert happened == []
    assert [one for one in complaints if "404" not in one] == []
    context.close()
