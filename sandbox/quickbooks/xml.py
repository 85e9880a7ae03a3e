"""Answers as XML, which QuickBooks gives to a client that does not ask for JSON, and sometimes to one that does."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import orjson

NAMESPACE = "http://schema.intuit.com/finance/v3"
_ATTRIBUTES = frozenset(
    (
        "domain",
        "sparse",
        "bId",
        "startPosition",
        "maxResults",
        "totalCount",
        "type",
        "code",
        "element",
        "status",
    )
)


def from_json(raw: bytes) -> bytes:
    """The same answer in Intuit's XML."""
    return from_content(orjson.loads(raw))


def from_content(content: dict[str, Any]) -> bytes:
    """`time` and other plain values of an envelope are attributes of it."""
    whole = dict(content)
    root = Element("IntuitResponse", {"xmlns": NAMESPACE, "time": _text(whole.pop("time", ""))})
    _fill(root, whole)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def _fill(parent: Element, value: dict[str, Any]) -> None:
    for name, found in value.items():
        if name in _ATTRIBUTES and not isinstance(found, dict | list):
            parent.set(name, _text(found))
            continue
        for one in found if isinstance(found, list) else [found]:
            child = SubElement(parent, name)
            if isinstance(one, dict):
                _fill(child, one)
            else:
                child.text = _text(one)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    plain = "" if value is None else str(value)
    return "".join(c for c in plain if c >= " " or c in "\t\n\r")
