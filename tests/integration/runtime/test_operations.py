"""The operator's commands, as processes of their own, against a small stack: importer says, history hears."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from muster.ports import free_port
from muster.stack import Options, Stack
from shared.clock import SystemClock
from shared.contracts.events import EmployeeStaged
from shared.db.pool import open_database
from shared.domain.employee import Employee
from shared.domain.values import Cause, Lane
from shared.messaging.outbox import Outbox, Outgoing
from shared.messaging.security import client_options
from shared.settings import DatabaseSettings
from tests.support.command import Done, muster
from tests.support.eventually import eventually
from tests.support.scratch import scratch

TOPIC = "employees.v1"
COMPANY, ACCOUNT = UUID(int=11), UUID(int=12)
FAMILY = "Quillfeather"
"""A name that no command but `show` may print."""
REFUSE = """
CREATE FUNCTION history.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'cannot take %', NEW.name; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON history.snapshots FOR EACH ROW WHEN (NEW.number = 'E-13') EXECUTE FUNCTION history.refuse()
"""
FIX = "DROP TRIGGER refuse ON history.snapshots; DROP FUNCTION history.refuse()"
STATE = (
    "SELECT company_id, n, event_id, hash FROM history.log ORDER BY 1, 2",
    "SELECT f::text FROM history.snapshots f ORDER BY 1",
    "SELECT v::text FROM history.record_view v ORDER BY 1",
    "SELECT c::text FROM history.counters c ORDER BY 1",
    "SELECT event_id FROM history.outbox ORDER BY 1",
)


@dataclass(frozen=True, slots=True)
class Site:
    """A stack that is up, and hands on its servers."""

    stack: Stack
    owner: asyncpg.Connection[Any]
    producer: AIOKafkaProducer

    async def muster(self, *arguments: str) -> Done:
        """A command about this stack."""
        return await muster(*arguments, "--data", str(self.stack.data))

    def employee(self, number: str | None = None) -> EmployeeStaged:
        """Somebody new."""
        record = uuid4()
        return EmployeeStaged(
            record_id=record,
            account_id=ACCOUNT,
            remote_id=str(record),
            rev=1,
            employee=Employee(number=number, first_name="Ada", last_name=FAMILY, active=True),
            requested_at=datetime.now(UTC),
            answered_at=datetime.now(UTC),
            cause=Cause.IMPORT,
        )

    async def publish(self, *bodies: EmployeeStaged) -> None:
        """As importer would, in one transaction."""
        dsn = self.stack.environment("importer", 0, 0)["MUSTER_DATABASE__DSN"]
        database = await open_database(DatabaseSettings.model_validate({"dsn": dsn}), "importer")
        try:
            async with database.transaction([COMPANY]) as tx:
                await Outbox(SystemClock()).append(tx, [Outgoing(body, COMPANY) for body in bodies])
        finally:
            await database.close()

    async def send(self, body: bytes, kind: str = "employee.staged") -> int:
        """Something on the topic that no service of ours would send; its offset on partition 0."""
        headers = {
            "ce_id": str(uuid4()),
            "ce_type": kind,
            "ce_time": datetime.now(UTC).isoformat(),
            "ce_companyid": str(COMPANY),
            "ce_lane": "real_time",
        }
        sent = await self.producer.send_and_wait(
            TOPIC, body, headers=[(name, value.encode()) for name, value in headers.items()], partition=0
        )
        return int(sent.offset)

    async def dead_letters(self, *more: str) -> list[list[str]]:
        """The rows of `dead-letters list`."""
        done = await self.muster("dead-letters", "list", *more)
        assert done.code == 0, done.text
        assert FAMILY not in done.text
        return rows(done.text)

    async def one_dead_letter(self, offset: int | None = None, reason: str | None = None) -> list[str]:
        """The one row at this offset, or of this reason, once it is there."""

        async def ask() -> list[list[str]]:
            at = place(offset) if offset is not None else None
            return [
                row for row in await self.dead_letters() if at in (None, row[0]) and reason in (None, row[2])
            ]

        (found,) = await eventually(ask)
        return found

    async def logged(self, body: EmployeeStaged) -> int:
        """How often history's log tells of it."""
        found: int = await self.owner.fetchval(
            "SELECT count(*) FROM history.log WHERE record_id = $1", body.record_id
        )
        return found

    async def has(self, *bodies: EmployeeStaged) -> None:
        """Wait until history has told of each."""

        async def ask() -> bool:
            return all([await self.logged(body) for body in bodies])

        await eventually(ask)

    async def state(self) -> list[list[tuple[Any, ...]]]:
        """Everything that history has made of what it consumed."""
        return [[tuple(row) for row in await self.owner.fetch(sql)] for sql in STATE]

    async def ends(self) -> dict[TopicPartition, int]:
        """How far the topic reaches, by partition."""
        consumer = AIOKafkaConsumer(**client_options(self.stack.client()))
        await consumer.start()
        try:
            places = [TopicPartition(TOPIC, n) for n in range(self.stack.options.partitions)]
            return dict(await consumer.end_offsets(places))
        finally:
            await consumer.stop()

    async def received(self, ends: dict[TopicPartition, int]) -> None:
        """Wait until history has committed as far as that."""
        admin = AIOKafkaAdminClient(**client_options(self.stack.client()))
        await admin.start()

        async def ask() -> bool:
            found = await admin.list_consumer_group_offsets(f"history.{Lane.REAL_TIME.value}")
            return all(end == 0 or (tp in found and found[tp].offset >= end) for tp, end in ends.items())

        try:
            await eventually(ask)
        finally:
            await admin.close()


