"""What the services' roles may do: nothing that runs with its owner's rights can be made to run their code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest
import pytest_asyncio

from shared.db.migrate import OWNER, SERVICES

ROLES = [role for service in SERVICES for role in (service, f"{service}_system")]
OURS = ["muster", "vault", *SERVICES]
RELAYS = {f"{service}_system" for service in SERVICES}
MAY_EXECUTE = {
    "muster.oldest_writer()": RELAYS,
    "muster.keep_partitions(regclass,integer)": RELAYS,
    "history.found(uuid,uuid,text,integer)": {"history"},
    "mapper.found(uuid,uuid,text,text,text,integer)": {"mapper"},
}
"""Who needs each function that runs with its owner's rights: another one, or another role, is a decision to be made here."""

_UNSAFE = """
SELECT p.oid::regprocedure::text || ': ' || fault AS fault
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_roles o ON o.oid = p.proowner
CROSS JOIN LATERAL (VALUES
    (NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false), 'search_path'),
    (o.rolcanlogin OR o.rolsuper OR o.rolbypassrls OR o.rolcreaterole OR o.rolcreatedb OR o.rolreplication, 'owner'),
    (EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0), 'public')
) AS rule (broken, fault)
WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND broken
UNION ALL
SELECT c.oid::regclass::text || ': a view that reads with its owner''s rights'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND NOT coalesce(c.reloptions @> ARRAY['security_invoker=true'], false)
ORDER BY 1
"""
_EXECUTORS = """
SELECT p.oid::regprocedure::text AS name, array_agg(r.rolname::text) AS roles
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
CROSS JOIN LATERAL aclexplode(p.proacl) a JOIN pg_roles r ON r.oid = a.grantee
WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND r.oid <> p.proowner
GROUP BY p.oid
"""
_FOREIGN = """
SELECT n.nspname || '.' || o.name AS name
FROM (SELECT oid, relname::text AS name, relnamespace AS namespace, relowner AS owner, 'pg_class'::regclass AS class
      FROM pg_class
      UNION ALL SELECT oid, proname, pronamespace, proowner, 'pg_proc' FROM pg_proc
      UNION ALL SELECT oid, typname, typnamespace, typowner, 'pg_type' FROM pg_type) o
JOIN pg_namespace n ON n.oid = o.namespace
WHERE n.nspname = ANY ($1) AND (o.owner <> $2::regrole OR n.nspowner <> $2::regrole)
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
"""
_TAKE = """
CREATE FUNCTION pg_temp.take() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> session_user AND current_user <> session_user || '_system' THEN
        PERFORM set_config('attack.ran_as', current_user, false);
    END IF;
    RETURN 1;
END $$
"""
_VIEWS = {
    "pg_stat_activity": "SELECT pg_temp.take() AS pid, '1'::xid AS backend_xid, now() - interval '1 day' AS xact_start",
    "pg_class": "SELECT pg_temp.take()::oid AS oid, 'inbox'::name AS relname, 1::oid AS relnamespace",
    "pg_namespace": "SELECT pg_temp.take()::oid AS oid, session_user::name AS nspname",
    "pg_inherits": "SELECT pg_temp.take()::oid AS inhrelid, 1::oid AS inhparent",
    "facts": "SELECT gen_random_uuid() AS record_id, gen_random_uuid() AS company_id, gen_random_uuid() AS account_id,"
    " 'x' || pg_temp.take() AS search",
}
"""Each stands, as a temporary view, in the place of a relation that a function with its owner's rights reads."""
_CALLS = (
    "SELECT muster.oldest_writer()",
    "SELECT muster.keep_partitions('{service}.inbox', 21)",
    "SELECT muster.keep_partitions('pg_temp.mine', 21)",
    "SELECT history.found('00000000-0000-0000-0000-00000000000a', gen_random_uuid(), '%', 10)",
)
_CARELESS = """
CREATE FUNCTION muster.careless() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS
$$ SELECT pid FROM pg_stat_activity WHERE backend_xid IS NOT NULL LIMIT 1 $$
"""


@pytest_asyncio.fixture
async def owner(addresses: Callable[[str], str]) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """As the one who migrates."""
    connection = await asyncpg.connect(addresses("owner"), server_settings={"search_path": "pg_catalog"})
    yield connection
    await connection.close()


