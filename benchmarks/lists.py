"""The cost of lists: the same requests to servers with few and with many customers.

Lists with the newest customers first, and simple searches, are also measured on other servers.
"""

import contextlib
import http.client
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import nan
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from graphql_api.customers.cursors import cursor_of
from graphql_api.customers.fields import Customer
from graphql_api.customers.list_customers import DEFAULT_SIZE, listing

from .loads import CUSTOMERS, NEWEST
from .many_customers import (
    APART,
    COMMON_FIRST_NAME,
    COMMON_SURNAME,
    RARE_CITY,
    RARE_WORD,
    TENTH_COUNTRY,
)
from .servers import OURS, Server, ServerFailed

# The number of customers before the page 1,000, or before the last page of a small collection.
_DEEP = 999 * DEFAULT_SIZE

# How long each server gets one kind of request in each round, and the least number of them.
_SECONDS = 0.3
_REQUESTS = 3
_PATIENCE_SECONDS = 30

# Some words of every kind begin with these, but no common one.
_TWO_LETTERS = "wu"
_COMMON_WORD = {"search": COMMON_FIRST_NAME}
_TENTH = {"filter": {"country": [TENTH_COUNTRY]}}
_DESCRIBED = {"filter": {"has": ["DESCRIPTION"]}}


# The costs of one request, by the kind of list, the server and the number of customers.
Results = dict[str, dict[str, dict[str, dict[str, float]]]]


@dataclass(frozen=True)
class Kind:
    """One kind of list: the order, and which customers it has.

    `found` is the number of customers on a page, where it is the same for all collections. Every
    server answers a `shared` kind.
    """

    name: str
    variables: dict[str, Any]
    found: int | None = None
    shared: bool = False


@dataclass
class Cost:
    """What the requests of one kind cost one server, and how many got no page in time."""

    seconds: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0
    mongod_seconds: float = 0.0
    unavailable: int = 0

    def result(self) -> dict[str, float]:
        """The milliseconds of one request: the median time, the longest, the mean CPU times."""
        requests = len(self.seconds)
        return {
            "milliseconds": median(self.seconds) * 1e3,
            "longest_milliseconds": max(self.seconds) * 1e3,
            "cpu_milliseconds": self.cpu_seconds / requests * 1e3,
            "mongod_milliseconds": self.mongod_seconds / requests * 1e3,
            "unavailable": self.unavailable,
        }


_MEASURES = {
    "milliseconds": "ms",
    "cpu_milliseconds": "CPU ms/request",
    "mongod_milliseconds": "mongod CPU ms",
}


def measure_lists(pairs: Sequence[Sequence[Server]], rounds: int, *, all_orders: bool) -> Results:
    """Measures each kind of list on all servers in turn, and prints it.

    Each pair is one program: a server with few customers, and one with many. The first pair is our
    server. The others have the same databases. Without `all_orders`, only lists with the newest
    customers first are measured. Raises `ServerFailed` if an answer is not the expected page.
    """
    sizes = [f"{len(server.database):,}" for server in pairs[0]]
    print(f"{'lists of ' + ' and '.join(sizes):<48}{''.join(_right(_MEASURES.values()))}")
    results: Results = {}
    longest = 0.0
    all_kinds = (_kinds(server, all_orders=all_orders) for server in pairs[0])
    for kinds in zip(*all_kinds, strict=True):
        name = kinds[0].name
        results[name] = {}
        measured = _measured(pairs if kinds[0].shared else pairs[:1], kinds, rounds)
        for (server, _), costs in zip(pairs, measured, strict=False):
            label = name if server.name == OURS else f"    {server.name}"
            print(f"{label:<48}{''.join(_right(_cells(*costs)))}", flush=True)
            results[name][server.name] = dict(zip(sizes, costs, strict=True))
            longest = max(longest, *(cost["longest_milliseconds"] for cost in costs))
    print(f"The longest request took {longest:.0f} ms.\n", flush=True)
    return results


def _measured(
    pairs: Sequence[Sequence[Server]], kinds: Sequence[Kind], rounds: int
) -> list[list[dict[str, float]]]:
    """The results of each pair, for few and for many customers. Raises `ServerFailed`."""
    if len(pairs) > 1:
        # Programs compile what they execute often.
        for pair in pairs:
            for server, kind in zip(pair, kinds, strict=True):
                _measure(server, kind, Cost())
    costs = [[Cost() for _ in pair] for pair in pairs]
    for _ in range(rounds):
        for number, kind in enumerate(kinds):
            pages = [
                _measure(pair[number], kind, of_pair[number])
                for pair, of_pair in zip(pairs, costs, strict=True)
            ]
            found = [page for page in pages if page is not None]
            if any(page != found[0] for page in found):
                raise ServerFailed(f"{kind.name}: the servers list different customers.")
    return [[cost.result() for cost in of_pair] for of_pair in costs]


