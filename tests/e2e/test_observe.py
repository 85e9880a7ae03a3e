"""A real Prometheus on a running stack: every panel's query and every alert's expression is answered."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tests.contract.test_observe import expressions
from tests.support.eventually import eventually
from tests.support.fleet import Fleet
from tests.support.private import everybody, leaks, told
from tests.support.prometheus import scraping


async def test_every_panel_is_answered_with_data_and_no_alert_is_in_error(
    fleet: Fleet, tmp_path: Path
) -> None:
    async with scraping(tmp_path, fleet.stack.operations) as prometheus:
        remote_id = await fleet.hire(
            first_name="Quentin", last_name="Observed", email="quentin@observed.example"
        )
        record = await fleet.becomes(remote_id, "needs_sync")
        await fleet.push(record["record_id"])

        async def without_data() -> list[str]:
            asked = [e.replace("$__rate_interval", "20s") for e in expressions()]
            return [e for e in asked if not await prometheus.query(e)]

        async def all_answered() -> bool:
            return not await without_data()

        with suppress(AssertionError):  # the next line names those that have none
            await eventually(all_answered, within=45, every=1.0)
        assert await without_data() == []
        groups = (await prometheus.get("/rules"))["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert rules
        assert {rule["name"]: rule["health"] for rule in rules if rule["health"] != "ok"} == {}


async def test_nobodys_data_is_in_logs_or_metrics(fleet: Fleet) -> None:
    """After whatever ran on this stack: no full name, address, number, e-mail address or mask of the sandboxes' people."""
    private = await everybody(fleet)
    assert len(private) > 200
    assert leaks(await told(fleet), private) == {}
