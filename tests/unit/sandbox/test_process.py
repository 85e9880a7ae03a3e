"""Both sandboxes as processes: port, seed file, a cut connection, and a clean end."""

import json
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from sandbox.store import Store
from tests.support.sandboxes import Start, starting


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with starting(tmp_path) as started:
        yield started


def test_quickbooks_serves_seeds_cuts_and_ends(start: Start, tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"77": [{"Id": "4", "GivenName": "Ana"}]}))
    credentials = ("--client-id", "app", "--client-secret", "hush", "--refresh-token", "77:first")
    process, base = start("sandbox.quickbooks", "--realm", "77", *credentials, "--seed-file", str(seed))
    with httpx.Client(base_url=base) as http:
        form = {"grant_type": "refresh_token", "refresh_token": "first"}
        tokens = http.post("/oauth2/v1/tokens/bearer", data=form, auth=("app", "hush")).json()
        http.headers.update(
            {"Authorization": f"Bearer {tokens['access_token']}", "Accept": "application/json"}
        )
        assert http.get("/v3/company/77/employee/4").json()["Employee"]["GivenName"] == "Ana"
        rules = [
            {"match": {"operation": "create"}, "action": "timeout_after_commit", "seconds": 0.05, "count": 1}
        ]
        http.put("/admin/faults", json={"rules": rules})
        call = {"json": {"GivenName": "Bea"}, "params": {"requestid": "r"}}
        with pytest.raises(httpx.RemoteProtocolError):
            http.request("POST", "/v3/company/77/employee", **call)
        again = http.request("POST", "/v3/company/77/employee", **call)
        assert again.json()["Employee"]["Id"] == "5"
        half = [{"match": {"operation": "read"}, "action": "cut_body", "count": 1}]
        http.put("/admin/faults", json={"rules": half})
        with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|peer closed"):
            http.get("/v3/company/77/employee/4")
        assert http.get("/v3/company/77/employee/4").status_code == 200
        hang = [{"match": {"operation": "companyinfo"}, "action": "latency", "seconds": 60}]
        http.put("/admin/faults", json={"rules": hang})
        with pytest.raises(httpx.ReadTimeout):
            http.get("/v3/company/77/companyinfo/77", timeout=0.2)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(http.get, "/v3/company/77/companyinfo/77")
            while http.get("/admin/counts").json()["calls"]["companyinfo"] < 2:
                time.sleep(0.02)
            began = time.monotonic()
            process.terminate()
            assert process.wait(5) == 0
            assert time.monotonic() - began < 4
            with pytest.raises(httpx.RemoteProtocolError):
                waiting.result()
    log = (tmp_path / "log").read_text()
    assert log.startswith(f"listening on {base}\n")
    assert "Traceback" not in log


def test_linarc_serves_and_ends(start: Start) -> None:
    process, base = start("sandbox.linarc", "--tenant", "acme:key")
    answer = httpx.get(f"{base}/api/v1/company", headers={"Authorization": "Bearer key"})
    assert answer.json() == {"id": "acme", "name": "Sandbox Company acme"}
    process.terminate()
    assert process.wait(5) == 0


@pytest.mark.parametrize("scenario", sorted((Path(__file__).parents[3] / "sandbox/scenarios").iterdir()))
def test_a_scenario_that_is_shipped_plays_and_a_wrong_one_says_why(
    start: Start, tmp_path: Path, scenario: Path
) -> None:
    options = ("--realm", "77", "--client-id", "app", "--client-secret", "hush")
    _, base = start("sandbox.quickbooks", *options, "--scenario", str(scenario))
    shown = httpx.get(f"{base}/admin/faults").json()["rules"]
    assert len(shown) == len(json.loads(scenario.read_text())["rules"])
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"switches": {"no_such": true}}')
    with pytest.raises(AssertionError, match=r"wrong\.json: unknown: no_such"):
        start("sandbox.linarc", "--tenant", "acme:k", "--scenario", str(wrong))


def test_a_file_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(
            """CREATE TABLE employees(scope TEXT NOT NULL, num INTEGER NOT NULL, version INTEGER NOT NULL,
                active INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
                name_key TEXT, number_key TEXT, email_key TEXT, data TEXT NOT NULL);
            INSERT INTO employees VALUES ('77', 4, 0, 1, 0, 0, 'ana', NULL, NULL, '{"Id":"4"}');
            CREATE TABLE tokens(value TEXT PRIMARY KEY, kind TEXT NOT NULL, scope TEXT NOT NULL,
                expires_at INTEGER NOT NULL) WITHOUT ROWID;
            CREATE TABLE journal(
                n INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, scope TEXT NOT NULL, request_id TEXT,
                item TEXT, operation TEXT NOT NULL, remote_id TEXT, outcome TEXT NOT NULL, code TEXT,
                body TEXT NOT NULL);
            INSERT INTO journal VALUES (1, 0, '77', NULL, NULL, 'create', '4', 'applied', NULL, 'null');"""
        )
    store = Store(path)
    row = store.get("77", 4)
    assert row is not None and (row.data, row.former) == (b'{"Id":"4"}', None)
    assert store.next_num("77") == 5
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        store.db.execute("DELETE FROM journal")
    store.close()
