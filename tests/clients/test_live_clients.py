"""Clients of other projects hear of customers without losing or repeating one."""

import json
import os
import signal
import subprocess
from pathlib import Path

import httpx

from ..support.clients import create_customer
from ..support.manual import SERVER_URL, blocks
from ..support.node import CHROMIUM, needs_chromium
from ..support.paths import ROOT
from ..support.servers import all_serve, serving, until
from ..support.subscribers import subscribed

NUMBER = 30


@needs_chromium
async def test_graphql_sse_graphql_ws_and_urql_in_a_browser_go_on_while_the_server_is_replaced(
    database_uri: str, tmp_path: Path
) -> None:  # pragma: no cover  # as in node.py
    emails = [f"live{number}@example.com" for number in range(NUMBER)]
    told = tmp_path / "told"
    [program] = [block for block in blocks("js") if "@urql" in block]
    with serving(
        *("--workers", "2"), errors=tmp_path / "stderr", GRAPHQL_API_MONGODB_URI=database_uri
    ) as server:
        all_serve(server, 2)
        async with (
            httpx.AsyncClient(base_url=server.url, timeout=20) as client,
            subscribed(client) as first,
        ):
            await create_customer(client, email="before@example.com")
            cursor = (await first.next()).event["cursor"]
        program = program.replace(SERVER_URL, server.url)
        program = program.replace("(EVENTS, {})", f'(EVENTS, {{ after: "{cursor}" }})')
        arguments = [f"{server.url}/graphql", str(NUMBER), cursor, program]
        with (
            told.open("w") as standard_error,
            subprocess.Popen(  # noqa: ASYNC220, S603  # the project's own script, which nothing waits for
                ["node", ROOT / "tests/clients/live.mjs", *arguments],  # noqa: S607  # the one that npm ran on
                stdout=subprocess.PIPE,
                stderr=standard_error,
                text=True,
                env={**os.environ, "CHROMIUM": CHROMIUM or ""},
            ) as process,
        ):
            try:
                for number, email in enumerate(emails):
                    if number == 8:
                        until(lambda: told.read_text().count("heard") == 3, "all clients hear")
                    if number in (8, 20):
                        server.process.send_signal(signal.SIGHUP)
                    # A worker that stops ends the connection after its answer.
                    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
                        await create_customer(client, email=email)
                output, _ = process.communicate(timeout=60)
            finally:
                process.kill()

    assert process.returncode == 0, told.read_text()
    assert json.loads(output) == [emails] * 3
