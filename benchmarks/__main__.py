"""`python -m benchmarks <name> [--json]`; the names stand below, and `all` is most of them."""

import argparse
import asyncio
import importlib
import logging

NAMES = {
    "relay": "relay",
    "connectors": "connectors",
    "import": "pipeline",
    "reimport": "pipeline",
    "push": "pipeline",
    "memory": "pipeline",
    "realtime": "realtime",
    "console": "console",
}
EMPLOYEES = (50_000, 20_000)


def main() -> None:
    """Measure what is named, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=[*NAMES, "all"])
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    parser.add_argument("--employees", type=int, help="50,000; for the console 20,000")
    given = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    names = ["relay", "push", "memory", "realtime"] if given.name == "all" else [given.name]
    for name in names:
        module = importlib.import_module(f"benchmarks.{NAMES[name]}")
        asyncio.run(
            module.main(name, json=given.json, employees=given.employees or EMPLOYEES[name == "console"])
        )


if __name__ == "__main__":
    main()
