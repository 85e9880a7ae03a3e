"""A directory that has really shrunk by more than half, in a real browser: the number is seen, confirmed and carried out."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.integration.importer.test_gone import NOBODY, answers
from tests.support.console import WITHIN, Console
from tests.support.eventually import eventually
from tests.support.fleet import Fleet


@pytest.mark.last
async def test_who_has_really_left_is_marked_as_gone_once_the_number_is_confirmed(
    console: Console, staging: Fleet
) -> None:
    """Nobody before: the import says how many are missing, and where to confirm it."""
    page, path = console.page, staging.path
    started = await staging.client.call("POST", f"{path}/imports", json={"mode": "all"})
    assert (await staging.ended(started["run_id"]))["reason"] is None
    url = f"{staging.stack.urls['sandbox_linarc']}/admin/faults"
    rules = [answers("query", NOBODY["linarc"])]
    (await staging.http.put(url, json={"rules": rules})).raise_for_status()
    started = await staging.client.call("POST", f"{path}/imports", json={"mode": "all"})
    short = await staging.ended(started["run_id"])
    known = short["counts"]["missing"]
    assert known == short["counts"]["known"] > 0
    assert (short["reason"], short["counts"]["removed"]) == ("directory_short", 0)

    await page.goto(f"/c/{staging.company.company_id}/connections")
    await console.button(f"{known} are really gone…").click(timeout=WITHIN)
    await page.get_by_role("alertdialog").get_by_role("button", name=f"Mark {known} as gone").click()
    await expect(page.get_by_text("is read once more.")).to_be_visible(timeout=WITHIN)

    async def ask() -> bool:
        newest = (await staging.client.call("GET", f"{path}/runs"))["items"][0]
        return bool(newest["mode"] == "directory" and newest["counts"].get("removed") == known)

    await eventually(ask, within=60)
    await page.reload()
    await expect(page.get_by_role("heading", name="Connections", exact=True)).to_be_visible(timeout=WITHIN)
    await expect(console.button(f"{known} are really gone…")).to_have_count(0)