def place(offset: int) -> str:
    """A message that was sent by hand, as the list names it."""
    return f"history {TOPIC} 0 {offset}"


def rows(table: str) -> list[list[str]]:
    """The cells of a printed table, without its heading."""
    return [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in table.splitlines()
        if line[:1] == "│"
    ]


@pytest_asyncio.fixture(scope="module")
async def site() -> AsyncIterator[Site]:
    """No sandboxes, and of the services only the two that are needed."""
    with scratch() as folder:
        stack = Stack(folder, Options(services=("importer", "history"), partitions=2, port=0))
        try:
            await stack.start()
            owner = await asyncpg.connect(stack.database)
            producer = AIOKafkaProducer(**client_options(stack.client()), acks="all")
            await producer.start()
            try:
                yield Site(stack, owner, producer)
            finally:
                await producer.stop()
                await owner.close()
        finally:
            await stack.stop()


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("employee.teleported", f'{{"name":"{FAMILY}"}}', "unknown_type"),
        ("employee.staged", f'{{"name":"{FAMILY}"', "bad_body"),
    ],
)
async def test_a_poisonous_message_is_listed_and_shown_as_it_came(
    site: Site, kind: str, body: str, reason: str
) -> None:
    """The list says where and why, and nothing of what it says; `show` prints it to the byte."""
    offset = await site.send(body.encode(), kind)

    row = await site.one_dead_letter(offset)
    shown = await site.muster("dead-letters", "show", *place(offset).split())

    assert row[:3] == [place(offset), kind, reason]
    assert shown.code == 0
    head, _, last = shown.text.rstrip("\n").rpartition("\n")
    assert last == body
    reported = json.loads(head)
    assert (reported["ce_type"], reported["reason"], reported["detail"]) == (kind, reason, row[3])


async def test_poison_that_is_sent_again_is_dead_lettered_again(site: Site) -> None:
    """The first one counts as sent; the same message waits in its new place."""
    offset = await site.send(b"{")
    await site.one_dead_letter(offset)

    assert (await site.muster("dead-letters", "replay", *place(offset).split())).code == 0

    await site.one_dead_letter(offset + 1, "bad_body")
    assert place(offset) not in [row[0] for row in await site.dead_letters()]
    assert place(offset) in [row[0] for row in await site.dead_letters("--all")]


async def test_a_narrow_screen_shows_the_whole_place_of_a_message(site: Site) -> None:
    """It is what `show` and `replay` are given."""
    offset = await site.send(b"{")
    await site.one_dead_letter(offset)

    done = await muster("dead-letters", "list", "--data", str(site.stack.data), COLUMNS="80")

    assert place(offset) in [row[0] for row in rows(done.text)]
    assert "…" not in done.text


