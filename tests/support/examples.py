"""The programs that a page of the documentation shows."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Mapping
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def examples(page: str) -> list[str]:
    """Each example in Python, in the page's order."""
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def filled(example: str, given: Mapping[str, str]) -> str:
    """The example with these words in place of the page's."""
    for word, value in given.items():
        example = example.replace(word, value)
    return example


def output_of(example: str) -> str:
    """What it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(example, {"__name__": "example"})  # noqa: S102  (our own page)
    return output.getvalue()