def _right(cells: Iterable[str]) -> Iterator[str]:
    return (cell.rjust(25) for cell in cells)


def _cells(few: dict[str, float], many: dict[str, float]) -> Iterator[str]:
    """Each measure of both servers, and the ratio."""
    for measure in _MEASURES:
        # mongod has no cost if the server does not ask it.
        ratio = many[measure] / few[measure] if few[measure] else nan
        yield f"{few[measure]:.3g}, {many[measure]:.3g} ({ratio:.2f})"
    if unavailable := few["unavailable"] + many["unavailable"]:
        yield f"{unavailable:.0f} unavailable"


def _kinds(server: Server, *, all_orders: bool) -> Iterator[Kind]:
    size = len(server.database)
    email = server.database.customer(size // 3).email
    deep = server.database.customer(min(_DEEP, size - DEFAULT_SIZE) - 1)
    yield Kind("CREATED_AT DESC, page 1,000", {"after": deep}, shared=True)
    selections = [
        Kind("first page", {}, DEFAULT_SIZE, shared=True),
        Kind("one letter", {"search": COMMON_FIRST_NAME[0]}, shared=True),
        Kind("two letters", {"search": _TWO_LETTERS}),
        Kind("rare word", {"search": RARE_WORD}, 3, shared=True),
        Kind("whole email address", {"search": email}, 1),
        Kind("common word", _COMMON_WORD, shared=True),
        Kind("two common words", {"search": f"{COMMON_FIRST_NAME} {COMMON_SURNAME}"}, shared=True),
        Kind("two words apart", {"search": " ".join(APART)}, 0),
        Kind("filter, a tenth", _TENTH),
        Kind("filter, three", {"filter": {"city": [RARE_CITY]}}, 3),
        Kind("filter, description", _DESCRIBED),
        Kind("common word and filter, a tenth", {**_COMMON_WORD, **_TENTH}),
        Kind("rare word and filter, description", {"search": RARE_WORD, **_DESCRIBED}, 3),
    ]
    orders = product(("CREATED_AT", "UPDATED_AT", "NAME", "EMAIL"), ("DESC", "ASC"))
    for order, direction in orders if all_orders else [("CREATED_AT", "DESC")]:
        is_newest = (order, direction) == ("CREATED_AT", "DESC")
        by = {"orderBy": {"field": order, "direction": direction}}
        for each in selections:
            shared = each.shared and is_newest
            variables = each.variables if shared else {**each.variables, **by}
            yield Kind(f"{order} {direction}, {each.name}", variables, each.found, shared=shared)


def _body(server: Server, kind: Kind) -> bytes:
    variables = {
        name: _cursor(server, value) if isinstance(value, Customer) else value
        for name, value in kind.variables.items()
    }
    document = NEWEST if kind.shared else CUSTOMERS
    return json.dumps({"query": document, "variables": variables}).encode()


def _cursor(server: Server, customer: Customer) -> str:
    """The cursor of a customer, the newest first. The other programs have a simpler form."""
    if server.name == OURS:
        return cursor_of(customer, listing())
    return f"{round(customer.created_at.timestamp() * 1000)}_{customer.id}"


def _measure(server: Server, kind: Kind, cost: Cost) -> list[str] | None:
    """Sends requests one after another, and adds what they cost.

    Returns the ids of the last page; None if the server had none in time. Raises `ServerFailed`.
    """
    body = _body(server, kind)
    page: list[str] | None = None
    parts = urlsplit(server.url)
    with contextlib.closing(
        http.client.HTTPConnection(parts.netloc, timeout=_PATIENCE_SECONDS)
    ) as connection:
        cpu, mongod = server.cpu_seconds(), server.database.mongod_cpu_seconds()
        end = time.perf_counter() + _SECONDS
        enough = len(cost.seconds) + _REQUESTS
        while (sent_at := time.perf_counter()) < end or len(cost.seconds) < enough:
            connection.request("POST", parts.path, body, {"Content-Type": "application/json"})
            content = connection.getresponse().read()
            cost.seconds.append(time.perf_counter() - sent_at)
            if b'"UNAVAILABLE"' in content:
                cost.unavailable += 1
                continue
            answer = json.loads(content)
            if not _is_expected(answer, kind):
                raise ServerFailed(f"{server.name}, {kind.name}: {content.decode()}")
            page = [customer["id"] for customer in answer["data"]["customers"]["nodes"]]
        cost.cpu_seconds += server.cpu_seconds() - cpu
        cost.mongod_seconds += server.database.mongod_cpu_seconds() - mongod
    return page


def _is_expected(answer: dict[str, Any], kind: Kind) -> bool:
    if "errors" in answer:
        return False
    found = len(answer["data"]["customers"]["nodes"])
    return found > 0 if kind.found is None else found == kind.found
