"""The whole system on one machine: two servers, five services and, for a demo, the two sandboxes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from muster import sandboxes
from muster.data_dir import DataDir, save
from muster.errors import StackError, database_at, kafka_at
from muster.kafka import PRINCIPALS, Broker, named_client, wait_for_broker
from muster.ports import free_port
from muster.postgres import Postgres
from muster.processes import Child, end_leftovers, remember
from shared.contracts.access import ADMINISTRATOR
from shared.db.migrate import SERVICES, migrate
from shared.db.pool import knock
from shared.messaging.authorise import apply_rules
from shared.messaging.broker import create_topics
from shared.settings import PREFIX, KafkaSettings, unknown_variables, variables

READY_SECONDS = 90.0
NAMED_SECONDS = 3.0
GATEWAY_PORT = 8700
ANSWERING = tuple(service for service in SERVICES if service != "gateway")
"""Those that gateway reads from."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. `partitions` is for good: a data folder keeps what it was made with."""

    demo: bool = False
    employees: int = 250
    overlap: float = 0.6
    directions: Sequence[str] = ("linarc-to-qbo", "qbo-to-linarc")
    kafka: str | None = None
    database: str | None = None
    port: int = GATEWAY_PORT
    partitions: int = 4
    copies: Mapping[str, int] = field(default_factory=dict)
    services: Sequence[str] = SERVICES
    environment: Mapping[str, str] = field(default_factory=dict)


