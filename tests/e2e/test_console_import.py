"""Import Selected and the Runs screen in a real browser: both directions, by mouse and by keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, expect

from tests.support.console import WITHIN, Console, Side, both_directions
from tests.support.eventually import eventually
from tests.support.fleet import Fleet

PEOPLE = (
    ("Ottoline", "Marsh"),
    ("Piers", "Quennell"),
    ("Roswitha", "Udall"),
    ("Septimus", "Vane"),
    ("Tamsin", "Wick"),
)


def rows(dialog: Locator) -> Locator:
    return dialog.locator("[role=row][data-key]")


async def staged(console: Console, side: Side, words: str) -> list[str]:
    """The people whom the list shows for this search."""
    await console.open(side.company, f"?q={words}")
    await expect(console.chip("All")).to_be_visible(timeout=WITHIN)
    await expect(
        console.page.locator(".person-name").or_(console.page.get_by_text("Nothing matches")).first
    ).to_be_visible(timeout=WITHIN)
    return sorted(await console.names())


@both_directions
@pytest.mark.behaviour("S33", "S38", "S39", "S44", "S45")
async def test_some_are_picked_from_the_live_source_and_nobody_else_is_fetched(
    console: Console, side: Side
) -> None:
    page, domain = console.page, f"picked{side.number}.example"
    people = [(first, f"{last}{'ab'[side.number]}") for first, last in PEOPLE]
    await side.hire(*people, at=domain)
    await console.open(side.company)
    await console.button("Import").click()
    await page.get_by_role("menuitem", name=f"Import Selected Items from Source ({side.source})").click()
    dialog = page.get_by_role("dialog", name=f"Import Selected Items from Source ({side.source})")
    await expect(dialog.get_by_text(re.compile(rf"read from {side.source}"))).to_be_visible(timeout=WITHIN)

    for number, (_, last) in enumerate(people[:3]):
        await dialog.get_by_role("searchbox").fill(last)
        await expect(rows(dialog)).to_have_count(1, timeout=WITHIN)
        await expect(rows(dialog).first).to_contain_text(last, timeout=WITHIN)
        await expect(rows(dialog).first).to_contain_text("New", timeout=WITHIN)
        await dialog.get_by_role("button", name=re.compile("^Select row 1,")).click(modifiers=["Control"])
        await expect(dialog.get_by_text(f"{number + 1} selected")).to_be_visible(timeout=WITHIN)
    await dialog.get_by_role("button", name="Clear search").click()
    await expect(dialog.get_by_text("3 selected")).to_be_visible(timeout=WITHIN)
    await expect(dialog.get_by_text("3 new")).to_be_visible(timeout=WITHIN)
    await expect(rows(dialog)).not_to_have_count(1, timeout=WITHIN)  # until all are listed again
    await rows(dialog).first.click()
    await expect(dialog.get_by_role("complementary")).to_contain_text("The record", timeout=WITHIN)
    await expect(dialog.get_by_text("4 selected")).to_be_visible(timeout=WITHIN)
    await rows(dialog).first.click()
    await expect(dialog.get_by_text("3 selected")).to_be_visible(timeout=WITHIN)
    await dialog.get_by_role("button", name=re.compile("^Import")).click()
    await expect(page.get_by_text("The import of 3 has begun.")).to_be_visible(timeout=WITHIN)
    await expect(dialog).to_be_hidden(timeout=WITHIN)
    await expect(page.get_by_text("Import of selected items from")).to_be_visible(timeout=WITHIN)
    # A read that was under way for another test may have met one of them first.
    await expect(page.get_by_text(re.compile(r"\d new · 0 changed"))).to_be_visible(timeout=WITHIN)
    expected = sorted(f"{first} {last}" for first, last in people[:3])

    async def shown() -> list[str]:  # the numbers above are shown while the last one is on its way
        return await staged(console, side, domain)

    await eventually(shown, equal=expected)


@both_directions
@pytest.mark.behaviour("S33", "S38", "S39", "S44", "S46", "S48")
async def test_the_same_by_keyboard_alone_with_shift_and_a_run_to_look_at(
    console: Console, side: Side
) -> None:
    page, domain = console.page, f"keyed{side.number}.example"
    people = [(first, f"{last}{'cd'[side.number]}") for first, last in PEOPLE]
    await side.hire(*people, at=domain)
    await console.open(side.company)
    await console.tab_to("Import")
    await page.keyboard.press("Enter")
    await page.keyboard.press("End")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text(re.compile(rf"read from {side.source}"))).to_be_visible(timeout=WITHIN)
    await page.keyboard.press("/")
    await page.keyboard.type(people[3][1])
    await expect(rows(dialog)).to_have_count(1, timeout=WITHIN)
    await console.into_grid()
    await page.keyboard.press("Space")
    await expect(dialog.get_by_text("1 selected")).to_be_visible(timeout=WITHIN)
    await console.tab_to("Import")
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_hidden(timeout=WITHIN)
    run = page.get_by_role("link", name="Import of selected items from")
    await expect(run).to_be_visible(timeout=WITHIN)
    await expect(page.get_by_text(re.compile("^1 new"))).to_be_visible(timeout=WITHIN)
    await console.tab_to("Import of selected items from")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Runs")).to_be_visible(timeout=WITHIN)
    detail = page.get_by_role("region", name="The chosen run")
    await expect(detail.get_by_role("heading", name="Import of selected items from")).to_be_visible(
        timeout=WITHIN
    )
    await expect(detail).to_contain_text("1 new", timeout=WITHIN)
    await expect(detail).to_contain_text("1 chosen", timeout=WITHIN)
    assert await staged(console, side, domain) == [" ".join(people[3])]

    await console.settled()
    await console.into_grid()
    await page.keyboard.press("Control+Home")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Space")
    await console.says("1 selected")
    await console.tab_to(f"Sync to Destination ({side.destination})", back=True)
    await page.keyboard.press("Enter")
    row = console.row(" ".join(people[3]))
    await expect(row.get_by_text("Synced", exact=True)).to_be_visible(timeout=WITHIN)


async def fails_and_is_retried(console: Console, side: Side, name: str) -> None:
    """Pushed, it fails at the destination; pointing at Failed says why, and a click retries it alone."""
    page, row = console.page, console.row(name)
    await side.faults(
        {
            "match": {"operation": "create", "name_contains": name.split()[1]},
            "action": "status",
            "status": 500,
        }
    )
    await row.get_by_role("button", name=re.compile("^Select row")).click()
    await console.sync(side)
    failed = row.get_by_role("button", name=re.compile("^Failed: "))
    await expect(failed).to_be_visible(timeout=90_000)
    await failed.hover()
    await expect(page.get_by_role("tooltip")).to_contain_text(re.compile("did not|asks|could not"))
    await side.faults()
    await failed.click()
    await expect(row.get_by_text("Synced", exact=True)).to_be_visible(timeout=90_000)
    assert (await side.runs())[0]["counts"]["total"] == 1


@both_directions
@pytest.mark.behaviour("S17", "S24", "S25")
async def test_who_was_never_synced_has_a_number_and_no_time(console: Console, side: Side) -> None:
    """The employee's own number, by which they are found; Not Synced until the first push that succeeds."""
    page, number = console.page, f"K-{side.number}417"
    await side.hire(("Ottilie", "Numberson"), at="numbered.example", number=number)
    await console.open(side.company, f"?q={number}")
    await console.import_new(side)
    row = console.row("Ottilie Numberson")
    await expect(row).to_be_visible(timeout=WITHIN)
    headers = await page.get_by_role("columnheader").all_inner_texts()
    cells = row.locator("[role=gridcell], [role=rowheader]")
    under = {name.strip(): cells.nth(i) for i, name in enumerate(headers)}
    await expect(under["Employee Id"]).to_have_text(number)
    await expect(under["Synced"]).to_have_text("Not Synced")
    await console.settled()

    await console.serial(1).click()
    await console.sync(side)
    await expect(under["Status"].get_by_text("Synced", exact=True)).to_be_visible(timeout=90_000)
    await expect(under["Synced"].locator("time")).to_be_visible()
    await expect(under["Employee Id"]).to_have_text(number)