async def test_a_topic_paused_for_its_dead_letters_is_seen_and_let_go_on(site: Site) -> None:
    """By `status` and `topics paused`; once resumed, all of them are dead letters, and the rest goes on."""
    sent = [await site.send(b"{") for _ in range(30)]

    async def paused() -> list[list[str]]:
        return [row[:2] for row in rows((await site.muster("topics", "paused")).text)]

    assert await eventually(paused) == [["history", TOPIC]]
    status = await site.muster("status")
    assert (status.code, f"topic {TOPIC}" in status.text) == (1, True)

    resumed = await site.muster("topics", "resume", "history", TOPIC)
    assert (resumed.code, resumed.text) == (0, f"history goes on with {TOPIC}.\n")
    await site.one_dead_letter(sent[-1])
    assert "No topic is paused" in (await site.muster("topics", "paused")).text


async def test_what_was_mended_is_sent_again_and_has_its_effect_once(site: Site) -> None:
    """Dead-lettered with where it failed and no value of it; after the fix it is history, and waits no more."""
    await site.owner.execute(REFUSE)
    person, neighbour = site.employee("E-13"), site.employee()
    await site.publish(person, neighbour)
    row = await site.one_dead_letter(reason="failed")
    await site.has(neighbour)
    named = row[0].split()
    assert row[1] == "employee.staged"
    assert row[3].startswith("RaiseError at ")
    assert await site.logged(person) == 0

    await site.owner.execute(FIX)
    done = await site.muster("dead-letters", "replay", *named)

    assert (done.code, done.text) == (0, "Sent again.\n")
    await site.has(person)
    before = await site.state()
    assert (await site.muster("dead-letters", "replay", *named)).code == 0
    await site.received(await site.ends())
    assert await site.state() == before
    assert await site.logged(person) == 1
    assert [waiting for waiting in await site.dead_letters() if waiting[2] == "failed"] == []


async def test_saying_everything_again_changes_nothing(site: Site) -> None:
    """All that importer's outbox holds goes to the broker once more, and history is the same to the byte."""
    people = [site.employee() for _ in range(40)]
    await site.publish(*people)
    await site.has(*people)
    held = await site.owner.fetchval("SELECT count(*) FROM importer.outbox")
    before, ends = await site.state(), await site.ends()

    done = await site.muster("replay", "--service", "importer", "--since", "6h")

    assert done.code == 0
    assert done.text.startswith("importer publishes again what it published since ")

    async def output() -> dict[TopicPartition, int] | None:
        now = await site.ends()
        return now if sum(now.values()) == sum(ends.values()) + held else None

    now = await eventually(output)
    assert now is not None
    await site.received(now)
    assert await site.state() == before


async def test_nothing_is_published_again_from_before_the_time_that_is_given(site: Site) -> None:
    """Only what came at or after it."""
    early, late = site.employee(), site.employee()
    await site.publish(early)
    await site.has(early)
    since = datetime.now(UTC)
    await site.publish(late)
    await site.has(late)
    ends = await site.ends()

    assert (await site.muster("replay", "--service", "importer", "--since", since.isoformat())).code == 0

    async def output() -> int:
        return sum((await site.ends()).values()) - sum(ends.values())

    await eventually(output)
    last = site.employee()
    await site.publish(last)
    await site.has(last)
    assert await output() == 2


async def test_status_names_what_runs_and_says_when_something_does_not_answer(
    site: Site, tmp_path: Path
) -> None:
    """Exit code 0 only if all are ready."""
    done = await site.muster("status")
    assert done.code == 0
    assert rows(done.text) == [
        ["database", f"127.0.0.1:{urlsplit(site.stack.database).port}", "ready"],
        ["broker", site.stack.kafka, "ready"],
        ["importer", site.stack.urls["importer"], "ready"],
        ["history", site.stack.urls["history"], "ready"],
    ]

    dead = f"http://127.0.0.1:{free_port()}"
    urls = {"history": site.stack.urls["history"], "mapper": dead}
    place = dead.removeprefix("http://")
    operations = {"history": site.stack.operations["history"], "mapper": dead}
    servers = {
        "operations": operations,
        "database": f"postgresql://muster:x@{place}/muster",
        "kafka": place,
        "kafka_user": "",
    }
    (tmp_path / "stack.json").write_text(json.dumps({"urls": urls, **servers}))
    done = await muster("status", "--data", str(tmp_path))
    assert done.code == 1
    assert rows(done.text) == [
        ["database", place, "does not answer"],
        ["broker", place, "does not answer"],
        ["history", urls["history"], "ready"],
        ["mapper", dead, "does not answer"],
    ]


