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
from muster.postgres import scratch
from muster.stack import Options, Stack
from shared.clock import SystemClock
from shared.contracts.events import EmployeeStaged
from shared.contracts.records import Cause, Employee
from shared.db.pool import open_database
from shared.messaging.outbox import Outbox, Outgoing
from shared.settings import DatabaseSettings
from tests.support.command import Done, muster
from tests.support.eventually import eventually

TOPIC = "employees.v1"
COMPANY, ACCOUNT = UUID(int=11), UUID(int=12)
FAMILY = "Quillfeather"
"""A name that no command but `show` may print."""
REFUSE = """
CREATE FUNCTION history.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'cannot take %', NEW.name; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON history.facts FOR EACH ROW WHEN (NEW.number = 'E-13') EXECUTE FUNCTION history.refuse()
"""
MEND = "DROP TRIGGER refuse ON history.facts; DROP FUNCTION history.refuse()"
STATE = (
    "SELECT company_id, n, event_id, hash FROM history.log ORDER BY 1, 2",
    "SELECT f::text FROM history.facts f ORDER BY 1",
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
            read_at=datetime.now(UTC),
            cause=Cause.IMPORT,
        )

    async def say(self, *bodies: EmployeeStaged) -> None:
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

    async def letters(self, *more: str) -> list[list[str]]:
        """The rows of `dead-letters list`."""
        done = await self.muster("dead-letters", "list", *more)
        assert done.code == 0, done.text
        assert FAMILY not in done.text
        return rows(done.text)

    async def letter(self, offset: int | None = None, reason: str | None = None) -> list[str]:
        """The one row at this offset, or of this reason, once it is there."""

        async def ask() -> list[list[str]]:
            at = place(offset) if offset is not None else None
            return [row for row in await self.letters() if at in (None, row[0]) and reason in (None, row[2])]

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
        """Everything that history has made of what it heard."""
        return [[tuple(row) for row in await self.owner.fetch(sql)] for sql in STATE]

    async def ends(self) -> dict[TopicPartition, int]:
        """How far the topic reaches, by partition."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.stack.kafka)
        await consumer.start()
        try:
            places = [TopicPartition(TOPIC, n) for n in range(self.stack.options.partitions)]
            return dict(await consumer.end_offsets(places))
        finally:
            await consumer.stop()

    async def heard(self, ends: dict[TopicPartition, int]) -> None:
        """Wait until history has committed as far as that."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.stack.kafka)
        await admin.start()

        async def ask() -> bool:
            found = await admin.list_consumer_group_offsets(f"history.{TOPIC}")
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
    with scratch("muster-test-") as folder:
        stack = Stack(folder, Options(services=("importer", "history"), partitions=2, port=0))
        try:
            await stack.start()
            owner = await asyncpg.connect(stack.database)
            producer = AIOKafkaProducer(bootstrap_servers=stack.kafka, acks="all")
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

    row = await site.letter(offset)
    shown = await site.muster("dead-letters", "show", *place(offset).split())

    assert row[:3] == [place(offset), kind, reason]
    assert shown.code == 0
    head, _, last = shown.text.rstrip("\n").rpartition("\n")
    assert last == body
    told = json.loads(head)
    assert (told["ce_type"], told["reason"], told["detail"]) == (kind, reason, row[3])


async def test_poison_that_is_sent_again_is_parked_again(site: Site) -> None:
    """The first one counts as sent; the same message waits in its new place."""
    offset = await site.send(b"{")
    await site.letter(offset)

    assert (await site.muster("dead-letters", "replay", *place(offset).split())).code == 0

    await site.letter(offset + 1, "bad_body")
    assert place(offset) not in [row[0] for row in await site.letters()]
    assert place(offset) in [row[0] for row in await site.letters("--all")]


async def test_a_narrow_screen_shows_the_whole_place_of_a_message(site: Site) -> None:
    """It is what `show` and `replay` are given."""
    offset = await site.send(b"{")
    await site.letter(offset)

    done = await muster("dead-letters", "list", "--data", str(site.stack.data), COLUMNS="80")

    assert place(offset) in [row[0] for row in rows(done.text)]
    assert "…" not in done.text