@both_directions
@pytest.mark.behaviour("S33", "S51", "S52", "S53")
async def test_a_failure_is_explained_and_retried_after_each_import(console: Console, side: Side) -> None:
    """After an import of everything and of some; after one of what is new: `test_console.py`."""
    page, domain = console.page, f"each{side.number}.example"
    await side.hire(("Wilfred", "Allcome"), at=domain)
    await console.open(side.company, f"?q={domain}")
    await console.button("Import").click()
    await page.get_by_role("menuitem", name=f"Import All Items from Source ({side.source})").click()
    await expect(console.row("Wilfred Allcome")).to_be_visible(timeout=WITHIN)
    await console.settled()
    await fails_and_is_retried(console, side, "Wilfred Allcome")

    await side.hire(("Ximena", "Somecome"), at=domain)
    await console.button("Import").click()
    await page.get_by_role("menuitem", name=f"Import Selected Items from Source ({side.source})").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("searchbox").fill("Somecome")
    await expect(rows(dialog)).to_have_count(1, timeout=WITHIN)
    await expect(rows(dialog).first).to_contain_text("New", timeout=WITHIN)
    await rows(dialog).first.click()
    await dialog.get_by_role("button", name=re.compile("^Import")).click()
    await expect(dialog).to_be_hidden(timeout=WITHIN)
    await expect(console.row("Ximena Somecome")).to_be_visible(timeout=WITHIN)
    await console.settled()
    await fails_and_is_retried(console, side, "Ximena Somecome")