async def test_a_missing_topic_is_made_as_the_others_are(site: Site) -> None:
    """With the stack's own number of partitions; a second time there is nothing to do."""
    admin = AIOKafkaAdminClient(**client_options(site.stack.client()))
    await admin.start()
    try:
        await admin.delete_topics(["syncer.commands.v1"])

        async def gone() -> bool:
            return "syncer.commands.v1" not in await admin.list_topics()

        await eventually(gone)
        made = await site.muster("topics")
        (described,) = await admin.describe_topics(["syncer.commands.v1"])
    finally:
        await admin.close()

    assert (made.code, made.text) == (0, "syncer.commands.v1\n")
    assert len(described["partitions"]) == 2
    again = await site.muster("topics")
    assert (again.code, again.text) == (0, "Nothing to do.\n")


async def test_a_services_own_settings_are_enough_for_its_dead_letters(site: Site, tmp_path: Path) -> None:
    """As in its container: no data folder, its own address and key. Only the broker's administrator may send one again."""
    offset = await site.send(b"[")
    await site.one_dead_letter(offset)
    named = place(offset).split()
    inside = site.stack.environment("history", 0, 0)
    given = {
        name: inside[name]
        for name in (
            "MUSTER_DATABASE__DSN",
            "MUSTER_KAFKA__BOOTSTRAP",
            "MUSTER_KAFKA__USERNAME",
            "MUSTER_KAFKA__PASSWORD",
            "MUSTER_DEAD_LETTER_KEY",
        )
    }
    administrator = {
        "MUSTER_KAFKA__USERNAME": "admin",
        "MUSTER_KAFKA__PASSWORD": site.stack.secret("kafka_admin"),
    }

    listed = await muster("dead-letters", "list", cwd=tmp_path, **given)
    shown = await muster("dead-letters", "show", *named, cwd=tmp_path, **given)
    sealed = await muster(
        "dead-letters", "show", *named, cwd=tmp_path, **{**given, "MUSTER_DEAD_LETTER_KEY": ""}
    )
    others = await muster("replay", "--service", "importer", "--since", "1h", cwd=tmp_path, **given)
    foreign = await muster("dead-letters", "replay", *named, cwd=tmp_path, **given)
    sent = await muster("dead-letters", "replay", *named, cwd=tmp_path, **{**given, **administrator})

    assert place(offset) in [row[0] for row in rows(listed.text)]
    assert (shown.code, shown.text[-2:]) == (0, "[\n")
    assert (sealed.code, "MUSTER_DEAD_LETTER_KEY" in sealed.text) == (1, True)
    assert (others.code, "history's, which cannot work on importer" in others.text) == (1, True)
    assert (foreign.code, "does not let history write to employees.v1" in foreign.text) == (1, True)
    assert (sent.code, sent.text) == (0, "Sent again.\n")
    assert place(offset) not in [row[0] for row in await site.dead_letters()]


async def test_the_owners_address_opens_every_service(site: Site, tmp_path: Path) -> None:
    """As in production, with the address that `muster migrate` has."""
    offset = await site.send(b"]")
    await site.one_dead_letter(offset)
    named = ("--database", site.stack.database)

    listed = await muster("dead-letters", "list", *named, cwd=tmp_path)
    again = await muster("replay", "--service", "history", "--since", "1h", *named, cwd=tmp_path)
    nowhere = await muster("dead-letters", "replay", *place(offset).split(), *named, cwd=tmp_path)

    assert place(offset) in [row[0] for row in rows(listed.text)]
    assert again.code == 0
    assert (nowhere.code, "--kafka" in nowhere.text) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (("replay", "--service", "clerk", "--since", "1h"), "There is no service clerk"),
        (("dead-letters", "show", "history", TOPIC, "0", "999999"), "no such dead letter"),
        (("topics", "resume", "history", TOPIC), f"history has not paused {TOPIC}"),
        (("dead-letters", "replay", "history", TOPIC, "0", "999999"), "no such dead letter"),
    ],
)
async def test_what_is_not_there_is_reported_in_a_sentence(
    site: Site, arguments: Sequence[str], output: str
) -> None:
    """Exit code 1."""
    done = await site.muster(*arguments)

    assert (done.code, output in done.text) == (1, True)


