"""The console's sign-in page and second factor in a real browser, against gateway's own app and a certified provider."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect
from pydantic import SecretStr

from shared.settings import SsoSettings
from tests.e2e.test_console_axe import AXE, violations
from tests.integration.gateway.conftest import EMAIL, PASSWORD
from tests.integration.gateway.test_second_factor import code
from tests.integration.gateway.test_sso import company
from tests.support.browser import Watched, open_browser, open_page
from tests.support.console import WITHIN
from tests.support.http import served
from tests.support.oidc import SECRET, provider

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import World

pytestmark = pytest.mark.asyncio


@pytest.fixture
def sso() -> SsoSettings:
    """Its issuer is known once the page has an address."""
    return SsoSettings(client_id="muster", client_secret=SecretStr(SECRET), name="Site ID")


async def fits(watched: Watched) -> None:
    """Nothing for axe to say at both widths."""
    for width in (1280, 390):
        await watched.page.set_viewport_size({"width": width, "height": 800})
        assert await violations(watched.page) == []
    await watched.page.set_viewport_size({"width": 1280, "height": 800})


async def by_password(page: Page) -> None:
    """With the keyboard alone."""
    await page.get_by_label("E-mail address").fill(EMAIL)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")


async def test_single_sign_on_and_a_second_factor_by_mouse_and_keyboard(
    world: World, sso: SsoSettings
) -> None:
    path = await company(world, sso, "Payroll=viewer")
    async with served(world.app) as url, open_browser() as browser, open_page(browser, url) as watched:
        page = watched.page
        await page.context.add_init_script(AXE.read_text())
        # Refusals are what is tried here, and the company has no route; scripts and the page's policy have nothing to say.
        watched.expected = re.compile(r"Failed to load resource")
        with provider(f"{url}/v1/sign-in/sso/callback") as idp:
            sso.issuer = idp.issuer
            await idp.person("mara", "Others")
            await page.goto("/portfolio")
            await page.get_by_role("button", name="Sign in with Site ID").click()
            await expect(page.get_by_role("alert")).to_contain_text("None of your groups", timeout=WITHIN)
            await fits(watched)
            await idp.person("mara", "Payroll")
            await page.goto("/portfolio")
            await page.get_by_role("button", name="Sign in with Site ID").press("Enter")
            await expect(page.get_by_role("heading", name="Portfolio")).to_be_visible(timeout=WITHIN)
            await expect(page.get_by_text("You do not belong")).to_be_hidden()
            assert urlsplit(page.url).path == "/portfolio"
        await page.get_by_role("button", name="Account").click()
        await page.get_by_role("menuitem", name="Sign out").click()

        await by_password(page)
        await page.get_by_role("button", name="Account").click()
        await page.get_by_role("menuitem", name="Second factor").click()
        await page.get_by_label("Your password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("img", name="QR code")).to_be_visible(timeout=WITHIN)
        await fits(watched)
        secret = await page.locator("code").inner_text()
        assert len(base64.b32decode(secret)) == 20
        await page.get_by_label("Six-digit code").fill(code(secret))
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("listitem")).to_have_count(10, timeout=WITHIN)
        await fits(watched)
        await page.get_by_role("button", name="I have saved them").click()
        await expect(page.get_by_text("10 of 10 recovery codes")).to_be_visible(timeout=WITHIN)
        await page.get_by_role("button", name="Account").click()
        await page.get_by_role("menuitem", name="Sign out").click()

        await by_password(page)
        await expect(page.get_by_label("Code from your authenticator app")).to_be_focused(timeout=WITHIN)
        await fits(watched)
        await page.keyboard.type(code(secret, 1))
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Account")).to_be_visible(timeout=WITHIN)
        assert watched.complaints == []
        assert path