@both_directions
async def test_those_that_failed_in_a_run_are_retried_together(console: Console, side: Side) -> None:
    """Few at once where the rules allow so many; else by a plan, which is looked at before anything is written."""
    page, domain = console.page, f"together{side.number}.example"
    rules = f"/v1/companies/{side.company.company_id}/route/rules"
    await side.hire(("Yseult", "Againly"), ("Zacharias", "Againly"), at=domain)
    await console.open(side.company, f"?q={domain}")
    await console.import_new(side)
    await expect(page.locator(".person-name")).to_have_count(2, timeout=WITHIN)
    await console.settled()
    await side.faults({"match": {"name_contains": "Againly"}, "action": "status", "status": 500})
    await console.button("Select All").click()
    await console.sync(side)
    failed = page.get_by_role("button", name=re.compile("^Failed: "))
    await expect(failed).to_have_count(2, timeout=90_000)
    (run, *_) = [one for one in await side.runs() if one["kind"] == "sync"]
    detail = page.get_by_role("region", name="The chosen run")
    again = detail.get_by_role("button", name="Retry these 2")
    try:
        await side.fleet.client.call("PATCH", rules, json={"direct_sync": 0})
        await page.goto(f"/c/{side.company.company_id}/runs?run={run['run_id']}")
        await again.click(timeout=WITHIN)
        await expect(page).to_have_url(re.compile("/plans/"))
        await expect(console.button("Approve and write")).to_have_text(re.compile("2$"), timeout=WITHIN)
    finally:
        await side.fleet.client.call("PATCH", rules, json={"direct_sync": 10})
    await side.faults()
    await page.goto(f"/c/{side.company.company_id}/runs?run={run['run_id']}")
    await again.click(timeout=WITHIN)
    await expect(page.get_by_text("The sync has begun.")).to_be_visible(timeout=WITHIN)
    await console.open(side.company, f"?q={domain}")
    await expect(page.get_by_role("row").get_by_text("Synced", exact=True)).to_have_count(
        2 + 1, timeout=90_000
    )


async def test_a_run_with_failures_says_why_and_is_tried_again_after_a_reload(
    console: Console, staging: Fleet
) -> None:
    side, page = Side(staging, staging.access.companies[0]), console.page
    people = [("Ulric", "Brambleby"), ("Verena", "Cotterill")]
    await side.hire(*people, at="troubled.example")
    await console.open(side.company, "?q=troubled.example")
    await console.import_new(side)
    await expect(page.locator(".person-name")).to_have_count(2, timeout=WITHIN)
    await console.settled()
    await side.faults(
        {"match": {"operation": "create", "name_contains": "Brambleby"}, "action": "fault", "code": "6240"}
    )
    try:
        await console.button("Select All").click()
        await console.sync(side)
        await expect(page.get_by_text(re.compile("1 synced"))).to_be_visible(timeout=WITHIN)
        (run, *_) = [one for one in await side.runs() if one["kind"] == "sync"]
        await page.goto(f"/c/{side.company.company_id}/runs?run={run['run_id']}")
        detail = page.get_by_role("region", name="The chosen run")
        await expect(detail.get_by_text("Why they did not go through")).to_be_visible(timeout=WITHIN)
        await expect(detail.get_by_role("link", name="Ulric Brambleby")).to_be_visible(timeout=WITHIN)
        await page.reload()
        await expect(detail).to_contain_text("1 synced", timeout=WITHIN)
    finally:
        await side.faults()
    await page.get_by_role("button", name="With failures").click()
    await expect(page).to_have_url(re.compile("problems=1"))
    await expect(page.get_by_role("grid", name="Runs").get_by_role("row").nth(1)).to_contain_text(
        "Sync", timeout=WITHIN
    )
