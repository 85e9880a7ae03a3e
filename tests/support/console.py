"""The console as a person uses it, by mouse or by keyboard alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from muster.demo import Access, Company
from muster.sandboxes import REALMS, TENANTS
from tests.support.eventually import eventually
from tests.support.fleet import Fleet

WITHIN = 45_000
"""Milliseconds: so long a page may take on a busy machine, whatever is expected of it."""
expect.set_options(timeout=WITHIN)
both_directions = pytest.mark.parametrize(
    "side", [0, 1], ids=["linarc-to-qbo", "qbo-to-linarc"], indirect=True
)
FOCUSED = """() => { const e = document.activeElement; return e ? (e.getAttribute("aria-label") || e.innerText || "") : "" }"""


@dataclass(frozen=True, slots=True)
class Side:
    """One direction: who is asked to hire, and who is made to fail."""

    fleet: Fleet
    company: Company

    @property
    def number(self) -> int:
        """Which of the demo's tenants and realms."""
        return 0 if self.company.direction == "linarc-to-qbo" else 1

    @property
    def destination(self) -> str:
        """As the button says it."""
        return "QBO" if self.number == 0 else "Linarc"

    @property
    def source(self) -> str:
        """As the import menu says it."""
        return "Linarc" if self.number == 0 else "QBO"

    async def hire(
        self, *people: tuple[str, str], at: str = "hired.example", number: str | None = None
    ) -> list[str]:
        """New people at the source, with addresses `at` this domain; Muster is not notified. Their ids there."""
        system, scope, keys = (
            ("linarc", TENANTS[0], ("first_name", "last_name", "employee_number"))
            if self.number == 0
            else ("quickbooks", REALMS[1], ("GivenName", "FamilyName", "EmployeeNumber"))
        )
        hired = []
        for first, last in people:
            address = f"{first}.{last}@{at}".lower()
            more = {"email": address} if self.number == 0 else {"PrimaryEmailAddr": {"Address": address}}
            hired.append({keys[0]: first, keys[1]: last, **({keys[2]: number} if number else {}), **more})
        url = f"{self.fleet.stack.urls[f'sandbox_{system}']}/admin/seed"
        answer = await self.fleet.http.post(url, params={"scope": scope}, json={"employees": hired})
        assert answer.is_success, answer.text
        found: list[str] = answer.json()["ids"]
        return found

    async def known(self, *people: tuple[str, str]) -> None:
        """People of one family name whom the destination has got, by their names alone: nothing links them by itself."""
        system, scope, keys = (
            ("quickbooks", REALMS[0], ("GivenName", "FamilyName"))
            if self.number == 0
            else ("linarc", TENANTS[1], ("first_name", "last_name"))
        )
        employees = [dict(zip(keys, person, strict=True)) for person in people]
        url = f"{self.fleet.stack.urls[f'sandbox_{system}']}/admin/seed"
        answer = await self.fleet.http.post(url, params={"scope": scope}, json={"employees": employees})
        assert answer.is_success, answer.text
        path = f"/v1/companies/{self.company.company_id}"
        hint = f"{path}/accounts/{self.company.destination}/notifications"
        await self.fleet.client.call("POST", hint, json={"remote_ids": answer.json()["ids"]})

        async def ask() -> bool:
            query = {"q": people[-1][1]}
            found = await self.fleet.client.call("GET", f"{path}/directory", params=query)
            return len(found["items"]) >= len(people)

        await eventually(ask, within=60)

    async def faults(self, *rules: dict[str, Any]) -> None:
        """What the destination does wrong from now on."""
        system = "quickbooks" if self.number == 0 else "linarc"
        url = f"{self.fleet.stack.urls[f'sandbox_{system}']}/admin/faults"
        (await self.fleet.http.put(url, json={"rules": list(rules)})).raise_for_status()

    async def runs(self) -> list[dict[str, Any]]:
        """The company's runs, newest first."""
        page = await self.fleet.client.call("GET", f"/v1/companies/{self.company.company_id}/runs")
        found: list[dict[str, Any]] = page["items"]
        return found


