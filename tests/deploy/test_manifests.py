"""compose.cluster.yml and the manifests of Kubernetes agree with the server and with each other."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.routing import Route

from graphql_api.app import create_app
from graphql_api.settings import Settings

from ..support.clusters import DEPLOY, make_secrets, needs_nginx
from ..support.paths import ROOT
from ..support.servers import variables_of_a_service

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.cluster.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SMALL: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
KUBERNETES: dict[str, Any] = {
    manifest["kind"]: manifest
    for manifest in yaml.safe_load_all((DEPLOY / "kubernetes/graphql-api.yaml").read_text("utf-8"))
}
POD: dict[str, Any] = KUBERNETES["Deployment"]["spec"]["template"]
[CONTAINER] = POD["spec"]["containers"]


def settings(environment: dict[str, str], secrets: Path) -> Settings:
    """The settings that a container reads, with its secrets in a folder of this machine."""
    moved = {
        name: value.replace(str(Path(value).parent), str(secrets))
        if name.endswith("_FILE")
        else value
        for name, value in environment.items()
    }
    return Settings.read(moved)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    (tmp_path / "mongodb_uri").write_text(
        "mongodb://user:pass@mongodb1/graphql_api?replicaSet=rs0\n"
    )
    return tmp_path


@pytest.mark.parametrize("name", ["server1", "server2"])
def test_both_servers_share_their_secrets_and_trust_only_the_network_of_nginx(
    name: str, secrets: Path
) -> None:
    server = SERVICES[name]

    read = settings(server["environment"], secrets)

    assert create_app(read)
    assert read.keys
    assert read.mongodb_uri == read.rate_limit_storage
    [network] = COMPOSE["networks"]["front"]["ipam"]["config"]
    assert read.trusted_proxies == network["subnet"]
    assert [
        service for service in SERVICES if "front" in SERVICES[service].get("networks", [])
    ] == [
        "server1",
        "server2",
        "nginx",
    ]
    assert "ports" not in server
    assert int(server["stop_grace_period"].removesuffix("s")) > read.shutdown_seconds


def test_health_checks_are_those_of_the_small_compose_file() -> None:
    small = SMALL["services"]

    checks = [SERVICES[f"mongodb{number}"]["healthcheck"] for number in (1, 2, 3)]

    assert SERVICES["server1"]["healthcheck"] == small["server"]["healthcheck"]
    # With another script.
    assert checks == [{**small["mongodb"]["healthcheck"], "test": checks[0]["test"]}] * 3
    assert checks[0]["test"] == ["CMD", "mongosh", "--quiet", "--file", "/deploy/health.js"]
    assert all(
        "start_interval" in SERVICES[name]["healthcheck"] for name in SERVICES.keys() - {"setup"}
    )


def test_nginx_has_the_limits_of_the_servers(secrets: Path) -> None:
    config = (DEPLOY / "nginx/nginx.conf").read_text("utf-8")
    read = settings(SERVICES["server1"]["environment"], secrets)

    assert re.findall(r"client_max_body_size (\d+)", config) == [
        str(read.max_bulk_body_bytes),
        str(read.max_import_bytes),
    ]
    [idle] = re.findall(r"keepalive_timeout (\d+)s", config)
    assert int(idle) < read.keep_alive_seconds
    assert re.findall(r"server (server\d):(\d+)", config) == [
        ("server1", str(read.port)),
        ("server2", str(read.port)),
    ]
    published = [port.split(":")[1] for port in SERVICES["nginx"]["ports"]]
    assert published == re.findall(r"listen (\d+)", config)


def test_prometheus_scrapes_the_port_of_the_metrics(secrets: Path) -> None:
    [job] = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    read = settings(SERVICES["server1"]["environment"], secrets)

    assert job["static_configs"][0]["targets"] == [
        f"server1:{read.metrics_port}",
        f"server2:{read.metrics_port}",
    ]


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_a_service_has_no_capabilities_a_fixed_version_and_no_secret_in_its_text(
    service: dict[str, Any],
) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "build" in service or re.search(r":v?\d+\.\d+\.\d+$", service["image"])
    assert "healthcheck" in service
    assert not re.search(r"PASSWORD(?!__FILE)|://\w+:\w+@", str(service))


def test_only_nginx_is_published_beyond_the_own_machine() -> None:
    published = {name: service.get("ports", []) for name, service in SERVICES.items()}

    assert published.pop("nginx") == ["80:8080", "443:8443"]
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


@needs_nginx
def test_the_command_makes_every_secret_once(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make_secrets(folder)
    made = {file.name: file.read_text() for file in folder.iterdir()}
    (folder / "mongodb_password").unlink()
    make_secrets(folder)
    again = {file.name: file.read_text() for file in folder.iterdir()}

    assert {f"deploy/secrets/{name}" for name in made} == {
        secret["file"] for secret in COMPOSE["secrets"].values()
    }
    assert [name for name in made if made[name] != again[name]] == ["mongodb_password"]
    assert f":{made['mongodb_password'].strip()}@mongodb1:27017,mongodb2" in made["mongodb_uri"]
    assert folder.stat().st_mode & 0o077 == 0
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


def test_a_secret_that_cannot_be_made_is_made_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "openssl").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "openssl").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    folder = tmp_path / "secrets"

    with pytest.raises(subprocess.CalledProcessError):
        make_secrets(folder)

    assert [file.name for file in folder.iterdir()] == ["unfinished"]


def test_probes_ask_the_health_checks_on_the_ports_of_the_server(secrets: Path) -> None:
    read = settings(KUBERNETES["ConfigMap"]["data"], secrets)
    paths = {route.path for route in create_app(read).routes if isinstance(route, Route)}
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}

    probes = {
        name: CONTAINER[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")
    }

    assert ports == {"http": read.port, "metrics": read.metrics_port}
    assert {probe["port"] for probe in probes.values()} == {"http"}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/healthz",
        "liveness": "/healthz",
        "readiness": "/readyz",
    }
    assert {"/healthz", "/readyz"} <= paths


def test_kubernetes_waits_longer_than_the_server_takes_to_stop(secrets: Path) -> None:
    read = settings(KUBERNETES["ConfigMap"]["data"], secrets)
    [_, pause] = CONTAINER["lifecycle"]["preStop"]["exec"]["command"]

    assert POD["spec"]["terminationGracePeriodSeconds"] >= int(pause) + read.shutdown_seconds + 5


def test_the_service_budget_and_spread_select_the_pods_of_the_deployment() -> None:
    labels = POD["metadata"]["labels"]
    spec = KUBERNETES["Deployment"]["spec"]
    [port] = KUBERNETES["Service"]["spec"]["ports"]

    assert spec["selector"]["matchLabels"] == labels
    assert KUBERNETES["Service"]["spec"]["selector"] == labels
    assert KUBERNETES["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert KUBERNETES["PodDisruptionBudget"]["spec"]["minAvailable"] < spec["replicas"]
    for constraint in POD["spec"]["topologySpreadConstraints"]:
        assert constraint["labelSelector"]["matchLabels"] == labels
    assert port["targetPort"] in {port["name"] for port in CONTAINER["ports"]}


def test_only_the_port_for_requests_is_open_to_all_pods() -> None:
    policy = KUBERNETES["NetworkPolicy"]["spec"]
    named = {port["name"] for port in CONTAINER["ports"]}

    rules = {port["port"]: rule.get("from") for rule in policy["ingress"] for port in rule["ports"]}

    assert policy["podSelector"]["matchLabels"] == POD["metadata"]["labels"]
    assert rules.keys() == named
    assert {port for port, sources in rules.items() if sources is None} == {"http"}


def test_the_container_runs_as_the_user_of_the_image_and_cannot_write_outside_its_folder() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    user = POD["spec"]["securityContext"]

    assert f"USER {user['runAsUser']}:{user['runAsGroup']}" in dockerfile
    assert user["runAsNonRoot"]
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounts = {mount["name"]: mount for mount in CONTAINER["volumeMounts"]}
    assert mounts["secrets"]["readOnly"]
    assert set(mounts) == {volume["name"] for volume in POD["spec"]["volumes"]}


def test_the_variables_of_a_service_with_the_name_of_the_server_change_no_setting(
    secrets: Path,
) -> None:
    name = KUBERNETES["Service"]["metadata"]["name"]
    injected = variables_of_a_service(name.upper().replace("-", "_"))
    configured = KUBERNETES["ConfigMap"]["data"]

    assert POD["spec"]["enableServiceLinks"] is False
    assert "GRAPHQL_API_PORT" in injected
    assert settings({**injected, **configured}, secrets) == settings(configured, secrets)
