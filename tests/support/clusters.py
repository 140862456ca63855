"""The cluster of compose.cluster.yml without containers: its own files, and real processes."""

import contextlib
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from .node import skipped_without
from .paths import ROOT
from .replica_sets import Member, ReplicaSet, free_port
from .servers import Server, serving, until

DEPLOY = ROOT / "deploy"
_MONGOSH = ROOT / "tests/deploy/mongosh/node_modules/.bin/mongosh"

needs_mongosh = skipped_without(_MONGOSH.exists(), "Node 20.19")
needs_nginx = skipped_without(
    shutil.which("nginx") and shutil.which("openssl") and _MONGOSH.exists(),
    "nginx, with openssl and Node 20.19,",
)
needs_prometheus = skipped_without(shutil.which("prometheus"), "Prometheus")


@dataclass(frozen=True)
class Cluster:  # pragma: no cover  # where nginx is missing
    """Three members, the secrets for them, and the addresses of nginx and of two servers."""

    folder: Path
    members: ReplicaSet
    ports: tuple[int, int]
    metrics_ports: tuple[int, int]
    proxy_port: int

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    @property
    def url(self) -> str:
        """The address at which nginx serves."""
        return f"https://localhost:{self.proxy_port}"

    @property
    def trust(self) -> ssl.SSLContext:
        """Trusts the certificate of nginx."""
        return ssl.create_default_context(cafile=self.secrets / "tls_certificate")

    @property
    def admin_uri(self) -> str:
        password = (self.secrets / "mongodb_admin_password").read_text().strip()
        hosts = ",".join(member.address for member in self.members.members)
        return f"mongodb://admin:{password}@{hosts}/admin?replicaSet=rs0"

    @contextlib.contextmanager
    def server(self, number: int, **settings: str) -> Iterator[Server]:
        """One of the two servers, with the settings of the compose file. `number` is 0 or 1."""
        variables = {
            "GRAPHQL_API_KEYS": "true",
            "GRAPHQL_API_MONGODB_URI_FILE": str(self.secrets / "mongodb_uri"),
            "GRAPHQL_API_RATE_LIMIT_STORAGE_FILE": str(self.secrets / "mongodb_uri"),
            "GRAPHQL_API_TRUSTED_PROXIES": "127.0.0.1",
            "GRAPHQL_API_KEEP_ALIVE_SECONDS": "75",
            "GRAPHQL_API_METRICS_PORT": str(self.metrics_ports[number]),
            **settings,
        }
        errors = self.folder / f"server{number + 1}.log"
        with serving(
            "--port", str(self.ports[number]), errors=errors, stop=True, measured=False, **variables
        ) as server:
            yield server

    @contextlib.contextmanager
    def nginx(self) -> Iterator[subprocess.Popen[bytes]]:
        """nginx with the configuration of the compose file, but other ports and folders."""
        text = (DEPLOY / "nginx/nginx.conf").read_text("utf-8")
        text = text.replace("/tmp/", f"{self.folder}/")  # noqa: S108  # the image's own
        text = text.replace("/run/secrets/", f"{self.secrets}/")
        text = text.replace("listen 8080", f"listen 127.0.0.1:{free_port()}")
        text = text.replace("listen 8443", f"listen 127.0.0.1:{self.proxy_port}")
        for name, port in zip(("server1", "server2"), self.ports, strict=True):
            text = text.replace(f"{name}:8000", f"127.0.0.1:{port}")
        config = self.folder / "nginx.conf"
        config.write_text(text)
        # The folders of tests belong to the user who runs them.
        options = "daemon off;" + (" user root;" if os.getuid() == 0 else "")
        with _running("nginx", "-e", "stderr", "-c", config, "-g", options) as process:
            until(lambda: _answers(self.url, verify=self.trust), "nginx answers")
            yield process

    @contextlib.contextmanager
    def prometheus(self) -> Iterator[str]:
        """Prometheus with the configuration of the compose file. Yields its address."""
        text = (DEPLOY / "prometheus/prometheus.yml").read_text("utf-8").replace("15s", "1s")
        for name, port in zip(("server1", "server2"), self.metrics_ports, strict=True):
            text = text.replace(f"{name}:9464", f"127.0.0.1:{port}")
        config = self.folder / "prometheus.yml"
        config.write_text(text)
        shutil.copy(DEPLOY / "prometheus/rules.yml", self.folder)
        address = f"127.0.0.1:{free_port()}"
        with _running(
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={self.folder / 'prometheus'}",
            f"--web.listen-address={address}",
            "--log.level=warn",
        ):
            until(lambda: _answers(f"http://{address}/-/ready"), "Prometheus answers")
            yield f"http://{address}"


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:  # pragma: no cover  # where nginx is missing
    """Yields a cluster whose members run. The replica set and its users are not made yet."""
    make_secrets(folder / "secrets")
    # Members accept a key only if no other user may read it.
    key = shutil.copy(folder / "secrets/mongodb_keyfile", folder / "keyfile")
    Path(key).chmod(0o400)
    members: list[Member] = []
    try:
        for number in range(3):
            options = ("--keyFile", str(key))
            members.append(Member(folder / f"mongodb{number + 1}", *options, name="rs0"))
        made = Cluster(
            folder,
            ReplicaSet(members),
            (free_port(), free_port()),
            (free_port(), free_port()),
            free_port(),
        )
        # The members have other addresses than those of the compose file.
        (made.secrets / "mongodb_uri").unlink()
        make_secrets(made.secrets, MONGODB_HOSTS=",".join(member.address for member in members))
        until(lambda: all(member.says("ok") for member in members), "the members answer")
        yield made
    finally:
        for member in members:
            member.client.close()
            member.kill()


def make_secrets(folder: Path, **variables: str) -> None:
    """Runs the command that makes the secrets."""
    subprocess.run(  # noqa: S603  # the project's own script
        [DEPLOY / "make-secrets", folder], check=True, env={**os.environ, **variables}
    )


def set_up(cluster: Cluster) -> None:  # pragma: no cover  # where nginx is missing
    """Runs the script that makes the replica set and its users."""
    [first, *_] = cluster.members.members
    hosts = ",".join(member.address for member in cluster.members.members)
    uri = f"mongodb://{first.address}/?directConnection=true"
    variables = {"MONGODB_HOSTS": hosts, "SECRETS": str(cluster.secrets)}
    done = mongosh("--norc", "--file", str(DEPLOY / "mongodb/setup.js"), uri, **variables)
    assert done.returncode == 0, done.stderr + done.stdout


def is_healthy(uri: str) -> bool:  # pragma: no cover  # where nginx is missing
    """What the health check says of a member."""
    return mongosh("--file", str(DEPLOY / "mongodb/health.js"), uri).returncode == 0


def mongosh(  # pragma: no cover  # where Node is missing
    *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs a script in MongoDB's shell."""
    return subprocess.run(  # noqa: S603  # the project's own scripts
        [_MONGOSH, "--quiet", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **variables},
    )


@contextlib.contextmanager
def _running(  # pragma: no cover  # where nginx is missing
    *command: str | Path,
) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, start_new_session=True) as process:  # noqa: S603  # programs of Debian
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


def _answers(  # pragma: no cover  # where nginx is missing
    url: str,
    verify: ssl.SSLContext | bool = True,  # noqa: FBT001,FBT002  # as in httpx
) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, verify=verify).status_code != 503
    return False
