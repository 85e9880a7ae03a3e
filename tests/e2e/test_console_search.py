"""The search of the list: what it asks for, and which answer is shown."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Request, Route, expect

from tests.support.console import WITHIN, Console, Side, both_directions
from tests.support.eventually import eventually


def _searched(request: Request) -> str | None:
    """The words of a request for a page of the list."""
    address = urlsplit(request.url)
    return parse_qs(address.query).get("q", [""])[0] if address.path.endswith("/records") else None


@both_directions
async def test_a_search_is_one_request_and_a_late_answer_replaces_no_newer_one(
    console: Console, side: Side
) -> None:
    page = console.page
    await side.hire(("Ada", "Sought"), ("Bea", "Sought"), at="sought.example")
    await console.open(side.company)
    await console.import_new(side)
    box = page.get_by_role("searchbox")
    await box.fill("sought.example")
    await expect(console.row("Ada Sought")).to_be_visible(timeout=WITHIN)
    await console.settled()

    asked: list[str] = []
    page.on("request", lambda request: asked.append(_searched(request) or ""))

    async def quiet() -> bool:
        before = len(asked)
        await asyncio.sleep(1)
        return len(asked) == before

    await eventually(quiet)  # what was imported changes no more: a changed row is asked for again
    asked.clear()
    await box.fill("bea.sought")
    await expect(console.row("Ada Sought")).to_be_hidden(timeout=WITHIN)
    await expect(console.row("Bea Sought")).to_be_visible()
    await expect(page.get_by_role("button", name="All 1", exact=True)).to_be_visible()
    assert asked.count("bea.sought") == 1, asked

    late = asyncio.Event()

    async def hold(route: Route) -> None:
        if _searched(route.request) == "ada.s":
            await late.wait()
        await route.continue_()

    await page.route("**/records?**", hold)
    await box.fill("ada.s")
    await box.fill("bea.s")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"q=bea\.s$"))
    await expect(console.row("Bea Sought")).to_be_visible(timeout=WITHIN)
    late.set()
    await page.unroute_all(behavior="wait")
    await expect(console.row("Ada Sought")).to_be_hidden()
    await expect(console.row("Bea Sought")).to_be_visible()
