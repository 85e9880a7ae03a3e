"""The Rules screen in a real browser: tried out, saved, rolled back; by mouse and by keyboard."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from services.gateway.store import companies
from shared.db.pool import open_database
from shared.settings import DatabaseSettings
from tests.support.console import WITHIN, Console, Side, both_directions
from tests.support.fleet import Fleet


async def opened(page: Page, side: Side) -> int:
    """The screen, and the version that stands."""
    await page.goto(f"/c/{side.company.company_id}/rules")
    lead = page.get_by_text(re.compile(r"^Version \d+ · administrators"))
    await expect(lead).to_be_visible(timeout=WITHIN)
    found = re.search(r"Version (\d+)", await lead.inner_text())
    assert found
    return int(found[1])


@both_directions
@pytest.mark.behaviour("S4", "S7", "S16")
async def test_a_rule_is_tried_out_saved_and_rolled_back(console: Console, side: Side) -> None:
    page = console.page
    version = await opened(page, side)
    save = page.get_by_role("button", name=f"Save as version {version + 1}")
    await expect(save).to_be_disabled()
    await page.get_by_role("tab", name="Matching").click()
    await page.get_by_text("Create missing people").click()
    trial = page.get_by_role("region", name="Dry run")
    await expect(trial.get_by_text(re.compile("would be blocked|stay as they are")).first).to_be_visible(
        timeout=WITHIN
    )
    await expect(save).to_be_enabled(timeout=WITHIN)
    await save.click()
    await expect(page.get_by_text(f"Version {version + 1} is saved.")).to_be_visible(timeout=WITHIN)
    await page.get_by_role("tab", name="Versions").click()
    await expect(page.get_by_text("Create missing people: on → off")).to_be_visible(timeout=WITHIN)
    await page.get_by_role("button", name="Roll back to this").first.click()
    sure = page.get_by_role("alertdialog", name=f"Roll back to version {version}?")
    await sure.get_by_role("button", name="Roll back to this").click()
    await expect(page.get_by_text(f"Version {version} is restored as version {version + 2}.")).to_be_visible(
        timeout=WITHIN
    )
    assert await opened(page, side) == version + 2


async def test_a_mapping_is_changed_by_keyboard_and_discarded(console: Console, staging: Fleet) -> None:
    page, side = console.page, Side(staging, staging.access.companies[0])
    await opened(page, side)
    await page.get_by_role("tab", name="Source of truth").focus()
    for name in ("Automation", "Field mapping"):
        await page.keyboard.press("ArrowRight")
        await expect(page.get_by_role("tab", name=name)).to_be_focused()
    how = page.get_by_label("How of Employee Id")
    await how.focus()
    await page.keyboard.press("End")
    await expect(how).to_have_value("never")
    trial = page.get_by_role("region", name="Dry run")
    await expect(trial.get_by_role("button", name=re.compile("^Save as version"))).to_be_enabled(
        timeout=WITHIN
    )
    await trial.get_by_role("button", name="Discard").focus()
    await page.keyboard.press("Enter")
    await expect(how).to_have_value("source")
    await expect(trial.get_by_text("Change a rule to see")).to_be_visible(timeout=WITHIN)


@pytest.mark.behaviour("S4")
async def test_limits_are_edited_versions_compared_and_rules_taken_as_a_file(
    console: Console, staging: Fleet, tmp_path: Path
) -> None:
    page, side = console.page, Side(staging, staging.access.companies[0])
    version = await opened(page, side)
    await page.get_by_role("tab", name="Safety limits").click()
    direct = page.get_by_label("Records synced without a plan")
    await direct.focus()
    await page.keyboard.press("ArrowDown")
    await expect(direct).to_have_value("9")
    await page.get_by_text("Many deactivations").click()
    await page.get_by_label("Limit: Many deactivations").fill("3")
    await page.get_by_text("A jump in pay").click()
    factor = page.get_by_label("Limit: A jump in pay")
    await factor.fill("")
    await expect(page.get_by_text("Enter a number from 1.1 to 100.")).to_be_visible()
    await factor.fill("1.5")
    await expect(page.get_by_text("Enter a number from 1.1 to 100.")).to_be_hidden()
    save = page.get_by_role("button", name=f"Save as version {version + 1}")
    await expect(save).to_be_enabled(timeout=WITHIN)
    await save.click()
    await expect(page.get_by_text(f"Version {version + 1} is saved.")).to_be_visible(timeout=WITHIN)

    await page.get_by_role("tab", name="Versions").click()
    await page.get_by_role("button", name=f"Version {version + 1}: Compare with").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("menuitem", name=f"Version {version}", exact=True).click()
    compared = page.get_by_role("region", name=f"Version {version} and version {version + 1}")
    await expect(compared.get_by_text("Many deactivations: nothing → 3")).to_be_visible(timeout=WITHIN)
    await expect(compared.get_by_text("Records synced without a plan: 10 → 9")).to_be_visible()

    async with page.expect_download() as download:
        await page.get_by_role("link", name="Export YAML").click()
    file = tmp_path / "rules.yaml"
    await (await download.value).save_as(file)
    file.write_text(file.read_text().replace("direct_sync: 9", "direct_sync: 10"))
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Import YAML").click()
    await (await chooser.value).set_files(file)
    await expect(page.get_by_text("The file is read.")).to_be_visible(timeout=WITHIN)
    again = page.get_by_role("button", name=f"Save as version {version + 2}")
    await expect(again).to_be_enabled(timeout=WITHIN)
    await again.click()
    await expect(page.get_by_text(f"Version {version + 2} is saved.")).to_be_visible(timeout=WITHIN)


async def test_who_takes_part_and_what_a_namesake_is_called_are_rules(
    console: Console, staging: Fleet
) -> None:
    """By keyboard: the dry run counts who would be left out."""
    page, side = console.page, Side(staging, staging.access.companies[0])
    await opened(page, side)
    await page.get_by_role("tab", name="People").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Add a condition").focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("Field of condition 1").select_option("last_name")
    await page.get_by_label("Values of condition 1").fill("Nobody, Noone")
    trial = page.get_by_role("region", name="Dry run")
    await expect(trial.get_by_text("would be excluded")).to_be_visible(timeout=WITHIN)
    await page.get_by_label("When a name is taken").fill("{name} ({number})")
    save = trial.get_by_role("button", name=re.compile("^Save as version"))
    await expect(save).to_be_enabled(timeout=WITHIN)
    await page.get_by_role("button", name="Remove condition 1").click()
    await expect(page.get_by_text("Everybody takes part.")).to_be_visible()
    await trial.get_by_role("button", name="Discard").click()


async def take_route_away(side: Side) -> None:
    """As a company is whose systems are connected and that nobody has set up further."""
    dsn = side.fleet.stack.environment("gateway", 0, 0)["MUSTER_DATABASE__DSN"]
    database = await open_database(DatabaseSettings.model_validate({"dsn": dsn}), "gateway")
    company = UUID(side.company.company_id)
    try:
        async with database.transaction([company]) as tx:
            settings = await companies.lock_company(tx, company)
            await companies.save_company(tx, settings.model_copy(update={"route": None}))
    finally:
        await database.close()


async def test_a_new_company_is_given_its_source_of_truth(console: Console, staging: Fleet) -> None:
    """By keyboard, on the page that otherwise had nothing to press."""
    page, side = console.page, Side(staging, staging.access.companies[1])
    await take_route_away(side)
    await page.goto(f"/c/{side.company.company_id}/rules")
    source = page.get_by_role("radiogroup", name="Source of truth")
    await source.get_by_role("radio", name="Linarc").focus(timeout=WITHIN)
    await page.keyboard.press("ArrowDown")
    await expect(source.get_by_role("radio", name="QuickBooks Online")).to_be_checked()
    await page.get_by_role("button", name="Save source of truth").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text(re.compile(r"^Version \d+ is saved"))).to_be_visible(timeout=WITHIN)
    await expect(page.get_by_text(re.compile(r"^Version \d+ · administrators"))).to_be_visible(timeout=WITHIN)
    kept = await staging.client.call("GET", f"/v1/companies/{side.company.company_id}")
    assert kept["route"]["source"] == side.company.source
    assert kept["route"]["destination"] == side.company.destination
