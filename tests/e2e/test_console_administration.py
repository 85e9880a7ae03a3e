"""What a newcomer and an administrator do: by mouse and keyboard, wide and narrow, each with an account of their own."""

from __future__ import annotations

import re
from base64 import b32decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.async_api import Browser, Locator, Page, expect

from muster.sandboxes import SPARE, TENANTS
from tests.e2e.test_console_axe import AXE
from tests.e2e.test_console_programs import sound
from tests.support.browser import open_page
from tests.support.console import WITHIN, Console
from tests.support.eventually import eventually
from tests.support.fleet import Fleet

pytestmark = pytest.mark.asyncio
PASSWORD, OTHER = "a password of some length", "another of some length"


@dataclass
class Authenticator:
    """An app that shows codes; each is used once."""

    secret: bytes
    used: int = field(default=0)

    def code(self) -> str:
        """The code of now, or of the next period where this one's was used: it is good already."""
        self.used = max(int(time()) // 30, self.used + 1)
        return TOTP(self.secret, 6, SHA1(), 30).generate(self.used * 30).decode()  # noqa: S303  (as authenticators do)


@asynccontextmanager
async def someone(fleet: Fleet, browser: Browser) -> AsyncIterator[Page]:
    """Somebody at a browser of their own, without complaints but those that refusals bring."""
    async with open_page(browser, fleet.access.url) as watched:
        watched.expected = re.compile(r"Failed to load resource.*(401|403|404|409|422)")
        await watched.page.context.add_init_script(AXE.read_text())
        yield watched.page
        assert watched.complaints == []


@pytest_asyncio.fixture
async def ann(fleet: Fleet, browser: Browser) -> AsyncIterator[Page]:
    """The demo's administrator, signed in, in the company whose source is Linarc."""
    async with someone(fleet, browser) as page:
        console = Console(page, fleet.access)
        await console.sign_in()
        await console.open(fleet.company)
        yield page


@pytest_asyncio.fixture
async def new(fleet: Fleet, browser: Browser) -> AsyncIterator[Page]:
    """Somebody whom Muster does not know yet."""
    async with someone(fleet, browser) as page:
        yield page


async def join(page: Page, link: str, name: str) -> None:
    """Accept an invitation."""
    await page.goto(urlsplit(link).path)
    await page.get_by_label("Your name").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("heading", name="Employees")).to_be_visible(timeout=WITHIN)


async def invited(fleet: Fleet, email: str, role: str) -> str:
    """The link of an invitation."""
    made = await fleet.client.call("POST", f"{fleet.path}/invitations", json={"email": email, "role": role})
    return str(made["link"])


async def sign_in(page: Page, email: str, password: str) -> None:
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password").fill(password)
    await page.keyboard.press("Enter")


async def says(page: Page, words: str | re.Pattern[str]) -> None:
    """What was done, in words, wherever the page says it."""
    await expect(page.get_by_text(words).first).to_be_visible(timeout=WITHIN)


