"""What a system answered, and the JSON that went back and forth, in a real browser; by mouse and by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.support.console import WITHIN, Console, Side, both_directions


@both_directions
@pytest.mark.behaviour("S29", "S30", "S55")
async def test_what_was_sent_and_answered_is_seen_compared_copied_and_downloaded(
    console: Console, side: Side
) -> None:
    page, keys = console.page, console.page.keyboard
    code = "6240" if side.number == 0 else "duplicate_email"
    await side.faults(
        {"match": {"operation": "create", "name_contains": "Answerby"}, "action": "fault", "code": code}
    )
    await side.hire(("Jude", "Answerby"), at="answerby.example")
    await console.open(side.company, "?q=answerby.example")
    await console.import_new(side)
    await expect(console.row("Jude Answerby")).to_be_visible(timeout=WITHIN)
    await console.settled()
    await console.serial(1).click()
    await console.sync(side)
    refused = console.row("Jude Answerby").get_by_role("button", name=re.compile("^Needs Action: "))
    await expect(refused).to_be_visible(timeout=WITHIN)
    await refused.hover()
    await expect(page.get_by_role("tooltip").get_by_text(re.compile(f"code {code}"))).to_be_visible()

    await refused.click()
    why = page.get_by_role("dialog")
    await expect(why.get_by_text(re.compile(rf"answered \d+ \(code {code}, trace id "))).to_be_visible()
    await why.get_by_role("button", name="Json Script").click()

    dialog = page.get_by_role("dialog", name="Json Script")
    await expect(dialog.get_by_role("region", name="Source")).to_contain_text("Answerby", timeout=WITHIN)
    await dialog.get_by_role("tab", name="Source").focus()
    await keys.press("ArrowRight")
    staged = dialog.get_by_role("region", name="Mapped, Staged")
    await expect(staged).to_contain_text("Answerby")
    await keys.press("ArrowRight")
    await expect(dialog.get_by_text("It would be created.")).to_be_visible()
    await keys.press("ArrowRight")
    await expect(dialog.get_by_text(re.compile("^POST /"))).to_be_visible()
    compared = dialog.get_by_role("region", name="Last answer, Last request")
    await expect(compared).to_contain_text("Answerby")
    await expect(dialog.get_by_text(re.compile(r"^\d+ differences?$"))).to_be_visible()
    await dialog.get_by_role("button", name="Next difference").focus()
    await keys.press("Enter")
    await expect(dialog.get_by_text(re.compile("^Difference 1 of"))).to_be_visible()
    await dialog.get_by_text("Only differences").click()
    await dialog.get_by_role("button", name=re.compile("^Compare with")).click()
    await page.get_by_role("menuitemradio", name="Staged").click()
    await expect(dialog.get_by_role("region", name="Staged, Last request")).to_be_visible()

    await dialog.get_by_role("tab", name="Last answer").click()
    await expect(dialog.get_by_text(re.compile(f"code {code} · trace id"))).to_be_visible()
    await dialog.get_by_text("Show differences").click()
    answer = dialog.get_by_role("region", name="Last answer")
    await expect(answer).to_contain_text(code)
    async with page.expect_download() as download:
        await dialog.get_by_role("button", name="Download").click()
    assert (await download.value).suggested_filename.endswith("-answer.json")
    await side.faults()


@both_directions
@pytest.mark.behaviour("S27", "S63", "S64")
async def test_a_push_is_one_entry_of_the_history_that_opens_and_the_companys_is_filtered_and_exported(
    console: Console, side: Side
) -> None:
    page, keys = console.page, console.page.keyboard
    await side.faults(
        {"match": {"operation": "create", "name_contains": "Historby"}, "action": "status", "status": 503}
    )
    await side.hire(("Enid", "Historby"), at="historby.example")
    await console.open(side.company, "?q=historby.example")
    await console.import_new(side)
    await expect(console.row("Enid Historby")).to_be_visible(timeout=WITHIN)
    await console.settled()
    await console.serial(1).click()
    await console.sync(side)
    failed = console.row("Enid Historby").get_by_role("button", name=re.compile("^Failed|Retry"))
    await expect(failed.first).to_be_visible(timeout=90_000)
    await side.faults()
    await failed.first.click()
    synced = console.row("Enid Historby").get_by_text("Synced", exact=True)
    await expect(synced).to_be_visible(timeout=90_000)

    await console.button("Change History of Enid Historby").focus()
    await keys.press("Enter")
    dialog = page.get_by_role("dialog", name="Change History")
    await expect(dialog.get_by_text("Synced", exact=True).first).to_be_visible(timeout=WITHIN)
    await expect(
        dialog.get_by_text(f"Staged from {'Linarc' if side.number == 0 else 'QuickBooks Online'}")
    ).to_be_visible()
    await dialog.get_by_role("button", name=re.compile(r"^\d+ attempts?")).last.focus()
    await keys.press("Enter")
    await expect(dialog.get_by_text(re.compile("answered 503")).first).to_be_visible()
    await dialog.get_by_role("button", name="Matching").click()
    await expect(dialog.get_by_text("No match", exact=True)).to_be_visible(timeout=WITHIN)
    async with page.expect_download() as download:
        await dialog.get_by_role("button", name="CSV").click()
    assert (await download.value).suggested_filename.endswith(".csv")
    await keys.press("Escape")
    await expect(dialog).to_be_hidden()

    await page.get_by_role("link", name="History").click()
    entries = page.get_by_role("region", name="Change history, newest first")
    await expect(entries.get_by_role("link", name="Enid Historby").first).to_be_visible(timeout=WITHIN)
    await page.get_by_role("button", name="Rules", exact=True).click()
    await expect(page).to_have_url(re.compile("kind=rules"))
    await expect(entries.get_by_text(re.compile("^Settings changed")).first).to_be_visible(timeout=WITHIN)
    await page.get_by_role("button", name="Everything").click()
    await page.get_by_role("button", name="Field: Any field").click()
    await page.get_by_role("menuitemradio", name="Last name").click()
    await expect(entries.get_by_text("Historby").first).to_be_visible(timeout=WITHIN)
    async with page.expect_download() as download:
        await page.get_by_role("button", name="JSON").click()
    assert (await download.value).suggested_filename == "history.json"
