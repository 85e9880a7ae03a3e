"""Pages of the sandboxes: templates without anything from outside, and who may send a form."""

from __future__ import annotations

import base64
import binascii
import hmac
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


def page(template: str, status: int = 200, /, **values: object) -> HTMLResponse:
    """A rendered template that no other site may frame, and that loads nothing."""
    text = TEMPLATES.get_template(template).render(**values)
    headers = {
        "Content-Security-Policy": _POLICY,
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(text, status, headers)


async def form(request: Request) -> dict[str, str]:
    """The fields of a form sent from a page of this same address."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign or site not in ("same-origin", "none"):
        raise HTTPException(403, "a form of another site may not be sent here")
    raw = (await request.body()).decode(errors="replace")
    return dict(parse_qsl(raw, keep_blank_values=True))


def admit(request: Request, token: str) -> None:
    """Pages of a sandbox with an admin token ask for it as a password; any name will do."""
    if not token:
        return
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        password = base64.b64decode(encoded, validate=True).partition(b":")[2]
    except binascii.Error:
        password = b""
    if scheme.lower() != "basic" or not hmac.compare_digest(password, token.encode()):
        raise HTTPException(
            401, "the password is the sandbox's admin token", {"WWW-Authenticate": 'Basic realm="sandbox"'}
        )
