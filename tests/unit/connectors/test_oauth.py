"""Tokens: refreshed early and once, kept before use, ended only when they are the stored ones."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs

import httpx
import orjson
import pytest
from pydantic import SecretStr

from shared.clock import SystemClock
from shared.connectors.client import Http
from shared.connectors.oauth import Tokens, authorise_url, exchange_code, revoke
from shared.connectors.ports import Write
from shared.connectors.vault import Vault
from shared.domain.employee import Remote
from shared.domain.reasons import CONNECTIONS
from shared.errors import Unauthorized, Unavailable
from shared.settings import ApplicationSettings

from .conftest import ACCOUNT, COMPANY, TOKEN_URL

if TYPE_CHECKING:
    from .conftest import World

REVOKE_URL = "https://oauth.test/v2/oauth2/tokens/revoke"
PERSON = {"Id": "5", "SyncToken": "0", "GivenName": "Ilse"}


class Intuit:
    """Takes one access token, and hands out the next for the newest refresh token only."""

    def __init__(self, good: str = "access-1") -> None:
        self.good = good
        self.refresh = "refresh-1"
        self.tokens = 0
        self.forms: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "oauth.test":
            return self._token(request)
        if request.headers["authorization"] != f"Bearer {self.good}":
            return httpx.Response(401)
        return httpx.Response(200, json={"Employee": PERSON, "CompanyInfo": {}, "time": None})

    def _token(self, request: httpx.Request) -> httpx.Response:
        self.forms.append(request)
        if parse_qs(request.content.decode())["refresh_token"] != [self.refresh]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        self.tokens += 1
        self.good, self.refresh = f"access-{self.tokens + 1}", f"refresh-{self.tokens + 1}"
        body = {"access_token": self.good, "refresh_token": self.refresh, "expires_in": 3600}
        return httpx.Response(200, json=body)


def ends_in(world: World, minutes: float) -> None:
    at = SystemClock().now() + timedelta(minutes=minutes)
    world.vault.credential = world.vault.credential.model_copy(update={"expires_at": at})


async def test_a_good_token_is_used_as_it_is(qbo: World) -> None:
    qbo.reply = intuit = Intuit()
    ends_in(qbo, 6)
    await qbo.quickbooks().test()
    assert intuit.tokens == 0


async def test_a_token_is_refreshed_five_minutes_early_with_basic_and_a_form(qbo: World) -> None:
    qbo.reply = intuit = Intuit(good="none")
    ends_in(qbo, 4)
    await qbo.quickbooks().test()
    (form,) = intuit.forms
    assert form.headers["authorization"] == "Basic " + base64.b64encode(b"client:secret").decode()
    assert parse_qs(form.content.decode()) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["refresh-1"],
    }
    assert [kept.refresh_token for kept in qbo.vault.kept] == ["refresh-2"]


async def test_a_refused_token_is_refreshed_once_and_the_write_repeated_under_its_key(qbo: World) -> None:
    qbo.reply = Intuit(good="none")
    connector = qbo.quickbooks()
    (written,) = await connector.send(
        connector.prepare("key-1", [Write("create", "i", {"first_name": "Ilse"})])
    )
    assert isinstance(written.remote, Remote)
    first, again = [request for request in qbo.asked if request.url.host == "remote.test"]
    assert first.url == again.url and first.url.params["requestid"] == "key-1"
    assert first.content == again.content


async def test_many_refused_at_once_refresh_once(qbo: World) -> None:
    qbo.reply = intuit = Intuit(good="none")
    connector = qbo.quickbooks()
    await asyncio.gather(*(connector.test() for _ in range(20)))
    assert intuit.tokens == 1


async def test_a_token_refused_twice_ends_the_connection(qbo: World) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.host == "oauth.test":
            return httpx.Response(200, json={"access_token": "x", "refresh_token": "y", "expires_in": 3600})
        return httpx.Response(401)

    qbo.reply = reply
    with pytest.raises(Unauthorized):
        await qbo.quickbooks().test()
    assert qbo.vault.state == "reconnect"
    assert len(qbo.asked) == 3


@pytest.mark.reason("connection.wrong_application")
@pytest.mark.parametrize(
    ("status", "error", "state"),
    [
        (400, "invalid_grant", "reconnect"),
        (401, "invalid_client", "wrong_application"),
        (400, "unauthorized_client", "wrong_application"),
    ],
)
async def test_a_dead_refresh_token_needs_a_person(qbo: World, status: int, error: str, state: str) -> None:
    qbo.reply = lambda _: httpx.Response(status, json={"error": error})
    ends_in(qbo, 0)
    connector = qbo.quickbooks()
    with pytest.raises(Unauthorized):
        await connector.test()
    assert qbo.vault.state == state
    assert state in CONNECTIONS
    with pytest.raises(Unauthorized) as caught:
        await connector.test()
    assert caught.value.state == state
    assert len(qbo.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(400, html="<p>proxy"),
        httpx.Response(500),
        httpx.Response(200, text="{"),
        httpx.Response(200, json={"access_token": None, "refresh_token": "r", "expires_in": 3600}),
        httpx.Response(200, json={"access_token": "a", "refresh_token": "r"}),
    ],
)
async def test_an_answer_that_makes_no_sense_loses_nothing(qbo: World, answer: httpx.Response) -> None:
    qbo.reply = lambda _: httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
    ends_in(qbo, 0)
    with pytest.raises(Unavailable):
        await qbo.quickbooks().test()
    assert (qbo.vault.state, qbo.vault.kept) == ("connected", [])


async def test_what_somebody_else_refreshed_is_taken_over(qbo: World) -> None:
    qbo.reply = intuit = Intuit()
    connector = qbo.quickbooks()
    await connector.test()
    intuit.good = "access-9"
    qbo.vault.credential = qbo.vault.credential.model_copy(update={"access_token": "access-9", "version": 1})
    await connector.test()
    assert intuit.tokens == 0


async def test_a_token_taken_over_that_is_dead_too_is_refreshed_before_anybody_is_notified(
    qbo: World,
) -> None:
    qbo.reply = intuit = Intuit()
    connector = qbo.quickbooks()
    await connector.test()
    intuit.good = "none"
    qbo.vault.credential = qbo.vault.credential.model_copy(update={"access_token": "access-9", "version": 1})
    await connector.test()
    assert (intuit.tokens, qbo.vault.state) == (1, "connected")


async def test_new_tokens_are_kept_even_when_the_first_attempt_to_keep_them_fails(
    qbo: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    qbo.reply = Intuit(good="none")
    ends_in(qbo, 0)
    renew = qbo.vault.renew
    failed: list[bool] = []

    async def fail_once(*args: Any) -> bool:
        if not failed:
            failed.append(True)
            raise Unavailable("database: gone")
        return await renew(*args)

    monkeypatch.setattr(qbo.vault, "renew", fail_once)
    await qbo.quickbooks().test()
    assert qbo.vault.credential.refresh_token == "refresh-2"
    assert orjson.loads(qbo.vault.credential.model_dump_json())["access_token"] == "access-2"


async def test_new_tokens_outlive_a_database_that_stays_away_and_are_used_only_once_kept(
    qbo: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    qbo.reply = intuit = Intuit(good="none")
    ends_in(qbo, 0)
    renew = qbo.vault.renew
    away = True

    async def fail_while_away(*args: Any) -> bool:
        if away:
            raise Unavailable("database: gone")
        return await renew(*args)

    monkeypatch.setattr(qbo.vault, "renew", fail_while_away)
    connector = qbo.quickbooks()
    with pytest.raises(Unavailable, match="gone"):
        await connector.test()
    assert [r.url.host for r in qbo.asked] == ["oauth.test"]
    away = False
    await connector.test()
    assert (intuit.tokens, qbo.vault.credential.refresh_token) == (1, "refresh-2")


async def test_a_refresh_goes_on_when_who_asked_gives_up(qbo: World) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    intuit = Intuit(good="none")

    async def slow(request: httpx.Request) -> httpx.Response:
        asked.set()
        await go_on.wait()
        return intuit(request)

    http = Http("quickbooks", "https://remote.test", httpx.MockTransport(slow))
    tokens = Tokens(cast("Vault", qbo.vault), COMPANY, ACCOUNT, SystemClock(), http)
    ends_in(qbo, 0)
    waiting = asyncio.create_task(tokens.access())
    await asked.wait()
    waiting.cancel()
    go_on.set()
    await tokens.close()
    assert qbo.vault.credential.refresh_token == "refresh-2"


_FAULT = {"Fault": {"Error": [{"code": "3100", "Message": "m"}], "type": "AuthorizatonFault"}}
_SERVICE = {"fault": {"error": [{"code": "3200", "message": "m"}], "type": "SERVICE"}, "time": 1}
_XML = b'<?xml version="1.0"?><IntuitResponse><Fault type="AUTHENTICATION"><Error code="100"/></Fault></IntuitResponse>'
OF_ANOTHER = {
    "403, code 3100": httpx.Response(403, json=_FAULT),
    "401, code 100 in XML": httpx.Response(401, content=_XML),
    "401, fault of type SERVICE": httpx.Response(401, json=_SERVICE),
}


@pytest.mark.reason("connection.wrong_company")
@pytest.mark.parametrize("answer", OF_ANOTHER.values(), ids=OF_ANOTHER)
async def test_a_company_of_another_realm_ends_the_connection_without_a_refresh(
    qbo: World, answer: httpx.Response
) -> None:
    qbo.reply = lambda _: httpx.Response(answer.status_code, content=answer.content)
    with pytest.raises(Unauthorized) as caught:
        await qbo.quickbooks().test()
    assert (caught.value.state, qbo.vault.state, len(qbo.asked)) == ("wrong_company", "wrong_company", 1)


@pytest.mark.reason("connection.no_rights")
async def test_lost_rights_end_the_connection_unless_somebody_has_connected_again(qbo: World) -> None:
    fault = {"Fault": {"Error": [{"code": "120", "Message": "m"}], "type": "AuthenticationFault"}}

    def reply(request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"] == "Bearer access-9":
            return httpx.Response(200, json={"CompanyInfo": {"CompanyName": "Stone"}})
        return httpx.Response(401, json=fault)

    qbo.reply = reply
    with pytest.raises(Unauthorized):
        await qbo.quickbooks().test()
    assert qbo.vault.state == "no_rights"
    qbo.vault.state = "connected"
    stale = qbo.quickbooks()
    await stale._session._tokens.access()
    qbo.vault.credential = qbo.vault.credential.model_copy(update={"access_token": "access-9", "version": 9})
    assert (await stale.test()).name == "Stone"
    assert qbo.vault.state == "connected"


async def test_the_browser_is_sent_to_intuit_with_a_state_and_comes_back_with_a_code(qbo: World) -> None:
    application = ApplicationSettings(
        client_id="client", client_secret=SecretStr("secret"), token_url=TOKEN_URL, revoke_url=REVOKE_URL
    )
    url = httpx.URL(authorise_url(application, "https://muster.test/back?x=1", "s-1"))
    assert (url.host, url.path) == ("appcenter.intuit.com", "/connect/oauth2")
    assert dict(url.params) == {
        "client_id": "client",
        "response_type": "code",
        "scope": "com.intuit.quickbooks.accounting",
        "redirect_uri": "https://muster.test/back?x=1",
        "state": "s-1",
    }
    body = {
        "access_token": "a",
        "refresh_token": "r",
        "expires_in": 3600,
        "x_refresh_token_expires_in": 8726400,
        "x_refresh_token_hard_expires_in": 86400,
    }
    qbo.answers(body)
    http, clock = qbo.http("quickbooks"), SystemClock()
    credential = await exchange_code(
        http, "quickbooks", application, "code-1", "https://muster.test/back?x=1", clock
    )
    (form,) = qbo.asked
    assert form.headers["x-include-refresh-token-hard-expires-in"] == "true"
    assert parse_qs(form.content.decode())["code"] == ["code-1"]
    assert (credential.refresh_token, credential.client_secret) == ("r", "secret")
    assert credential.reconnect_by is not None
    assert credential.reconnect_by - clock.now() < timedelta(days=1)
    await revoke(http, credential)
    ended = qbo.asked[-1]
    assert (str(ended.url), orjson.loads(ended.content)) == (REVOKE_URL, {"token": "r"})
    qbo.answers({"error": "invalid_grant"}, 400)
    with pytest.raises(Unauthorized):
        await exchange_code(http, "quickbooks", application, "code-1", "https://muster.test/back?x=1", clock)
    await revoke(http, credential)
    qbo.answers({}, 503)
    with pytest.raises(Unavailable):
        await revoke(http, credential)
