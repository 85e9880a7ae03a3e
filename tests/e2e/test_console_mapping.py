"""The Manual Entity Mapping dialog and the Mapping page: both directions, by mouse and by keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, expect

from tests.support.console import WITHIN, Console, Side, both_directions
from tests.support.fleet import Fleet


async def cases(console: Console, side: Side, at: str, *people: tuple[str, str]) -> None:
    """These people are in both systems, with nothing but the name in common, so that somebody must decide."""
    await side.known(*people)
    await side.hire(*people, at=at)
    await console.open(side.company, f"?q={at}")
    await console.import_new(side)
    waits = console.page.get_by_role("button", name=re.compile("^Needs Action: "))
    await expect(waits).to_have_count(len(people), timeout=120_000)


def mapping(console: Console) -> Locator:
    return console.page.get_by_role("dialog", name="Manual Entity Mapping")


async def along_to(console: Console, name: str) -> None:
    """Into the grid and along its first row, to the button with this name."""
    await console.into_grid()
    button = console.button(name)
    for key in ("Control+Home", *["ArrowRight"] * 12):
        await console.page.keyboard.press(key)
        if await button.evaluate("e => e === document.activeElement"):
            return
    msg = f"The arrows never came to {name!r}"
    raise AssertionError(msg)


async def into_candidates(console: Console) -> None:
    """Press Tab until a candidate has the focus."""
    await console.tab_until("document.activeElement.type === 'radio'", "the candidates", most=30)


@both_directions
@pytest.mark.behaviour("S26", "S28", "S54", "S56", "S58", "S59", "S60", "S61", "S62")
async def test_a_case_is_decided_by_mouse_taken_back_and_pushed(console: Console, side: Side) -> None:
    """Nothing is linked before Save; Save and sync shows the fields and reconciles the row."""
    page, (name, other) = console.page, ("Odile Merriweather", "Tarquin Merriweather")
    await cases(console, side, "mapped.example", ("Odile", "Merriweather"), ("Tarquin", "Merriweather"))

    await console.button(f"Manual Mapping of {name}").click()
    dialog = mapping(console)
    await expect(dialog.get_by_role("heading", name=name)).to_be_visible(timeout=WITHIN)
    await expect(dialog.get_by_text("Why you are asked")).to_be_visible()
    save = dialog.get_by_role("button", name="Save", exact=True)
    await expect(save).to_be_disabled()
    await dialog.get_by_text(name, exact=True).last.click()
    await expect(dialog.get_by_role("rowheader", name="Last name")).to_be_visible()
    await expect(dialog.get_by_text("Save links the two and writes nothing.")).to_be_visible(timeout=WITHIN)
    await expect(save).to_be_enabled()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(console.button(f"Manual Mapping of {name}")).to_be_focused()
    await expect(console.row(name).get_by_text("Needs Action")).to_be_visible()

    await console.row(name).get_by_role("button", name=re.compile("^Choose")).click()
    await dialog.get_by_text("Go to the next case after saving").click()
    await dialog.get_by_text(name, exact=True).last.click()
    await save.click()
    await expect(page.get_by_text(re.compile("is linked to #.* Nothing is written yet."))).to_be_visible()
    await expect(console.row(name).get_by_text("Needs Sync")).to_be_visible(timeout=WITHIN)
    await console.button("Undo").click()
    await expect(console.row(name).get_by_text("Needs Action")).to_be_visible(timeout=WITHIN)

    await console.button(f"Manual Mapping of {other}").click()
    await dialog.get_by_text(other, exact=True).last.click()
    await dialog.get_by_role("button", name="Save and sync").click()
    confirm = page.get_by_role("alertdialog")
    await expect(confirm.get_by_text(re.compile("^These fields are written"))).to_be_visible(timeout=WITHIN)
    await expect(confirm.get_by_role("button", name="Cancel")).to_be_focused()
    await confirm.get_by_role("button", name="Save and sync").click()
    await expect(console.row(other).get_by_text("Synced", exact=True)).to_be_visible(timeout=90_000)


@both_directions
@pytest.mark.behaviour("S28", "S60", "S61")
async def test_cases_are_decided_one_after_the_other_by_keyboard(console: Console, side: Side) -> None:
    """A number chooses, Ctrl Enter saves and shows the next case; another is excluded with a reason."""
    page, keys = console.page, console.page.keyboard
    people = (("Aldous", "Pennyfeather"), ("Beatrix", "Pennyfeather"), ("Crispin", "Pennyfeather"))
    await cases(console, side, "decided.example", *people)
    first, _, last = await console.names()
    await along_to(console, f"Manual Mapping of {first}")
    await keys.press("Enter")
    dialog = mapping(console)
    await expect(dialog.get_by_role("heading", name=first)).to_be_visible(timeout=WITHIN)
    await keys.press("1")
    await keys.press("Control+Enter")
    await expect(page.get_by_text(re.compile(f"^{first} is linked"))).to_be_visible(timeout=WITHIN)
    await expect(dialog.get_by_role("heading", name=first)).to_be_hidden()
    await expect(dialog).to_be_visible()

    for _ in range(60):
        if await dialog.get_by_role("heading", name=last).is_visible():
            break
        await keys.press("Alt+ArrowRight")
        await expect(dialog.locator("#case-name")).to_be_focused(timeout=WITHIN)
    await console.tab_to("Exclude from sync")
    await keys.press("Enter")
    confirm = page.get_by_role("alertdialog")
    await expect(confirm.get_by_label("Reason")).to_be_focused()
    await keys.type("Contractor")
    await console.tab_to("Exclude")
    await keys.press("Enter")
    await expect(page.get_by_text(f"{last} is excluded from sync.")).to_be_visible(timeout=WITHIN)
    await expect(dialog.locator("#case-name")).to_be_focused(timeout=WITHIN)
    await keys.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(console.row(last).get_by_text("Excluded")).to_be_visible(timeout=WITHIN)
    await expect(console.row(first).get_by_text("Needs Sync")).to_be_visible(timeout=WITHIN)


@both_directions
@pytest.mark.behaviour("S28", "S54", "S58", "S59", "S60", "S61", "S62")
async def test_a_case_is_looked_at_saved_taken_back_and_pushed_by_keyboard(
    console: Console, side: Side
) -> None:
    """Along the candidates, compared, searched; Save goes on to the next case, and its Undo is one key away."""
    page, keys = console.page, console.page.keyboard
    await cases(console, side, "walked.example", ("Edwin", "Larkspur"), ("Edwina", "Larkspur"))
    first, second = await console.names()
    dialog, chosen = mapping(console), mapping(console).get_by_role("radio", checked=True)
    heading = dialog.get_by_role("heading", level=3)

    await along_to(console, f"Manual Mapping of {first}")
    await keys.press("Enter")
    await expect(heading.filter(has_text=first).first).to_be_visible(timeout=WITHIN)
    await into_candidates(console)
    await keys.press("Space")
    await expect(chosen).to_have_accessible_name(re.compile(f"^{first}"))
    await keys.press("ArrowDown")
    await expect(chosen).to_have_accessible_name(re.compile(f"^{second}"))
    compared = dialog.get_by_role("region", name="Side by side")
    await expect(compared.get_by_role("row", name=re.compile("^First name")).locator("mark")).to_have_text(
        second.split()[0]
    )

    await keys.press("/")
    await keys.type(first)
    await expect(dialog.get_by_text(re.compile(r"^\d+ found$"))).to_be_visible(timeout=WITHIN)
    await into_candidates(console)
    await keys.press("ArrowUp")
    await expect(chosen).to_have_accessible_name(re.compile(f"^{first}"))
    await console.tab_to("Save and sync")
    await keys.press("Tab")
    await expect(dialog.get_by_role("button", name="Save", exact=True)).to_be_focused()
    await keys.press("Enter")
    await expect(page.get_by_text(re.compile(f"^{first} is linked"))).to_be_visible(timeout=WITHIN)
    await expect(dialog.locator("#case-name")).to_be_focused(timeout=WITHIN)
    await expect(dialog.get_by_role("heading", name=first, exact=True)).to_be_hidden()

    await keys.press("F6")
    await expect(console.button("Undo")).to_be_focused()
    await keys.press("Enter")
    await expect(page.get_by_text(f"Taken back: {first} is as before.")).to_be_visible(timeout=WITHIN)
    await expect(dialog.locator("#case-name")).to_be_focused()
    await keys.press("Escape")
    await expect(dialog).to_be_hidden()

    await along_to(console, f"Manual Mapping of {first}")
    await keys.press("Enter")
    await expect(heading.filter(has_text=first).first).to_be_visible(timeout=WITHIN)
    await keys.press("1")
    await console.tab_to("Save and sync")
    await keys.press("Enter")
    confirm = page.get_by_role("alertdialog")
    await expect(confirm.get_by_role("button", name="Cancel")).to_be_focused()
    await keys.press("Tab")
    await keys.press("Enter")
    await expect(page.get_by_text(re.compile(f"^{first} is linked .* is being synced"))).to_be_visible(
        timeout=WITHIN
    )
    await keys.press("Escape")
    await expect(console.row(first).get_by_text("Synced", exact=True)).to_be_visible(timeout=90_000)
    await expect(console.row(second).get_by_text("Needs Action")).to_be_visible()


async def test_the_mapping_page_lists_what_waits_and_what_is_linked(console: Console, staging: Fleet) -> None:
    """Its number is in the menu; Unlink is taken back at once; Back closes the dialog."""
    page, side = console.page, Side(staging, staging.access.companies[0])
    await cases(console, side, "listed.example", ("Idony", "Fairweather"))
    await page.get_by_role("link", name="Mapping").click()
    await expect(page.get_by_role("heading", name="Mapping", exact=True)).to_be_visible(timeout=WITHIN)
    await page.get_by_role("searchbox").fill("Fairweather")
    await page.get_by_role("button", name="Decide who Idony Fairweather is").click()
    dialog = mapping(console)
    await expect(dialog.get_by_role("heading", name="Idony Fairweather")).to_be_visible(timeout=WITHIN)
    await page.go_back()
    await expect(dialog).to_be_hidden()
    await page.get_by_role("button", name="Decide who Idony Fairweather is").click()
    await dialog.get_by_text("Go to the next case after saving").click()
    await page.keyboard.press("1")
    await dialog.get_by_role("button", name="Save", exact=True).click()
    await expect(dialog).to_be_hidden()

    await page.get_by_role("tab", name="Linked").click()
    await page.get_by_role("searchbox").fill("Fairweather")
    await expect(page.get_by_role("row", name=re.compile("Idony")).get_by_text("by hand")).to_be_visible(
        timeout=WITHIN
    )
    await page.get_by_role("button", name="Unlink Idony Fairweather").click()
    await expect(page.get_by_text("Nothing matches the search")).to_be_visible(timeout=WITHIN)
    await console.button("Undo").click()
    await expect(page.get_by_role("button", name="Unlink Idony Fairweather")).to_be_visible(timeout=WITHIN)
