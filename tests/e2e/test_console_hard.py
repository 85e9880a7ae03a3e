"""The console when things go wrong: two tabs, a lost network, a killed gateway, an ended session, a record that goes."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import expect

from muster.sandboxes import REALMS, TENANTS
from tests.support.browser import Watched
from tests.support.console import WITHIN, Console, Side, both_directions
from tests.support.eventually import eventually
from tests.support.fleet import Fleet

PAST_GATEWAY = re.compile(
    r"ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|503"
)
OFFLINE = re.compile("ERR_INTERNET_DISCONNECTED|ERR_NETWORK_CHANGED|ERR_INCOMPLETE_CHUNKED_ENCODING|503")


async def staged(console: Console, side: Side, at: str, *people: tuple[str, str]) -> list[str]:
    """These people in the list, ready to be pushed; their ids at the source."""
    ids = await side.hire(*people, at=at)
    await console.open(side.company, f"?q={at}")
    await console.import_new(side)
    await expect(console.page.locator(".person-name")).to_have_count(len(people), timeout=WITHIN)
    await console.settled()
    return ids


async def created(side: Side, last: str) -> int:
    """How many people of this name the destination has."""
    system, scope = ("quickbooks", REALMS[0]) if side.number == 0 else ("linarc", TENANTS[1])
    url = f"{side.fleet.stack.urls[f'sandbox_{system}']}/admin/employees"
    found = (await side.fleet.http.get(url, params={"scope": scope, "limit": 5000})).json()["employees"]
    return sum(last in (one.get("FamilyName"), one.get("last_name")) for one in found)


@both_directions
@pytest.mark.behaviour("S48", "S49")
async def test_two_tabs_that_push_the_same_person_push_once(console: Console, side: Side) -> None:
    """Both see how it ended, without a reload."""
    other = Console(await console.page.context.new_page(), console.access)
    at, tabs = f"tabs{side.number}.example", (console, other)
    await staged(console, side, at, ("Gemma", "Twotabs"))
    await other.open(side.company, f"?q={at}")
    await expect(other.row("Gemma Twotabs")).to_be_visible(timeout=WITHIN)
    for tab in tabs:
        await tab.serial(1).click()
        await tab.says("1 selected")
    await asyncio.gather(*(tab.button("Sync to Destination").click() for tab in tabs))
    for tab in tabs:
        synced = tab.row("Gemma Twotabs").get_by_text("Synced", exact=True)
        await expect(synced).to_be_visible(timeout=90_000)
    assert await created(side, "Twotabs") == 1


@both_directions
async def test_a_network_that_is_lost_and_back_loses_nothing(
    console: Console, watched: Watched, side: Side
) -> None:
    """The page says that it is alone; what is asked meanwhile is refused in words; then it shows what happened, and goes on."""
    page, at = console.page, f"offline{side.number}.example"
    await staged(console, side, at, ("Hester", "Offline"), ("Ivo", "Offline"))
    watched.expected = OFFLINE
    mine, theirs = await console.names()
    await console.serial(1).click()
    await page.context.set_offline(True)
    await expect(console.button("Reconnecting")).to_be_visible(timeout=WITHIN)
    await console.button("Sync to Destination").click()
    await expect(page.get_by_text(re.compile("^Muster is not responding"))).to_be_visible(timeout=WITHIN)
    path = f"/v1/companies/{side.company.company_id}"
    rows = await side.fleet.client.call("GET", f"{path}/records", params={"q": at})
    (record,) = (row["record_id"] for row in rows["items"] if row["name"] == theirs)
    await side.fleet.client.call("POST", f"{path}/syncs", json={"record_ids": [record]})

    await page.context.set_offline(False)
    await expect(console.button("Live")).to_be_visible(timeout=WITHIN)
    await expect(console.row(theirs).get_by_text("Synced", exact=True)).to_be_visible(timeout=90_000)
    await console.says("1 selected")
    await console.button("Sync to Destination").click()
    await expect(console.row(mine).get_by_text("Synced", exact=True)).to_be_visible(timeout=90_000)
    assert await created(side, "Offline") == 2


@both_directions
async def test_a_record_that_goes_while_its_dialog_is_open(
    console: Console, watched: Watched, side: Side
) -> None:
    """Taken away at the source and imported again: the dialog stays and closes, and the row says that the person is gone."""
    page, at = console.page, f"goes{side.number}.example"
    gone, _ = await staged(console, side, at, ("Jolyon", "Goesaway"), ("Kezia", "Goesaway"))
    name = "Jolyon Goesaway"
    await console.button(f"Json Script of {name}").click()
    dialog = page.get_by_role("dialog", name="Json Script")
    await expect(dialog.get_by_role("region", name="Source")).to_contain_text("Goesaway", timeout=WITHIN)
    system, scope = ("linarc", TENANTS[0]) if side.number == 0 else ("quickbooks", REALMS[1])
    url = f"{side.fleet.stack.urls[f'sandbox_{system}']}/admin/employees/{gone}"
    (await side.fleet.http.request("DELETE", url, params={"scope": scope}, json={})).raise_for_status()
    path = f"/v1/companies/{side.company.company_id}"
    await side.fleet.client.call("POST", f"{path}/imports", json={"mode": "all"})

    async def is_gone() -> bool:
        rows = await side.fleet.client.call("GET", f"{path}/records", params={"q": at})
        return "deleted_at_source" in {row["reason"] for row in rows["items"]}

    await eventually(is_gone, within=90)
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(console.button(f"Json Script of {name}")).to_be_focused()
    said = console.row(name).get_by_role("button", name=re.compile("^Needs Action: This person is gone from"))
    await expect(said).to_be_visible(timeout=WITHIN)
    await expect(console.row("Kezia Goesaway").get_by_text("Needs Sync", exact=True)).to_be_visible()
    watched.expected = re.compile("404")


async def test_a_gateway_that_is_killed_loses_neither_selection_nor_filter_nor_news(
    watched: Watched, console: Console, staging: Fleet
) -> None:
    """In the middle of a sync: the page says that it is alone, goes on by itself, and shows what happened meanwhile."""
    page, side = console.page, Side(staging, staging.access.companies[0])
    await side.hire(*((f"Robin{n}", f"Interrupted{n}") for n in "abcdef"), at="killed.example")
    await console.open(side.company, "?q=killed.example")
    await console.import_new(side)
    await expect(page.locator(".person-name")).to_have_count(6, timeout=WITHIN)
    await console.settled()
    await side.faults({"match": {"name_contains": "Interrupted"}, "action": "latency", "seconds": 1.5})
    await console.button("Select All").click()
    await console.sync(side)
    await console.serial(2).click()
    await console.serial(4).click(modifiers=["Shift"])

    staging.stack.kill("gateway")

    await expect(console.button("Reconnecting")).to_be_visible(timeout=WITHIN)
    await expect(console.button("Live")).to_be_visible(timeout=WITHIN)
    await console.says("3 selected")
    await expect(page.get_by_role("searchbox")).to_have_value("killed.example")
    await expect(page.get_by_role("row").get_by_text("Synced", exact=True)).to_have_count(
        6 + 1, timeout=90_000
    )
    await console.says("3 selected")
    await side.faults()
    watched.expected = re.compile(PAST_GATEWAY.pattern + "|404")  # history may not have heard of the run yet


async def test_a_session_that_ends_in_another_tab_leads_to_sign_in(watched: Watched, staging: Fleet) -> None:
    console = Console(watched.page, staging.access)
    await console.sign_in()
    other = await console.page.context.new_page()
    await other.goto("/")
    await other.get_by_role("button", name="Account").click(timeout=WITHIN)
    await other.get_by_role("menuitem", name="Sign out").click()
    await expect(console.page.get_by_label("Password")).to_be_visible(timeout=WITHIN)
    watched.expected = re.compile("401")


async def test_what_went_well_hides_no_error_and_formats_change_under_the_focus(
    console: Console, watched: Watched
) -> None:
    page = console.page
    await page.goto("/account")
    zone = page.get_by_label("Time zone")
    await zone.focus()
    watched.expected = re.compile("ERR_FAILED")
    await page.route("**/v1/me/formats", lambda route: route.abort())
    await zone.select_option("Asia/Tokyo")
    error = page.get_by_role("alert").get_by_role("button", name="Dismiss")
    await expect(error).to_be_visible(timeout=WITHIN)
    await page.unroute("**/v1/me/formats")
    now = page.get_by_text(re.compile("^Now it is"))
    before = await now.inner_text()
    try:
        await zone.select_option("Asia/Karachi")
        await expect(page.get_by_role("status").get_by_text("Saved.")).to_be_visible(timeout=WITHIN)
        await expect(now).not_to_have_text(before)
        await expect(error).to_be_visible()
        await expect(zone).to_be_focused()
    finally:
        await zone.select_option("")
        await expect(zone).to_have_value("")
    await error.click()
    await expect(error).to_be_hidden()
