"""What is sent as it happens: hints to pages that are open, and a company's events to other programs."""

from typing import Any

from fastapi import APIRouter

from services.gateway.stream import feed, page
from services.gateway.stream.live import Live
from shared.http.internal import Internal

__all__ = ["Live", "make_routes"]


def make_routes(live: Live, history: Internal, check: Any) -> list[APIRouter]:
    """Both streams of one company; `check` is the dependency that gives the credential of one who may see it."""
    return [page.make_routes(live, check), feed.make_routes(live, history, check)]