async def test_a_time_that_is_none_is_refused(site: Site) -> None:
    """Exit code 2, as for every wrong argument."""
    done = await site.muster("replay", "--service", "importer", "--since", "yesterday")

    assert (done.code, "--since is a time" in done.text) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("topics",),
        ("topics", "paused"),
        ("topics", "resume", "history", TOPIC),
        ("replay", "--service", "importer", "--since", "1h"),
        ("dead-letters", "list"),
        ("dead-letters", "show", "history", TOPIC, "0", "0"),
        ("dead-letters", "replay", "history", TOPIC, "0", "0"),
    ],
    ids=" ".join,
)
async def test_where_nothing_runs_the_commands_say_what_to_do(
    arguments: Sequence[str], tmp_path: Path
) -> None:
    """Exit code 1, and how to start it."""
    done = await muster(*arguments, "--data", str(tmp_path))

    assert done.code == 1
    assert "Muster does not run in" in done.text
    assert "muster up" in done.text


LETTER = ("history", TOPIC, "0", "0")
ON_A_DATABASE = [
    ("migrate",),
    ("replay", "--service", "importer", "--since", "1h"),
    ("dead-letters", "list"),
    ("dead-letters", "show", *LETTER),
    ("dead-letters", "replay", *LETTER),
    ("up",),
]


async def refused(site: Site, folder: Path, *arguments: str) -> str:
    """What a command says, in one line beside how far it got; its exit code is 1, and it keeps the passwords."""
    environment = {
        "MUSTER_KAFKA__BOOTSTRAP": site.stack.kafka,
        "MUSTER_KAFKA__USERNAME": "admin",
        "MUSTER_KAFKA__PASSWORD": site.stack.secret("kafka_admin"),
        "MUSTER_DEAD_LETTER_KEY": site.stack.secret("dead_letter"),
    }
    data = ("--data", str(folder / uuid4().hex))
    done = await muster(*arguments, *data, cwd=folder, **environment)
    assert done.code == 1
    assert "ixion" not in done.text
    assert str(urlsplit(site.stack.database).password) not in done.text
    (line,) = [line for line in done.text.splitlines() if not line.startswith("Muster: ")]
    return line


@pytest.mark.parametrize("arguments", ON_A_DATABASE, ids=" ".join)
async def test_a_database_that_is_away_or_refuses_is_reported_in_a_sentence(
    site: Site, arguments: Sequence[str], tmp_path: Path
) -> None:
    """Where it is, what is wrong and what to do, and never the password of its address."""
    password = urlsplit(site.stack.database).password
    there, dead = f"127.0.0.1:{urlsplit(site.stack.database).port}", f"127.0.0.1:{free_port()}"

    kafka = ("--kafka", site.stack.kafka) if arguments == ("up",) else ()

    async def reported(access: str, address: str) -> str:
        named = ("--database", f"postgresql://muster:{access}@{address}")
        return await refused(site, tmp_path, *arguments, *named, *kafka)

    away, wrong, other = await asyncio.gather(
        reported("ixion", f"{dead}/muster"),
        reported("ixion", f"{there}/muster"),
        reported(f"{password}", f"{there}/elsewhere"),
    )
    output, hint = f"PostgreSQL at {there} refuses", "Fix the address that was given with --database."
    assert away == f"PostgreSQL does not answer at {dead}. Start it, or give another address with --database."
    assert wrong == f'{output}: password authentication failed for user "muster". {hint}'
    assert other == f'{output}: database "elsewhere" does not exist. {hint}'


async def test_a_broker_that_is_away_is_reported_in_a_sentence(site: Site, tmp_path: Path) -> None:
    """With the address that was given, and what to do; a message that could not be sent again stays dead-lettered."""
    offset = await site.send(b"(")
    await site.one_dead_letter(offset)
    dead, database = f"127.0.0.1:{free_port()}", ("--database", site.stack.database)
    replay = ("dead-letters", "replay", *place(offset).split(), *database)

    lines = await asyncio.gather(
        *(
            refused(site, tmp_path, *arguments, "--kafka", dead)
            for arguments in (replay, ("topics",), ("up", *database))
        )
    )

    output = f"Apache Kafka does not answer at {dead}. Start it, or give another address with --kafka."
    assert lines == [output] * 3
    assert place(offset) in [row[0] for row in await site.dead_letters()]
