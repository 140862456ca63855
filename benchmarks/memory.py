"""Shows whether a server's memory stays flat during many requests of every kind."""

import http.client
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count, cycle
from random import Random
from typing import Any
from urllib.parse import urlsplit

from graphql_api.customers.fields import FIELDS

from .loads import Scenario
from .rounds import Driver
from .servers import Server, ServerFailed

_ORDINARY_REQUESTS = 200_000
_SECONDS = 2
_SCENARIOS = [Scenario("create", 32), Scenario("read", 32)]

_CLIENTS = 4
_STEPS = 25
# Memory that grows by more than this after the first half is not flat.
_FLAT_MIB = 8

_ERRORS = """errors {
  ... on FieldError { field path message }
  ... on TooShortError { minLength actualLength }
  ... on TooLongError { maxLength actualLength }
}"""

# A request's document, variables and name of an operation.
_Body = dict[str, Any]


def print_memory(driver: Driver, server: Server, hostile_requests: int) -> None:
    """Sends ordinary and then hostile requests, and prints the resident memory at intervals.

    Raises `ServerFailed`.
    """
    for scenario in _SCENARIOS:
        driver.prepare(server, scenario)
    rounds = (driver.round(server, one, _SECONDS).requests for one in cycle(_SCENARIOS))
    _print(server, "ordinary", _ORDINARY_REQUESTS, rounds)
    with ThreadPoolExecutor(_CLIENTS) as threads:
        share = max(1, hostile_requests // _STEPS // _CLIENTS)
        attack = partial(_attack, server.url, share)
        steps = (
            sum(threads.map(attack, range(first, first + _CLIENTS)))
            for first in count(step=_CLIENTS)
        )
        _print(server, "hostile", hostile_requests, steps)


def _print(server: Server, kind: str, requests: int, sent_in_rounds: Iterator[int]) -> None:
    print(f"{kind + ' requests':>20}{'resident MiB':>15}")
    sent = shown = 0
    resident = [_print_row(server, sent)]
    for more in sent_in_rounds:
        sent += more
        if sent - shown >= requests // _STEPS or sent >= requests:
            resident.append(_print_row(server, sent))
            shown = sent
        if sent >= requests:
            break
    half = resident[len(resident) // 2 :]
    grown = half[-1] - half[0]
    verdict = "flat" if grown <= _FLAT_MIB else "NOT FLAT"
    print(f"{verdict}: {grown:+.1f} MiB in the second half\n", flush=True)


def _print_row(server: Server, sent: int) -> float:
    resident = server.resident_bytes() / 2**20
    print(f"{sent:>20}{resident:>15.1f}", flush=True)
    return resident


def _attack(url: str, requests: int, seed: int) -> int:
    """Sends requests of every hostile kind, one after another, on one connection.

    Raises `ServerFailed` if the server answers with an internal error.
    """
    random = Random(seed)  # noqa: S311  # it makes requests, not secrets
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    for number in range(requests):
        mark = f"{seed}_{number}"
        [body_of] = random.choices(list(_BODIES), list(_BODIES.values()))
        body = json.dumps(body_of(random, mark)).encode()
        connection.putrequest("POST", parts.path, skip_host=True)
        for name, value in _headers(random, mark).items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        try:
            answer = connection.getresponse()
        except http.client.RemoteDisconnected:
            # A server may close a connection between two requests.
            connection.close()
            continue
        content = answer.read()
        # 503 is allowed: the database is busy.
        if answer.status == http.client.INTERNAL_SERVER_ERROR:
            raise ServerFailed(f"The server answered with {answer.status}: {content!r}")
    connection.close()
    return requests


def _headers(random: Random, mark: str) -> dict[str, str]:
    """Usual headers and one that is new and often long. An open server requires a local `Host`."""
    headers = {
        "Host": "localhost",
        "Accept": "application/json",
        "Content-Type": "application/json",
        "X-Request-ID": mark,
    }
    padding = "x" * random.choice([10, 1000, 12_000])
    name, value = random.choice(
        [
            ("Host", f"{mark}.{padding}.localhost"),
            ("Accept", f"application/{mark}{padding}, */*"),
            ("Content-Type", f"application/json; {mark}={padding}"),
            ("Idempotency-Key", f"{mark}{padding}"[:255]),
            ("Authorization", f"Bearer {mark}{padding}"[:8000]),
            ("X-Forwarded-For", f"2001:db8::{random.randrange(0xFFFF):x}, {padding}"),
            ("User-Agent", padding),
            ("Cookie", f"{mark}={padding}"),
        ]
    )
    return {**headers, name: value}


def _creations(random: Random, mark: str) -> _Body:
    """Ten aliases, flags, and a comment that varies, with input of varying lengths."""
    flags = "abcd"
    roots = " ".join(
        f"a{n}: createCustomer(input: $input) @include(if: ${flags[n % 4]}) {{ ...Created }}"
        for n in range(10)
    )
    declared = ", ".join(f"${flag}: Boolean!" for flag in flags)
    # Some comments repeat, so that the server caches and prepares their documents.
    comment = random.choice([mark, str(random.randrange(300))])
    return {
        "query": f"mutation ($input: CreateCustomerInput!, {declared}) {{ {roots} }}"
        f" fragment Created on CreateCustomerFailure {{ {_ERRORS} }} # {comment}",
        "variables": {
            "input": _invalid(random),
            **{f: random.choice([True, False]) for f in flags},
        },
    }


def _aliases(random: Random, _mark: str) -> _Body:
    prefix = random.randrange(300)
    paths = " ".join(f"a{prefix}_{n}: path" for n in range(29))
    return {
        "query": "mutation ($input: CreateCustomerInput!) { createCustomer(input: $input) {"
        f" ... on CreateCustomerFailure {{ errors {{ ... on FieldError {{ {paths} }} }} }} }} }}",
        "variables": {"input": _invalid(random)},
    }


def _invalid(random: Random) -> dict[str, str]:
    return {field.public_name: "?" * random.randint(1, 300) for field in FIELDS}


def _names(random: Random, mark: str) -> _Body:
    names = [f"q{mark}_{n}" for n in range(20)]
    return {
        "query": " ".join(f"query {name} {{ __typename }}" for name in names),
        "operationName": random.choice([*names, "x" * random.randint(1, 10_000)]),
    }


def _texts(random: Random, mark: str) -> _Body:
    text = random.choice(["a", "\N{EURO SIGN}", "\\n"]) * random.randint(1, 8000)
    return {"query": f'{{ customer(id: "{mark}{text}") {{ id }} }}'}


def _wrong(random: Random, mark: str) -> _Body:
    name = "n" * random.randint(1, 7000)
    return {"query": f"{{ customer(id: 1) {{ {name}{mark} x y z {name} }} }}"}


def _broken(random: Random, mark: str) -> _Body:
    return {"query": "{" * random.randint(1, 300) + mark}


def _ids(_random: Random, mark: str) -> _Body:
    return {"documentId": mark}


def _variables(random: Random, mark: str) -> _Body:
    return {
        "query": "query ($id: ID!) { customer(id: $id) { id name } }",
        "variables": {"id": mark, mark: "x" * random.randint(1, 20_000)},
    }


# How often each kind is sent. The kinds that take longest are the rarest, so that two million
# requests take an hour.
_BODIES: dict[Callable[[Random, str], _Body], int] = {
    **dict.fromkeys((_creations, _aliases), 1),
    **dict.fromkeys((_names, _texts, _wrong), 2),
    **dict.fromkeys((_broken, _ids, _variables), 20),
}
