"""axe-core finds nothing, in either theme, with rows selected and with each dialog open; a planted fault is found."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import open_page
from tests.support.console import WITHIN, Console
from tests.support.fleet import Fleet

AXE = Path(__file__).parents[2] / "console/node_modules/axe-core/axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
Show = Callable[[Console], Awaitable[None]]


async def violations(page: Page) -> list[str]:
    """The rules broken, and where."""
    await page.wait_for_timeout(350)  # what fades in has faded in: half-transparent text has another contrast
    found: dict[str, Any] = await page.evaluate(
        "(tags) => axe.run(document, { runOnly: { type: 'tag', values: tags } })", TAGS
    )
    return [
        f"{v['id']}: {n['html'][:160]} {n['failureSummary'][:300]}"
        for v in found["violations"]
        for n in v["nodes"]
    ]


async def the_list(console: Console) -> None:
    await expect(console.serial(1)).to_be_visible(timeout=WITHIN)


async def rows_selected(console: Console) -> None:
    await the_list(console)
    await console.button("Select All").click()


async def nothing_found(console: Console) -> None:
    await console.search("nobody is called that")
    await expect(console.page.get_by_text("Nothing matches")).to_be_visible(timeout=WITHIN)


async def import_menu(console: Console) -> None:
    await console.button("Import").click()
    await expect(console.page.get_by_role("menu")).to_be_visible()


async def history(console: Console) -> None:
    await console.button("Change History of").first.click()
    await expect(
        console.page.get_by_role("dialog").get_by_text(re.compile("^Staged from")).first
    ).to_be_visible(timeout=WITHIN)


async def json_script(console: Console) -> None:
    await console.button("Json Script of").first.click()
    await expect(console.page.get_by_role("dialog").locator("pre")).to_be_visible(timeout=WITHIN)


async def confirmation(console: Console) -> None:
    await console.button("Select All").click()
    await console.button("Sync to Destination").click()
    await expect(console.page.get_by_role("alertdialog")).to_be_visible(timeout=WITHIN)


async def what_to_do(console: Console) -> None:
    await console.chip("Needs Action").click()
    await console.button("Needs Action: ").first.click()
    await expect(console.page.get_by_role("dialog")).to_be_visible()


async def portfolio(console: Console) -> None:
    await console.page.goto("/portfolio")
    await expect(console.page.get_by_text(re.compile("Needs Sync")).first).to_be_visible(timeout=WITHIN)


async def sign_in(console: Console) -> None:
    await console.page.get_by_role("button", name="Account").click()
    await console.page.get_by_role("menuitem", name="Sign out").click()
    await expect(console.page.get_by_label("Password")).to_be_visible()


STATES: list[Show] = [
    the_list, rows_selected, nothing_found, import_menu, history, json_script, confirmation, what_to_do, portfolio, sign_in,
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nobody_is_shut_out(fleet: Fleet, browser: Browser, scheme: str) -> None:
    """Every state of the screen, each reported by its name."""
    broken: dict[str, list[str]] = {}
    async with open_page(browser, fleet.access.url, color_scheme=scheme) as watched:
        await watched.page.context.add_init_script(AXE.read_text())
        console = Console(watched.page, fleet.access)
        await console.sign_in()
        for show in STATES:
            await console.open(fleet.company)
            await the_list(console)
            await show(console)
            if found := await violations(watched.page):
                broken[show.__name__] = found
    assert broken == {}


async def test_a_planted_fault_is_found(fleet: Fleet, browser: Browser) -> None:
    async with open_page(browser, fleet.access.url) as watched:
        await watched.page.context.add_init_script(AXE.read_text())
        await watched.page.goto("/sign-in")
        await expect(watched.page.get_by_label("Password")).to_be_visible(timeout=WITHIN)
        await watched.page.evaluate(
            "document.querySelector('main').append(Object.assign(document.createElement('button')))"
        )

        assert any(v.startswith("button-name") for v in await violations(watched.page))
