"""Where requests with secrets may go, whatever an address or a name server says."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from shared import egress
from shared.connectors.client import Http, allowed
from shared.egress import Allowed, Blocked, CheckedNetwork, GuardedTransport
from shared.settings import EgressSettings

HOST = "api.linarc.example"
PUBLIC, OTHER = "93.184.215.14", "93.184.215.15"
SOME = Allowed(frozenset({HOST, "proxy.example:8443"}))
HERE = Allowed(frozenset({HOST}), loopback=True)


@pytest.mark.parametrize(
    "url", [f"https://{HOST}", f"https://{HOST.upper()}:443/base", "https://proxy.example:8443"]
)
def test_listed_hosts_may_be_called(url: str) -> None:
    SOME.check(url)


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}",
        f"https://{HOST}:8443",
        f"https://{HOST}.evil.test",
        f"https://{HOST}@evil.test",
        f"https://{HOST}.",
        "https://proxy.example",
        "https://evil.test",
        "https://127.0.0.1",
        "https://localhost",
        "http://localhost",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]",
        "https://2130706433",
        "https://0x7f.1",
        "https://169.254.169.254",
        "ftp://localhost",
        "//a",
        "",
        "https://[",
    ],
)
def test_nothing_else_may_be(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        SOME.check(url)


@pytest.mark.parametrize(
    "url",
    ["http://[::ffff:127.0.0.1]", "http://2130706433", "http://0x7f.1", "http://127.1", "http://127.0.0.2",
     "http://localhost.evil.test", "http://localhost.", "ftp://localhost", f"http://{HOST}"],
)  # fmt: skip
def test_this_machine_has_three_spellings(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        HERE.check(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:80", "http://localhost/", "https://[::1]:9"])
def test_this_machine_only_where_the_installation_says_so(url: str) -> None:
    HERE.check(url)
    with pytest.raises(ValueError, match=r"https|host"):
        SOME.check(url)


def test_each_system_has_hosts_and_an_installation_adds_to_them_for_one_system() -> None:
    more = EgressSettings(hosts="linarc=Linarc.Example.com, quickbooks=proxy.example.com:8443")
    allowed("quickbooks", EgressSettings()).check("https://quickbooks.api.intuit.com")
    allowed("quickbooks", EgressSettings()).check("https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer")
    allowed("linarc", more).check("https://linarc.example.com")
    allowed("quickbooks", more).check("https://proxy.example.com:8443")
    for url in ("https://linarc.example.com", "https://api.linarc.com"):
        with pytest.raises(ValueError, match="host"):
            allowed("quickbooks", more).check(url)


@pytest.mark.parametrize(
    "hosts", ["linarc.example.com", "linarc=https://x.example", "linarc=*", "linarc=localhost"]
)
def test_a_host_that_is_not_written_as_one_is_refused_at_start(hosts: str) -> None:
    with pytest.raises(ValidationError):
        EgressSettings(hosts=hosts)


class Network(httpcore.AsyncNetworkBackend):
    """Where connections went; those to `down` fail."""

    def __init__(self, *down: str) -> None:
        self.went: list[str] = []
        self._down = down

    async def connect_tcp(self, host: str, *_: Any) -> httpcore.AsyncNetworkStream:
        self.went.append(host)
        if host in self._down:
            raise httpcore.ConnectError
        return httpcore.AsyncMockStream([])


class Names:
    """A name server that answers these one after the other."""

    def __init__(self, *answers: Iterable[str]) -> None:
        self.answers = list(answers)

    async def __call__(self, host: str, port: int) -> Iterable[str]:
        return self.answers.pop(0)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1",
        "169.254.169.254", "192.0.0.8", "198.18.0.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::1", "::", "fe80::1", "fe80::1%lo", "fec0::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1",
        "192.88.99.1", "64:ff9b:1::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::",
    ],
)  # fmt: skip
@pytest.mark.parametrize("policy", [SOME, HERE])
async def test_a_listed_name_that_leads_inside_is_not_called(address: str, policy: Allowed) -> None:
    for answer in ([address], [PUBLIC, address]):
        network = Network()
        with pytest.raises(Blocked):
            await CheckedNetwork(policy, Names(answer), network).connect_tcp(HOST, 443)
        assert network.went == []


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700::1111", f"::ffff:{PUBLIC}", "64:ff9b::808:808"])
async def test_a_listed_name_at_a_public_address_is_called_there(address: str) -> None:
    network = Network()
    await CheckedNetwork(SOME, Names([address]), network).connect_tcp(HOST, 443)
    assert network.went == [address]


async def test_a_name_that_answers_differently_the_second_time_reaches_the_address_that_was_checked() -> None:
    network, names = Network(), Names([PUBLIC], ["127.0.0.1"])
    checked = CheckedNetwork(SOME, names, network)
    await checked.connect_tcp(HOST, 443)
    assert (network.went, names.answers) == ([PUBLIC], [["127.0.0.1"]]), "resolved once for each connection"
    with pytest.raises(Blocked):
        await checked.connect_tcp(HOST, 443)
    assert network.went == [PUBLIC]


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    network = Network(PUBLIC)
    await CheckedNetwork(SOME, Names([PUBLIC, OTHER]), network).connect_tcp(HOST, 443)
    assert network.went == [PUBLIC, OTHER]


@pytest.mark.parametrize("host", ["a..b", f"{'x' * 64}.example"])
async def test_a_name_that_cannot_be_one_has_no_address(host: str) -> None:
    """The resolver raises UnicodeError, which nobody who sends expects."""
    with pytest.raises(httpcore.ConnectError):
        await CheckedNetwork(HERE, egress._resolve, Network()).connect_tcp(host, 443)
    with pytest.raises(ValueError, match="not an address"):
        Allowed(None).check(f"https://{host}/in")


async def test_localhost_must_be_this_machine() -> None:
    network = Network()
    with pytest.raises(Blocked):
        await CheckedNetwork(HERE, Names(["10.0.0.1"]), network).connect_tcp("localhost", 80)
    assert network.went == []


def _certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / f"{name}.pem"
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file


@asynccontextmanager
async def _server(answer: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on this machine: its port, and what it was sent."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


@pytest.mark.parametrize(("certified", "good"), [("localhost", True), ("other.example", False)])
async def test_the_connection_goes_to_the_address_and_the_certificate_is_the_names(
    certified: str, good: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _certificate(tmp_path, certified)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(file)
    monkeypatch.setattr(egress, "_tls", lambda: ssl.create_default_context(cafile=str(file)))
    async with _server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", theirs) as (port, heard):
        transport = GuardedTransport(HERE, httpx.Limits(), Names(["127.0.0.1"]))
        async with httpx.AsyncClient(transport=transport) as client:
            if good:
                assert (await client.get(f"https://localhost:{port}/x")).text == "ok"
                assert f"Host: localhost:{port}".lower().encode() in heard[0].lower()
            else:
                with pytest.raises(httpx.ConnectError, match="certificate"):
                    await client.get(f"https://localhost:{port}/x")
                assert heard == []


async def test_a_connector_sends_nothing_to_an_address_that_may_not_be_called() -> None:
    async with _server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as (port, heard):
        for policy, url in ((SOME, f"http://127.0.0.1:{port}"), (HERE, f"http://[::ffff:7f00:1]:{port}")):
            http = Http("linarc", "https://x.test", GuardedTransport(policy, httpx.Limits()))
            with pytest.raises(Blocked) as caught:
                await http.call("token", "POST", url, writes=True, headers={"Authorization": "Bearer k"})
            assert not caught.value.outcome_unknown
        http = Http("linarc", f"http://127.0.0.1:{port}", GuardedTransport(HERE, httpx.Limits()))
        assert (await http.call("x", "GET", "/", headers={})).ok
    assert len(heard) == 1
