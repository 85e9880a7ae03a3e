"""Operations: how the sync does, by mouse and by keyboard; a dead letter is looked at, replayed, and another discarded."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
from playwright.async_api import Browser, Page, expect

from shared.contracts.events import EmployeeRemoved
from shared.db.seal import Sealer
from shared.domain.ids import record_id
from shared.domain.values import Cause
from shared.messaging.dead_letters import DeadLetter, Raw
from tests.e2e.test_console_axe import AXE, violations
from tests.support.browser import open_page
from tests.support.console import WITHIN, Console
from tests.support.fleet import Fleet

ADD = """
INSERT INTO history.dead_letter (topic, partition, "offset", company_id, event_id, type, key_id, sealed, reason, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'failed', 'KeyError at fold:3')
"""


async def _dead_letters(fleet: Fleet, offset: int, *, readable: bool) -> None:
    """history could not handle that somebody is gone, whom it does not know."""
    company, now = fleet.company.company_id, datetime.now(UTC)
    source = UUID(str(fleet.company.source))
    body = EmployeeRemoved(
        record_id=record_id(source, "nobody"), account_id=source, remote_id="nobody", rev=1, cause=Cause.READ
    )
    headers = {
        "ce_id": str(uuid4()), "ce_type": body.wire_type(), "ce_time": now.isoformat(), "ce_companyid": str(company),
    }  # fmt: skip
    raw = Raw(None, tuple((k, v.encode()) for k, v in headers.items()), body.raw() if readable else b"{")
    letter = DeadLetter(
        "employees.v1", 0, offset, "failed", "", raw, UUID(str(company)), uuid4(), body.wire_type()
    )
    sealer = Sealer([fleet.stack.secret("dead_letter")])
    sealed = sealer.close(raw.dump(), letter.associated_data("history"))
    owner = await asyncpg.connect(fleet.stack.database)
    try:
        await owner.execute(
            ADD, letter.topic, 0, offset, letter.company_id, letter.event_id, letter.type, *sealed
        )
    finally:
        await owner.close()


async def _looked_at(page: Page) -> None:
    """axe finds nothing, in either theme, at both widths, and nothing is wider than the page."""
    for scheme, width in (("light", 1280), ("dark", 1280), ("dark", 390), ("light", 390)):
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size({"width": width, "height": 800})
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.set_viewport_size({"width": 1280, "height": 800})


async def test_how_the_sync_does_and_what_cannot_be_handled(fleet: Fleet, browser: Browser) -> None:
    async with open_page(browser, fleet.access.url) as watched:
        page = watched.page
        await page.context.add_init_script(AXE.read_text())
        await Console(page, fleet.access).sign_in()
        await page.goto(f"/c/{fleet.company.company_id}/employees")
        await page.get_by_role("link", name="Operations").click()
        tiles = page.get_by_role("list", name="At a glance")
        await expect(tiles.get_by_role("link", name=re.compile("^In sync"))).to_contain_text(
            " of ", timeout=WITHIN
        )
        await expect(page.get_by_role("img", name="Results")).to_be_visible(timeout=WITHIN)
        await expect(page.get_by_text("There are none.")).to_be_visible(timeout=WITHIN)
        await _looked_at(page)

        await page.get_by_role("button", name="Results: Show as table").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("img", name="Results")).to_be_hidden()
        await page.get_by_role("radio", name="24 hours").focus()
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("Space")
        await expect(page).to_have_url(re.compile("span=7d"))

        await tiles.get_by_role("link", name=re.compile("^Needs Action")).click()
        await expect(page).to_have_url(re.compile("employees.*status=needs_action"), timeout=WITHIN)
        await page.go_back()

        await _dead_letters(fleet, 900_001, readable=True)
        await page.reload()
        look = page.get_by_role("button", name="View Employee removed")
        await look.click(timeout=WITHIN)
        dialog = page.get_by_role("dialog", name="Dead letter: Employee removed")
        await expect(dialog.get_by_text('"remote_id": "nobody"')).to_be_visible(timeout=WITHIN)
        assert await violations(page) == []
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Replay Employee removed").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Handled. It is no longer a dead letter.")).to_be_visible(
            timeout=WITHIN
        )
        await expect(look).to_be_hidden(timeout=WITHIN)

        await _dead_letters(fleet, 900_002, readable=False)
        await page.reload()
        await page.get_by_role("button", name="Replay Employee removed").click(timeout=WITHIN)
        await expect(page.get_by_text(re.compile("It failed again"))).to_be_visible(timeout=WITHIN)
        await page.get_by_role("button", name="Discard Employee removed").click()
        asked = page.get_by_role("alertdialog")
        await asked.get_by_role("button", name="Discard").click()
        await expect(asked.get_by_role("alert")).to_have_text("Say why.")
        assert await violations(page) == []
        await asked.get_by_label("Why").fill("The account is closed.")
        await asked.get_by_role("button", name="Discard").click()
        await expect(page.get_by_text("There are none.")).to_be_visible(timeout=WITHIN)


async def test_the_operator_of_the_installation_sees_all_companies(fleet: Fleet, browser: Browser) -> None:
    async with open_page(browser, fleet.access.url) as watched:
        page = watched.page
        await page.context.add_init_script(AXE.read_text())
        await Console(page, fleet.access).sign_in()
        await page.goto("/portfolio")
        await page.get_by_role("link", name="All companies").click()
        await expect(page.get_by_role("table").get_by_role("row")).not_to_have_count(0, timeout=WITHIN)
        await _looked_at(page)
