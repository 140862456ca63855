"""Customers are listed, searched, filtered and counted, as whole requests."""

from itertools import pairwise
from typing import Any

import httpx
import pytest
from pymongo.collection import Collection

from graphql_api.access.principal import Scope

from ..support.clients import (
    LIST_CUSTOMERS,
    connected,
    create_customer,
    delete_customer,
    execute,
    list_customers,
    update_customer,
)
from ..support.tokens import api_key, bearer

ORDERS = [
    {"field": field, "direction": direction}
    for field in ("CREATED_AT", "UPDATED_AT", "NAME", "EMAIL")
    for direction in ("ASC", "DESC")
]
# Half of them have no name.
NAMES = {"ada": "Ada Lovelace", "bob": None, "cleo": "Zoë Ångström", "dan": None, "eve": "ada eve"}
COUNT = "query ($limit: Int!) { customers { totalCount(limit: $limit) { count precision } } }"


@pytest.fixture
async def five(client: httpx.AsyncClient) -> None:
    """Five customers, of whom three have a name."""
    for local_part, name in NAMES.items():
        await create_customer(client, email=f"{local_part}@example.com", name=name)


def local_parts(page: dict[str, Any]) -> list[str]:
    """The local parts of the email addresses on the page, in its order."""
    return [node["email"].partition("@")[0] for node in page["nodes"]]


async def listed(client: httpx.AsyncClient, **arguments: Any) -> list[str]:
    return local_parts(await list_customers(client, **arguments))


async def error_of(client: httpx.AsyncClient, **arguments: Any) -> tuple[str, str]:
    """The code and the message of the only error of a list."""
    answer = await execute(client, LIST_CUSTOMERS, arguments)
    assert not (answer.get("data") or {}).get("customers"), answer
    [error] = answer["errors"]
    return error["extensions"]["code"], error["message"]


@pytest.mark.usefixtures("five")
async def test_the_newest_customers_are_first(client: httpx.AsyncClient) -> None:
    page = await list_customers(client)

    assert local_parts(page) == ["eve", "dan", "cleo", "bob", "ada"]
    assert page["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": page["edges"][0]["cursor"],
        "endCursor": page["edges"][-1]["cursor"],
    }
    assert page["totalCount"] == {"count": 5, "precision": "EXACT"}


async def test_a_page_without_customers_has_no_cursors(client: httpx.AsyncClient) -> None:
    assert await list_customers(client) == {
        "edges": [],
        "nodes": [],
        "pageInfo": {
            "hasNextPage": False,
            "hasPreviousPage": False,
            "startCursor": None,
            "endCursor": None,
        },
        "totalCount": {"count": 0, "precision": "EXACT"},
    }


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("field", "ascending"),
    [
        ("CREATED_AT", ["ada", "bob", "cleo", "dan", "eve"]),
        ("UPDATED_AT", ["bob", "cleo", "dan", "eve", "ada"]),
        ("EMAIL", ["ada", "bob", "cleo", "dan", "eve"]),
    ],
)
async def test_customers_are_listed_in_each_order(
    field: str, ascending: list[str], client: httpx.AsyncClient
) -> None:
    [ada] = (await list_customers(client, search="lovelace"))["nodes"]
    await update_customer(client, ada["id"], city="London")

    assert await listed(client, orderBy={"field": field}) == ascending
    assert await listed(client, orderBy={"field": field, "direction": "DESC"}) == ascending[::-1]


@pytest.mark.usefixtures("five")
async def test_customers_without_a_name_are_first_and_case_and_accents_do_not_count(
    client: httpx.AsyncClient,
) -> None:
    ascending = await listed(client, orderBy={"field": "NAME", "direction": "ASC"})
    descending = await listed(client, orderBy={"field": "NAME", "direction": "DESC"})

    assert set(ascending[:2]) == {"bob", "dan"}
    assert ascending[2:] == ["eve", "ada", "cleo"]
    assert descending == ascending[::-1]


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize("order", ORDERS, ids=str)
async def test_pages_in_both_directions_list_each_customer_once(
    order: dict[str, str], client: httpx.AsyncClient
) -> None:
    whole = await list_customers(client, orderBy=order)
    forwards, after = [], None
    backwards, before = [], None

    for _ in range(3):
        page = await list_customers(client, orderBy=order, first=2, after=after)
        after = page["pageInfo"]["endCursor"]
        forwards.append(page)
        page = await list_customers(client, orderBy=order, last=2, before=before)
        before = page["pageInfo"]["startCursor"]
        backwards.append(page)

    for pages in (forwards, backwards[::-1]):
        assert [edge for page in pages for edge in page["edges"]] == whole["edges"]
        assert [node for page in pages for node in page["nodes"]] == whole["nodes"]
    assert [len(page["nodes"]) for page in forwards] == [2, 2, 1]
    for pages, ahead, behind in (
        (forwards, "hasNextPage", "hasPreviousPage"),
        (backwards, "hasPreviousPage", "hasNextPage"),
    ):
        assert [page["pageInfo"][ahead] for page in pages] == [True, True, False]
        assert [page["pageInfo"][behind] for page in pages] == [False, True, True]


