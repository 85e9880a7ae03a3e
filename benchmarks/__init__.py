"""One command for each figure that the documents give: `python -m benchmarks <name> [--json]`."""
