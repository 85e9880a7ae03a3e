"""Bodies of requests: JSON or Intuit's XML, compressed with gzip or not."""

from __future__ import annotations

import zlib
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring

import orjson
from fastapi import Request

from sandbox.quickbooks import faults
from sandbox.quickbooks.faults import Refused

LARGEST = 10_000_000
"""Bytes that a body may unfold to."""
_GZIP = zlib.MAX_WBITS | 16
_FLAGS = frozenset({"Active", "Organization", "BillableTime"})
_AMOUNTS = frozenset({"BillRate", "CostRate"})
_LISTS = frozenset({"BatchItemRequest"})


async def read(request: Request) -> bytes:
    """The body as JSON text, whatever form it was sent in. Raises `Refused`."""
    raw = await request.body()
    if request.headers.get("content-encoding", "").strip().lower() == "gzip":
        raw = _unfolded(raw)
    kind = request.headers.get("content-type", "")
    if "json" in kind:
        return raw
    if "xml" in kind:
        return orjson.dumps(_from_xml(raw))
    raise Refused(faults.CONTENT_TYPE, "Content-Type must be application/json or application/xml")


def _unfolded(raw: bytes) -> bytes:
    unfold = zlib.decompressobj(_GZIP)
    try:
        found = unfold.decompress(raw, LARGEST)
    except zlib.error as wrong:
        raise Refused(faults.UNSUPPORTED, f"Property Name: the body is not gzip: {wrong}") from wrong
    if not unfold.eof:
        raise Refused(faults.UNSUPPORTED, "Property Name: the compressed body is cut off, or too large")
    return found


def _from_xml(raw: bytes) -> dict[str, Any]:
    if b"<!DOCTYPE" in raw:
        raise Refused(faults.UNSUPPORTED, "Property Name: the body may have no DOCTYPE")
    try:
        found = _value(fromstring(raw))  # noqa: S314  (without a DOCTYPE there are no entities to expand)
    except ParseError as wrong:
        raise Refused(faults.UNSUPPORTED, f"Property Name: the body is not XML: {wrong}") from wrong
    if not isinstance(found, dict):
        raise Refused(faults.UNSUPPORTED, "Property Name: the body is not an object")
    return found


def _value(element: Element) -> Any:
    """An element as JSON has it: attributes are fields. Of one that comes again the last counts, as in JSON."""
    name = _local(element.tag)
    if not len(element) and not element.attrib:
        return _plain(name, element.text or "")
    found: dict[str, Any] = {key: _plain(key, text) for key, text in element.attrib.items()}
    for child in element:
        key, value = _local(child.tag), _value(child)
        found[key] = [*found.get(key, []), value] if key in _LISTS else value
    return found


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _plain(name: str, text: str) -> Any:
    if name in _FLAGS or name == "sparse":
        return {"true": True, "false": False}.get(text.strip(), text)
    if name in _AMOUNTS:
        try:
            return float(text)
        except ValueError:
            return text
    return text
