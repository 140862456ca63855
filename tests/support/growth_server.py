"""Sends growing requests to servers in this process, and counts the instructions that each costs.

`test_growth` runs it under Valgrind's Callgrind, which counts.
"""

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from uvicorn.server import ServerState

from graphql_api.app import create_app
from graphql_api.http.protocol import Protocol
from graphql_api.logs import configure_structlog
from graphql_api.settings import Settings

from .databases import settings_for
from .growth_requests import REQUESTS, Grow

_NO_DATABASE = "mongodb://127.0.0.1:1/"


async def ask_each(
    requests: Mapping[str, bytes], counted: Callable[[], int] = lambda: 0
) -> dict[str, tuple[int, int]]:
    """The status of the answer to each request, and what `counted` returns for it.

    No request may need the database, which is unreachable. `counted` returns the count since its
    last call.
    """
    answered = {}
    with tempfile.TemporaryDirectory() as folder:
        async with (
            _listening(settings_for(_NO_DATABASE, introspection=True)) as open_port,
            _listening(_guarded(Path(folder, "jwks.json"))) as guarded_port,
        ):
            counted()
            for name, request in requests.items():
                port = guarded_port if b"\r\nAuthorization:" in request else open_port
                status = await _ask(port, request)
                answered[name] = status, counted()
    return answered


def _guarded(jwks: Path) -> Settings:
    public = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate().public_key(), as_dict=True)
    jwks.write_text(json.dumps({"keys": [{**public, "kid": "1", "alg": "EdDSA"}]}))
    return settings_for(
        _NO_DATABASE,
        rate_limit="100000/second",
        jwt_issuer="https://identity.example/",
        jwt_audience="https://customers.example/",
        jwt_jwks=str(jwks),
    )


@asynccontextmanager
async def _listening(settings: Settings) -> AsyncIterator[int]:
    """The port of a server."""
    config = uvicorn.Config(create_app(settings), log_config=None, access_log=False)
    config.load()
    make = partial(Protocol, settings, config=config, server_state=ServerState(), app_state={})
    loop = asyncio.get_running_loop()
    async with await loop.create_server(make, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def _ask(port: int, request: bytes) -> int:
    """The status of the answer to a request that ends its connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split(b" ", 2)[1])


def main(output: Path, small: int, large: int, most_growth: int) -> None:  # pragma: no cover
    """Prints the instructions that each large request costs, and most small ones.

    A small request is left out if it cannot cost so little that the large one grew by more than
    `most_growth`: it costs at least as much as the cheapest request. `output` is Callgrind's file.
    Valgrind alone runs this, so that coverage does not see it.
    """
    number = 0

    def counted() -> int:
        # At each call, Callgrind writes its count and starts from zero.
        os.sched_yield()
        nonlocal number
        number += 1
        part = output.with_name(f"{output.name}.{number}")
        # The last line has the total. To read the whole file here would be slow.
        with part.open("rb") as file:
            file.seek(-64, os.SEEK_END)
            total = file.read().partition(b"totals: ")[2]
        part.unlink()
        return int(total)

    configure_structlog("error", "json")
    # Neither the imports and caches of the first use nor the garbage collector may count.
    asyncio.run(ask_each({name: request(64) for name, request in REQUESTS.items()}))
    gc.freeze()
    gc.disable()
    # Counting takes ten times as long.
    control = ["callgrind_control", "--instr=on", str(os.getpid())]
    subprocess.run(control, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # Debian's
    costs = _costs(REQUESTS, large, counted)
    most = most_growth * min(costs.values())
    dear = {name: request for name, request in REQUESTS.items() if costs[name] > most}
    print(json.dumps([costs, _costs(dear, small, counted)]))


def _costs(
    requests: Mapping[str, Grow], size: int, counted: Callable[[], int]
) -> dict[str, int]:  # pragma: no cover
    sent = {name: request(size) for name, request in requests.items()}
    return {name: cost for name, (_, cost) in asyncio.run(ask_each(sent, counted)).items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))  # pragma: no cover
