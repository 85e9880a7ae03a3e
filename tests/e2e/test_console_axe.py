"""axe-core finds nothing, in either theme, with rows selected and with each dialog open; a planted fault is found."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from playwright.async_api import Browser, Page, expect

from tests.support.browser import open_page
from tests.support.console import WITHIN, Console, Side
from tests.support.fleet import Fleet

AXE = Path(__file__).parents[2] / "console/node_modules/axe-core/axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
Show = Callable[[Console], Awaitable[None]]


class Look(NamedTuple):
    """How a page is looked at, and by which rules where not by all."""

    scheme: Literal["light", "dark"]
    width: int
    forced: Literal["active", "none"] = "none"
    rules: tuple[str, ...] = ()


COLOURS = ("color-contrast", "link-in-text-block")
"""What other colours can break; all else stands in the page at this width in whatever colours."""
LOOKS = (
    Look("light", 1280),
    Look("dark", 1280, rules=COLOURS),
    Look("dark", 390),
    Look("light", 390, "active", COLOURS),
)
STILL = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const moving = () => document.getAnimations().filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime));
  await frame();
  await frame();
  while (moving().length) await Promise.allSettled(moving().map((one) => one.finished));
}"""
"""What fades in has faded in: half-transparent text has another contrast."""


WRAPPER = '<div style="display: contents;">'