@pytest.mark.usefixtures("five")
async def test_pages_neither_repeat_nor_miss_a_customer_while_others_change(
    client: httpx.AsyncClient,
) -> None:
    first = await list_customers(client, first=2)
    await create_customer(client, email="new@example.com")
    await delete_customer(client, first["nodes"][1]["id"])

    rest = await list_customers(client, after=first["pageInfo"]["endCursor"])

    assert local_parts(first) + local_parts(rest) == ["eve", "dan", "cleo", "bob", "ada"]
    assert await listed(client, before=rest["pageInfo"]["startCursor"]) == ["new", "eve"]


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ada", ["eve", "ada"]),
        ("ADA lo", ["ada"]),
        ("angstrom \N{FULLWIDTH LATIN SMALL LETTER Z}oe", ["cleo"]),
        ("bob@example.com", ["bob"]),
        ("example", ["eve", "dan", "cleo", "bob", "ada"]),
        (" ", ["eve", "dan", "cleo", "bob", "ada"]),
        ("", ["eve", "dan", "cleo", "bob", "ada"]),
        (None, ["eve", "dan", "cleo", "bob", "ada"]),
        ("ada bob", []),
        (".*", []),
        ("^ada$|bob", []),
    ],
)
async def test_a_search_finds_words_by_their_beginnings(
    search: str | None, found: list[str], client: httpx.AsyncClient
) -> None:
    page = await list_customers(client, search=search)

    assert local_parts(page) == found
    assert page["totalCount"] == {"count": len(found), "precision": "EXACT"}


@pytest.fixture
async def four_places(client: httpx.AsyncClient) -> None:
    """Four customers, each with another place."""
    places: dict[str, dict[str, Any]] = {
        "ny": {"country": "US", "state": "NY", "city": "New York"},
        "de": {"country": "de", "city": "Köln"},
        "ca": {"country": "us", "state": "CA", "zip_code": "94107"},
        "no": {},
    }
    for local_part, fields in places.items():
        await create_customer(client, email=f"{local_part}@example.com", **fields)


@pytest.mark.usefixtures("four_places")
@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        (None, ["no", "ca", "de", "ny"]),
        ({}, ["no", "ca", "de", "ny"]),
        ({"country": None, "createdAt": None, "has": None}, ["no", "ca", "de", "ny"]),
        ({"createdAt": {}}, ["no", "ca", "de", "ny"]),
        ({"country": ["Us"]}, ["ca", "ny"]),
        # A value that is not a list counts as a list of one.
        ({"country": "DE"}, ["de"]),
        ({"country": ["us", "de"], "state": ["ny", "nj"]}, ["ny"]),
        ({"city": [" koln ", "NEW  YORK"]}, ["de", "ny"]),
        ({"city": ["New"]}, []),
        ({"has": ["COUNTRY"], "hasNot": ["CITY"]}, ["ca"]),
        ({"has": ["COUNTRY", "CITY"]}, ["de", "ny"]),
        ({"hasNot": ["COUNTRY"]}, ["no"]),
        ({"hasNot": ["EMAIL"]}, []),
    ],
    ids=str,
)
async def test_a_filter_lists_the_customers_that_fulfil_all_of_it(
    filter_: dict[str, Any] | None, found: list[str], client: httpx.AsyncClient
) -> None:
    page = await list_customers(client, filter=filter_)

    assert local_parts(page) == found
    assert page["totalCount"]["count"] == len(found)


@pytest.mark.usefixtures("four_places")
@pytest.mark.parametrize("field", ["createdAt", "updatedAt"])
async def test_a_range_of_times_includes_its_beginning_and_excludes_its_end(
    field: str, client: httpx.AsyncClient
) -> None:
    _, ca, de, ny = (await list_customers(client))["nodes"]
    with_offset = ca[field].replace("Z", "+00:00")

    assert (await listed(client, filter={field: {"from": de[field]}}))[-1] == "de"
    assert (await listed(client, filter={field: {"before": de[field]}})) == ["ny"]
    both = {"from": ny[field], "before": with_offset}
    assert await listed(client, filter={field: both}) == ["de", "ny"]
    assert await listed(client, filter={field: {"from": ny[field], "before": ny[field]}}) == []


