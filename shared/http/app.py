"""A service as a process: database, consumers, relay, workers and HTTP, started and ended in the right order."""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import uvicorn
import uvloop
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from faststream.kafka import KafkaBroker, KafkaRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ValidationError

from shared.backoff import backoff_seconds
from shared.clock import Clock, SystemClock
from shared.db.pool import open_database
from shared.db.seal import Sealer
from shared.db.tx import Database
from shared.db.work import keep_running
from shared.errors import ProcessMustEndError, Unavailable
from shared.http import problems
from shared.http.guard import guarded
from shared.http.observe import Observed
from shared.messaging.broker import BrokerCheck, make_broker
from shared.messaging.consume import Consume
from shared.messaging.outbox import Outbox
from shared.messaging.relay import Relay
from shared.settings import PREFIX, ServiceSettings
from shared.telemetry import logs, traces
from shared.telemetry.metrics import REGISTRY

log = logs.log
MAX_BODY_BYTES = 1_048_576
NO_PROGRESS_SECONDS = 60.0
KEEP_ALIVE_SECONDS = 75
"""An idle connection is kept longer than clients and proxies keep theirs, so that none is closed under a request."""


@dataclass(frozen=True, slots=True)
class Base:
    """What every service is built from."""

    database: Database
    outbox: Outbox
    consume: Consume
    clock: Clock


@dataclass(frozen=True, slots=True)
class Parts:
    """What makes a service itself: its handlers, its workers, its routes, what to stop first and to close at the end."""

    router: KafkaRouter
    workers: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()
    routes: Sequence[APIRouter] = ()
    on_stop: Sequence[Callable[[], None]] = ()
    """Ends answers that have no end of their own, before HTTP waits for all of them."""
    on_close: Sequence[Callable[[], Awaitable[None]]] = ()
    configure: Callable[[FastAPI], None] = field(default=lambda _: None)
    max_body_bytes: int | None = MAX_BODY_BYTES
    """None where the service refuses large bodies itself."""


Build = Callable[[Base], Parts]


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A service's process. What is wrong with its settings is reported in a line each, without their values."""
    try:
        uvloop.run(main())
    except ValidationError as error:
        for wrong in error.errors(include_input=False, include_context=False, include_url=False):
            name = PREFIX + "__".join(str(part).upper() for part in wrong["loc"])
            text = wrong["msg"].removeprefix("Value error, ")
            sys.stderr.write(f"{name}: {text}\n" if wrong["loc"] else f"{text}\n")
        sys.exit(2)


async def serve(service: str, settings: ServiceSettings, build: Build) -> None:
    """Run `service` until SIGTERM or SIGINT: then HTTP ends first, running batches end, workers, the relay, the pool."""
    logs.set_up(service)
    _check_sealing(settings)
    traces.set_up(service)
    _calm_collector()
    database = await _open(settings, service)
    clock = SystemClock()
    base = Base(database, Outbox(clock), Consume(settings, database, clock), clock)
    parts = build(base)
    broker = make_broker(settings.kafka, service, parts.router)
    relay = Relay(settings, database)
    check = BrokerCheck(settings.kafka, service)
    state = _State(database, check, base.consume)
    server = _Server(
        uvicorn.Config(
            make_http(service, parts),
            host=settings.http.host,
            port=settings.http.port,
            http=guarded(settings.http),
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=5,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            proxy_headers=bool(settings.http.trusted_proxies),
            forwarded_allow_ips=settings.http.trusted_proxies,
        ),
        parts.on_stop,
    )
    operations = _OperationsServer(
        uvicorn.Config(
            make_operations(service, state),
            host=settings.operations.host,
            port=settings.operations.port,
            http=guarded(settings.http),
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=1,
            server_header=False,
        ),
    )
    log.info("service.start", outcome="ok", port=settings.http.port)
    try:
        async with asyncio.TaskGroup() as group:
            consume = partial(_consume, broker, parts.router, base.consume, state)
            loops: dict[str, Callable[[], Awaitable[None]]] = {"relay": relay.run, "consume": consume}
            loops |= {f"worker {n}": run for n, run in enumerate(parts.workers)}
            tasks = [group.create_task(keep_running(name, run)) for name, run in loops.items()]
            looked_after = group.create_task(operations.serve())
            await server.serve()
            operations.should_exit = True
            await base.consume.stop()
            with suppress(Exception):
                await broker.stop()
            await asyncio.sleep(0.2)
            for task in tasks:
                task.cancel()
            await looked_after
    finally:
        for close in (*parts.on_close, check.close):
            with suppress(Exception):
                await close()
        await database.close()
        await asyncio.to_thread(traces.shut_down)
        log.info("service.stop", outcome="ok")


