"""The web console's files, as `hatch_build.py` built them from console/: read once, kept compressed, served from memory."""

from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from shared.http.problems import TYPES, problem

STATIC = Path(__file__).parent / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_FOREVER = "public, max-age=31536000, immutable"
_PACKED = frozenset({".woff2", ".png"})
_BROTLI = ".br"
"""What the build put beside a file (console/compress.mjs)."""
_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Muster</title>
<h1>The console is not built here</h1>
<p>The API works: its description is at <a href="/v1/openapi.json">/v1/openapi.json</a>.</p>
<p>To get the console, make Node.js 20.19 or newer with npm available and run <code>make setup</code> (from a source
folder), or install a released wheel of Muster, which carries it. Then start Muster again.</p></html>
"""


@dataclass(frozen=True, slots=True)
class File:
    """One file, and how it is smaller: by encoding, the smallest first."""

    body: bytes
    packed: Mapping[str, bytes]
    kind: str
    caching: str

    def answer(self, headers: Headers) -> Response:
        """As this client takes it; browsers take brotli over TLS and from their own machine."""
        more = {"Content-Security-Policy": POLICY, "Cache-Control": self.caching, "Vary": "Accept-Encoding"}
        taken = {each.split(";")[0].strip() for each in headers.get("accept-encoding", "").split(",")}
        encoding = next((each for each in self.packed if each in taken), None)
        if encoding is None:
            return Response(self.body, media_type=self.kind, headers=more)
        more["Content-Encoding"] = encoding
        return Response(self.packed[encoding], media_type=self.kind, headers=more)


class Console:
    """Answers what no route of the API does: the page itself at every address a person may open, and its files."""

    def __init__(self, folder: Path = STATIC) -> None:
        """Without a build there is one page, which says what to do."""
        self._files = {
            f"/{path.relative_to(folder).as_posix()}": _read(path)
            for path in folder.rglob("*")
            if path.is_file()
            and path.suffix != _BROTLI
            and not path.relative_to(folder).as_posix().startswith(".")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            await self._answer(scope["method"], scope["path"], Headers(scope=scope))(scope, receive, send)

    def _answer(self, method: str, path: str, headers: Headers) -> Response:
        api = path.startswith(("/v1", "/webhooks"))
        if method not in ("GET", "HEAD") or api:
            return problem("not-found", TYPES["not-found"][1] + ".")
        page = self._files.get("/index.html")
        found = self._files.get(path)
        if found is None and "text/html" in headers.get("accept", ""):
            found = page
            if page is None:
                return HTMLResponse(_NOT_BUILT)
        return found.answer(headers) if found else problem("not-found", TYPES["not-found"][1] + ".")


def _read(path: Path) -> File:
    body = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    packed = {} if path.suffix in _PACKED else {"gzip": gzip.compress(body, 9, mtime=0)}
    smaller = path.with_name(path.name + _BROTLI)
    if smaller.exists():
        packed = {"br": smaller.read_bytes(), **packed}
    hashed = path.parent.name == "assets"
    return File(body, packed, kind, _FOREVER if hashed else "no-cache")
