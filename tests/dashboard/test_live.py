"""The dashboard while other people change customers, and while its subscription cannot go on."""

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..support.clients import (
    connected,
    create_customer,
    create_customers,
    delete_customer,
    list_customers,
    update_customer,
)
from ..support.node import needs_chromium
from ..support.servers import Server, serving
from .stories import Browser, clean, create

OWN = {"name": "Own Customer", "email": "own@example.com", "description": "My own text"}
TEXTS = ["Changed while it is read", "Changed while it is edited"]


@needs_chromium
async def test_the_page_shows_what_others_do_moves_nothing_and_outlives_a_restart(
    browser: Browser, database_uri: str, tmp_path: Path, pictures: Path
) -> None:
    edits = iter(TEXTS)
    async with connected(database_uri) as client:
        with contextlib.ExitStack() as servers:

            def start(port: int) -> Server:
                return servers.enter_context(
                    serving(
                        *("--port", str(port)),
                        errors=tmp_path / "stderr",
                        stop=False,
                        GRAPHQL_API_MONGODB_URI=database_uri,
                        GRAPHQL_API_INTROSPECTION="true",
                    )
                )

            for number in range(8):
                texts: dict[str, Any] = {} if number % 2 else {"description": "Wrote a letter"}
                name = f"Customer {'ABCDEFGH'[number]}"
                email = f"customer{number}@example.com"
                await create_customer(client, name=name, email=email, **texts)
            server = start(0)

            async def listed() -> list[dict[str, Any]]:
                nodes: list[dict[str, Any]] = (await list_customers(client))["nodes"]
                return nodes

            async def change() -> None:
                nodes = await listed()
                # A new name would be at another place; a description is a line of its own.
                await update_customer(client, nodes[0]["id"], name="Zoe Renamed")
                await update_customer(client, nodes[1]["id"], description=None)
                await update_customer(client, nodes[2]["id"], description="Calls often")
                await delete_customer(client, nodes[3]["id"])
                for name in "Ada", "Bea", "Cleo":
                    await create_customer(client, name=name, email=f"{name}@example.com")

            async def own() -> str:
                [id_] = [node["id"] for node in await listed() if node["email"] == OWN["email"]]
                return str(id_)

            async def edit() -> None:
                await update_customer(client, await own(), description=next(edits))

            async def remove() -> None:
                await delete_customer(client, await own())

            async def restart() -> None:
                server.process.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(server.process.wait, 40) == 0
                # On a busy machine, a request with all of them takes too long.
                for some in range(10):
                    await create_customers(
                        client, [{"email": f"{some}{n:02}@example.com"} for n in range(100)]
                    )
                await create_customer(client, name="Ada Last", email="last@example.com")
                await asyncio.to_thread(start, urlsplit(server.url).port or 0)

            told = await browser.play(
                "changes",
                server.url,
                given={"own": OWN, "changed": TEXTS, "folder": str(pictures)},
                change=change,
                edit=edit,
                remove=remove,
                restart=restart,
            )

    assert told["found"] == clean("news", "changed", "edited", "deleted", "many")
    assert told["before"] == [f"Customer {letter}" for letter in "HGFEDCBA"]
    for places in told["still"].values():
        assert places["before"]["focus"].startswith("row-")
        assert places["before"] == places["after"]
    assert told["row"].startswith("Zoe Renamed\nchanged")
    assert told["described"].startswith("mark-")
    # Of seven changes, not one by one.
    assert len(told["spoken"]) < 4
    assert told["spoken"][-1] == (
        "3 new customers. 3 customers on this page changed. 1 customer on this page deleted."
    )
    assert told["shown"] == [
        *("Cleo", "Bea", "Ada", "Zoe Renamed", "Customer G", "Customer F"),
        *("Customer D", "Customer C", "Customer B", "Customer A"),
    ]
    assert (told["first"], told["left"]) == ("Cleo", 0)
    assert "My own text" in told["old"]
    assert told["typed"] == ["Bern", TEXTS[0], "city"]
    assert told["merged"] == ["Bern", TEXTS[1]]
    assert told["unannounced"] == 0
    # Of a thousand events, not one by one.
    assert told["renders"] < 20
    assert told["announcements"] < 5
    # The page may have tried to connect while the server was away, or was not ready.
    expected = ("net::ERR_", "503 (Service Unavailable)")
    unexpected = [fault for fault in told["faults"] if not any(text in fault for text in expected)]
    assert unexpected == []


@needs_chromium
async def test_the_page_goes_on_quietly_after_each_end_of_its_subscription(
    browser: Browser, url: str
) -> None:
    await create(url, name="Ada Lovelace", email="ada@example.com")
    data = '{"data":{"customerEvents":{"__typename":"EventsMissed"}}}'
    missed = f"id: somewhere\nevent: next\ndata: {data}"
    too_slow = 'event: next\ndata: {"errors":[{"message":"-","extensions":{"code":"TOO_SLOW"}}]}'

    told = await browser.play(
        "subscriptions",
        url,
        given={
            "missed": f":\n\n{missed}\n\n{too_slow}\n\nevent: complete\ndata: \n\n",
            "refused": [
                [503, {"message": "-", "extensions": {"code": "OVERLOADED"}}],
                [429, {"message": "-", "extensions": {"code": "TOO_MANY_SUBSCRIPTIONS"}}],
                [400, {"message": "-", "extensions": {"code": "BAD_USER_INPUT"}}],
            ],
        },
    )

    assert told["found"] == clean("missed")
    # The server does not know the cursor: the page begins again.
    assert told["cursors"] == [None, *["somewhere"] * 3, None, None]
    assert told["isSilent"]
    assert len(told["faults"]) == 3