class Stack:
    """Starts everything in the right order, keeps it running, ends it."""

    def __init__(self, data: Path, options: Options, changed: Callable[[], None] = lambda: None) -> None:
        """`changed` is called whenever what is up has moved."""
        self._folder = DataDir(data)
        self.data = self._folder.path
        self.options = options
        self.children: dict[str, Child] = {}
        self.urls: dict[str, str] = {}
        self.operations: dict[str, str] = {}
        """By copy of a service: where its readiness and its metrics are."""
        self.phase = "starting"
        self.kafka = options.kafka or ""
        self.database = options.database or ""
        self._changed = changed
        self._watchers: list[asyncio.Task[None]] = []
        self._secrets: dict[str, str] = {}
        self._broker: Broker | None = None
        self._postgres: Postgres | None = None

    async def start(self) -> None:
        """Bring everything up. Raises `StackError` when it cannot."""
        os.umask(0o077)  # whatever this process and its children make is their owner's alone
        _check_environment(self.options.environment)
        self._folder.claim()
        end_leftovers(self.data / "processes.json")
        self._secrets = self._folder.secrets()
        await self._ask_named()
        self._report("starting PostgreSQL and Apache Kafka")
        await asyncio.gather(self._start_database(), self._start_kafka())
        self._report("preparing the database and the topics")
        passwords = {service: self._secrets[service] for service in SERVICES}
        with database_at(self.database), kafka_at(self.kafka):
            await asyncio.gather(
                migrate(self.database, passwords),
                create_topics(self.client()),
            )
            if self.client().username:
                await apply_rules(self.client())
        if self.options.demo:
            self._report("starting the sandboxes")
            await asyncio.gather(
                self._start_sandbox("quickbooks", sandboxes.quickbooks(self._secrets)),
                self._start_sandbox("linarc", sandboxes.linarc(self._secrets)),
            )
        self._report("starting the services")
        await self._start_services()
        await self.wait_ready()
        self._folder.write(
            {
                "urls": self.urls,
                "operations": self.operations,
                "kafka": self.kafka,
                "kafka_user": self.client().username if self._broker else "",
                "database": self.database,
                "secrets": self._secrets,
                "partitions": self.options.partitions,
                "pids": {name: child.pid for name, child in self.children.items()},
            }
        )
        self._report("up")

    def _report(self, phase: str) -> None:
        self.phase = phase
        self._changed()

    async def _ask_named(self) -> None:
        """The servers that were named answer before anything of ours is started."""
        if self.database:
            self._report("asking PostgreSQL")
            with database_at(self.database):
                await knock(self.database)
        if self.kafka:
            self._report("asking Apache Kafka")
            with kafka_at(self.kafka):
                await wait_for_broker(self.client(), seconds=NAMED_SECONDS)

    async def _start_database(self) -> None:
        if self.database:
            return
        self._postgres = Postgres(self.data / "postgres", self._folder.port("postgres"))
        self._add(await self._postgres.start())
        await self._postgres.ready()
        self.database = self._postgres.dsn()

    async def _start_kafka(self) -> None:
        if self.kafka:
            return
        ports = [(free_port(self._folder.port("kafka")), free_port(self._folder.port("kafka_controller")))]
        passwords = {user: self._secrets[f"kafka_{user}"] for user in PRINCIPALS}
        self._broker = Broker(self.data / "kafka", ports=ports, passwords=passwords)
        self._add(await self._broker.start())
        await self._broker.ready()
        self.kafka = self._broker.address

    def _add(self, child: Child) -> None:
        self.children[child.name] = child
        self._watchers.append(asyncio.ensure_future(child.watch(self._moved)))
        self._moved()

    def _moved(self) -> None:
        remember(self.data / "processes.json", list(self.children.values()))
        self._changed()

    async def _start_sandbox(self, name: str, arguments: Sequence[str]) -> None:
        folder = self.data / "sandbox"
        folder.mkdir(exist_ok=True)
        options = folder / f"{name}.options"
        save(options, "\n".join(arguments))
        port = self._folder.port(f"sandbox_{name}")
        command = [
            sys.executable,
            "-m",
            f"sandbox.{name}",
            "--port",
            str(port),
            "--data",
            str(folder),
            f"@{options}",
        ]
        child = Child(f"sandbox-{name}", command, self.data / "logs" / f"sandbox-{name}.log", cwd=_root())
        await child.start()
        self._add(child)
        self.urls[f"sandbox_{name}"] = f"http://127.0.0.1:{port}"
        await self._answers(child, f"{self.urls[f'sandbox_{name}']}/admin/counts")

    async def _start_services(self) -> None:
        ports = {
            s: free_port(self.options.port) if s == "gateway" else self._folder.port(s)
            for s in self.options.services
        }
        self.urls |= {service: f"http://127.0.0.1:{port}" for service, port in ports.items()}
        for service in self.options.services:
            for copy in range(self.options.copies.get(service, 1)):
                port = ports[service] if copy == 0 else self._folder.port(f"{service}_{copy}")
                name = service if copy == 0 else f"{service}-{copy}"
                self.urls[name] = f"http://127.0.0.1:{port}"
                operations = self._folder.port(f"{name}_operations")
                self.operations[name] = f"http://127.0.0.1:{operations}"
                child = Child(
                    name,
                    [sys.executable, "-m", f"services.{service}"],
                    self.data / "logs" / f"{name}.log",
                    env={
                        **self.environment(service, copy, port),
                        "MUSTER_OPERATIONS__PORT": str(operations),
                    },
                    cwd=_root(),
                )
                await child.start()
                self._add(child)

    def environment(self, service: str, copy: int, port: int) -> dict[str, str]:
        """The settings of one copy of a service; what is set for all goes to those that read it."""
        address, kafka = urlsplit(self.database), self.client(service)
        place = f"{address.hostname}:{address.port or 5432}{address.path}"
        given = {
            **{name: value for name, value in os.environ.items() if name.startswith(PREFIX)},
            "MUSTER_DATABASE__DSN": f"postgresql://{service}:{self._secrets[service]}@{place}",
            "MUSTER_KAFKA__BOOTSTRAP": self.kafka,
            "MUSTER_KAFKA__USERNAME": kafka.username,
            "MUSTER_KAFKA__PASSWORD": kafka.password.get_secret_value(),
            "MUSTER_KAFKA__PARTITIONS": str(self.options.partitions),
            "MUSTER_KAFKA__SESSION_TIMEOUT_MS": "6000",
            "MUSTER_KAFKA__HEARTBEAT_MS": "1000",
            "MUSTER_INSTANCE": str(copy),
            "MUSTER_HTTP__PORT": str(port),
            **{f"MUSTER_URLS__{s.upper()}": self.urls.get(s, "") for s in ANSWERING},
            **(
                sandboxes.application(url, self._secrets["verifier"])
                if (url := self.urls.get("sandbox_quickbooks"))
                else {}
            ),
            "MUSTER_VAULT__KEY": self._secrets["vault"],
            "MUSTER_LIMITS__ENFORCED": "false",  # the sandboxes have none unless they are configured
            "MUSTER_DEAD_LETTER_KEY": self._secrets["dead_letter"],
            "MUSTER_INTERNAL_TOKEN": self._secrets.get(f"internal_{service}", ""),
            **{f"MUSTER_INTERNAL_TOKENS__{s.upper()}": self._secrets[f"internal_{s}"] for s in ANSWERING},
            **self.options.environment,
        }
        return {
            name: value
            for name, value in given.items()
            if name in _reads(service) or not name.startswith(PREFIX)
        }

    async def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until every service says that it is ready."""
        await asyncio.gather(
            *(
                self._answers(self.children[name], f"{url}/readyz", seconds)
                for name, url in self.operations.items()
            )
        )

    async def _answers(self, child: Child, url: str, seconds: float = READY_SECONDS) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            while True:
                try:
                    if (await client.get(url)).is_success:
                        return
                except httpx.HTTPError:
                    pass
                if loop.time() > until:
                    lines = "\n".join(child.tail(8))
                    msg = f"{child.name} did not become ready. The last lines of {child.log}:\n{lines}"
                    raise StackError(msg)
                await asyncio.sleep(0.1)

    def client(self, user: str = ADMINISTRATOR) -> KafkaSettings:
        """How `user` reaches the broker; one that was named is reached as the environment says."""
        named = named_client(self.kafka)
        own = named if self._broker is None else self._broker.client(user)
        return own.model_copy(update={"partitions": self.options.partitions})

    @property
    def secrets(self) -> Mapping[str, str]:
        """The secrets of this data folder, by name."""
        return self._secrets

    def secret(self, name: str) -> str:
        """A secret of this data folder."""
        return self._secrets[name]

    def kill(self, name: str) -> None:
        """SIGKILL one process, as a crash would; it is started again."""
        self.children[name].kill()

    async def stop(self) -> None:
        """End everything: services first, then the sandboxes, then the two servers."""
        self._report("stopping")
        servers = ("postgres", "kafka")
        first = [c for n, c in self.children.items() if n not in servers]
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        await asyncio.gather(*(c.stop() for c in first))
        await asyncio.gather(*(self.children[n].stop() for n in servers if n in self.children))
        self._folder.release()
        self._report("stopped")


@cache
def _reads(service: str) -> frozenset[str]:
    """The variables that a service reads."""
    return frozenset(variables(import_module(f"services.{service}.settings").Settings))


def _check_environment(given: Mapping[str, str]) -> None:
    """Refuse a variable that neither a service nor a command reads: it would go unseen. Raises `StackError`."""
    commands = frozenset(
        {
            f"{PREFIX}MAVEN_REPOSITORY",
            f"{PREFIX}PASSWORD",
            *(f"{PREFIX}PASSWORD_{s.upper()}" for s in SERVICES),
        }
    )
    if wrong := unknown_variables(commands.union(*map(_reads, SERVICES)), [*os.environ, *given]):
        raise StackError(wrong)


def _root() -> Path:
    """Where the packages are, so that a child finds them whatever the folder it was started from."""
    return Path(__file__).resolve().parent.parent