@dataclass(frozen=True, slots=True)
class Console:
    """The Employees screen of one company."""

    page: Page
    access: Access

    async def sign_in(self) -> None:
        """As the demo's administrator."""
        await self.page.goto("/")
        await self.page.get_by_label("E-mail address").fill(self.access.email)
        await self.page.get_by_label("Password").fill(self.access.password)
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.page.get_by_role("heading", name="Employees")).to_be_visible(timeout=WITHIN)

    async def open(self, company: Company, query: str = "") -> None:
        """The company's screen, live."""
        await self.page.goto(f"/c/{company.company_id}/employees{query}")
        await expect(self.button("Live")).to_be_visible(timeout=WITHIN)
        await expect(self.page.get_by_role("searchbox")).to_be_visible(timeout=WITHIN)

    def button(self, name: str) -> Locator:
        """A button by the beginning of its name."""
        return self.page.get_by_role("button", name=re.compile(f"^{re.escape(name)}"))

    def row(self, name: str) -> Locator:
        """A row of the grid by the person's name."""
        return self.page.get_by_role("row").filter(has=self.page.get_by_text(name, exact=True))

    def serial(self, number: int) -> Locator:
        """A serial number."""
        return self.button(f"Select row {number},")

    def chip(self, status: str) -> Locator:
        """A status filter with its count."""
        return self.page.get_by_role("group", name="Filter by status").get_by_role(
            "button", name=re.compile(f"^{status}")
        )

    async def names(self) -> list[str]:
        """The people in view, in their order."""
        return await self.page.locator(".person-name").all_inner_texts()

    async def count(self, status: str) -> int:
        """What a chip counts."""
        words = (await self.chip(status).inner_text()).replace(",", "").split()
        return int(words[-1]) if words[-1].isdigit() else 0

    async def settled(self) -> None:
        """Until nobody in view is being looked for at the destination any more."""

        async def ask() -> bool:
            text = await self.page.get_by_role("grid").inner_text()
            return "being read" not in text and "looking for" not in text and "Needs Sync" in text

        await eventually(ask, within=60)

    async def search(self, words: str) -> None:
        """Search for this; by mouse."""
        await self.page.get_by_role("searchbox").click()
        await self.page.get_by_role("searchbox").fill(words)
        await expect(self.page).to_have_url(re.compile("q="))

    async def import_new(self, side: Side) -> None:
        """Import New Items, by mouse."""
        await self.button("Import").click()
        await self.page.get_by_role("menuitem", name=f"Import New Items from Source ({side.source})").click()

    async def sync(self, side: Side) -> None:
        """Push what is selected: a few at once, many by their plan; by mouse."""
        await self.button(f"Sync to Destination ({side.destination})").click()
        approve = self.button("Approve and write")
        await expect(approve.or_(self.page.get_by_text("Nothing selected")).first).to_be_visible(
            timeout=WITHIN
        )
        if await approve.is_visible():
            await self.approve()
            await self.page.get_by_role("link", name="Back to Employees").click()
        await self.says("Nothing selected")

    async def approve(self) -> None:
        """Write the plan that is shown, once its button takes a press; by mouse."""
        approve = self.button("Approve and write")
        await expect(approve).to_be_enabled(timeout=WITHIN)
        await self.page.wait_for_timeout(
            1_000
        )  # it takes nothing at first, so that a second click never commits
        await approve.click()
        await expect(approve).to_have_count(0, timeout=WITHIN)

    async def says(self, words: str) -> None:
        """The selection, in words."""
        await expect(self.page.get_by_text(words, exact=True)).to_be_visible()

    async def tab_to(self, name: str, *, back: bool = False) -> None:
        """Press Tab until what begins with this name has the focus."""
        for _ in range(60):
            focused = str(await self.page.evaluate(FOCUSED)).strip()
            if focused.startswith(name):
                return
            await self.page.keyboard.press("Shift+Tab" if back else "Tab")
        msg = f"Tab never came to {name!r}"
        raise AssertionError(msg)

    async def into_grid(self) -> None:
        """Press Tab until the focus is in the grid."""
        await self.tab_until("document.activeElement.closest('[role=grid]') !== null", "the grid")

    async def tab_until(self, met: str, what: str, most: int = 60) -> None:
        """Press Tab, so many times at most, until this JavaScript is true: `what` has the focus."""
        for _ in range(most):
            if await self.page.evaluate(met):
                return
            await self.page.keyboard.press("Tab")
        msg = f"Tab never came to {what}"
        raise AssertionError(msg)
