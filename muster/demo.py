"""The demo's people, companies and administrator: everything after the first account is done over the public API."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

from muster.client import ApiError, AsyncClient
from muster.errors import StackError
from muster.sandboxes import CLIENT_ID, CLIENT_SECRET, REALMS, TENANTS
from muster.stack import Stack
from shared.clock import SystemClock
from shared.db.pool import open_database
from shared.domain import plans
from shared.settings import DatabaseSettings

ROOT = Path(__file__).resolve().parent.parent
EMAIL = "admin@muster.example"
NAMES = {"linarc-to-qbo": "Stonecourse Builders", "qbo-to-linarc": "Millbridge Contractors"}


@dataclass(frozen=True, slots=True)
class Company:
    """One demo company: its direction, and where its accounts are."""

    company_id: str
    name: str
    direction: str
    source: str
    destination: str


@dataclass(frozen=True, slots=True)
class Access:
    """How to sign in, and to which companies."""

    url: str
    email: str
    password: str
    companies: tuple[Company, ...]


RULES: Mapping[str, Any] = MappingProxyType({"auto_create": True, "auto_update": True})


NO_LIMITS: Mapping[str, Any] = MappingProxyType({"limits": plans.NO_LIMITS.model_dump()})
UNATTENDED: Mapping[str, Any] = MappingProxyType({**RULES, **NO_LIMITS})
"""For a program that pushes on its own: nobody is there to release what the safety limits hold."""


async def prepare(stack: Stack, rules: Mapping[str, Any] = RULES) -> Access:
    """Fill the sandboxes and connect one company for each direction. What is there already stays."""
    password = stack.secret("administrator")
    await _administrator(stack, password)
    async with AsyncClient(stack.urls["gateway"]) as client:
        await client.sign_in(EMAIL, password)
        there = {c["name"]: c["company_id"] for c in await client.call("GET", "/v1/companies")}
        companies = []
        for number, direction in enumerate(stack.options.directions):
            name = NAMES[direction]
            if name not in there:
                await seed(stack, number, direction)
            companies.append(await _company(stack, client, number, direction, there.get(name), rules))
            await _webhooks(stack, client, number, companies[-1])
    return Access(stack.urls["gateway"], EMAIL, password, tuple(companies))


async def _webhooks(stack: Stack, client: AsyncClient, number: int, company: Company) -> None:
    """Have both sandboxes send this company's changes, at every start: gateway's port may be another one."""
    path = f"/v1/companies/{company.company_id}/accounts"
    for account in await client.call("GET", path):
        about = f"{path}/{account['account_id']}/webhook"
        if account["system"] == "quickbooks":
            scope, secret = REALMS[number], stack.secret("verifier")
        else:
            scope, secret = TENANTS[number], (await client.call("POST", f"{about}/secret"))["secret"]
        address = (await client.call("GET", about))["address"]
        url = f"{stack.urls['sandbox_' + account['system']]}/admin/webhooks"
        async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
            body = {"url": address, "secret": secret}
            (await http.put(url, params={"scope": scope}, json=body)).raise_for_status()


async def _administrator(stack: Stack, password: str) -> None:
    from services.gateway.store import users  # noqa: PLC0415  (only here does the command line need a service's own code)

    dsn = stack.environment("gateway", 0, 0)["MUSTER_DATABASE__DSN"]
    database = await open_database(DatabaseSettings.model_validate({"dsn": dsn}), "gateway")
    try:
        await users.create_administrator(database, EMAIL, "Demo Administrator", password, SystemClock())
    finally:
        await database.close()


def folder(stack: Stack, direction: str) -> Path:
    """Where the generator wrote the people and true pairs of this direction."""
    return stack.data / "people" / direction


async def seed(stack: Stack, number: int, direction: str) -> None:
    """Make the people of one direction and put them into both sandboxes."""
    out = folder(stack, direction)
    out.mkdir(parents=True, exist_ok=True)
    options = stack.options
    command = [
        sys.executable,
        "-m",
        "sandbox.people",
        "--employees",
        str(options.employees),
        "--direction",
        direction,
    ]
    command += ["--overlap", str(options.overlap), "--seed", str(7 + number), "--out", str(out)]
    command += ["--tenant", TENANTS[number], "--realm", REALMS[number]]
    if options.overlap == 0:
        command += ["--shared-names", "0"]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    if await process.wait():
        msg = "the made-up people could not be made"
        raise StackError(msg)
    async with httpx.AsyncClient(timeout=120, trust_env=False) as http:
        for system, scope in (("linarc", TENANTS[number]), ("quickbooks", REALMS[number])):
            people = json.loads((out / f"{system}.json").read_text())[scope]
            for start in range(0, len(people), 2000):
                url = f"{stack.urls[f'sandbox_{system}']}/admin/seed"
                body = {"employees": people[start : start + 2000]}
                (await http.post(url, params={"scope": scope}, json=body)).raise_for_status()


async def _company(
    stack: Stack,
    client: AsyncClient,
    number: int,
    direction: str,
    known: str | None,
    rules: Mapping[str, Any],
) -> Company:
    if known is None:
        made = await client.call(
            "POST", "/v1/companies", json={"name": NAMES[direction]}, key=f"demo-{direction}"
        )
        known = str(made["company_id"])
    path = f"/v1/companies/{known}"
    linarc = await _account(client, path, _linarc(stack, number))
    quickbooks = await _account(client, path, _quickbooks(stack, number))
    source, destination = (linarc, quickbooks) if direction == "linarc-to-qbo" else (quickbooks, linarc)
    route = {"source": source, "destination": destination, "rules": dict(rules)}
    await client.call("PUT", f"{path}/route", json={**route, "active": True})
    return Company(known, NAMES[direction], direction, source, destination)


async def _account(client: AsyncClient, path: str, body: dict[str, Any]) -> str:
    for account in await client.call("GET", f"{path}/accounts"):
        if account["system"] == body["system"]:
            return str(account["account_id"])
    try:
        made = await client.call("POST", f"{path}/accounts", json=body)
    except ApiError as error:
        msg = f"{body['name']} could not be connected: {error}"
        raise StackError(msg) from error
    return str(made["account_id"])


def _linarc(stack: Stack, number: int) -> dict[str, Any]:
    return {
        "system": "linarc",
        "environment": "sandbox",
        "tenant_id": TENANTS[number],
        "name": "Linarc (sandbox)",
        "base_url": stack.urls["sandbox_linarc"],
        "credential": {"api_key": stack.secret(f"linarc_{number}")},
    }


def _quickbooks(stack: Stack, number: int) -> dict[str, Any]:
    base = stack.urls["sandbox_quickbooks"]
    return {
        "system": "quickbooks",
        "environment": "sandbox",
        "tenant_id": REALMS[number],
        "name": "QuickBooks Online (sandbox)",
        "base_url": base,
        "credential": {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": stack.secret(f"refresh_{number}"),
            "token_url": f"{base}/oauth2/v1/tokens/bearer",
        },
    }
