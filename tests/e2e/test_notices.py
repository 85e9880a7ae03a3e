"""Notices on the real stack: a held plan is one mail whose link opens it; nobody's name is in any; the page to choose."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from muster.demo import RULES
from tests.e2e.conftest import running
from tests.e2e.test_console_axe import AXE, violations
from tests.support.browser import open_page
from tests.support.console import WITHIN, Console
from tests.support.eventually import eventually
from tests.support.fleet import Fleet
from tests.support.http import served
from tests.support.mail import Mailbox, mail_server

LOOKS = re.compile(
    r'^muster_work_items_total\{kind="notices\.look",outcome="ok"\} ([0-9.e+]+)$', re.MULTILINE
)


@dataclass
class Chat:
    """What was posted to the company's channels."""

    url: str = ""
    posted: list[str] = field(default_factory=list)

    async def post(self, request: Request) -> Response:
        self.posted.append((await request.body()).decode())
        return Response(status_code=200)


@pytest_asyncio.fixture(scope="module")
async def mailbox() -> AsyncIterator[Mailbox]:
    async with mail_server() as mailbox:
        yield mailbox


@pytest_asyncio.fixture(scope="module")
async def telling(mailbox: Mailbox) -> AsyncIterator[Fleet]:
    """A stack with a mail server, which looks without pause."""
    environment = {
        "MUSTER_MAIL__HOST": mailbox.host,
        "MUSTER_MAIL__PORT": str(mailbox.port),
        "MUSTER_MAIL__SECURITY": "none",
        "MUSTER_MAIL__SENDER": "Muster <muster@example.com>",
        "MUSTER_NOTICES__LOOK_SECONDS": "0.5",
        "MUSTER_NOTICES__PATIENCE_SECONDS": "3600",  # what fails for a moment is no matter here
    }
    async with running(20, RULES, environment) as fleet:
        yield fleet


@pytest_asyncio.fixture(scope="module")
async def chat() -> AsyncIterator[Chat]:
    chat = Chat()
    async with served(Starlette(routes=[Route("/hook", chat.post, methods=["POST"])])) as address:
        chat.url = f"{address}/hook"
        yield chat


async def looks(fleet: Fleet) -> float:
    """How often both copies of gateway have looked."""
    total = 0.0
    for name, url in fleet.stack.operations.items():
        if name.startswith("gateway"):
            found = LOOKS.search((await fleet.http.get(f"{url}/metrics")).text)
            total += float(found[1]) if found else 0.0
    return total


async def looked(fleet: Fleet, more: int = 3) -> None:
    """Wait until there were so many more looks."""
    before = await looks(fleet)

    async def ask() -> bool:
        return await looks(fleet) >= before + more

    await eventually(ask, within=60)


async def people(fleet: Fleet) -> list[dict[str, Any]]:
    """All of the company's employees as Muster shows them."""
    page = await fleet.client.call("GET", f"{fleet.path}/records", params={"limit": 500})
    found: list[dict[str, Any]] = page["items"]
    return found


def named(text: str, known: list[dict[str, Any]]) -> list[str]:
    """Names and e-mail addresses of these people that the text holds, as whole words."""
    values = {str(one[key]) for one in known for key in ("name", "last_name", "email") if one[key]}
    return sorted(v for v in values if re.search(rf"(?<![\w-]){re.escape(v)}(?![\w-])", text))


async def received(mailbox: Mailbox, words: str) -> None:
    """Wait for a mail that says this."""

    async def ask() -> bool:
        return any(words in text for text in mailbox.texts())

    await eventually(ask, within=60)


async def held_plan(fleet: Fleet) -> str:
    """Everybody who needs a sync, in the company's first plan."""

    async def staged() -> bool:
        return len([p for p in await people(fleet) if p["reason"] == "not_pushed"]) > 0

    await eventually(staged, within=60)
    await fleet.client.call("PATCH", f"{fleet.path}/route/rules", json={"limits": {"first_sync": True}})
    body = {"filter": {"status": ["needs_sync"]}}
    plan: str = (await fleet.client.call("POST", f"{fleet.path}/plans", json=body))["plan_id"]

    async def held() -> bool:
        found = await fleet.client.call("GET", f"{fleet.path}/plans/{plan}")
        return bool(found["ready"] and found["state"] == "held")

    await eventually(held, within=60)
    return plan


