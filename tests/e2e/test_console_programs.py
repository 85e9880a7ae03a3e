"""What runs without a click: endpoints of other programs, and schedules, set up by mouse and by keyboard."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from playwright.async_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.standard_webhooks import is_signed
from tests.e2e.test_console_axe import AXE, violations
from tests.support.browser import open_page
from tests.support.console import WITHIN, Console
from tests.support.fleet import Fleet
from tests.support.http import served


async def sound(page: Page) -> None:
    """axe finds nothing, wide and narrow."""
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await violations(page) == []
    await page.set_viewport_size({"width": 1280, "height": 900})


async def test_an_endpoint_is_added_tried_and_delivered_to_again(fleet: Fleet, browser: Browser) -> None:
    """Its secret is shown once, and is what a receiver verifies with."""
    received: list[tuple[dict[str, str], bytes]] = []

    async def receive(request: Request) -> Response:
        received.append((dict(request.headers), await request.body()))
        return Response(status_code=200)

    app = Starlette(routes=[Route("/hook", receive, methods=["POST"])])
    async with served(app) as url, open_page(browser, fleet.access.url) as watched:
        page = watched.page
        await page.context.add_init_script(AXE.read_text())
        console = Console(page, fleet.access)
        await console.sign_in()
        await page.goto(f"/c/{fleet.company.company_id}/endpoints")
        await page.get_by_label("Address").fill(f"{url}/hook")
        await page.get_by_label("Event types").fill("endpoint.test")
        await page.keyboard.press("Enter")
        secret = await page.get_by_role("textbox", name="Secret").input_value(timeout=WITHIN)
        await sound(page)

        await console.button("Send a test").click()
        await console.button("Deliveries").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_text("Delivered")).to_be_visible(timeout=WITHIN)
        await sound(page)
        await dialog.get_by_role("button", name="Send again: endpoint.test").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("It is on its way again.")).to_be_visible(timeout=WITHIN)
        await expect(dialog.get_by_role("cell", name="2", exact=True)).to_be_visible(timeout=WITHIN)
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        headers, body = received[0]
        assert len({h["webhook-id"] for h, _ in received}) == 1 < len(received)
        assert is_signed(headers, body, [secret], datetime.now(UTC))

        await console.button("Pause").click()
        await expect(page.get_by_text("Paused", exact=True)).to_be_visible(timeout=WITHIN)
        await console.button("Remove").click()
        await page.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
        await expect(page.get_by_text("No endpoint receives events yet")).to_be_visible(timeout=WITHIN)
        assert watched.complaints == []


async def test_a_schedule_is_added_changed_in_place_paused_and_removed(
    fleet: Fleet, browser: Browser
) -> None:
    async with open_page(browser, fleet.access.url) as watched:
        watched.expected = re.compile("422")  # an expression that runs too often is refused
        page = watched.page
        await page.context.add_init_script(AXE.read_text())
        console = Console(page, fleet.access)
        await console.sign_in()
        await expect(page.get_by_text(re.compile(r"^Changes are seen within \d+ min"))).to_be_visible(
            timeout=WITHIN
        )
        await page.get_by_role("link", name="Schedules").click()
        await page.get_by_label("How often").select_option("at")
        await page.get_by_label("Time zone").fill("Europe/Madrid")
        await page.get_by_text("Sun", exact=True).click()
        await page.get_by_text("Sat", exact=True).click()
        await sound(page)
        await console.button("Add schedule").focus()
        await page.keyboard.press("Enter")
        line = page.get_by_role("row").filter(has_text="Europe/Madrid")
        await expect(line).to_contain_text("Mon, Tue, Wed, Thu, Fri at 06:00", timeout=WITHIN)
        await expect(line).to_contain_text("Not yet")
        await sound(page)
        edit = line.get_by_role("button", name="Edit")
        await edit.focus()
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_label("Time", exact=True)).to_have_value("06:00")
        await dialog.get_by_label("Time", exact=True).fill("07:30")
        await sound(page)
        await dialog.get_by_role("button", name="Save").focus()
        await page.keyboard.press("Enter")
        await expect(line).to_contain_text("Mon, Tue, Wed, Thu, Fri at 07:30 (Europe/Madrid)", timeout=WITHIN)
        await expect(edit).to_be_focused()
        await edit.click()
        await dialog.get_by_label("How often").select_option("cron")
        cron = dialog.get_by_label("Cron expression", exact=True).last
        await cron.fill("*/2 6 * * *")
        await dialog.get_by_role("button", name="Save").click()
        await expect(page.get_by_text(re.compile("must be at least 5 minutes apart"))).to_be_visible(
            timeout=WITHIN
        )
        await cron.fill("0 6 * * 1#1")
        await sound(page)
        await dialog.get_by_role("button", name="Save").click()
        await expect(line).to_contain_text("0 6 * * 1#1 (Europe/Madrid)", timeout=WITHIN)
        await line.get_by_role("button", name="Pause").click()
        await expect(line).to_contain_text("Paused", timeout=WITHIN)
        await line.get_by_role("button", name="Remove").click()
        await page.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
        await expect(line).to_be_hidden(timeout=WITHIN)
        assert watched.complaints == []
