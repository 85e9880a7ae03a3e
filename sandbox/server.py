"""Runs a sandbox: a socket bound first, its port told, then uvicorn until a signal."""

from __future__ import annotations

import signal
import socket
import sys
from argparse import ArgumentParser
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from sandbox.faults import with_cut

OPTIONS_FILE = (
    "Options may stand in a file, one a line; name it as @FILE. Every local user sees a command line."
)


def add_options(parser: ArgumentParser) -> None:
    """The options both sandboxes have."""
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--port-file", type=Path, help="where to write the chosen port")
    parser.add_argument("--data", type=Path, required=True, help="folder of the SQLite file")
    parser.add_argument(
        "--seed-file", type=Path, help='{"<tenant or realm>": [employees]}, loaded where it is empty'
    )
    parser.add_argument(
        "--scenario", type=Path, help="JSON file of switches, settings of companies and fault rules"
    )
    parser.add_argument(
        "--admin-token", default="", help="X-Sandbox-Admin of the admin calls; empty asks for none"
    )


def serve(app: ASGIApp, host: str, port: int, port_file: Path | None) -> None:
    """Serve until SIGTERM or SIGINT, then exit with 0."""
    listener = socket.create_server((host, port), backlog=1024)
    chosen = listener.getsockname()[1]
    if port_file is not None:
        draft = port_file.with_name(port_file.name + ".part")
        draft.write_text(f"{chosen}\n")
        draft.replace(port_file)
    sys.stdout.write(f"listening on http://{host}:{chosen}\n")
    sys.stdout.flush()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        with_cut(app),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listener])