def named(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


async def hold(fleet: Fleet, at: str) -> list[str]:
    """A plan that the safety limits hold: two linked people get another name where one may; their records."""
    records = []
    for first in ("Ottoline", "Barnabas"):
        remote = await fleet.hire(first_name=first, last_name="Heldby", email=f"{first}@{at}".lower())
        records.append((await fleet.becomes(remote, "needs_sync", reason="not_pushed"))["record_id"])
    await fleet.push(*records)
    rules = f"{fleet.path}/route/rules"
    await fleet.client.call("PATCH", rules, json={"direct_sync": 0, "limits": {"changed": 1}})
    for record, name in zip(records, ("Renata", "Sunniva"), strict=True):
        remote = (await fleet.client.call("GET", f"{fleet.path}/records/{record}"))["remote_id"]
        await fleet.edit(remote, first_name=name)
        await fleet.becomes(remote, "needs_sync", reason="changed", first_name=name)
    await fleet.client.call("POST", f"{fleet.path}/plans", json={"record_ids": records})
    return records


@pytest_asyncio.fixture
async def usual_limits(fleet: Fleet) -> AsyncIterator[None]:
    """The company's limits are afterwards as they were."""
    yield
    rules = {"direct_sync": 10, "limits": {"changed": None}}
    await fleet.client.call("PATCH", f"{fleet.path}/route/rules", json=rules)


@pytest.mark.usefixtures("usual_limits")
async def test_a_colleague_is_invited_joins_and_releases_a_held_plan(
    ann: Page, new: Page, fleet: Fleet
) -> None:
    records = await hold(fleet, "newcomers.example")
    await ann.get_by_role("link", name="People").click()
    await ann.get_by_label("E-mail address").fill("dora@muster.example")
    await ann.get_by_label("Role", exact=True).select_option("operator")
    await named(ann, "Create link").click()
    link = await ann.get_by_label("Link", exact=True).input_value(timeout=WITHIN)

    await new.set_viewport_size({"width": 390, "height": 800})
    await join(new, link, "Dora")
    await new.goto(f"/c/{fleet.company.company_id}/plans")
    await new.get_by_role("listitem").filter(has_text="Held").first.click(timeout=WITHIN)
    await says(new, re.compile("exceeds the company's safety limits"))
    await says(new, "2 linked people would get another name")
    release = new.get_by_role("button", name=re.compile("^Release and write"))
    await expect(release).to_be_enabled(timeout=WITHIN)
    await new.wait_for_timeout(1_000)  # it takes nothing at first, so that a second click never commits
    await release.click()
    await says(new, re.compile("2 written"))

    async def statuses() -> list[str]:
        query = {"ids": records, "limit": 10}
        page = await fleet.client.call("GET", f"{fleet.path}/records", params=query)
        return [one["status"] for one in page["items"]]

    await eventually(statuses, equal=["synced"] * 2)

    await ann.get_by_role("link", name="Audit log").click()
    released = ann.get_by_role("row").filter(has_text="Plan released").filter(has_text="Dora")
    await expect(released.first).to_be_visible(timeout=WITHIN)


@pytest.mark.usefixtures("no_faults_left")
async def test_operations_leads_from_a_failed_sync_to_its_reason_and_to_its_retry(
    ann: Page, fleet: Fleet
) -> None:
    trouble = {"match": {"operation": "create", "name_contains": "Stumbleton"}, "action": "status"}
    await fleet.faults({**trouble, "status": 503})
    remote = await fleet.hire(first_name="Ida", last_name="Stumbleton", email="ida@stumble.example")
    record = await fleet.becomes(remote, "needs_sync", reason="not_pushed")
    await fleet.push(record["record_id"])

    await ann.get_by_role("link", name="Operations").click()
    await ann.get_by_role("alert").get_by_role("link", name="Show them").click(timeout=WITHIN)
    failed = (
        ann.get_by_role("row")
        .filter(has=ann.get_by_text("Ida Stumbleton", exact=True))
        .get_by_role("button", name=re.compile("^Failed: "))
    )
    await expect(failed).to_be_visible(timeout=WITHIN)
    await failed.hover()
    await expect(ann.get_by_role("tooltip")).to_contain_text(re.compile("did not|asks|could not"))
    await named(ann, "Change History of Ida Stumbleton").click()
    dialog = ann.get_by_role("dialog", name="Change History")
    await dialog.get_by_role("button", name=re.compile(r"^\d+ attempts?")).last.click(timeout=WITHIN)
    await expect(dialog.get_by_text(re.compile("answered 503")).first).to_be_visible()
    await ann.keyboard.press("Escape")
    await fleet.faults()
    await failed.click()
    await fleet.becomes(remote, "synced", within=90)


async def connect_linarc(page: Page, fleet: Fleet) -> None:
    """A wrong key is refused, and the right one taken."""
    await named(page, "Connect").click()
    await page.get_by_role("menuitem", name="Linarc").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name", exact=True).fill("Linarc, annexe")
    await dialog.get_by_label("Environment").select_option("sandbox")
    await dialog.get_by_label("Tenant id").fill(TENANTS[0])
    await dialog.get_by_label("Address of the API").fill(fleet.stack.urls["sandbox_linarc"])
    key = dialog.get_by_label("API key", exact=True)
    await key.fill("not the key")
    await dialog.get_by_role("button", name="Connect", exact=True).click()
    await expect(dialog.get_by_role("alert")).not_to_be_empty(timeout=WITHIN)
    await key.fill(fleet.stack.secret("linarc_0"))
    await dialog.get_by_role("button", name="Connect", exact=True).click()


async def test_a_company_is_made_connected_paused_disconnected_and_connected_again(
    new: Page, fleet: Fleet
) -> None:
    """By an administrator of the installation who belongs to no other company."""
    staff = "/v1/installation/people"
    ines = await fleet.client.call("POST", staff, json={"email": "ines@muster.example", "role": "admin"})
    await new.goto(urlsplit(ines["link"]).path)
    await new.get_by_label("Password").fill(PASSWORD)
    await new.keyboard.press("Enter")
    await named(new, "Go to sign-in").click(timeout=WITHIN)
    await sign_in(new, "ines@muster.example", PASSWORD)
    await named(new, "New company").click(timeout=WITHIN)
    await new.get_by_label("Name of the company").fill("Annexe Builders")
    await new.keyboard.press("Enter")
    await expect(new.get_by_text("Nothing is connected yet")).to_be_visible(timeout=WITHIN)

    await connect_linarc(new, fleet)
    await says(new, "Linarc, annexe is connected.")

    await named(new, "Test the connection to Linarc, annexe").click()
    await says(new, "The connection to Linarc, annexe works.")
    await named(new, "Pause the connection to Linarc, annexe").click()
    await says(new, re.compile("is not called until you resume it"))
    await expect(new.get_by_text("Paused", exact=True)).to_be_visible(timeout=WITHIN)
    await sound(new)
    await named(new, "Resume the connection to Linarc, annexe").click()
    await says(new, re.compile("is called again"))
    await named(new, "Disconnect Linarc, annexe").click()
    sure = new.get_by_role("alertdialog")
    await expect(sure.get_by_text("To stop for a while only, pause it instead.")).to_be_visible()
    await sure.get_by_role("button", name="Disconnect").click()
    await says(new, "Linarc, annexe is disconnected.")
    await named(new, "Reconnect Linarc, annexe").click(timeout=WITHIN)
    await new.get_by_role("dialog").get_by_label("API key", exact=True).fill(fleet.stack.secret("linarc_0"))
    await new.keyboard.press("Enter")
    await says(new, "Linarc, annexe is connected.")

    await named(new, "Connect").click()
    await new.get_by_role("menuitem", name="QuickBooks Online").click()
    await new.get_by_role("dialog").get_by_label("Environment").select_option("sandbox")
    await named(new, "Go to Intuit").click()
    await new.get_by_role("radio", name=re.compile(SPARE)).check(timeout=WITHIN)
    await named(new, "Approve").click()
    await says(new, re.compile("Both systems are connected"))
    await new.get_by_role("link", name="Open Rules").click()
    await expect(new.get_by_role("heading", level=1)).to_be_visible(timeout=WITHIN)
    await fleet.client.call("DELETE", f"{staff}/{ines['user_id']}")


async def test_an_api_key_is_shown_once_works_and_is_revoked(ann: Page, fleet: Fleet) -> None:
    async def asked(key: str) -> int:
        url = f"{fleet.access.url}{fleet.path}/runs"
        return (await fleet.http.get(url, headers={"Authorization": f"Bearer {key}"})).status_code

    await ann.get_by_role("link", name="API keys").click()
    await ann.get_by_label("What it is for").fill("Nightly report")
    await ann.get_by_label("Role", exact=True).select_option("viewer")
    await named(ann, "Create key").click()
    key = await ann.get_by_role("textbox", name="Key", exact=True).input_value(timeout=WITHIN)
    assert await asked(key) == 200
    await sound(ann)
    await ann.reload()
    row = ann.get_by_role("row").filter(has_text="Nightly report")
    await expect(row).to_be_visible(timeout=WITHIN)
    assert key not in await ann.content()
    await named(ann, "Revoke Nightly report").click()
    await ann.get_by_role("alertdialog").get_by_role("button", name="Revoke").click()
    await says(ann, "The key Nightly report is revoked.")
    assert await asked(key) == 401


async def test_sessions_password_and_second_factor_are_ones_own_affair(
    new: Page, browser: Browser, fleet: Fleet
) -> None:
    email = "sam@muster.example"
    await join(new, await invited(fleet, email, "viewer"), "Sam")
    async with someone(fleet, browser) as elsewhere:
        await elsewhere.goto("/sign-in")
        await sign_in(elsewhere, email, PASSWORD)
        await expect(elsewhere.get_by_role("heading", name="Employees")).to_be_visible(timeout=WITHIN)
        await new.goto("/account")
        await new.get_by_role("button", name=re.compile("^Sign out Chrome")).click(timeout=WITHIN)
        await says(new, "That session has ended.")
        await elsewhere.reload()
        await expect(elsewhere.get_by_label("Password")).to_be_visible(timeout=WITHIN)
    await sound(new)

    await new.get_by_label("Current password").fill("not this one at all")
    await new.get_by_label("New password").fill(OTHER)
    await named(new, "Change password").click()
    await says(new, "That is not your current password.")
    await new.get_by_label("Current password").fill(PASSWORD)
    await new.get_by_label("New password").fill(OTHER)
    await named(new, "Change password").click()
    await says(new, "The password is changed.")

    await new.get_by_role("link", name="Second factor").click()
    await new.get_by_label("Your password").fill(OTHER)
    await named(new, "Set up").click()
    app = Authenticator(b32decode(await new.locator("code").inner_text(timeout=WITHIN)))
    await sound(new)
    await new.get_by_label("Six-digit code").fill(app.code())
    await named(new, "Confirm").click()
    recovery = await new.locator("li code").first.inner_text(timeout=WITHIN)
    await named(new, "I have saved them").click()
    await says(new, re.compile("^Your second factor is set up. 10 of 10"))

    for code in (app.code(), recovery):
        await new.context.clear_cookies()
        await new.goto("/sign-in")
        await sign_in(new, email, OTHER)
        await new.get_by_label("Code from your authenticator app").fill(code, timeout=WITHIN)
        await new.keyboard.press("Enter")
        await expect(new.get_by_role("heading", name="Employees")).to_be_visible(timeout=WITHIN)


async def test_the_audit_log_is_filtered_and_saved_as_a_file(ann: Page, fleet: Fleet) -> None:
    made = await fleet.client.call(
        "POST", f"{fleet.path}/api-keys", json={"name": "Audited", "role": "viewer"}
    )
    await ann.get_by_role("link", name="Audit log").click()
    rows = ann.get_by_role("table", name="Audit log").get_by_role("row")
    await expect(rows.filter(has_text="Signed in").first).to_be_visible(timeout=WITHIN)
    await ann.get_by_label("What", exact=True).select_option("keys")
    await ann.get_by_label("When", exact=True).select_option("1")
    await expect(rows.filter(has_text="API key made").filter(has_text="Audited").first).to_be_visible(
        timeout=WITHIN
    )
    await expect(rows.filter(has_text="Signed in")).to_have_count(0)
    await sound(ann)
    await named(ann, "Export").click()
    async with ann.expect_download() as download:
        await ann.get_by_role("menuitem", name=re.compile("^CSV")).click()
    file = Path(await (await download.value).path())
    lines = file.read_text().splitlines()
    assert any("key.created" in line and made["key_id"] in line for line in lines[1:])
    assert not any("session.started" in line for line in lines)
    await fleet.client.call("DELETE", f"{fleet.path}/api-keys/{made['key_id']}")


async def test_an_operator_of_the_installation_sees_counts_and_is_offered_nothing_else(
    ann: Page, new: Page, fleet: Fleet
) -> None:
    await ann.goto("/installation")
    await ann.get_by_label("E-mail address").fill("otto@muster.example")
    await named(ann, "Add").click()
    link = await ann.get_by_label("Link", exact=True).input_value(timeout=WITHIN)
    await sound(ann)

    await new.goto(urlsplit(link).path)
    await new.get_by_label("Password").fill(PASSWORD)
    await new.keyboard.press("Enter")
    await named(new, "Go to sign-in").click(timeout=WITHIN)
    await sign_in(new, "otto@muster.example", PASSWORD)
    await expect(new.get_by_role("heading", name="All companies")).to_be_visible(timeout=WITHIN)
    await expect(new.get_by_role("row").filter(has_text=fleet.company.name)).to_be_visible(timeout=WITHIN)
    await expect(new.get_by_text("Who works for this Muster")).to_have_count(0)
    await sound(new)
    await new.goto("/portfolio")
    await expect(new.get_by_role("link", name="All companies")).to_be_visible(timeout=WITHIN)
    await expect(named(new, "New company")).to_have_count(0)
    await new.goto(f"/c/{fleet.company.company_id}/employees")
    await says(new, "There is no such page")

    await named(ann, "Remove otto@muster.example").click()
    await says(ann, "otto@muster.example does not work for this Muster any more.")
    await new.goto("/installation")
    await says(new, "Only operators of this Muster see all companies.")
