"""Import Selected and the Runs screen in a real browser: both directions, by mouse and by keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, expect

from tests.support.console import WITHIN, Console, Side, both_directions
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
    await rows(dialog).first.click()
    await expect(dialog.get_by_role("complementary")).to_contain_text("The record", timeout=WITHIN)
    await rows(dialog).first.click()
    await expect(dialog.get_by_text("3 selected")).to_be_visible(timeout=WITHIN)
    await dialog.get_by_role("button", name=re.compile("^Import")).click()
    await expect(page.get_by_text("The import of 3 has begun.")).to_be_visible(timeout=WITHIN)
    await expect(dialog).to_be_hidden(timeout=WITHIN)
    await expect(page.get_by_text("Import of selected items from")).to_be_visible(timeout=WITHIN)
    # A read that was under way for another test may have met one of them first.
    await expect(page.get_by_text(re.compile(r"\d new · 0 changed"))).to_be_visible(timeout=WITHIN)
    found = await staged(console, side, domain)
    assert found == sorted(f"{first} {last}" for first, last in people[:3])


@both_directions
@pytest.mark.behaviour("S33", "S38", "S39", "S44")
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


async def test_a_run_with_failures_says_why_and_is_tried_again_after_a_reload(
    console: Console, staging: Fleet
) -> None:
    side, page = Side(staging, staging.access.companies[0]), console.page
    people = [("Ulric", "Brambleby"), ("Verena", "Cotterill")]
    await side.hire(*people, at="failing.example")
    await console.open(side.company, "?q=failing.example")
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
