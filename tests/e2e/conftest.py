"""One browser for all that needs one; and, where a test asks no more of them, a model that writes quickly and
a Fabula that it narrates for.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.processes import FakeProcess, fake_process, narrate_with, server
from tests.settling import LIMIT_S

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

expect.set_options(timeout=LIMIT_S * 1000)
"""Nobody waits so long; a machine that is slow and busy may have to."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens tabs of one size or another, each in a window of its own: one that lies behind another is drawn
    once a second, and a click waits for two pictures."""
    windows: list[BrowserContext] = []

    def opened(width: int = 1280, height: int = 720) -> Page:
        windows.append(browser.new_context(viewport={"width": width, "height": height}))
        return windows[-1].new_page()

    yield opened
    for window in windows:
        window.close()


@pytest.fixture
def fake() -> Iterator[FakeProcess]:
    with fake_process(pace_ms=2, tokens=6) as process:
        yield process


@pytest.fixture
def address(fake: FakeProcess, tmp_path: Path) -> Iterator[str]:
    narrate_with(tmp_path, fake.base_url)
    with server(tmp_path) as running:
        yield running.address