async def test_what_was_mended_is_sent_again_and_has_its_effect_once(site: Site) -> None:
    """Parked with where it failed and no value of it; after the mending it is history, and waits no more."""
    await site.owner.execute(REFUSE)
    person, neighbour = site.employee("E-13"), site.employee()
    await site.say(person, neighbour)
    row = await site.letter(reason="failed")
    await site.has(neighbour)
    named = row[0].split()
    assert row[1] == "employee.staged"
    assert row[3].startswith("RaiseError at ")
    assert await site.logged(person) == 0

    await site.owner.execute(MEND)
    done = await site.muster("dead-letters", "replay", *named)

    assert (done.code, done.text) == (0, "Sent again.\n")
    await site.has(person)
    before = await site.state()
    assert (await site.muster("dead-letters", "replay", *named)).code == 0
    await site.heard(await site.ends())
    assert await site.state() == before
    assert await site.logged(person) == 1
    assert [waiting for waiting in await site.letters() if waiting[2] == "failed"] == []


async def test_saying_everything_again_changes_nothing(site: Site) -> None:
    """All that importer's outbox holds goes to the broker once more, and history is the same to the byte."""
    people = [site.employee() for _ in range(40)]
    await site.say(*people)
    await site.has(*people)
    held = await site.owner.fetchval("SELECT count(*) FROM importer.outbox")
    before, ends = await site.state(), await site.ends()

    done = await site.muster("replay", "--service", "importer", "--since", "6h")

    assert done.code == 0
    assert done.text.startswith("importer says again what it said since ")

    async def said() -> dict[TopicPartition, int] | None:
        now = await site.ends()
        return now if sum(now.values()) == sum(ends.values()) + held else None

    now = await eventually(said)
    assert now is not None
    await site.heard(now)
    assert await site.state() == before


async def test_nothing_is_said_again_from_before_the_time_that_is_given(site: Site) -> None:
    """Only what came at or after it."""
    early, late = site.employee(), site.employee()
    await site.say(early)
    await site.has(early)
    since = datetime.now(UTC)
    await site.say(late)
    await site.has(late)
    ends = await site.ends()

    assert (await site.muster("replay", "--service", "importer", "--since", since.isoformat())).code == 0

    async def said() -> int:
        return sum((await site.ends()).values()) - sum(ends.values())

    await eventually(said)
    last = site.employee()
    await site.say(last)
    await site.has(last)
    assert await said() == 2


async def test_status_names_what_runs_and_says_when_something_does_not_answer(
    site: Site, tmp_path: Path
) -> None:
    """Exit code 0 only if all are ready."""
    done = await site.muster("status")
    assert done.code == 0
    assert rows(done.text) == [
        ["importer", site.stack.urls["importer"], "ready"],
        ["history", site.stack.urls["history"], "ready"],
    ]

    dead = f"http://127.0.0.1:{free_port()}"
    urls = {"history": site.stack.urls["history"], "mapper": dead}
    (tmp_path / "stack.json").write_text(json.dumps({"urls": urls}))
    done = await muster("status", "--data", str(tmp_path))
    assert done.code == 1
    assert rows(done.text) == [
        ["history", urls["history"], "ready"],
        ["mapper", dead, "does not answer"],
    ]


async def test_a_missing_topic_is_made_as_the_others_are(site: Site) -> None:
    """With the stack's own number of partitions; a second time there is nothing to do."""
    admin = AIOKafkaAdminClient(bootstrap_servers=site.stack.kafka)
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


async def test_a_services_own_settings_are_enough_for_its_letters(site: Site, tmp_path: Path) -> None:
    """As in its container: no data folder, its own address, the broker and the key; other services stay closed."""
    offset = await site.send(b"[")
    await site.letter(offset)
    named = place(offset).split()
    inside = site.stack.environment("history", 0, 0)
    given = {
        name: inside[name]
        for name in ("MUSTER_DATABASE__DSN", "MUSTER_KAFKA__BOOTSTRAP", "MUSTER_DEAD_LETTER_KEY")
    }

    listed = await muster("dead-letters", "list", cwd=tmp_path, **given)
    shown = await muster("dead-letters", "show", *named, cwd=tmp_path, **given)
    sealed = await muster(
        "dead-letters", "show", *named, cwd=tmp_path, **{**given, "MUSTER_DEAD_LETTER_KEY": ""}
    )
    others = await muster("replay", "--service", "importer", "--since", "1h", cwd=tmp_path, **given)
    sent = await muster("dead-letters", "replay", *named, cwd=tmp_path, **given)

    assert place(offset) in [row[0] for row in rows(listed.text)]
    assert (shown.code, shown.text[-2:]) == (0, "[\n")
    assert (sealed.code, "MUSTER_DEAD_LETTER_KEY" in sealed.text) == (1, True)
    assert (others.code, "history's, which cannot work on importer" in others.text) == (1, True)
    assert (sent.code, sent.text) == (0, "Sent again.\n")
    assert place(offset) not in [row[0] for row in await site.letters()]