async def test_a_held_plan_is_one_mail_whose_link_opens_it_and_nobody_is_named(
    telling: Fleet, mailbox: Mailbox, chat: Chat, browser: Browser
) -> None:
    for shape in ("webhook", "slack", "teams"):
        body = {"shape": shape, "name": shape, "url": chat.url}
        await telling.client.call("POST", f"{telling.path}/notices/channels", json=body)
    plan = await held_plan(telling)

    async def told() -> bool:
        return any(plan in text for text in mailbox.texts()) and len(chat.posted) >= 3

    await eventually(told, within=60)
    await looked(telling)
    (mail,) = [text for text in mailbox.texts() if plan in text]
    (link,) = re.findall(r"http://\S+/plans/\S+", mail)
    assert len([body for body in chat.posted if plan in body]) == 3

    async with open_page(browser, telling.access.url) as watched:
        page = watched.page
        await Console(page, telling.access).sign_in()
        await page.goto(link)
        await expect(page.get_by_text(re.compile("exceeds the company's safety limits"))).to_be_visible(
            timeout=WITHIN
        )

    await telling.client.call("POST", f"{telling.path}/plans/{plan}/release", json={})
    await received(mailbox, "Stonecourse Builders: The held sync is no longer waiting")
    known = await people(telling)
    everything = "\n".join([str(mail) for mail in mailbox.mails] + mailbox.texts() + chat.posted)
    assert len(known) > 10 and named(everything, known) == []
    assert named(f"{everything} {known[0]['name']}.", known) != [], "the negative control"


async def _sound(page: Page) -> None:
    """axe finds nothing, in either theme, at both widths, and nothing is wider than the page."""
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390)):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await page.set_viewport_size({"width": width, "height": 900})
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.set_viewport_size({"width": 1280, "height": 900})


@asynccontextmanager
async def _page(fleet: Fleet, browser: Browser) -> AsyncIterator[Page]:
    """The Notifications page of the second company, which complains of nothing."""
    async with open_page(browser, fleet.access.url) as watched:
        page = watched.page
        await page.context.add_init_script(AXE.read_text())
        await Console(page, fleet.access).sign_in()
        await page.goto(f"/c/{fleet.access.companies[1].company_id}/employees")
        await page.get_by_role("link", name="Notifications").click()
        yield page
        assert watched.complaints == []


async def test_what_to_be_told_of_is_chosen_and_tried_by_keyboard_and_mouse(
    telling: Fleet, mailbox: Mailbox, browser: Browser
) -> None:
    async with _page(telling, browser) as page:
        mine = page.get_by_role("region", name="To you, by e-mail")
        budget = mine.get_by_role("checkbox", name="The month's calls are running out")
        await expect(budget).to_be_checked(timeout=WITHIN)
        await budget.focus()
        await page.keyboard.press("Space")
        await mine.get_by_text("Quiet hours").click()
        await mine.get_by_label("From").fill("19:30")
        await mine.get_by_label("How often").select_option("60")
        await mine.get_by_label("Time zone").select_option("Europe/Madrid")
        await _sound(page)
        await mine.get_by_role("button", name="Save").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Saved.")).to_be_visible(timeout=WITHIN)
        await page.reload()
        await expect(budget).not_to_be_checked(timeout=WITHIN)
        await expect(mine.get_by_label("From")).to_have_value("19:30")
        await expect(mine.get_by_label("Time zone")).to_have_value("Europe/Madrid")

        before = len(mailbox.mails)
        await mine.get_by_role("button", name="Send a test").click()
        assert (await mailbox.received(before + 1))[-1]["Subject"].startswith("Muster: This is a test")
        await mine.get_by_role("button", name="Sent messages").click()
        dialog = page.get_by_role("dialog", name="Sent messages")
        await expect(dialog.get_by_role("row").nth(1)).to_contain_text("Sent", timeout=WITHIN)
        await _sound(page)
        await page.keyboard.press("Escape")


async def test_a_channel_is_added_tried_chosen_for_and_removed(
    telling: Fleet, chat: Chat, browser: Browser
) -> None:
    async with _page(telling, browser) as page:
        channels = page.get_by_role("region", name="This company's channels")
        await channels.get_by_label("Kind").select_option("teams")
        await channels.get_by_label("Name").fill("Payroll")
        await channels.get_by_label("Address").fill(chat.url)
        await page.keyboard.press("Enter")
        line = channels.get_by_role("row").filter(has_text="Payroll")
        await expect(line).to_contain_text("Microsoft Teams", timeout=WITHIN)
        posted = len(chat.posted)
        await line.get_by_role("button", name="Send a test").click()

        async def arrived() -> bool:
            return len(chat.posted) > posted

        await eventually(arrived)
        assert "AdaptiveCard" in chat.posted[-1]
        await _sound(page)
        await line.get_by_role("button", name="Choose").click()
        chosen = page.get_by_role("dialog", name="Notices: Payroll")
        await chosen.get_by_text("Syncs failed", exact=True).click()
        await _sound(page)
        await chosen.get_by_role("button", name="Save").click()
        await expect(line).to_contain_text("5 of 6 kinds", timeout=WITHIN)
        await line.get_by_role("button", name="Switch off").click()
        await expect(line.get_by_role("button", name="Switch on")).to_be_visible(timeout=WITHIN)
        await line.get_by_role("button", name="Remove").click()
        await page.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
        await expect(line).to_be_hidden(timeout=WITHIN)


@pytest.mark.parametrize("text", ["Ana Ruiz", "write to ana@example.com!", "Ruiz, A."])
def test_a_name_in_a_notice_would_be_found(text: str) -> None:
    known = [{"name": "Ana Ruiz", "last_name": "Ruiz", "email": "ana@example.com"}]
    assert named(text, known) != []
    assert named("A sync of 2 employees is held", known) == []