def _check_sealing(settings: ServiceSettings) -> None:
    """Better not to start than to find out when the first message must be dead-lettered."""
    try:
        Sealer(settings.dead_letter_keys())
    except ValueError as error:
        sys.exit(f"{PREFIX}DEAD_LETTER_KEY: {error}")


def _calm_collector() -> None:
    """Batches make and drop thousands of small objects without cycles; looking for cycles among them is a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


class _Server(uvicorn.Server):
    """uvicorn, telling a failed start by an exception instead of ending the process, and of its end before it waits."""

    def __init__(self, config: uvicorn.Config, on_stop: Sequence[Callable[[], None]] = ()) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def startup(self, sockets: Any = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as error:
            msg = f"cannot listen on port {self.config.port}"
            raise OSError(msg) from error

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own raises the signal again once HTTP has ended: the process would die with its batches half done."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def shutdown(self, sockets: Any = None) -> None:
        for stop in self._on_stop:
            stop()
        await super().shutdown(sockets)


class _OperationsServer(_Server):
    """Ends with the other server, which takes the signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(slots=True)
class _State:
    database: Database
    broker: BrokerCheck
    consume: Consume
    consuming: bool = False

    async def checks(self) -> dict[str, str]:
        """The state of the database, of the broker, and of each topic that is not in order; `ok` is well."""
        database, broker = await asyncio.gather(self.database.ping(), self.broker.answers())
        states = {
            "database": "ok" if database else "does not answer",
            "broker": "ok" if broker else "does not answer",
        }
        if broker and not self.consuming:
            states["broker"] = "consumers are being started"
        return states | {f"topic {topic}": why for topic, why in self.consume.paused().items()}


def make_http(service: str, parts: Parts) -> FastAPI:
    """The HTTP side: the service's routes; every error a problem."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = FastAPI(
        title=f"Muster {service}",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        max_body_size=parts.max_body_bytes,
    )
    problems.install(app)
    for router in parts.routes:
        app.include_router(router)
    parts.configure(app)
    app.add_middleware(Observed)
    return app


def make_operations(service: str, state: _State) -> FastAPI:
    """What looks after a service: `/livez`, `/readyz` and `/metrics`."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    problems.install(app)

    @app.get("/livez")
    async def livez() -> dict[str, str]:
        return {"service": service}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        checks = await state.checks()
        ready = all(found == "ok" for found in checks.values())
        return JSONResponse({"ready": ready, "checks": checks}, status_code=200 if ready else 503)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    return app


async def _open(settings: ServiceSettings, service: str) -> Database:
    tries = 0
    while True:
        try:
            return await open_database(settings.database, service)
        except Unavailable as error:
            tries += 1
            pause = backoff_seconds(tries, first=0.2, most=5.0)
            log.warning("service.wait", outcome=str(error), delay_s=pause)
            await asyncio.sleep(pause)


async def _consume(broker: KafkaBroker, router: KafkaRouter, consume: Consume, state: _State) -> None:
    """Start the consumers, however long the broker takes; then watch that they get on."""
    tries = 0
    while not state.consuming:
        try:
            await broker.start()
            state.consuming = True
        except Exception as error:  # noqa: BLE001  (aiokafka raises many kinds while a broker comes up)
            tries += 1
            pause = backoff_seconds(tries, first=0.2, most=5.0)
            log.warning("service.wait", outcome=type(error).__name__, delay_s=pause)
            with suppress(Exception):
                await broker.stop()
            await asyncio.sleep(pause)
    while True:
        await asyncio.sleep(5)
        await consume.measure_lag(router)
        if consume.stuck_seconds() > NO_PROGRESS_SECONDS:
            log.error("consume.stuck", outcome="exit")
            raise ProcessMustEndError("messages wait and none is handled")
