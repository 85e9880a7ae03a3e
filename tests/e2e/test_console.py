"""The console in a real browser, with everything behind it real: both directions, by mouse and by keyboard alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from shared.domain.reasons import REASONS
from tests.support.browser import Watched, open_page
from tests.support.console import WITHIN, Console, Side, both_directions
from tests.support.fleet import Fleet

CUT = """(cell, texts) => texts.filter((text) => {
  const reason = cell.querySelector(".reason-text");
  reason.firstChild.data = text;
  return [cell, reason].some((one) => one.scrollHeight > one.clientHeight);
})"""
"""Which of these texts do not fit into the cell of a reason."""
PEOPLE = {
    "mouse": (("Quill", "Farrow"), ("Bram", "Oxley"), ("Tova", "Lindqvist"), ("Idris", "Pemberton"), ("Wren", "Castellan"),
              ("Jorik", "Abernathy"), ("Sunniva", "Drake"), ("Calix", "Thornbury"), ("Petra", "Vandermeer"), ("Osric", "Hale")),
    "keyboard": (("Fennel", "Ashdown"), ("Marit", "Kingsley"), ("Dov", "Rosenthal"), ("Lumi", "Winterbourne"), ("Cato", "Bexley"),
                 ("Zephyr", "Nightingale")),
}  # fmt: skip


async def choose_in_every_way(console: Console, total: int) -> None:
    """By serial number, Ctrl, Shift, box and Select All (S43–S45)."""
    await console.serial(2).click()
    await console.says("1 selected")
    await console.serial(3).click()
    await console.says("1 selected")
    await console.serial(5).click(modifiers=["Control"])
    await console.says("2 selected")
    await console.serial(8).click(modifiers=["Shift"])
    await console.says("4 selected")
    await console.page.get_by_role("row").nth(10).locator(".box").click()
    await console.says("5 selected")
    await console.page.get_by_role("row").nth(8).locator(".box").click(modifiers=["Shift"])
    await console.says("6 selected")
    await console.button("Select All").click()
    await console.says(f"All {total} selected")
    await console.serial(4).click(modifiers=["Control"])
    await console.says(f"{total - 1} selected, all but 1")
    await console.page.get_by_role("columnheader").first.locator(".box").click()
    await console.says(f"All {total} selected")
    await console.button("Clear selection").click()
    await console.says("Nothing selected")
    await expect(console.button("Sync to Destination")).to_be_disabled()


@both_directions
@pytest.mark.behaviour(
    "S1",
    "S2",
    "S13",
    "S18",
    "S19",
    "S20",
    "S23",
    "S24",
    "S31",
    "S32",
    "S36",
    "S41",
    "S42",
    "S43",
    "S44",
    "S45",
    "S46",
    "S47",
    "S48",
    "S49",
)
async def test_everybody_is_imported_chosen_and_synced_by_mouse(console: Console, side: Side) -> None:
    """S31–S50: import all, choose in every way, sync twice by mistake; rows turn Synced in their places, without a reload."""
    page, people = console.page, PEOPLE["mouse"]
    earlier = {run["run_id"] for run in await side.runs()}
    await console.open(side.company)
    await page.evaluate("window.here = true")
    await console.search("mouse.example")
    await expect(page.get_by_text("Nothing matches")).to_be_visible(timeout=WITHIN)
    await side.hire(*people, at="mouse.example")

    await console.button("Import").click()
    await page.get_by_role("menuitem", name=f"Import All Items from Source ({side.source})").click()
    await expect(page.locator(".person-name")).to_have_count(len(people), timeout=WITHIN)
    await expect(page.get_by_text("Import of all items from")).to_be_visible(timeout=WITHIN)
    await console.settled()

    await choose_in_every_way(console, len(people))

    await console.chip("Needs Sync").click()
    await expect(page).to_have_url(re.compile("status=needs_sync"))
    await expect(console.chip("Needs Sync")).to_have_attribute("aria-pressed", "true")
    await console.serial(1).click()
    await console.serial(3).click(modifiers=["Shift"])
    before = await console.names()
    at = await console.serial(3).bounding_box()
    await console.button(f"Sync to Destination ({side.destination})").dblclick()
    await expect(page.get_by_text("now Synced")).to_have_count(3, timeout=WITHIN)
    assert await console.names() == before
    assert await console.serial(3).bounding_box() == at
    await expect(page.get_by_text("3 synced")).to_be_visible(timeout=WITHIN)
    syncs = [run for run in await side.runs() if run["kind"] == "sync" and run["run_id"] not in earlier]
    assert [run["counts"]["total"] for run in syncs] == [3]

    await console.chip("All").click()
    for name in before[:3]:
        await expect(console.row(name).get_by_text("Synced", exact=True)).to_be_visible(timeout=WITHIN)
        await expect(console.row(name).locator("time")).to_be_visible()
    await console.button("Select All").click()
    await console.button(f"Sync to Destination ({side.destination})").dblclick()
    await expect(page).to_have_url(re.compile("/plans/"))
    await expect(console.button("Nothing to do 3")).to_be_visible(timeout=WITHIN)
    await console.approve()
    await page.get_by_role("link", name="Back to Employees").click()
    await console.search("mouse.example")
    await expect(page.get_by_role("row").get_by_text("Synced", exact=True)).to_have_count(
        len(people) + 1, timeout=WITHIN
    )
    assert await page.evaluate("window.here") is True


@both_directions
@pytest.mark.behaviour("S42", "S44", "S45", "S49")
async def test_everybody_is_imported_chosen_and_synced_by_keyboard(console: Console, side: Side) -> None:
    """The same without touching the mouse once."""
    page, keys, people = console.page, console.page.keyboard, PEOPLE["keyboard"]
    await console.open(side.company)
    await side.hire(*people, at="keyboard.example")
    await keys.press("/")
    await keys.type("keyboard.example")
    await expect(page.get_by_text("Nothing matches")).to_be_visible(timeout=WITHIN)

    await console.tab_to("Import", back=True)
    await keys.press("Enter")
    await expect(page.get_by_role("menu")).to_be_visible()
    await keys.press("ArrowDown")
    await keys.press("Enter")
    await expect(page.locator(".person-name")).to_have_count(len(people), timeout=WITHIN)
    await console.settled()

    await console.into_grid()
    await keys.press("Control+a")
    await console.says(f"All {len(people)} selected")
    await keys.press("Escape")
    await console.says("Nothing selected")
    await keys.press("Control+Home")
    await keys.press("ArrowDown")
    await keys.press("Space")
    await console.says("1 selected")
    await keys.press("Shift+ArrowDown")
    await console.says("2 selected")
    await keys.press("ArrowDown")
    await keys.press("ArrowDown")
    await keys.press("Space")
    await console.says("3 selected")

    await console.tab_to(f"Sync to Destination ({side.destination})", back=True)
    await keys.press("Enter")
    await keys.press("Enter")
    await expect(page.get_by_role("row").get_by_text("Synced", exact=True)).to_have_count(
        3 + 1, timeout=WITHIN
    )
    await expect(page.get_by_text("3 synced")).to_be_visible(timeout=WITHIN)


@both_directions
@pytest.mark.behaviour("S26", "S27", "S33", "S35", "S46", "S47", "S63", "S64")
async def test_who_was_just_added_is_synced_and_their_history_read_by_keyboard(
    console: Console, side: Side
) -> None:
    """Sync new, and view history, without touching the mouse once."""
    page, keys, at = console.page, console.page.keyboard, "newkeys.example"
    await console.open(side.company, f"?q={at}")
    await side.hire(("Yorick", "Zimmermann"), at=at)
    await console.tab_to("Import", back=True)
    await keys.press("Enter")
    await keys.press("Enter")
    newest = console.row("Yorick Zimmermann")
    await expect(newest).to_be_visible(timeout=WITHIN)
    await console.settled()
    await console.into_grid()
    await keys.press("Control+Home")
    await keys.press("ArrowDown")
    await keys.press("Space")
    await console.says("1 selected")
    await console.tab_to(f"Sync to Destination ({side.destination})", back=True)
    await keys.press("Enter")
    await expect(newest.get_by_text("Synced", exact=True)).to_be_visible(timeout=WITHIN)

    await console.into_grid()
    history = console.button("Change History of Yorick Zimmermann")
    for _ in range(14):
        if await history.evaluate("e => e === document.activeElement"):
            break
        await keys.press("ArrowRight")
    await keys.press("Enter")
    dialog = page.get_by_role("dialog", name="Change History")
    await expect(dialog.get_by_text("Synced", exact=True).first).to_be_visible(timeout=WITHIN)
    await keys.press("Escape")
    await expect(history).to_be_focused()


@both_directions
@pytest.mark.behaviour("S21", "S34", "S35", "S50", "S51", "S52", "S55")
async def test_a_failure_says_why_on_hover_and_focus_and_a_click_retries_it_alone(
    console: Console, side: Side
) -> None:
    """S50–S52, S55: the destination answers 500 for one; the other is not touched by its retry."""
    page = console.page
    trouble = {
        "match": {"operation": "create", "name_contains": "Failsworth"},
        "action": "status",
        "status": 500,
    }
    await side.faults(trouble)
    await side.hire(("Orla", "Failsworth"), ("Tamsin", "Goodspeed"), at="failing.example")
    await console.open(side.company, "?q=failing.example")
    await console.import_new(side)
    await expect(page.locator(".person-name")).to_have_count(2, timeout=WITHIN)
    await console.settled()

    await console.row("Orla Failsworth").get_by_role("button", name=re.compile("^Select row")).click()
    await console.sync(side)
    failed = console.row("Orla Failsworth").get_by_role("button", name=re.compile("^Failed: "))
    await expect(failed).to_be_visible(timeout=90_000)

    await failed.hover()
    await expect(page.get_by_role("tooltip")).to_contain_text(re.compile("did not|asks|could not"))
    await page.mouse.move(5, 5)
    await expect(page.get_by_role("tooltip")).to_be_hidden()
    await console.into_grid()
    for _ in range(3):
        await page.keyboard.press("ArrowDown")
    for _ in range(8):
        await page.keyboard.press("ArrowRight")
        if await failed.evaluate("e => e === document.activeElement"):
            break
        if await console.row("Orla Failsworth").evaluate("e => !e.contains(document.activeElement)"):
            await page.keyboard.press("ArrowUp")
    await expect(failed).to_be_focused()
    await expect(page.get_by_role("tooltip")).to_contain_text(re.compile("did not|asks|could not"))

    await side.faults()
    await failed.click()
    await expect(console.row("Orla Failsworth").get_by_text("Synced", exact=True)).to_be_visible(
        timeout=90_000
    )
    assert (await side.runs())[0]["counts"]["total"] == 1
    await expect(console.row("Tamsin Goodspeed").get_by_text("Needs Sync", exact=True)).to_be_visible()


@both_directions
@pytest.mark.behaviour("S22", "S27", "S55", "S63")
async def test_a_refusal_needs_action_and_says_what_to_do(console: Console, side: Side) -> None:
    """S22: what the destination refuses for its content is no matter of trying again."""
    page = console.page
    code = "6240" if side.number == 0 else "duplicate_number"
    await side.faults(
        {"match": {"operation": "create", "name_contains": "Refusenik"}, "action": "fault", "code": code}
    )
    await side.hire(("Basil", "Refusenik"), at="refused.example")
    await console.open(side.company, "?q=refused.example")
    await console.import_new(side)
    await expect(console.row("Basil Refusenik")).to_be_visible(timeout=WITHIN)
    await console.settled()

    await console.serial(1).click()
    await console.sync(side)
    pill = console.row("Basil Refusenik").get_by_role("button", name=re.compile("^Needs Action: "))
    await expect(pill).to_be_visible(timeout=90_000)
    await pill.hover()
    await expect(page.get_by_role("tooltip")).to_contain_text("has this")
    await pill.click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text("What to do")).to_be_visible()
    await dialog.get_by_role("button", name="Change History").click()
    await expect(page.get_by_role("dialog", name="Change History").get_by_text("Sync failed")).to_be_visible()
    await side.faults()


async def test_the_progress_of_a_run_survives_a_reload(console: Console, staging: Fleet) -> None:
    page, side = console.page, Side(staging, staging.access.companies[1])
    await console.open(side.company)
    await console.import_new(side)
    await expect(page.get_by_text("Import of new items from")).to_be_visible(timeout=WITHIN)

    await page.reload()

    await expect(page.get_by_text("Import of new items from")).to_be_visible(timeout=WITHIN)
    await console.button("Dismiss").click()
    await expect(page.get_by_text("Import of new items from")).to_be_hidden()


@pytest.mark.behaviour("S7", "S11", "S12")
async def test_the_way_there_and_between_companies(console: Console, staging: Fleet) -> None:
    """S11, S12: App Launcher, Portfolio, Integration, ERP Integration; Employees is open by default."""
    page, (first, second) = console.page, staging.access.companies
    await page.goto("/")
    await console.button("App Launcher").click()
    await page.get_by_role("menuitem", name="Portfolio").click()
    await page.get_by_role("link", name=re.compile(first.name)).click()
    await expect(page.get_by_text("Linarc").first).to_be_visible(timeout=WITHIN)
    await page.get_by_role("link", name="Integration", exact=True).click()
    await page.get_by_role("link", name="ERP Integration").click()
    await expect(page.get_by_role("link", name="Employees")).to_have_attribute("aria-current", "page")
    await expect(page.get_by_role("heading", name="Employees")).to_be_visible()

    await console.button("Company").click()
    await page.get_by_role("menuitemradio", name=re.compile(second.name)).click()
    await expect(page).to_have_url(re.compile(second.company_id))
    await expect(console.button("Sync to Destination (Linarc)")).to_be_visible()


async def test_an_address_brings_back_filter_record_and_dialog(
    watched: Watched, staging: Fleet, browser: Browser
) -> None:
    """Also for somebody who must sign in first; a company of nobody is no page, and what it held is not said."""
    company = staging.access.companies[0]
    page = await staging.client.call(
        "GET", f"/v1/companies/{company.company_id}/records", params={"limit": 1}
    )
    record = page["items"][0]
    console = Console(watched.page, staging.access)
    query = f"?status=needs_sync,synced&sort=-name&record={record['record_id']}&view=history"
    await watched.page.goto(f"/c/{company.company_id}/employees{query}")
    await watched.page.get_by_label("E-mail address").fill(staging.access.email)
    await watched.page.get_by_label("Password").fill(staging.access.password)
    await watched.page.keyboard.press("Enter")

    dialog = watched.page.get_by_role("dialog", name="Change History")
    await expect(dialog.get_by_text(record["name"])).to_be_visible(timeout=WITHIN)
    await expect(dialog.get_by_text("Staged from Linarc")).to_be_visible()
    await watched.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(watched.page).not_to_have_url(re.compile("record="))
    await expect(console.chip("Synced")).to_have_attribute("aria-pressed", "true")
    await expect(console.chip("Failed")).to_have_attribute("aria-pressed", "false")
    await expect(watched.page.get_by_role("columnheader", name="Employee First")).to_have_attribute(
        "aria-sort", "descending"
    )
    await console.button("Json Script of").first.click()
    await expect(watched.page.get_by_role("dialog", name="Json Script")).to_be_visible()
    await watched.page.keyboard.press("Escape")
    await expect(watched.page).not_to_have_url(re.compile("record="))
    await expect(console.button("Json Script of").first).to_be_focused()
    await console.button("Json Script of").first.click()
    await watched.page.go_back()
    await expect(watched.page.get_by_role("dialog")).to_be_hidden()
    await expect(watched.page).to_have_url(re.compile("status=needs_sync"))

    await watched.page.goto("/c/00000000-0000-4000-8000-000000000000/employees")
    await expect(watched.page.get_by_text("There is no such page")).to_be_visible()
    watched.expected = re.compile("404")


async def test_a_wrong_password_and_signing_out(watched: Watched, staging: Fleet) -> None:
    page = watched.page
    await page.goto("/")
    await page.get_by_label("E-mail address").fill("nobody@muster.example")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("The address or the password is wrong.")).to_be_visible(timeout=WITHIN)
    watched.expected = re.compile("401")

    await Console(page, staging.access).sign_in()
    await page.get_by_role("button", name="Account").click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await expect(page.get_by_label("E-mail address")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_label("E-mail address")).to_be_visible()


@both_directions
@pytest.mark.behaviour("S5", "S65", "S66")
async def test_the_help_names_five_tasks_and_the_administrators(console: Console, side: Side) -> None:
    """By keyboard: "?" opens it, a link jumps to the task, Escape gives the focus back."""
    page, keys = console.page, console.page.keyboard
    await console.open(side.company)
    await console.button("Help").focus()
    await keys.press("?")
    panel = page.get_by_role("dialog", name="Help")
    await console.tab_to("Map an employee manually")
    await keys.press("Enter")
    task = panel.get_by_role("heading", name="Map an employee manually")
    await expect(task).to_be_focused()
    await expect(panel.get_by_role("heading", level=3)).to_have_count(7)
    await expect(panel.get_by_role("link", name=side.fleet.access.email)).to_be_visible(timeout=WITHIN)
    await keys.press("Escape")
    await expect(panel).to_be_hidden()
    await expect(console.button("Help")).to_be_focused()


async def test_what_matches_is_exported_and_what_the_filter_hides_is_said(
    console: Console, staging: Fleet
) -> None:
    """The file holds the list and no more; a selection stays over a filter, and says how many are out of sight."""
    page, side = console.page, Side(staging, staging.access.companies[0])
    await side.hire(("Ysolde", "Exportova"), ("=Bram", "Exportova"), at="exported.example")
    await console.open(side.company, "?q=exported.example")
    await console.import_new(side)
    await expect(page.locator(".person-name")).to_have_count(2, timeout=WITHIN)
    async with page.expect_download() as waiting:
        await console.button("Export what matches").click()
    path = await (await waiting.value).path()
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("Employee Id,First name,Last name")
    assert any(",'=Bram,Exportova," in line for line in lines)

    await console.serial(1).click()
    await console.serial(2).click(modifiers=["Shift"])
    await console.search("ysolde exportova")
    await expect(page.get_by_text("1 hidden by the filter")).to_be_visible(timeout=WITHIN)
    await console.button("Show them").click()
    await expect(page.get_by_text("hidden by the filter")).to_be_hidden(timeout=WITHIN)
    await console.says("2 selected")


async def test_a_view_is_saved_and_comes_back_by_keyboard(console: Console, staging: Fleet) -> None:
    """Filter, order, columns and density under a name: on the server, so another browser of the same person has it."""
    page, keys = console.page, console.page.keyboard
    await console.open(staging.access.companies[0], "?status=synced,needs_sync&sort=-name")
    reason = page.get_by_role("columnheader", name="Reason")
    await console.button("View").focus()
    await keys.press("Enter")
    await page.get_by_role("checkbox", name="Reason").focus()
    await keys.press("Space")
    await expect(reason).to_have_count(0)
    await page.get_by_label("Name of this view").focus()
    await keys.type("Mondays")
    await keys.press("Enter")
    await expect(page.get_by_role("button", name="Mondays", exact=True)).to_be_visible(timeout=WITHIN)
    await keys.press("Escape")
    await expect(console.button("View")).to_be_focused()

    await page.evaluate("localStorage.removeItem('muster.look')")
    await console.open(staging.access.companies[0])
    await expect(reason).to_be_visible()
    await console.button("View").focus()
    await keys.press("Enter")
    await page.get_by_role("button", name="Mondays", exact=True).focus()
    await keys.press("Enter")
    await expect(page).to_have_url(re.compile("status=synced,needs_sync&sort=-name"))
    await expect(reason).to_have_count(0)
    await console.button("View").click()
    await console.button("Delete the view Mondays").click()
    await expect(page.get_by_role("button", name="Mondays", exact=True)).to_have_count(0, timeout=WITHIN)


@pytest.mark.parametrize("side", [0], indirect=True)
async def test_every_reason_is_readable_at_1024_pixels_and_present_at_390(
    console: Console, side: Side
) -> None:
    """With its link, in the widest list that a window with scroll bars leaves; the longest words of each reason."""
    page = console.page
    await side.known(("Maud", "Readable"))
    await side.hire(("Maud", "Readable"), at="readable.example")
    await console.open(side.company)
    await console.import_new(side)
    await console.open(side.company, "?q=Readable")
    cell = page.locator(".reason-cell")
    await expect(cell.get_by_role("button", name="Choose")).to_be_visible(timeout=WITHIN)
    names = {"source": "Linarc", "destination": "QuickBooks Online", "field": "Permission level"}
    texts = [reason.text.format(**names) for reason in REASONS.values()]
    texts.append(f"{REASONS['outcome_unknown'].text.format(**names)} Tried again at 29 Nov 2026, 20:15.")
    for width in (1_009, 1_024, 1_265, 1_280, 1_490):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.locator(".grid").evaluate("e => e.scrollWidth - e.clientWidth") <= 0
        tops = [await page.locator(part).first.bounding_box() for part in (".search", ".chip")]
        assert width < 1_265 or (tops[0] and tops[1] and abs(tops[0]["y"] - tops[1]["y"]) < 8), width
        cut = await cell.evaluate(CUT, texts)
        assert cut == [], width

    await page.set_viewport_size({"width": 390, "height": 844})
    reason = page.locator(".person-reason")
    await expect(reason).to_contain_text("Someone in QuickBooks Online has an equal or similar name.")
    assert await reason.evaluate("e => e.scrollHeight <= e.clientHeight + 1")
    pill, box = await page.locator("button.pill").bounding_box(), await reason.bounding_box()
    assert pill and box and pill["y"] + pill["height"] <= box["y"]


async def test_nothing_sticks_out_at_360_pixels(staging: Fleet, browser: Browser) -> None:
    """Everything can be done on a telephone."""
    more: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
    async with open_page(browser, staging.access.url, **more) as watched:
        console, page = Console(watched.page, staging.access), watched.page
        await console.sign_in()
        await console.open(staging.access.companies[0])
        await expect(page.locator(".person-name").first).to_be_visible(timeout=WITHIN)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        assert await page.locator(".grid").evaluate("e => e.scrollWidth - e.clientWidth") <= 0
        await console.button("Actions for").first.tap()
        await page.get_by_role("menuitem", name="Json Script").tap()
        dialog = page.get_by_role("dialog", name="Json Script")
        await expect(dialog.locator("pre")).to_contain_text("{", timeout=WITHIN)
        box = await dialog.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 360
        assert watched.complaints == []
