"""People: a colleague is invited by link, joins, is given another role and removed; a lost password is set again."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, expect

from tests.e2e.test_console_axe import AXE, violations
from tests.support.browser import open_page
from tests.support.console import WITHIN, Console
from tests.support.fleet import Fleet

EMAIL, PASSWORD, OTHER = "dana@muster.example", "a password of some length", "another of some length"


async def _invite(page: Page) -> str:
    """The path of the link that is made for a viewer."""
    await page.get_by_label("E-mail address").fill(EMAIL)
    await page.get_by_label("Role", exact=True).select_option("viewer")
    await page.get_by_role("button", name="Create link").click()
    link = await page.get_by_label("Link", exact=True).input_value(timeout=WITHIN)
    return urlsplit(link).path


async def _join(page: Page, path: str) -> None:
    """By keyboard alone; the first try is too short."""
    await page.goto(path)
    await expect(page.get_by_label("Your name")).to_be_focused(timeout=WITHIN)
    await page.keyboard.type("Dana")
    await page.keyboard.press("Tab")
    await page.keyboard.type("short")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("at least 12 characters")
    await page.get_by_label("Password").fill("")
    await page.get_by_label("Password").focus()
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Employees")).to_be_visible(timeout=WITHIN)


async def test_a_colleague_joins_by_a_link_and_may_what_the_role_says(fleet: Fleet, browser: Browser) -> None:
    people = f"/c/{fleet.company.company_id}/people"
    async with (
        open_page(browser, fleet.access.url) as admin,
        open_page(browser, fleet.access.url) as dana,
    ):
        for watched in (admin, dana):
            await watched.page.context.add_init_script(AXE.read_text())
            watched.expected = re.compile(r"Failed to load resource.*(403|404|401|410)")
        await Console(admin.page, fleet.access).sign_in()
        await admin.page.goto(people)
        path = await _invite(admin.page)
        await dana.page.goto(path)
        await expect(dana.page.get_by_label("Your name")).to_be_visible(timeout=WITHIN)
        assert await violations(dana.page) == []
        await _join(dana.page, path)
        await dana.page.goto(people)
        await expect(dana.page.get_by_text("Only administrators see this page.")).to_be_visible(
            timeout=WITHIN
        )

        await admin.page.reload()
        row = admin.page.get_by_role("row", name=re.compile(EMAIL))
        await row.get_by_label("Role of Dana").select_option("admin")
        await expect(admin.page.get_by_text("Dana is now Administrator.")).to_be_visible(timeout=WITHIN)
        for width in (1280, 390):
            await admin.page.set_viewport_size({"width": width, "height": 800})
            assert await violations(admin.page) == []
        await dana.page.reload()
        await expect(dana.page.get_by_role("heading", name="Members")).to_be_visible(timeout=WITHIN)

        await row.get_by_role("button", name="Remove Dana").click()
        await expect(admin.page.get_by_role("button", name="Cancel")).to_be_focused()
        await admin.page.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
        await expect(admin.page.get_by_text("Dana is no longer a member.")).to_be_visible(timeout=WITHIN)
        await dana.page.reload()
        await expect(dana.page.get_by_role("heading", name="Members")).to_be_hidden(timeout=WITHIN)

        made = await fleet.client.call("POST", "/v1/password-resets", json={"email": EMAIL})
        await dana.page.goto(urlsplit(made["link"]).path)
        await dana.page.get_by_label("Password").fill(OTHER)
        await dana.page.keyboard.press("Enter")
        await dana.page.get_by_role("button", name="Go to sign-in").click()
        await dana.page.get_by_label("E-mail address").fill(EMAIL)
        await dana.page.get_by_label("Password").fill(OTHER)
        await dana.page.keyboard.press("Enter")
        await expect(dana.page.get_by_role("heading", name="Portfolio")).to_be_visible(timeout=WITHIN)
        assert admin.complaints == dana.complaints == []


async def test_a_link_that_is_not_good_says_so(fleet: Fleet, browser: Browser) -> None:
    async with open_page(browser, fleet.access.url) as watched:
        watched.expected = re.compile(r"Failed to load resource.*410")
        await watched.page.goto("/join/" + "x" * 43)
        await expect(watched.page.get_by_text("Ask for a new one")).to_be_visible(timeout=WITHIN)