async def test_a_deleted_customer_is_in_no_list(client: httpx.AsyncClient) -> None:
    created = await create_customer(client, idempotency_key="key", name="Ada Lovelace")
    await delete_customer(client, created["customer"]["id"])

    for order in ORDERS:
        assert await listed(client, orderBy=order) == []
    for arguments in ({"search": "ada"}, {"filter": {"hasNot": ["CITY"]}}, {}):
        page = await list_customers(client, **arguments)
        assert (page["nodes"], page["totalCount"]["count"]) == ([], 0)


async def test_a_changed_customer_is_found_by_what_it_has_now(client: httpx.AsyncClient) -> None:
    created = await create_customer(client, name="Ada Lovelace", country="GB")
    await update_customer(client, created["customer"]["id"], name="Grace Hopper", country=None)

    [found] = (await list_customers(client, search="grace hop"))["nodes"]

    assert (found["version"], found["name"]) == (2, "Grace Hopper")
    assert await listed(client, search="ada") == []
    assert await listed(client, filter={"country": ["GB"]}) == []
    assert await listed(client, filter={"hasNot": ["COUNTRY"]}) == ["john.smith"]


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("limit", "count"),
    [
        (1, {"count": 1, "precision": "AT_LEAST"}),
        (4, {"count": 4, "precision": "AT_LEAST"}),
        (5, {"count": 5, "precision": "EXACT"}),
        (100_000, {"count": 5, "precision": "EXACT"}),
    ],
)
async def test_a_count_ends_at_its_limit(
    limit: int, count: dict[str, Any], client: httpx.AsyncClient
) -> None:
    answer = await execute(client, COUNT, {"limit": limit})

    assert answer == {"data": {"customers": {"totalCount": count}}}


@pytest.mark.parametrize("limit", [0, -1, 100_001])
async def test_a_limit_out_of_range_is_an_error(limit: int, client: httpx.AsyncClient) -> None:
    answer = await execute(client, COUNT, {"limit": limit})

    assert answer["data"] == {"customers": None}
    [error] = answer["errors"]
    assert error["message"] == "Send a number from 1 to 100,000 as `limit`."
    assert error["path"] == ["customers", "totalCount"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}


@pytest.mark.parametrize(("limit", "code"), [(89_300, None), (89_400, "TOO_LARGE")])
async def test_counts_have_the_cost_of_the_customers_that_they_count(
    limit: int, code: str | None, client: httpx.AsyncClient
) -> None:
    query = """query ($limit: Int!) { customers {
      a: totalCount(limit: $limit) { count } b: totalCount(limit: 100000) { count }
      c: totalCount { precision } } }"""

    answer = await execute(client, query, {"limit": limit})

    errors = answer.get("errors", ())
    assert [error["extensions"]["code"] for error in errors] == ([] if code is None else [code])


