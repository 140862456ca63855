"""Clients of other projects hear of customers without losing or repeating one."""

import json
import signal
import subprocess
from pathlib import Path

import httpx

from ..support.clients import create_customer
from ..support.node import needs_node
from ..support.paths import ROOT
from ..support.servers import all_serve, serving, until

NUMBER = 30


@needs_node
async def test_graphql_sse_and_graphql_ws_go_on_while_the_server_is_replaced(
    database_uri: str, tmp_path: Path
) -> None:
    emails = [f"live{number}@example.com" for number in range(NUMBER)]
    program, told = ROOT / "tests/clients/live.mjs", tmp_path / "told"
    with (
        serving(
            *("--workers", "2"),
            errors=tmp_path / "stderr",
            GRAPHQL_API_MONGODB_URI=database_uri,
        ) as server,
        told.open("w") as standard_error,
        subprocess.Popen(  # noqa: ASYNC220, S603  # the project's own script, which nothing waits for
            ["node", program, f"{server.url}/graphql", str(NUMBER)],  # noqa: S607  # the one that npm ran on
            stdout=subprocess.PIPE,
            stderr=standard_error,
            text=True,
        ) as process,
    ):
        all_serve(server, 2)
        until(told.read_text, "the clients have subscribed")
        for number, email in enumerate(emails):
            if number in (8, 20):
                server.process.send_signal(signal.SIGHUP)
            # A worker that stops ends the connection after its answer.
            async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
                await create_customer(client, email=email)
        output, _ = process.communicate(timeout=60)

    assert process.returncode == 0, told.read_text()
    assert json.loads(output) == [emails, emails]
