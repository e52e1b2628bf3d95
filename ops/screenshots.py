"""The pictures of the main views in docs/images, light and dark: `python -m ops.screenshots` makes them.

A short story is played on the scripted model in a throw-away data folder, so that the same pictures come out
everywhere. They are reduced to a palette: text on paper needs few colours, and docs should weigh little.
"""

import base64
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page, sync_playwright

from ops.bench.server import narrate_with, served

FOLDER = Path(__file__).parent.parent / "docs" / "images"
WIDE, NARROW = (1180, 760), (360, 720)
MOST_BYTES = 120 * 1024
COLOURS = 256
QUIET_S = 30.0
Theme = Literal["light", "dark"]
Prepare = Callable[[Page], object]

OPENING = "*does not look up from the lamp* You are late, {{user}}. The tide will not wait for your boots."
STORY = (
    (
        "*shakes the rain off* The road is gone below the chapel. I came over the rocks. ((hello!))",
        "*Ada turns a brass screw, a quarter and not more.* Then you have seen the light go out. Twice. It "
        "has not done that in thirty years, and **I** have not done it either.\n\n"
        "She holds out a rag that was a shirt once. *Dry your hands before you touch anything.*",
    ),
    (
        "Who else has a key?",
        "*The rag stops moving.* My brother had. The sea has it now, and him.\n\n"
        "*She nods at the stairs, where water stands in the shape of two feet.* So tell me who came up "
        "before you.",
    ),
)

PLANS: dict[str, dict[str, Any]] = {
    "storm": {
        "title": "The storm",
        "description": "It shakes the tower, and nobody can row.",
        "props": [{"name": "a broken shutter", "description": "bangs at every gust"}],
    },
    "boat": {
        "title": "The relief boat",
        "description": "Two men and a letter, if the bar lets them in.",
        "props": [{"name": "a sealed letter"}],
        "triggers": [{"kind": "time", "clock": 2 * 1440 + 8 * 60}, {"kind": "phrase", "phrase": "a sail"}],
        "significance": 2,
    },
    "signal": {"title": "The signal", "props": [{"name": "a signal lamp"}]},
}
THREADS = (
    ("Who came up before Wren?", "Wet footprints on the stairs, and only one key."),
    ("Why the light failed", "Twice in a night. Ada says it was not she."),
)


@dataclass(frozen=True)
class View:
    """One picture: a page, and what is done on it first."""

    name: str
    path: str
    size: tuple[int, int] = WIDE
    prepare: Prepare | None = None

    @property
    def live(self) -> bool:
        """Whether the page follows the chat, and says so once it does."""
        return self.path in ("/chats/{chat}", "/chats/{chat}/story")


VIEWS = (
    View("chat", "/chats/{chat}"),
    View("chat-narrow", "/chats/{chat}", NARROW),
    View("branches", "/chats/{chat}", prepare=lambda page: page.get_by_role("link", name="Branches").click()),
    View("keys", "/chats/{chat}", prepare=lambda page: page.keyboard.press("?")),
    View("story", "/chats/{chat}/story"),
    View("desk", "/desk"),
    View("search", "/search?q=light"),
    View("chats", "/"),
    View("model", "/endpoints"),
    View("settings", "/settings"),
    View("sent", "/chats/{chat}/turns/{turn}/prompt"),
    View("matters", "/chats/{chat}/significance"),
)


