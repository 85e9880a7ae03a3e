"""A real Chromium for the console's tests and pictures: found, else installed, else a clear stop."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page, async_playwright

GIVEN = os.environ.get("MUSTER_TEST_CHROMIUM")
"""Read at once: the tests take all settings of ours out of the environment."""
SHELL = "chromium-headless-shell"
"""The same engine without a browser's own windows, which cost six times as much CPU as the pages in them."""
NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (e) =>
  window.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
"""


class NoBrowserError(Exception):
    """There is no Chromium and none could be installed; the text says what to do."""


def find_chromium() -> str | None:
    """Its path; None for Playwright's own. Installs one where there is none."""
    found = GIVEN or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found:
        return found
    as_root = os.geteuid() == 0 and shutil.which("apt-get")
    commands = (
        [
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", SHELL],
        ]
        if as_root
        else [[sys.executable, "-m", "playwright", "install", "chromium"]]
    )
    for command in commands:
        if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode:
            msg = (
                f"No Chromium is on PATH and `{' '.join(command)}` failed. "
                "Install Chromium, or name it: MUSTER_TEST_CHROMIUM=/path/to/chromium"
            )
            raise NoBrowserError(msg)
    return shutil.which(SHELL)


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Chromium without a window."""
    path = find_chromium()
    arguments = [*QUIET, "--no-sandbox"] if os.geteuid() == 0 else QUIET
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


class Watched:
    """A page, and everything it complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._all: list[str] = []
        self.expected: re.Pattern[str] | None = None
        """What a test provokes; it may arrive late."""
        page.on("console", self._on_message)
        page.on("pageerror", lambda error: self._all.append(str(error)))

    def _on_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._all.append(f"{message.text} {message.location['url']}")

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings that nobody expected."""
        return [c for c in self._all if not (self.expected and self.expected.search(c))]

    async def violations(self) -> list[str]:
        """What the page's own policy had to stop."""
        found: list[str] = await self.page.evaluate("window.violations")
        return found


@asynccontextmanager
async def open_page(browser: Browser, url: str, **more: object) -> AsyncIterator[Watched]:
    """A page of its own, as a person's who comes for the first time."""
    context: BrowserContext = await browser.new_context(
        base_url=url, **{"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **more}
    )
    await context.add_init_script(WATCH)
    try:
        yield Watched(await context.new_page())
    finally:
        with suppress(Error):
            await context.close()