async def test_the_owners_address_opens_every_service(site: Site, tmp_path: Path) -> None:
    """As in production, with the address that `muster migrate` has."""
    offset = await site.send(b"]")
    await site.letter(offset)
    named = ("--database", site.stack.database)

    listed = await muster("dead-letters", "list", *named, cwd=tmp_path)
    again = await muster("replay", "--service", "history", "--since", "1h", *named, cwd=tmp_path)
    nowhere = await muster("dead-letters", "replay", *place(offset).split(), *named, cwd=tmp_path)

    assert place(offset) in [row[0] for row in rows(listed.text)]
    assert again.code == 0
    assert (nowhere.code, "--kafka" in nowhere.text) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("replay", "--service", "clerk", "--since", "1h"), "There is no service clerk"),
        (("dead-letters", "show", "history", TOPIC, "0", "999999"), "no such parked message"),
        (("dead-letters", "replay", "history", TOPIC, "0", "999999"), "no such parked message"),
    ],
)
async def test_what_is_not_there_is_said_in_a_sentence(
    site: Site, arguments: Sequence[str], said: str
) -> None:
    """Exit code 1."""
    done = await site.muster(*arguments)

    assert (done.code, said in done.text) == (1, True)


async def test_a_time_that_is_none_is_refused(site: Site) -> None:
    """Exit code 2, as for every wrong argument."""
    done = await site.muster("replay", "--service", "importer", "--since", "yesterday")

    assert (done.code, "--since is a time" in done.text) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("topics",),
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
async def test_a_database_that_is_away_or_refuses_is_said_in_a_sentence(
    site: Site, arguments: Sequence[str], tmp_path: Path
) -> None:
    """Where it is, what is wrong and what to do, and never the password of its address."""
    password = urlsplit(site.stack.database).password
    there, dead = f"127.0.0.1:{urlsplit(site.stack.database).port}", f"127.0.0.1:{free_port()}"

    kafka = ("--kafka", site.stack.kafka) if arguments == ("up",) else ()

    async def told(access: str, address: str) -> str:
        named = ("--database", f"postgresql://muster:{access}@{address}")
        return await refused(site, tmp_path, *arguments, *named, *kafka)

    away, wrong, other = await asyncio.gather(
        told("ixion", f"{dead}/muster"),
        told("ixion", f"{there}/muster"),
        told(f"{password}", f"{there}/elsewhere"),
    )
    said, hint = f"PostgreSQL at {there} refuses", "Mend the address that was given with --database."
    assert away == f"PostgreSQL does not answer at {dead}. Start it, or give another address with --database."
    assert wrong == f'{said}: password authentication failed for user "muster". {hint}'
    assert other == f'{said}: database "elsewhere" does not exist. {hint}'


async def test_a_broker_that_is_away_is_said_in_a_sentence(site: Site, tmp_path: Path) -> None:
    """With the address that was given, and what to do; a message that could not be sent again stays parked."""
    offset = await site.send(b"(")
    await site.letter(offset)
    dead, database = f"127.0.0.1:{free_port()}", ("--database", site.stack.database)
    replay = ("dead-letters", "replay", *place(offset).split(), *database)

    lines = await asyncio.gather(
        *(
            refused(site, tmp_path, *arguments, "--kafka", dead)
            for arguments in (replay, ("topics",), ("up", *database))
        )
    )

    said = f"Apache Kafka does not answer at {dead}. Start it, or give another address with --kafka."
    assert lines == [said] * 3
    assert place(offset) in [row[0] for row in await site.letters()]