@contextmanager
def scripted_model() -> Iterator[str]:
    """The model server of the tests, as a process of its own; gives its address."""
    command = [sys.executable, "-m", "tests.fakes.endpoint"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip() if process.stdout else ""
        finally:
            process.terminate()


class Story:
    """What there is to see: a host, a place, how they stand to each other, a reply told twice, a branch."""

    def __init__(self, address: str, model: str) -> None:
        self._client, self._model = httpx.Client(base_url=f"{address}/api", timeout=QUIET_S), model
        ada = self._post("/bots", name="Ada", description="Keeper of the lighthouse.", first_message=OPENING)
        bo = self._post("/bots", name="Bo", description="A tailor who mends what the sea has torn.")
        self._post("/chats", host_id=bo["id"], title="The torn sail")
        self.chat = self._post("/chats", host_id=ada["id"], title="The light that failed", you_name="Wren")[
            "id"
        ]
        self._quiet()
        self._describe(ada["id"])
        self._plot(ada["id"])
        for said, reply in STORY:
            self._say(said, reply)
        self.newest = newest = self._turns()[-1]["id"]
        self._quiet()
        self._script("*She looks at the stairs, and says nothing for a long time.*")
        self._post(f"/chats/{self.chat}/turns/{newest}/alternatives")
        self._quiet()
        self._post(f"/chats/{self.chat}/turns/{newest}/select")
        self._post(f"/chats/{self.chat}/branches", turn_id=newest, name="If the brother lives")
        self._quiet()

    def _describe(self, ada: int) -> None:
        place = {"name": "The lamp room", "slots": ["the lamp", "the stairs"]}
        self._correct("place", description="Brass, salt, and a window on every side.", **place)
        self._correct("world", time="an hour before dawn", weather="gale from the north-west")
        self._correct("activity", entity_id=ada, activity="mends the lamp", slot="the lamp")
        self._correct("entity", entity_id=ada, mood="wary", goals="to know who was here")
        self._correct("inventory", entity_id=0, inventory=["a wet lantern", "a letter"])
        self._correct("edge", observer_id=ada, target_id=0, affinity=24, trust=-30)

    def _plot(self, ada: int) -> None:
        """A board with something in each of its columns, and what is left open."""
        events = f"/chats/{self.chat}/story-events"
        planned = {name: self._post(events, **plan)["id"] for name, plan in PLANS.items()}
        for name in ("signal", "storm"):
            self._post(f"{events}/{planned[name]}/start")
        lamp = {"kind": "gains", "entity_id": ada, "text": "a signal lamp"}
        told = "Three long, one short: somebody out there answered Ada, and then did not."
        self._post(f"{events}/{planned['signal']}/complete", gist=told, effects=[lamp])
        for title, summary in THREADS:
            self._post(f"/chats/{self.chat}/threads", title=title, summary=summary)

    def _post(self, path: str, **typed: object) -> Any:  # noqa: ANN401 - JSON
        return self._client.post(path, json=typed).raise_for_status().json()

    def _correct(self, what: str, **typed: object) -> None:
        """As it should be, whatever the bookkeeping has made of it."""
        path = f"/chats/{self.chat}/corrections/{what}"
        answer = self._client.post(path, json={**typed, "seen": 0})
        if answer.status_code == 409:  # it says which event changed it last
            seen = int(answer.json()["error"]["detail"].rpartition(" ")[2])
            self._post(path, **typed, seen=seen)

    def _turns(self) -> list[dict[str, Any]]:
        return list(self._client.get(f"/chats/{self.chat}/turns").json())

    def _script(self, text: str) -> None:
        httpx.post(f"{self._model}/__script", content=json.dumps([{"text": text}])).raise_for_status()

    def _say(self, text: str, reply: str) -> None:
        self._quiet()
        self._script(reply)
        self._post(f"/chats/{self.chat}/turns", text=text)
        self._quiet()

    def _quiet(self) -> None:
        """Wait until every run that asks the model is over: the script is meant for the next reply alone."""
        end = time.monotonic() + QUIET_S
        while any(self._goes_on(run) for run in self._client.get("/runs").json()):
            if time.monotonic() > end:
                raise TimeoutError(f"runs go on for more than {QUIET_S:.0f} s")

    @staticmethod
    def _goes_on(run: dict[str, Any]) -> bool:
        return run["stage"] != "embed" and run["state"] not in ("done", "dead", "cancelled")


def take(page: Page, address: str, view: View, story: Story) -> bytes:
    width, height = view.size
    page.set_viewport_size({"width": width, "height": height})
    page.goto(address + view.path.format(chat=story.chat, turn=story.newest))
    if view.live:
        page.wait_for_selector("[data-live=yes]")
        page.evaluate("document.activeElement.blur()")
    if view.path == "/chats/{chat}":
        page.wait_for_selector("#budget summary")  # it is asked for when the person pauses
    if view.prepare is not None:
        view.prepare(page)
        page.wait_for_selector("dialog:modal h2")
    page.wait_for_timeout(500)  # what slides in has arrived
    return reduced(page, page.screenshot())


def reduced(page: Page, png: bytes) -> bytes:
    """The same picture in at most 256 colours. The browser unpacks it; the packing is done here."""
    pixels = page.context.new_page()
    data = base64.b64encode(png).decode()
    width, height, raw = pixels.evaluate(UNPACK, data)
    pixels.close()
    rgba = np.frombuffer(base64.b64decode(raw), dtype=np.uint8).reshape(height, width, 4)
    palette, indices = _palette(rgba[:, :, :3])
    rows = b"".join(b"\0" + row.tobytes() for row in indices)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", palette.tobytes()),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


UNPACK = """async (data) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const bytes = context.getImageData(0, 0, image.width, image.height).data;
    const [SLICE, slices] = [32768, []];
    for (let at = 0; at < bytes.length; at += SLICE)
        slices.push(String.fromCharCode(...bytes.subarray(at, at + SLICE)));
    const text = slices.join("");
    return [image.width, image.height, btoa(text)];
}"""


def _palette(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The commonest colours, and for every pixel the nearest of them."""
    flat = rgb.reshape(-1, 3)
    colours, inverse, counts = np.unique(flat, axis=0, return_inverse=True, return_counts=True)
    chosen = colours[np.argsort(-counts, kind="stable")[:COLOURS]].astype(np.int32)
    nearest = np.array([np.abs(chosen - colour).sum(axis=1).argmin() for colour in colours.astype(np.int32)])
    indices = nearest[inverse.reshape(-1)].astype(np.uint8)
    return chosen.astype(np.uint8), indices.reshape(rgb.shape[:2])


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fabula-pictures-") as name, scripted_model() as model:
        narrate_with(Path(name), f"{model}/v1")
        with served(Path(name)) as server, sync_playwright() as playwright:
            story = Story(server.address, model)
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            themes: tuple[Theme, ...] = ("light", "dark")
            for theme in themes:
                page = browser.new_context(color_scheme=theme, reduced_motion="reduce").new_page()
                for view in VIEWS:
                    picture = take(page, server.address, view, story)
                    path = FOLDER / f"{view.name}-{theme}.png"
                    path.write_bytes(picture)
                    print(f"{path.name}: {len(picture) // 1024} KB")
                    if len(picture) > MOST_BYTES:
                        raise SystemExit(f"{path.name} is larger than {MOST_BYTES // 1024} KB.")
            browser.close()


if __name__ == "__main__":
    main()
