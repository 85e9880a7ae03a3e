"""`python -m sandbox.quickbooks`: serve one or more companies on a loopback port."""

from __future__ import annotations

import argparse

from sandbox.quickbooks.app import make_app
from sandbox.quickbooks.lists import seed_lists
from sandbox.quickbooks.switches import OFF, REAL
from sandbox.quickbooks.tokens import ANY, REFRESH_SECONDS, Client, Tokens
from sandbox.scenario import play_file
from sandbox.seeds import read_seed
from sandbox.server import OPTIONS_FILE, add_options, serve
from sandbox.state import seed_empty
from sandbox.store import Store


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.quickbooks",
        description=__doc__,
        epilog=OPTIONS_FILE,
        fromfile_prefix_chars="@",
    )
    add_options(parser)
    parser.add_argument(
        "--realm", action="append", required=True, help="company id; repeat for more companies"
    )
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--client-secret", required=True)
    parser.add_argument(
        "--refresh-token", action="append", default=[], help="[REALM:]TOKEN known from the first start"
    )
    parser.add_argument("--access-seconds", type=int, default=3600)
    parser.add_argument(
        "--redirect-uri",
        action="append",
        default=[],
        help="registered address; without one, any http address",
    )
    parser.add_argument(
        "--limits", choices=("real", "off"), default="real", help="Intuit's limits for each company, or none"
    )
    parser.add_argument("--time-scale", type=float, help="how many times faster limits and retries run")
    args = parser.parse_args()
    args.data.mkdir(parents=True, exist_ok=True)
    store = Store(args.data / "quickbooks.db")
    client = Client(args.client_id, args.client_secret, args.access_seconds, tuple(args.redirect_uri))
    app, sandbox = make_app(store, args.realm, client, args.admin_token)
    sandbox.set(REAL if args.limits == "real" else OFF)
    if args.time_scale is not None:
        sandbox.set({"time_scale": args.time_scale})
    for realm in args.realm:
        seed_lists(sandbox, realm)
    for given in args.refresh_token:
        realm, colon, token = given.rpartition(":")
        Tokens(sandbox).keep(token, "refresh", realm if colon else ANY, REFRESH_SECONDS)
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