SIZE = "Send a number from 1 to 100 as `{}`."
CURSOR = (
    "This cursor does not belong to this list. Send a cursor of the same `orderBy`, `search` and "
    "`filter`, as it was returned."
)
VALUES = "Send 1 to 50 values in each list of the `filter`."
TIME = "Send a time with its offset, such as 2026-11-22T08:59:51.042Z."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"first": 0}, SIZE.format("first")),
        ({"first": -1}, SIZE.format("first")),
        ({"first": 101}, SIZE.format("first")),
        ({"last": 0}, SIZE.format("last")),
        ({"last": 101}, SIZE.format("last")),
        ({"first": 1, "last": 1}, "Send `first` or `last`, not both."),
        ({"first": 0, "last": 0}, "Send `first` or `last`, not both."),
        ({"after": ""}, CURSOR),
        ({"after": "made-up"}, CURSOR),
        ({"before": "A" * 10_000}, CURSOR),
        ({"before": "\ud800é"}, CURSOR),
        ({"search": "a b c d e f g h i"}, "Search for at most 8 words (9 entered)."),
        ({"search": "a" * 10_000}, "Search for at most 100 characters (10000 entered)."),
        ({"filter": {"country": []}}, VALUES),
        ({"filter": {"state": []}}, VALUES),
        ({"filter": {"city": ["a"] * 51}}, VALUES),
        ({"filter": {"has": []}}, VALUES),
        ({"filter": {"hasNot": []}}, VALUES),
        (
            {"filter": {"city": ["a" * 10_000]}},
            "Send at most 200 characters in each value of the `filter`.",
        ),
        *(
            (
                {"filter": {field: {"from": "2026-11-22T01:00Z", "before": "2026-11-22T00:59Z"}}},
                "Send a `before` that is not earlier than `from`.",
            )
            for field in ("createdAt", "updatedAt")
        ),
        (
            {"filter": {"createdAt": {"from": "0001-01-01T00:00:00+01:00"}}},
            "Send times of the years 1 to 9999 in UTC.",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_an_invalid_argument_of_a_list_is_a_clear_error(
    arguments: dict[str, Any], message: str, client: httpx.AsyncClient
) -> None:
    # The second request has a document that is cached, the third one a prepared operation.
    errors = [await error_of(client, **arguments) for _ in range(3)]

    assert errors == [("BAD_USER_INPUT", message)] * 3


@pytest.mark.parametrize(
    "time", ["2026-11-22", "2026-11-22T08:59:51.042", "yesterday", "", 5, True, ["x"], {}]
)
async def test_a_time_without_an_offset_is_an_error(
    time: object, client: httpx.AsyncClient
) -> None:
    errors = [await error_of(client, filter={"createdAt": {"from": time}}) for _ in range(3)]

    prefix = "Variable '$filter' has invalid value at .createdAt.from: "
    assert errors == [("BAD_USER_INPUT", prefix + TIME)] * 3


async def test_an_error_of_a_time_in_the_document_does_not_repeat_it(
    client: httpx.AsyncClient,
) -> None:
    query = '{ customers(filter: {createdAt: {from: "s3cr3t"}}) { nodes { id } } }'

    response = await client.post("/graphql", json={"query": query})

    [error] = response.json()["errors"]
    assert error["message"] == TIME
    assert "s3cr3t" not in response.text


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    "other",
    [
        {"orderBy": {"field": "CREATED_AT", "direction": "ASC"}},
        {"orderBy": {"field": "UPDATED_AT", "direction": "DESC"}},
        {"search": "a"},
        {"filter": {"hasNot": ["CITY"]}},
    ],
    ids=str,
)
async def test_a_cursor_of_another_list_is_an_error(
    other: dict[str, Any], client: httpx.AsyncClient
) -> None:
    cursor = (await list_customers(client, first=1))["pageInfo"]["endCursor"]

    assert await error_of(client, after=cursor, **other) == ("BAD_USER_INPUT", CURSOR)
    for cut in (cursor[:-1], cursor[1:], cursor[: len(cursor) // 2], cursor + "A", cursor * 2):
        assert await error_of(client, before=cut) == ("BAD_USER_INPUT", CURSOR)
    # The same list in other words.
    assert len(await listed(client, after=cursor, search=" ", filter={})) == 4


async def test_customers_are_counted_only_if_that_is_asked_for(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("graphql_api.mongo.customers.count", fail)
    query = """query ($counts: Boolean!) {
      customers { nodes { id } totalCount @include(if: $counts) { count } }
    }"""

    without = [await execute(client, query, {"counts": False}) for _ in range(3)]
    with_count = await execute(client, query, {"counts": True})

    assert without == [{"data": {"customers": {"nodes": []}}}] * 3
    assert with_count["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"


async def test_a_list_requires_the_scope_to_read(database_uri: str) -> None:
    write = bearer(await api_key(database_uri, Scope.CUSTOMERS_WRITE))
    read = bearer(await api_key(database_uri, Scope.CUSTOMERS_READ))
    async with connected(database_uri, keys=True) as client:
        # The scope is checked before the arguments.
        refused = await execute(client, LIST_CUSTOMERS, {"first": 0}, write)
        allowed = await execute(client, LIST_CUSTOMERS, {}, read)

    assert refused["data"] == {"customers": None}
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "errors" not in allowed


@pytest.mark.usefixtures("five")
async def test_a_prepared_operation_answers_as_the_first_request(
    client: httpx.AsyncClient, documents: Collection[dict[str, Any]]
) -> None:
    cursor = (await list_customers(client, first=3))["pageInfo"]["endCursor"]
    named = {"hasNot": ["CITY"], "has": ["NAME"]}
    other = (await list_customers(client, first=1, filter=named))["pageInfo"]["endCursor"]
    literals = f"""{{
      page: customers(first: 1, after: "{other}", filter: {{hasNot: [CITY], has: NAME}}) {{
        edges {{ cursor }}
      }}
      customers(last: 2, orderBy: {{field: NAME}}) {{
        __typename nodes {{ __typename name }} pageInfo {{ hasPreviousPage }}
        few: totalCount(limit: 2) {{ count precision }} totalCount {{ count precision }}
      }}
    }}"""

    for query, arguments in (
        (LIST_CUSTOMERS, {"first": 2, "after": None, "search": None, "filter": None}),
        (LIST_CUSTOMERS, {"first": 2, "after": cursor}),
        (LIST_CUSTOMERS, {"search": "ada", "filter": {"has": ["NAME"]}, "last": 1}),
        (literals, {}),
    ):
        answers = [await execute(client, query, arguments) for _ in range(4)]
        assert "errors" not in answers[0]
        assert all(one == next_ for one, next_ in pairwise(answers)), answers
    assert documents.count_documents({}) == 5
