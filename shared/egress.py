"""Outgoing requests: over TLS, at public addresses, and only to listed hosts where they carry secrets.

A name is resolved once for each connection, all of its addresses are checked, and the connection goes to a checked
address under the name's own certificate. A name that answers differently the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import httpcore
import httpx

from shared.errors import Unavailable

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""The only spellings of this machine that an installation can allow."""
_HTTPS_PORT = 443
_NAT64 = IPv6Network("64:ff9b::/96")
"""An IPv4 address as hosts with IPv6 alone reach it (RFC 6052)."""
_SPECIAL = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48")))
"""Special-purpose networks (IANA registries) that `ipaddress` calls global in some versions of Python."""
Resolve = Callable[[str, int], Awaitable[Iterable[str]]]


class Blocked(Unavailable):
    """The request was not sent: its address is not one that may be called. It may be again once its name is fixed."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The hosts that may be called, each as `host` or `host:port`, and whether this machine may be."""

    hosts: frozenset[str] | None
    """None: every host at public addresses, for what carries no credential of a company."""
    loopback: bool = False

    def check(self, url: str | httpx.URL) -> None:
        """Raises ValueError, in words for people, for an address that may not be called."""
        try:
            parts = httpx.URL(url)
            parts.raw_host.decode().encode("idna")  # as the resolver does
        except (httpx.InvalidURL, UnicodeError):
            raise ValueError("this is not an address") from None
        if self.is_local(parts.host):
            if parts.scheme not in ("http", "https"):
                raise ValueError("an address begins with https://, or http:// on this machine")
        elif parts.scheme != "https":
            raise ValueError("an address begins with https://")
        elif self.hosts is not None and _authority(parts) not in self.hosts:
            raise ValueError(
                "this host is not one that Muster may call; the installation's settings list them"
            )

    def is_local(self, host: str) -> bool:
        """Whether it is this machine, and that may be called."""
        return self.loopback and host in LOOPBACK

    def check_address(self, host: str, address: str) -> None:
        """Raises `Blocked` for an address that `host` may not stand for. `address` is in the resolver's form."""
        found = ip_address(address)
        if not (found.is_loopback if self.is_local(host) else is_public(found)):
            raise Blocked("the host's name leads to an address that is not public")


def _authority(url: httpx.URL) -> str:
    return url.host if url.port in (None, _HTTPS_PORT) else f"{url.host}:{url.port}"


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is a host on the internet. An IPv4 address within an IPv6 one counts as itself."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    special = address.is_multicast or address.is_reserved or any(address in network for network in _SPECIAL)
    return address.is_global and not special


class GuardedTransport(httpx.AsyncHTTPTransport):
    """Sends only what `Allowed` permits. Raises `Blocked` before anything has left, and follows nothing."""

    def __init__(self, allowed: Allowed, limits: httpx.Limits, resolve: Resolve | None = None) -> None:
        """`resolve` is the system's resolver unless a test has its own."""
        super().__init__(verify=_tls(), trust_env=False)
        self._allowed = allowed
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_tls(),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=CheckedNetwork(allowed, resolve or _resolve, httpcore.AnyIOBackend()),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange."""
        try:
            self._allowed.check(request.url)
        except ValueError as error:
            raise Blocked(str(error)) from None
        return await super().handle_async_request(request)


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to a checked address of a host. TLS still verifies the host's name: httpcore keeps the two apart."""

    def __init__(self, allowed: Allowed, resolve: Resolve, network: httpcore.AsyncNetworkBackend) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's own signature)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that answers, if all of them may be called."""
        try:
            async with asyncio.timeout(timeout):
                addresses = list(dict.fromkeys(await self._resolve(host, port)))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the host's name was not resolved in time") from error
        except (OSError, UnicodeError) as error:  # UnicodeError: `a..b`, or a label of over 63 characters
            raise httpcore.ConnectError("the host's name has no address") from error
        for address in addresses:
            self._allowed.check_address(host, address)
        failed: Exception = httpcore.ConnectError("the host's name has no address")
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def sleep(self, seconds: float) -> None:
        """Between tries."""
        await self._network.sleep(seconds)


@cache
def _tls() -> ssl.SSLContext:
    """One for all accounts: reading the root certificates takes long."""
    return httpx.create_ssl_context(trust_env=False)


async def _resolve(host: str, port: int) -> Iterable[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]
