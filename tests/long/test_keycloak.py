"""Single sign-on against Keycloak: its own sign-in page, groups in the ID token, and a group that is taken away.

Needs Java 17 and Maven, which brings Keycloak by its coordinates; the first run takes some minutes.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import zipfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
from pydantic import SecretStr

from shared.settings import SsoSettings
from tests.integration.gateway.conftest import (
    admin,
    application,
    egress,
    hide_from_operators,
    pool_size,
    public_url,
    second_factor,
    world,
)
from tests.integration.gateway.test_sso import CALLBACK, company
from tests.support.eventually import eventually
from tests.support.oidc import SECRET

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import World

__all__ = [
    "admin",
    "application",
    "egress",
    "hide_from_operators",
    "pool_size",
    "public_url",
    "second_factor",
    "world",
]
VERSION = "26.4.0"
GIVEN = os.environ.get("MUSTER_TEST_KEYCLOAK")
"""The folder of one that is built already; read at once: the tests take all settings of ours out of the environment."""
PASSWORD = "a password of hers"
REALM = {
    "realm": "muster",
    "enabled": True,
    "sslRequired": "none",
    "groups": [{"name": "Payroll"}, {"name": "Others"}],
    "users": [
        {
            "username": "mara",
            "enabled": True,
            "email": "mara@site.example",
            "emailVerified": True,
            "firstName": "Mara",
            "lastName": "Voss",
            "groups": ["/Payroll"],
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        }
    ],
    "clients": [
        {
            "clientId": "muster",
            "secret": SECRET,
            "enabled": True,
            "redirectUris": [CALLBACK],
            "attributes": {"pkce.code.challenge.method": "S256"},
            "protocolMappers": [
                {
                    "name": "groups",
                    "protocol": "openid-connect",
                    "protocolMapper": "oidc-group-membership-mapper",
                    "config": {"claim.name": "groups", "full.path": "false", "id.token.claim": "true"},
                }
            ],
        }
    ],
}


def fetched(folder: Path) -> Path:
    """Keycloak's own folder, with the realm in it."""
    if GIVEN:
        return Path(GIVEN)
    if not (shutil.which("mvn") and shutil.which("java")):
        pytest.skip("Java and Maven are not there")
    name = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
    command = ["mvn", "-q", "dependency:copy", f"-Dartifact={name}", f"-DoutputDirectory={folder}"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    with zipfile.ZipFile(folder / f"keycloak-quarkus-dist-{VERSION}.zip") as packed:
        packed.extractall(folder)
    home = folder / f"keycloak-{VERSION}"
    (home / "data/import").mkdir(parents=True, exist_ok=True)
    (home / "data/import/muster.json").write_bytes(orjson.dumps(REALM))
    (home / "bin/kc.sh").chmod(0o755)
    subprocess.run([home / "bin/kc.sh", "build", "--db=dev-mem"], check=True, stdin=subprocess.DEVNULL)
    return home


@pytest.fixture(scope="module")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The running server's address."""
    folder = tmp_path_factory.mktemp("keycloak")
    home = fetched(folder)
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        port, management = one.getsockname()[1], two.getsockname()[1]
    options = [
        "start", "--optimized", "--import-realm", "--cache=local", "--http-enabled=true", "--hostname-strict=false",
        "--http-host=127.0.0.1", f"--http-port={port}", f"--http-management-port={management}",
    ]  # fmt: skip
    environment = {
        **os.environ,
        "KC_BOOTSTRAP_ADMIN_USERNAME": "root",
        "KC_BOOTSTRAP_ADMIN_PASSWORD": "of the test",
        "JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx512m",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [home / "bin/kc.sh", *options], env=environment, stdout=log, stderr=log, start_new_session=True
        )
        yield f"http://127.0.0.1:{port}"
        os.killpg(process.pid, signal.SIGKILL)  # the script and its Java, which does not end while it starts
        process.wait()


@pytest.fixture
def sso(keycloak: str) -> SsoSettings:
    return SsoSettings(
        issuer=f"{keycloak}/realms/muster",
        client_id="muster",
        client_secret=SecretStr(SECRET),
        name="Keycloak",
    )


async def answers(url: str) -> bool:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            return (await http.get(url)).is_success
    except httpx.HTTPError:
        return False


async def signed_in(world: World) -> str:
    """Through Keycloak's form; the page that the whole way ends at. Its cookies are `Secure` over http too: sent by hand."""
    world.http.cookies.delete("muster_session")
    url = (await world.http.get("/v1/sign-in/sso")).headers["location"]
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        page = await http.get(url)
        found = re.search(r'action="([^"]+)"', page.text)
        assert found, page.text
        cookies = "; ".join(f"{c.name}={c.value}" for c in http.cookies.jar)
        form = {"username": "mara", "password": PASSWORD, "credentialId": ""}
        sent = await http.post(unescape(found[1]), data=form, headers={"Cookie": cookies})
    assert sent.is_redirect, sent.text
    return str((await world.http.get(sent.headers["location"])).headers["location"])


async def administration(keycloak: str, method: str, path: str) -> Any:
    """A call of Keycloak's own administration."""
    async with httpx.AsyncClient(trust_env=False, base_url=keycloak, timeout=60) as http:
        form = {
            "grant_type": "password",
            "client_id": "admin-cli",
            "username": "root",
            "password": "of the test",
        }
        token = (await http.post("/realms/master/protocol/openid-connect/token", data=form)).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        answer = await http.request(method, f"/admin/realms/muster{path}", headers=headers)
        answer.raise_for_status()
        return answer.json() if answer.content else None


async def test_a_person_signs_in_at_keycloak_and_loses_the_role_with_the_group(
    world: World, keycloak: str, sso: SsoSettings
) -> None:
    await company(world, sso, "Payroll=operator")
    assert await eventually(
        lambda: answers(f"{sso.issuer}/.well-known/openid-configuration"), within=900, every=1.0
    )
    assert await signed_in(world) == "/"
    me = await world.call("GET", "/v1/session")
    assert (me["email"], me["name"]) == ("mara@site.example", "Mara Voss")
    assert [c["role"] for c in me["companies"]] == ["operator"]

    (mara,) = await administration(keycloak, "GET", "/users?username=mara")
    (payroll,) = await administration(keycloak, "GET", "/groups?search=Payroll")
    await administration(keycloak, "DELETE", f"/users/{mara['id']}/groups/{payroll['id']}")
    assert await signed_in(world) == "/sign-in?problem=no_role"
