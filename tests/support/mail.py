"""A mail server of the tests' own (RFC 5321): STARTTLS, sign-in, and refusals on request. What it takes is kept."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.eventually import eventually


@dataclass
class Mailbox:
    """What the server took, each with the addresses of its envelope, and what it refuses from now on."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    login: tuple[str, str] | None = None
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    """An answer by the command that gets it, such as `RCPT`."""
    encrypted: list[bool] = field(default_factory=list)

    def texts(self) -> list[str]:
        """Each mail's text."""
        return [mail.get_content() for mail in self.mails]

    async def received(self, count: int, *, within: float = 30.0) -> list[EmailMessage]:
        """The mails, once there are so many."""

        async def ask() -> bool:
            return len(self.mails) >= count

        await eventually(ask, within=within)
        return self.mails

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await _Session(self, reader, writer).run()
        writer.close()


class _Session:
    def __init__(self, mailbox: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._box, self._reader, self._writer = mailbox, reader, writer
        self._to: list[str] = []
        self._secure = self._known = False

    async def run(self) -> None:
        await self._say("220 mail.example ESMTP")
        while line := await self._reader.readline():
            command, _, rest = line.decode().strip().partition(" ")
            command = command.upper()
            if command in self._box.refuse:
                await self._say(self._box.refuse[command])
            elif command == "QUIT":
                await self._say("221 bye")
                return
            else:
                await self._answer(command, rest)

    async def _answer(self, command: str, rest: str) -> None:
        box = self._box
        if command == "EHLO":
            offers = ["mail.example", "8BITMIME", "SMTPUTF8"]
            offers += ["STARTTLS"] if box.tls and not self._secure else []
            offers += ["AUTH PLAIN"] if box.login else []
            for one in offers[:-1]:
                await self._say(f"250-{one}")
            await self._say(f"250 {offers[-1]}")
        elif command == "STARTTLS" and box.tls:
            await self._say("220 go on")
            await self._writer.start_tls(box.tls)
            self._secure = True
        elif command == "AUTH" and box.login:
            given = base64.b64decode(rest.rsplit(" ", maxsplit=1)[-1]).split(b"\0")[1:]
            self._known = tuple(part.decode() for part in given) == box.login
            await self._say("235 welcome" if self._known else "535 no")
        elif command == "MAIL":
            self._to = []
            await self._say("250 ok" if self._known or not box.login else "530 sign in first")
        elif command == "RCPT":
            self._to.append(rest.partition("<")[2].partition(">")[0])
            await self._say("250 ok")
        elif command == "DATA":
            await self._say("354 go on")
            await self._keep(await self._reader.readuntil(b"\r\n.\r\n"))
        elif command in ("RSET", "NOOP"):
            await self._say("250 ok")
        else:
            await self._say("502 what?")

    async def _keep(self, data: bytes) -> None:
        body = data.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
        mail = message_from_bytes(body, policy=default)
        assert isinstance(mail, EmailMessage)
        self._box.mails.append(mail)
        self._box.recipients.append(self._to)
        self._box.encrypted.append(self._secure)
        await self._say("250 taken")

    async def _say(self, line: str) -> None:
        self._writer.write(line.encode() + b"\r\n")
        await self._writer.drain()


@asynccontextmanager
async def mail_server(
    given: Mailbox | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    login: tuple[str, str] | None = None,
) -> AsyncIterator[Mailbox]:
    """One that listens on a free port of this machine, and keeps its mails in `given`."""
    mailbox = given or Mailbox(tls=tls, login=login)
    server = await asyncio.start_server(mailbox.serve, mailbox.host, 0)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """What a server on this machine shows, and the file that clients check it with."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, secret = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, secret)
    return context, public