async def violations(page: Page, rules: tuple[str, ...] = ()) -> list[str]:
    """The rules broken, all or these, and where.

    Not counted are two things of react-aria's: its announcer, which keeps what it has announced for some seconds, and the
    hidden buttons that close a popover, which stand beside its dialog and so in no landmark.
    """
    await page.evaluate(STILL)
    found: dict[str, Any] = await page.evaluate(
        "(only) => axe.run({ exclude: ['[data-live-announcer]'] }, { runOnly: only, resultTypes: ['violations'] })",
        {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS},
    )
    return [
        f"{v['id']}: {n['html'][:160]} {n['failureSummary'][:300]}"
        for v in found["violations"]
        for n in v["nodes"]
        if not (v["id"] == "region" and n["html"] == WRAPPER)
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


async def view_menu(console: Console) -> None:
    await console.button("View").click()
    await expect(console.page.get_by_label("Name of this view")).to_be_visible()


async def history(console: Console) -> None:
    await console.button("Change History of").first.click()
    await expect(
        console.page.get_by_role("dialog").get_by_text(re.compile("^Staged from")).first
    ).to_be_visible(timeout=WITHIN)


async def json_script(console: Console) -> None:
    await console.button("Json Script of").first.click()
    await expect(console.page.get_by_role("dialog").locator("pre")).to_be_visible(timeout=WITHIN)


async def json_compared(console: Console) -> None:
    await json_script(console)
    await console.page.get_by_role("tab", name="Mapped").click()
    await expect(console.page.get_by_role("button", name=re.compile("^Compare with"))).to_be_visible()


async def company_history(console: Console) -> None:
    await console.page.get_by_role("link", name="History").click()
    entries = console.page.get_by_role("region", name="Change history").get_by_role("listitem")
    await expect(entries.first).to_be_visible(timeout=WITHIN)


async def plan(console: Console) -> None:
    await console.button("Select All").click()
    await console.button("Sync to Destination").click()
    await expect(console.button("Approve and write")).to_be_visible(timeout=WITHIN)
    await console.button("All ").click()
    await console.page.locator(".plan-name").first.click()
    await expect(console.page.get_by_role("complementary")).to_be_visible(timeout=WITHIN)


async def plans(console: Console) -> None:
    await console.page.get_by_role("link", name="Plans").click()
    await expect(console.page.get_by_role("list", name="Plans")).to_be_visible(timeout=WITHIN)


async def what_to_do(console: Console) -> None:
    await console.chip("Needs Action").click()
    await console.button("Needs Action: ").first.click()
    await expect(console.page.get_by_role("dialog")).to_be_visible()


async def manual_mapping(console: Console) -> None:
    await console.search("Axminster")
    await console.row("Maud Axminster").get_by_role("button", name=re.compile("^Needs Action: ")).click()
    decide = console.page.get_by_role("dialog").get_by_role("button", name="Choose who it is")
    await decide.click()
    dialog = console.page.get_by_role("dialog", name="Manual Entity Mapping")
    await dialog.get_by_role("radio").first.wait_for(state="attached", timeout=WITHIN)
    await console.page.keyboard.press("1")
    await expect(dialog.get_by_role("rowheader").first).to_be_visible(timeout=WITHIN)


async def mapping_page(console: Console) -> None:
    await console.page.goto(console.page.url.split("/employees")[0] + "/mapping")
    await expect(console.page.get_by_role("button", name="Decide who").first).to_be_visible(timeout=WITHIN)


async def who_takes_part(console: Console) -> None:
    await console.page.goto(console.page.url.split("/employees")[0] + "/rules")
    await console.page.get_by_role("tab", name="People").click(timeout=WITHIN)
    await console.button("Add a condition").click()
    await expect(console.page.get_by_label("Field of condition 1")).to_be_visible(timeout=WITHIN)


async def help_panel(console: Console) -> None:
    await console.button("Help").click()
    await expect(console.page.get_by_role("dialog", name="Help").get_by_role("link")).to_be_visible(
        timeout=WITHIN
    )


async def import_selected(console: Console) -> None:
    await console.button("Import").click()
    await console.page.get_by_role("menuitem", name=re.compile("^Import Selected")).click()
    await expect(console.page.get_by_role("dialog").get_by_role("checkbox").nth(1)).to_be_visible(
        timeout=WITHIN
    )


async def portfolio(console: Console) -> None:
    await console.page.goto("/portfolio")
    await expect(console.page.get_by_text(re.compile("Needs Sync")).first).to_be_visible(timeout=WITHIN)


async def sign_in(console: Console) -> None:
    await console.page.get_by_role("button", name="Account").click()
    await console.page.get_by_role("menuitem", name="Sign out").click()
    await expect(console.page.get_by_label("Password")).to_be_visible()


STATES: list[Show] = [
    the_list, rows_selected, nothing_found, import_menu, view_menu, history, json_script, json_compared, company_history,
    plan, plans, what_to_do, manual_mapping, mapping_page, who_takes_part, help_panel, import_selected, portfolio, sign_in,
]  # fmt: skip


Broken = dict[tuple[str, Look], list[str]]


def said(broken: Broken) -> str:
    """A line for each fault of each state in each look."""
    return "\n".join(
        f"{name} {tuple(look)}: {one}" for (name, look), found in broken.items() for one in found
    )


async def look_at(page: Page, name: str, broken: Broken) -> None:
    """What each look of the page as it stands has against it."""
    for look in LOOKS:
        await page.emulate_media(color_scheme=look.scheme, forced_colors=look.forced)
        await page.set_viewport_size({"width": look.width, "height": 800})
        if found := await violations(page, look.rules):
            broken[name, look] = found
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            broken[name, look] = [*found, "the page is wider than the screen"]
    await page.set_viewport_size({"width": 1280, "height": 800})


async def test_nobody_is_shut_out(fleet: Fleet, browser: Browser) -> None:
    """Every state of the screen, in each look, each reported by its name."""
    broken: Broken = {}
    async with open_page(browser, fleet.access.url) as watched:
        page = watched.page
        await Side(fleet, fleet.company).known(("Maud", "Axminster"))
        await fleet.becomes(await fleet.hire(first_name="Maud", last_name="Axminster"), "needs_action")
        await page.context.add_init_script(AXE.read_text())
        console = Console(page, fleet.access)
        await console.sign_in()
        for show in STATES:
            await page.set_viewport_size({"width": 1280, "height": 800})
            await console.open(fleet.company)
            await the_list(console)
            await show(console)
            await look_at(page, show.__name__, broken)
    assert not broken, said(broken)


async def test_every_screen_of_the_menu_shuts_nobody_out(fleet: Fleet, browser: Browser) -> None:
    """The screens are those that the side menu leads to, so a new one is looked at by itself."""
    broken: Broken = {}
    async with open_page(browser, fleet.access.url) as watched:
        page = watched.page
        await page.context.add_init_script(AXE.read_text())
        console = Console(page, fleet.access)
        await console.sign_in()
        await console.open(fleet.company)
        menu = page.get_by_role("navigation", name="ERP Integration").get_by_role("link")
        addresses = [await link.get_attribute("href") for link in await menu.all()]
        screens = list(dict.fromkeys(address for address in addresses if address))
        assert len(screens) >= 6
        for screen in screens:
            await page.goto(screen)
            await expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=WITHIN)
            await expect(page.locator("[aria-busy=true], .bars")).to_have_count(0, timeout=WITHIN)
            await look_at(page, screen.rsplit("/", 1)[-1], broken)
    assert not broken, said(broken)


async def test_a_planted_fault_is_found(fleet: Fleet, browser: Browser) -> None:
    async with open_page(browser, fleet.access.url) as watched:
        await watched.page.context.add_init_script(AXE.read_text())
        await watched.page.goto("/sign-in")
        await expect(watched.page.get_by_label("Password")).to_be_visible(timeout=WITHIN)
        await watched.page.evaluate(
            "document.querySelector('main').append(Object.assign(document.createElement('button')))"
        )

        assert any(v.startswith("button-name") for v in await violations(watched.page))

        await watched.page.evaluate(
            "document.querySelector('h1').style = 'color: rgb(120, 120, 120); background: rgb(130, 130, 130)'"
        )

        assert [v[:14] for v in await violations(watched.page, COLOURS)] == ["color-contrast"]
