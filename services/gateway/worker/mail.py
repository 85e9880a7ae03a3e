"""Mails over SMTP, in a thread: the standard library's client blocks."""

from __future__ import annotations

import smtplib
import ssl
from datetime import datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from uuid import UUID

from services.gateway.settings import MailSettings

_PERMANENT = 500


def write_mail(
    settings: MailSettings, message: UUID, to: str, subject: str, text: str, at: datetime
) -> EmailMessage:
    """A mail that no programme answers; one that comes twice has the same Message-ID. Raises ValueError for an odd address."""
    _, address = parseaddr(settings.sender)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = settings.sender
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{message}@{address.rpartition('@')[2] or 'muster'}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    return mail


def send_mail(settings: MailSettings, mail: EmailMessage) -> tuple[str, str]:
    """How it went, in a word or the server's code, and what follows: `delivered`, `waiting` or `failed`."""
    try:
        with _connected(settings) as server:
            if settings.user:
                server.login(settings.user, settings.secret())
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return str(max(codes)), "failed" if min(codes) >= _PERMANENT else "waiting"
    except smtplib.SMTPDataError as error:
        return str(error.smtp_code), "failed" if error.smtp_code >= _PERMANENT else "waiting"
    except smtplib.SMTPResponseException as error:  # of our settings (login, sender), or of the server itself
        return str(error.smtp_code), "waiting"
    except (smtplib.SMTPException, OSError, MessageError, ValueError) as error:
        return type(error).__name__, "waiting"
    return "250", "delivered"


def _connected(settings: MailSettings) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    place = (settings.host, settings.port)
    if settings.security == "tls":
        return smtplib.SMTP_SSL(*place, timeout=settings.timeout_seconds, context=context)
    server = smtplib.SMTP(*place, timeout=settings.timeout_seconds)
    if settings.security == "starttls":
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server
