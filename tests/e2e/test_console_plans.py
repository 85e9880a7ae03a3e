"""The plan of a sync in a real browser: looked at, amended, approved, held and released; by mouse and by keyboard."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.support.browser import open_page
from tests.support.console import WITHIN, Console, Side
from tests.support.eventually import eventually
from tests.support.fleet import Fleet

pytestmark = pytest.mark.asyncio
FIRST_NAMES = ("Ottilie", "Barnaby", "Cressida")


@pytest_asyncio.fixture
async def side(fleet: Fleet) -> AsyncIterator[Side]:
    """The company whose source is Linarc; nothing of it is synced without a plan."""
    rules = f"{fleet.path}/route/rules"
    await fleet.client.call("PATCH", rules, json={"direct_sync": 0})
    yield Side(fleet, fleet.company)
    limits = {"first_sync": False, "changed": None, "changed_percent": None, "deactivated": None}
    await fleet.client.call(
        "PATCH", rules, json={"direct_sync": 10, "limits": {**limits, "pay_factor": None}}
    )


@pytest_asyncio.fixture
async def console(fleet: Fleet, browser: Browser) -> AsyncIterator[Console]:
    async with open_page(browser, fleet.access.url) as watched:
        console = Console(watched.page, fleet.access)
        await console.sign_in()
        yield console


async def hired(side: Side, last: str, at: str) -> list[str]:
    """Three new people at the source whom nobody at the destination is; their records."""
    records = []
    for first in FIRST_NAMES:
        email = f"{first}.{last}@{at}".lower()
        remote = await side.fleet.hire(first_name=first, last_name=last, email=email)
        record = await side.fleet.becomes(remote, "needs_sync", reason="not_pushed")
        records.append(record["record_id"])
    return records


async def statuses(side: Side, records: list[str]) -> list[str]:
    """How these stand, in their order."""
    query = {"ids": records, "limit": 10}
    page = await side.fleet.client.call("GET", f"{side.fleet.path}/records", params=query)
    found: dict[str, Any] = {row["record_id"]: row["status"] for row in page["items"]}
    return [found[record] for record in records]


async def test_a_plan_is_looked_at_amended_and_written_by_mouse(console: Console, side: Side) -> None:
    """A double click on Sync opens it and writes nothing; one row is taken out; the rest is written."""
    page = console.page
    records = await hired(side, "Planter", "mouseplan.example")
    await console.open(side.company, "?q=mouseplan.example")
    await console.button("Select All").click()
    await console.button(f"Sync to Destination ({side.destination})").dblclick()

    await expect(page).to_have_url(re.compile("/plans/"))
    await expect(page.get_by_role("heading", name=re.compile("^Sync 3 employees"))).to_be_focused(
        timeout=WITHIN
    )
    await expect(console.button("Create 3")).to_be_visible(timeout=WITHIN)
    await expect(page.get_by_text("Nothing has been written.")).to_be_visible()
    approve = console.button("Approve and write")
    await expect(approve).to_have_text(re.compile("3$"))
    assert await statuses(side, records) == ["needs_sync"] * 3

    await page.get_by_role("button", name=re.compile("^Barnaby Planter")).click()
    details = page.get_by_role("complementary")
    await expect(details.get_by_text("barnaby.planter@mouseplan.example")).to_be_visible()
    await page.get_by_role("checkbox", name="Write Barnaby Planter").click()
    await expect(page.get_by_text("Taken out", exact=True)).to_be_visible()
    await expect(approve).to_have_text(re.compile("2$"), timeout=WITHIN)

    await page.wait_for_timeout(1_000)
    await approve.dblclick()
    await expect(page.get_by_text("2 written")).to_be_visible(timeout=WITHIN)
    await expect(page.get_by_text("Written", exact=True).first).to_be_visible(timeout=WITHIN)
    # The plan is syncer's, the list is history's: it follows within moments.
    await eventually(lambda: statuses(side, records), equal=["synced", "needs_sync", "synced"])
    await page.reload()
    await expect(page.get_by_text("2 written")).to_be_visible(timeout=WITHIN)


async def test_a_plan_is_written_by_keyboard_and_the_second_enter_never_commits(
    console: Console, side: Side
) -> None:
    page, keys = console.page, console.page.keyboard
    records = await hired(side, "Keyes", "keyplan.example")
    await console.open(side.company, "?q=keyplan.example")
    await console.into_grid()
    await keys.press("Control+a")
    await console.tab_to(f"Sync to Destination ({side.destination})", back=True)
    await keys.press("Enter")
    await keys.press("Enter")
    await expect(page.get_by_role("heading", name=re.compile("^Sync 3 employees"))).to_be_focused(
        timeout=WITHIN
    )
    await keys.press("Enter")
    await expect(console.button("Create 3")).to_be_visible(timeout=WITHIN)

    first = page.get_by_role("checkbox").first
    await first.focus()
    await keys.press("ArrowDown")
    await keys.press("Space")
    await expect(page.get_by_role("checkbox").nth(1)).not_to_be_checked()
    await expect(console.button("Approve and write")).to_have_text(re.compile("2$"), timeout=WITHIN)
    await keys.press("Space")
    await expect(console.button("Approve and write")).to_have_text(re.compile("3$"), timeout=WITHIN)
    assert await statuses(side, records) == ["needs_sync"] * 3

    await console.tab_to("Approve and write")
    await page.wait_for_timeout(1_000)
    await keys.press("Enter")
    await expect(page.get_by_text("3 written")).to_be_visible(timeout=WITHIN)
    await eventually(lambda: statuses(side, records), equal=["synced"] * 3)


async def test_rows_that_failed_say_why(console: Console, side: Side) -> None:
    page = console.page
    records = await hired(side, "Ruledout", "ruledout.example")
    create = {"operation": "create", "name_contains": "Ottilie Ruledout"}
    await side.fleet.faults({"match": create, "action": "fault", "code": "6240"})
    await console.open(side.company, "?q=ruledout.example")
    await console.button("Select All").click()
    await console.button(f"Sync to Destination ({side.destination})").click()
    await console.approve()
    await expect(page.get_by_text(re.compile("2 written"))).to_be_visible(timeout=WITHIN)
    await side.fleet.faults()

    row = page.get_by_role("listitem").filter(has_text="Ottilie Ruledout")
    await expect(row).to_contain_text("has this name.", timeout=WITHIN)
    await expect(page.get_by_role("listitem").filter(has_text="Barnaby Ruledout")).to_contain_text("Written")
    assert (await statuses(side, records))[1:] == ["synced"] * 2


async def test_what_exceeds_the_limits_is_held_until_somebody_releases_it(
    console: Console, side: Side
) -> None:
    """Two get another name where one may; the page says so, and writes them when it is released."""
    page = console.page
    records = await hired(side, "Brake", "heldplan.example")
    await side.fleet.ended(await side.fleet.push_many(side.company, record_ids=records))
    rules = f"{side.fleet.path}/route/rules"
    await side.fleet.client.call("PATCH", rules, json={"limits": {"changed": 1}})
    for record, name in zip(records, ("Renata", "Sunniva"), strict=False):
        detail = await side.fleet.client.call("GET", f"{side.fleet.path}/records/{record}")
        await side.fleet.edit(detail["remote_id"], first_name=name)
        await side.fleet.becomes(detail["remote_id"], "needs_sync", reason="changed", first_name=name)

    await console.open(side.company, "?q=heldplan.example")
    await console.button("Select All").click()
    await console.button(f"Sync to Destination ({side.destination})").click()
    await expect(page.get_by_text(re.compile("exceeds the company's safety limits"))).to_be_visible(
        timeout=WITHIN
    )
    await expect(page.get_by_text("2 linked people would get another name")).to_be_visible()
    release = console.button("Release and write")
    await expect(release).to_have_text(re.compile("2$"))

    await page.get_by_role("link", name="Plans").click()
    await page.get_by_role("listitem").filter(has_text="Held").first.click()
    await page.wait_for_timeout(1_000)
    await release.click()
    await expect(page.get_by_text(re.compile("2 written"))).to_be_visible(timeout=WITHIN)
    await eventually(lambda: statuses(side, records), equal=["synced"] * 3)
