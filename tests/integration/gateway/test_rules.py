"""A company's rules: saved from the version that was looked at, kept by version, and rolled back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.contracts.events import SettingsChanged
from shared.db.companies import save_settings
from shared.domain.settings import CompanySettings
from tests.integration.gateway.conftest import World
from tests.integration.gateway.test_directory import key


async def now(admin: World, path: str) -> dict[str, Any]:
    found: dict[str, Any] = await admin.call("GET", f"{path}/rules")
    return found


def to_save(rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    kept = {name: rules[name] for name in ("source", "destination", "active", "version")}
    return {"json": {**kept, "rules": {**rules["rules"], **more}}}


async def test_rules_are_shown_to_everybody_with_who_may_change_them(admin: World) -> None:
    path = await admin.company()
    viewer = await key(admin, path, "viewer")
    shown = await admin.call("GET", f"{path}/rules", **viewer)
    assert (shown["administrators"], shown["rules"]["create_missing"]) == (["Ann"], True)
    fields = {one["field"]: one for one in shown["fields"]}
    assert (fields["number"]["source"], fields["hire_date"]["kind"]) == ("number", "date")
    assert "birth_date" in fields["hire_date"]["sources"] and "title" not in fields["hire_date"]["sources"]
    for method, where, body in (("PUT", "", to_save(shown)), ("POST", "/restore", {"json": {"version": 1}})):
        await admin.call(method, f"{path}/rules{where}", expected=403, **body, **viewer)


async def test_rules_made_from_an_older_version_are_not_saved(admin: World) -> None:
    path = await admin.company()
    first = await now(admin, path)
    second = await admin.call("PUT", f"{path}/rules", **to_save(first, auto_create=True))
    assert (second["version"], second["rules"]["auto_create"]) == (first["version"] + 1, True)
    await admin.call("PUT", f"{path}/rules", **to_save(first, auto_update=True), expected=409)
    assert (await now(admin, path))["rules"]["auto_update"] is False


async def test_every_version_says_who_changed_what_and_stands_again_when_it_is_restored(admin: World) -> None:
    path = await admin.company()
    first = await now(admin, path)
    mapping = [{"destination": "number", "constant": "X"}]
    await admin.call("PUT", f"{path}/rules", **to_save(first, auto_sync=True, mapping=mapping))
    me = (await admin.call("GET", "/v1/session"))["actor"]
    page = await admin.call("GET", f"{path}/rules/versions?limit=1")
    (newest,) = page["items"]
    assert newest["actor"] == me
    assert [(c["what"], c["before"]) for c in newest["changes"]] == [
        ("auto_sync", False),
        ("mapping.number", None),
    ]
    older = await admin.call("GET", f"{path}/rules/versions?after={page['next']}")
    assert [one["version"] for one in older["items"]] == list(range(newest["version"] - 1, 0, -1))[
        : len(older["items"])
    ]
    await admin.call("POST", f"{path}/rules/restore", json={"version": first["version"]})
    again = await now(admin, path)
    assert (again["rules"], again["version"]) == (first["rules"], newest["version"] + 1)
    await admin.call("POST", f"{path}/rules/restore", json={"version": 999}, expected=404)


async def test_what_a_push_rests_on_does_not_move_with_rules_that_change_nothing_of_it(admin: World) -> None:
    path = await admin.company()

    async def written() -> int:
        (*_, last) = await admin.published(path, "settings.changed")
        settings = last["body"]["settings"]
        found: int = settings["written_version"]
        return found

    before = await written()
    rules = await now(admin, path)
    await admin.call("PUT", f"{path}/rules", **to_save(rules, auto_create=True, confirm_matches=True))
    assert await written() == before
    rules = await now(admin, path)
    saved = await admin.call("PUT", f"{path}/rules", **to_save(rules, create_missing=False))
    assert await written() == saved["version"] > before


async def test_rules_are_tried_out_by_administrators_and_nothing_is_written(admin: World) -> None:
    path = await admin.company()
    rules = await now(admin, path)
    asked = to_save(rules, create_missing=False)
    del asked["json"]["version"]
    await admin.call(
        "POST", f"{path}/rules/try", expected=409, **asked
    )  # syncer does not know the company yet
    company = UUID(path.rsplit("/", 1)[-1])
    settings = CompanySettings.model_validate(await admin.call("GET", path))
    async with admin.syncer.transaction([company]) as tx:
        await save_settings(
            tx, [admin.message(company, SettingsChanged(company_id=company, settings=settings))]
        )
    before = len(await admin.published(path))
    trial = await admin.call("POST", f"{path}/rules/try", **asked)
    assert (trial["records"], trial["complete"], trial["flipped"]) == (0, True, False)
    turned = {**asked["json"], "source": rules["destination"], "destination": rules["source"]}
    assert (await admin.call("POST", f"{path}/rules/try", json=turned))["flipped"] is True
    operator = await key(admin, path, "operator")
    await admin.call("POST", f"{path}/rules/try", expected=403, **asked, **operator)
    bad = to_save(rules, mapping=[{"destination": "state", "constant": "x"}])
    del bad["json"]["version"]
    await admin.call("POST", f"{path}/rules/try", expected=422, **bad)
    assert len(await admin.published(path)) == before


async def test_rules_go_out_and_come_in_as_a_file_and_two_versions_are_compared(admin: World) -> None:
    path = await admin.company()
    before = await admin.call("GET", f"{path}/rules")
    answer = await admin.http.get(f"{path}/rules/file")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/yaml")
    text = answer.text.replace("direct_sync: 0", "direct_sync: 4").replace("changed: 50", "changed: 7")

    draft = await admin.call("POST", f"{path}/rules/file", json={"text": text})
    assert (draft["version"], draft["rules"]["direct_sync"]) == (before["version"], 4)
    assert (await admin.call("GET", f"{path}/rules"))["version"] == before["version"], (
        "nothing is saved by reading"
    )
    saved = await admin.call("PUT", f"{path}/rules", json=draft)

    query = {"before": before["version"], "after": saved["version"]}
    moved = await admin.call("GET", f"{path}/rules/compare", params=query)
    assert moved == [
        {"what": "direct_sync", "before": 0, "after": 4},
        {"what": "limits.changed", "before": 50, "after": 7},
    ]
    wrong = text.replace("direct_sync: 4", "direct_sync: 11")
    problem = await admin.call("POST", f"{path}/rules/file", json={"text": wrong}, expected=422)
    assert "rules.direct_sync" in problem["detail"]
    await admin.call("POST", f"{path}/rules/file", json={"text": "- a"}, expected=422)
