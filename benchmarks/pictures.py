"""`python -m benchmarks.pictures`: the pictures in docs/images, of the demo as it starts, light, dark and narrow."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
from playwright.async_api import Browser, Page, expect

from muster.client import AsyncClient
from muster.demo import NO_LIMITS, UNATTENDED, Access, prepare
from muster.postgres import scratch
from muster.stack import Options, Stack
from tests.support.browser import open_browser, open_page
from tests.support.console import WITHIN, Console, Side
from tests.support.fleet import Fleet

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
WIDE, NARROW = {"width": 1400, "height": 860}, {"width": 360, "height": 740}
EMPLOYEES = 250


async def main() -> None:
    """Start the demo, bring every status about, and take the pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with scratch("muster-pictures-") as folder:
        environment = {"MUSTER_RETRY_SECONDS": "0.3"}
        stack = Stack(folder, Options(demo=True, employees=EMPLOYEES, port=0, environment=environment))
        try:
            await stack.start()
            access = await prepare(stack, {**UNATTENDED, **NO_LIMITS})
            async with (
                AsyncClient(access.url) as client,
                httpx.AsyncClient(timeout=20, trust_env=False) as http,
                open_browser() as browser,
            ):
                await client.sign_in(access.email, access.password)
                await _statuses(Fleet(stack, access, client, http), browser)
                for scheme in ("light", "dark"):
                    await _wide(browser, access, scheme)
                await _narrow(browser, access)
        finally:
            await stack.stop()


async def _statuses(fleet: Fleet, browser: Browser) -> None:
    """Some synced, one failed: by hand, as a person would."""
    side = Side(fleet, fleet.company)
    await side.known(("Guadalupe", "Montoya"), ("Maria Guadalupe", "Montoya"))
    await side.hire(("Guadalupe", "Montoya"), at="stonecourse.example")
    async with open_page(browser, fleet.access.url) as watched:
        console, page = Console(watched.page, fleet.access), watched.page
        await console.sign_in()
        await console.open(fleet.company, "?q=montoya")
        await console.import_new(side)
        await expect(console.button("Needs Action: ")).to_be_visible(timeout=WITHIN)
        await console.open(fleet.company)
        await expect(console.serial(12)).to_be_visible(timeout=WITHIN)
        await console.settled()
        (number, name), *others = await _creatable(fleet)
        last = name.rsplit(" ", 1)[-1]
        await side.faults({"match": {"name_contains": last}, "action": "status", "status": 503})
        await console.serial(number).click()
        await console.sync(side)
        await expect(
            console.row(name).get_by_text(re.compile("^(now )?(Failed|Needs Action)"))
        ).to_be_visible(timeout=90_000)
        for other, _ in others[:5]:
            await console.serial(other).click(modifiers=["Control"])
        await console.sync(side)
        await expect(page.get_by_text(re.compile("synced"))).to_be_visible(timeout=90_000)


async def _creatable(fleet: Fleet) -> list[tuple[int, str]]:
    """Serial number and name of the first rows whose people the destination does not have."""
    page = await fleet.client.call("GET", f"{fleet.path}/records", params={"limit": 20})
    return [
        (number, row["name"])
        for number, row in enumerate(page["items"], 1)
        if (row["reason"], row["destination_record_id"]) == ("not_pushed", None)
    ]


async def _wide(browser: Browser, access: Access, scheme: str) -> None:
    async with open_page(
        browser, access.url, viewport=WIDE, color_scheme=scheme, device_scale_factor=1.5
    ) as watched:
        page, console = watched.page, Console(watched.page, access)
        await page.goto("/")
        await expect(page.get_by_label("Password")).to_be_visible(timeout=WITHIN)
        await _take(page, f"sign-in-{scheme}")
        await console.sign_in()
        await page.goto("/portfolio")
        await expect(page.get_by_text(re.compile("Needs Sync")).first).to_be_visible(timeout=WITHIN)
        await _take(page, f"portfolio-{scheme}")
        await console.open(access.companies[0])
        await expect(console.serial(8)).to_be_visible(timeout=WITHIN)
        await console.button("Import").click()
        await _take(page, f"import-{scheme}")
        await page.keyboard.press("Escape")
        await console.serial(2).click()
        await console.serial(6).click(modifiers=["Shift"])
        await console.serial(8).click(modifiers=["Control"])
        await page.get_by_role("button", name=re.compile("^Failed:")).first.hover()
        await expect(page.get_by_role("tooltip")).to_be_visible()
        await _take(page, f"employees-{scheme}")
        await page.mouse.move(5, 400)
        await (
            page.get_by_role("row")
            .filter(has=page.locator("time"))
            .first.get_by_role("button", name=re.compile("^Change History"))
            .click()
        )
        await expect(page.get_by_role("dialog").get_by_text(re.compile("^Staged from")).first).to_be_visible(
            timeout=WITHIN
        )
        await _take(page, f"history-{scheme}")
        await page.keyboard.press("Escape")
        await (
            page.get_by_role("row")
            .filter(has=page.locator("time"))
            .first.get_by_role("button", name=re.compile("^Json Script"))
            .click()
        )
        await expect(page.get_by_role("dialog").locator("pre")).to_be_visible(timeout=WITHIN)
        await _take(page, f"json-{scheme}")
        await page.keyboard.press("Escape")
        await console.button("Select All").click()
        await console.button("Sync to Destination").click()
        await expect(console.button("Approve and write")).to_be_visible(timeout=WITHIN)
        await _take(page, f"plan-{scheme}")
        await _mapping(console, access, scheme)
        for screen in ("operations", "connections"):
            await page.goto(f"/c/{access.companies[0].company_id}/{screen}")
            await expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=WITHIN)
            await expect(page.locator("[aria-busy=true], .bars")).to_have_count(0, timeout=WITHIN)
            await _take(page, f"{screen}-{scheme}")


async def _mapping(console: Console, access: Access, scheme: str) -> None:
    """The first case with its first candidate chosen, and the page of all cases."""
    page = console.page
    await page.goto(f"/c/{access.companies[0].company_id}/mapping")
    await page.get_by_role("button", name=re.compile("^Decide who")).first.click(timeout=WITHIN)
    dialog = page.get_by_role("dialog", name="Manual Entity Mapping")
    await dialog.get_by_role("radio").first.wait_for(state="attached", timeout=WITHIN)
    await page.keyboard.press("1")
    await expect(dialog.get_by_role("rowheader").first).to_be_visible(timeout=WITHIN)
    await _take(page, f"mapping-{scheme}")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await _take(page, f"mapping-page-{scheme}")


async def _narrow(browser: Browser, access: Access) -> None:
    async with open_page(
        browser, access.url, viewport=NARROW, has_touch=True, device_scale_factor=2
    ) as watched:
        page, console = watched.page, Console(watched.page, access)
        await console.sign_in()
        await console.open(access.companies[0])
        await expect(console.serial(3)).to_be_visible(timeout=WITHIN)
        await _take(page, "employees-narrow")


async def _take(page: Page, name: str) -> None:
    """When what fades has faded."""
    await page.wait_for_timeout(400)
    await page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    asyncio.run(main())
