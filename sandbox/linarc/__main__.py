"""`python -m sandbox.linarc`: serve one or more tenants on a loopback port."""

from __future__ import annotations

import argparse

from sandbox.linarc.app import OFF, REAL, make_app
from sandbox.scenario import play_file
from sandbox.seeds import read_seed
from sandbox.server import OPTIONS_FILE, add_options, serve
from sandbox.state import seed_empty
from sandbox.store import Store


def _tenant(text: str) -> tuple[str, str]:
    tenant, colon, key = text.partition(":")
    if not (tenant and colon and key):
        raise argparse.ArgumentTypeError("give ID:APIKEY")
    return tenant, key


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.linarc",
        description=__doc__,
        epilog=OPTIONS_FILE,
        fromfile_prefix_chars="@",
    )
    add_options(parser)
    parser.add_argument(
        "--tenant", type=_tenant, action="append", required=True, help="ID:APIKEY; repeat for more"
    )
    parser.add_argument(
        "--limits",
        choices=("real", "off"),
        default="real",
        help="the contract's limits for each company, or none",
    )
    parser.add_argument("--time-scale", type=float, help="how many times faster limits and retries run")
    args = parser.parse_args()
    args.data.mkdir(parents=True, exist_ok=True)
    store = Store(args.data / "linarc.db")
    app, sandbox = make_app(store, dict(args.tenant), args.admin_token)
    sandbox.set(REAL if args.limits == "real" else OFF)
    if args.time_scale is not None:
        sandbox.set({"time_scale": args.time_scale})
    if args.seed_file is not None:
        seed_empty(sandbox, read_seed(args.seed_file))
    if args.scenario is not None:
        play_file(sandbox, args.scenario)
    try:
        serve(app, args.host, args.port, args.port_file)
    finally:
        store.close()


if __name__ == "__main__":
    main()
