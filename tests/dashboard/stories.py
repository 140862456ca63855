"""Stories in the dashboard, and the customers for them, in a server that is another process."""

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from ..support.clients import CREATE_CUSTOMER, CREATE_CUSTOMERS, LIST_CUSTOMERS

# More than a story takes on a busy machine.
_SECONDS = 240

# As many as a page of the list has.
PAGE = 50


class Browser:  # pragma: no cover  # as in node.py
    """Chromium, which plays the stories in the scripts beside this file."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def play(
        self, story: str, url: str, *, given: Any = None, **actions: Callable[[], Awaitable[None]]
    ) -> Any:
        """The result of a story with a server. The story can ask for the actions, by their names.

        Asserts that the story ends as it should.
        """
        answer = await self._answer({"story": story, "origin": url, "given": given})
        while action := answer.get("asks"):
            await actions[action]()
            answer = await self._answer(None)
        assert "error" not in answer, answer["error"]
        return answer["told"]

    async def _answer(self, message: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        async with asyncio.timeout(_SECONDS):
            return json.loads(await self._process.stdout.readline())


def clean(
    *states: str,
) -> dict[str, dict[str, list[Any]]]:  # pragma: no cover  # as in node.py
    """What `audited` returns for states in which nothing is wrong."""
    return {state: {"light": [], "dark": [], "phone": []} for state in states}


async def create(url: str, **values: str) -> None:  # pragma: no cover  # as in node.py
    result = await execute(url, CREATE_CUSTOMER, {"input": values})
    assert result["__typename"] == "CreateCustomerSuccess", result


async def create_many(
    url: str, customers: list[dict[str, str]]
) -> None:  # pragma: no cover  # as in node.py
    variables = {"inputs": customers, "onError": "CREATE_NONE"}
    result = await execute(url, CREATE_CUSTOMERS, variables)
    assert result["createdCount"] == len(customers), result


async def customers(
    url: str, **variables: str
) -> list[dict[str, Any]]:  # pragma: no cover  # as in node.py
    """All customers on all pages."""
    nodes: list[dict[str, Any]] = []
    has_next, cursor = True, None
    while has_next:
        page = await execute(url, LIST_CUSTOMERS, variables | {"first": PAGE, "after": cursor})
        nodes += page["nodes"]
        has_next, cursor = page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"]
    return nodes


async def execute(
    url: str, query: str, variables: dict[str, Any]
) -> Any:  # pragma: no cover  # as in node.py
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        answer = await client.post("/graphql", json={"query": query, "variables": variables})
    assert "errors" not in answer.json(), answer.text
    [result] = answer.json()["data"].values()
    return result
