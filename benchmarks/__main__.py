"""`python -m benchmarks <name> [--json]`; the names stand below, and `all` is every one of them."""

import argparse
import asyncio
import importlib
import logging
import sys

NAMES = {
    "relay": "relay",
    "connectors": "connectors",
    "import": "pipeline",
    "reimport": "pipeline",
    "push": "pipeline",
    "memory": "pipeline",
    "realtime": "realtime",
    "webhooks": "webhooks",
    "cost": "cost",
    "matching": "matching",
    "console": "console",
    "lists": "lists",
}
ON_THE_WAY = ("import", "reimport")
"""Of `push`, which prints them too."""
EMPLOYEES = {"memory": 100_000, "console": 20_000, "lists": 1_000_000}
OTHERS = 50_000


def names(given: str) -> list[str]:
    """What to measure, in order."""
    return [n for n in NAMES if n not in ON_THE_WAY] if given == "all" else [given]


def main() -> None:
    """Measure what is named, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=[*NAMES, "all"])
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    parser.add_argument(
        "--employees",
        type=int,
        help="50,000; for memory 100,000 after a tenth of them; for the console 20,000; for lists 1,000,000",
    )
    given = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    wrong = False
    for name in names(given.name):
        module = importlib.import_module(f"benchmarks.{NAMES[name]}")
        employees = given.employees or EMPLOYEES.get(name, OTHERS)
        try:
            asyncio.run(module.main(name, json=given.json, employees=employees))
        except SystemExit as judged:
            sys.stderr.write(f"{judged}\n")
            wrong = True
    sys.exit(wrong)


if __name__ == "__main__":
    main()