@pytest_asyncio.fixture(params=ROLES)
async def role(
    request: pytest.FixtureRequest, addresses: Callable[[str], str]
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """As each of the roles; one that cannot log in is switched to, as the relay does."""
    name: str = request.param
    connection = await asyncpg.connect(addresses(name.removesuffix("_system")))
    await connection.execute(f"SET ROLE {name}")
    yield connection
    await connection.close()


async def attack(role: asyncpg.Connection[asyncpg.Record], calls: tuple[str, ...]) -> str:
    """Stand in the place of what the functions read, and call them; whose rights the attacker's code ran with, or empty."""
    service = await role.fetchval("SELECT session_user")
    await role.execute(_TAKE)
    await role.execute("CREATE TEMPORARY TABLE mine (event_time timestamptz) PARTITION BY RANGE (event_time)")
    await role.execute("SET muster.companies = '{00000000-0000-0000-0000-00000000000a}'")
    for name, query in _VIEWS.items():
        await role.execute(f"CREATE TEMPORARY VIEW {name} AS {query}")
    for call in calls:
        try:
            await role.execute(call.format(service=service))
        except asyncpg.PostgresError:
            continue
    return str(await role.fetchval("SELECT coalesce(current_setting('attack.ran_as', true), '')"))


async def test_every_function_with_its_owners_rights_is_safe(
    owner: asyncpg.Connection[asyncpg.Record],
) -> None:
    """Found in the catalogue, so that a new one without these properties fails here; the same for views."""
    assert [row["fault"] for row in await owner.fetch(_UNSAFE)] == []


async def test_one_that_is_not_is_found(owner: asyncpg.Connection[asyncpg.Record]) -> None:
    """The negative control, with a view beside it."""
    await owner.execute(f"{_CARELESS}; CREATE VIEW muster.everyone AS SELECT * FROM gateway.users")
    assert [row["fault"] for row in await owner.fetch(_UNSAFE)] == [
        "muster.careless(): owner",
        "muster.careless(): public",
        "muster.careless(): search_path",
        "muster.everyone: a view that reads with its owner's rights",
    ]


async def test_exactly_those_who_need_them_may_execute_them(
    owner: asyncpg.Connection[asyncpg.Record],
) -> None:
    """The owner apart."""
    assert {row["name"]: set(row["roles"]) for row in await owner.fetch(_EXECUTORS)} == MAY_EXECUTE


async def test_everything_belongs_to_a_role_that_is_nobody(owner: asyncpg.Connection[asyncpg.Record]) -> None:
    """What runs with the owner's rights, or a migration that was tricked, has those of this role and no more."""
    assert [row["name"] for row in await owner.fetch(_FOREIGN, OURS, OWNER)] == []
    assert await owner.fetchval("SELECT pg_has_role($1, 'pg_read_all_stats', 'USAGE')", OWNER)
    found = await owner.fetch(
        "SELECT roleid::regrole::text AS role FROM pg_auth_members WHERE member = $1::regrole", OWNER
    )
    assert [row["role"] for row in found] == ["pg_read_all_stats"]
    members = await owner.fetch(
        "SELECT member::regrole::text AS role FROM pg_auth_members WHERE roleid = $1::regrole", OWNER
    )
    assert not {row["role"] for row in members} & set(ROLES)


async def test_no_role_makes_anything(role: asyncpg.Connection[asyncpg.Record]) -> None:
    """Neither temporary objects nor lasting ones, in any schema."""
    for place in ("TEMPORARY TABLE x", "TABLE public.x", *(f"TABLE {schema}.x" for schema in OURS)):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await role.execute(f"CREATE {place} (id int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await role.execute("CREATE SCHEMA mine")


async def test_the_attack_fails_even_with_temporary_objects(
    owner: asyncpg.Connection[asyncpg.Record], role: asyncpg.Connection[asyncpg.Record]
) -> None:
    """The second wall: with the right that the first one takes away, no function runs the attacker's code."""
    await owner.execute(
        "DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database()); END $$"
    )
    assert await attack(role, _CALLS) == ""


async def test_the_attack_works_where_a_function_is_careless(
    owner: asyncpg.Connection[asyncpg.Record], role: asyncpg.Connection[asyncpg.Record]
) -> None:
    """The negative control: what the attacker would get from a function as ours were."""
    await owner.execute(
        "DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database()); END $$"
    )
    await owner.execute(_CARELESS)
    assert await attack(role, ("SELECT muster.careless()",)) == "muster"


async def test_only_the_services_own_partitions_are_kept(addresses: Callable[[str], str]) -> None:
    """With the right to call the function, for no other service's tables."""
    role = await asyncpg.connect(addresses("mapper"))
    await role.execute("SET ROLE mapper_system")
    outbox = await role.fetchval("SELECT oid FROM pg_class WHERE oid::regclass::text = 'syncer.outbox'")
    with pytest.raises(asyncpg.RaiseError, match="only syncer keeps"):
        await role.execute("SELECT muster.keep_partitions($1::oid::regclass, 1)", outbox)
    await role.close()
