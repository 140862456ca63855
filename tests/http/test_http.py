"""GraphQL over HTTP: the answers to valid and invalid requests, and their media types."""

import gzip
import json
from typing import Any

import httpx
import pytest

from ..support.clients import (
    CREATE_CUSTOMER,
    CUSTOMER,
    connected,
    create_customer,
    read_customer,
    until_ready,
)

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"
ID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def client(lasting_client: httpx.AsyncClient) -> httpx.AsyncClient:
    """No test needs customers of its own, if their email addresses differ."""
    return lasting_client


async def test_the_root_leads_to_graphiql(database_uri: str) -> None:
    async with connected(database_uri, graphiql=True) as client:
        response = await client.get("/")

    assert response.status_code == 307
    assert response.headers["location"] == "/graphql"


async def test_health_checks_answer(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await until_ready(client)).json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE}, {JSON};q=0.9", GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE};q=0.1, {JSON};q=0.9", JSON),
        (f"{GRAPHQL_RESPONSE};charset=utf-8", GRAPHQL_RESPONSE),
        (f"{JSON};q=0, */*", GRAPHQL_RESPONSE),
        (f"{JSON};q=x, {GRAPHQL_RESPONSE}", GRAPHQL_RESPONSE),
    ],
)
async def test_the_answer_has_the_media_type_that_the_client_prefers(
    client: httpx.AsyncClient, accept: str | None, media_type: str
) -> None:
    headers = {} if accept is None else {"Accept": accept}

    response = await client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)

    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert response.json() == {"data": {"__typename": "Query"}}


async def test_an_unknown_media_type_is_not_acceptable(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"Accept": "image/png"}
    )

    assert response.status_code == 406
    assert response.json()["errors"]


TWO = "query One { __typename } query Two { __typename }"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{" + " __typename" * 400 + "}"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ unknown }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ __typename @skip }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{" + " a: __typename" * 100 + "}"}, "TOO_LARGE"),
        ({"query": "query ($x: Int!) { __typename }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": CUSTOMER}, "BAD_USER_INPUT"),
        ({"query": CUSTOMER, "variables": {"id": 1.5}}, "BAD_USER_INPUT"),
        (
            {
                "query": "query ($x: Boolean = true) { __typename @skip(if: $x) }",
                "variables": {"x": None},
            },
            "BAD_USER_INPUT",
        ),
        ({"query": TWO}, "OPERATION_RESOLUTION_FAILURE"),
        ({"query": TWO, "operationName": "Three"}, "OPERATION_RESOLUTION_FAILURE"),
        (
            {"query": "{ __typename }", "operationName": "\ud800"},
            "OPERATION_RESOLUTION_FAILURE",
        ),
    ],
)
async def test_request_errors_have_no_data_and_their_own_status_and_code(
    client: httpx.AsyncClient, request_: dict[str, Any], code: str
) -> None:
    content = json.dumps(request_)

    # From the second request on, the document is cached.
    for _ in range(3):
        modern, legacy = [
            await client.post(
                "/graphql", content=content, headers={"Accept": accept, "Content-Type": JSON}
            )
            for accept in (GRAPHQL_RESPONSE, JSON)
        ]

        assert (modern.status_code, legacy.status_code) == (400, 200)
        assert modern.json()["errors"] == legacy.json()["errors"]
        assert {error["extensions"]["code"] for error in modern.json()["errors"]} == {code}
        assert "data" not in modern.json()


async def test_an_answer_without_errors_has_data(client: httpx.AsyncClient) -> None:
    for accept in (GRAPHQL_RESPONSE, JSON):
        answer = await client.post(
            "/graphql", json={"query": "{ __typename }"}, headers={"Accept": accept}
        )

        assert (answer.status_code, answer.json()) == (200, {"data": {"__typename": "Query"}})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'"x"',
        b"1",
        b"[]",
        b'[{"query": "{ __typename }"}]',
        b"{",
        b"\xff\xfe",
        b"[" * 65_000,
        b'{"a":' * 13_000,
        b'{"query": "{ __typename }", "variables": {"x": NaN}}',
        b'{"query": "{ __typename }", "operationName": 1}',
        b'{"query": "{ __typename }", "variables": []}',
        b'{"query": "{ __typename }", "extensions": 1}',
        b'{"query": 1}',
        b'{"query": ""}',
        b"{}",
        b"\x1f\x8b\x08\x00",
    ],
    ids=lambda body: repr(body[:40]),
)
async def test_a_body_that_is_not_a_graphql_request_gets_a_graphql_error(
    client: httpx.AsyncClient, body: bytes
) -> None:
    response = await client.post("/graphql", content=body, headers={"Content-Type": JSON})

    assert response.status_code == 400
    assert response.headers["content-type"].startswith(JSON)
    assert response.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/jsonx",
    ],
)
async def test_a_body_of_another_content_type_is_rejected(
    client: httpx.AsyncClient, content_type: str
) -> None:
    response = await client.post(
        "/graphql", content=b'{"query": "{ __typename }"}', headers={"Content-Type": content_type}
    )

    assert response.status_code == 415
    assert response.json()["errors"]


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP", "identity, gzip", "aws-chunked"])
async def test_an_encoded_body_is_rejected_with_the_name_of_the_coding(
    client: httpx.AsyncClient, coding: str
) -> None:
    body = gzip.compress(b'{"query": "{ __typename }"}')

    response = await client.post(
        "/graphql", content=body, headers={"Content-Type": JSON, "Content-Encoding": coding}
    )

    assert response.status_code == 415
    assert response.headers["accept-encoding"] == "identity"
    [error] = response.json()["errors"]
    assert error["message"] == (
        f"Content-Encoding {coding} is not supported. Send the body unencoded."
    )
    assert error["extensions"] == {"code": "UNSUPPORTED_MEDIA_TYPE"}


async def test_an_invalid_name_of_a_coding_is_not_repeated(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": JSON, "Content-Encoding": "jane@example.com"}

    response = await client.post("/graphql", content=b"{}", headers=headers)

    [error] = response.json()["errors"]
    assert error["message"] == "Content-Encoding is not supported. Send the body unencoded."


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
async def test_a_body_that_is_sent_as_it_is_may_say_so(
    client: httpx.AsyncClient, coding: str
) -> None:
    response = await client.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"Content-Encoding": coding}
    )

    assert response.json() == {"data": {"__typename": "Query"}}


async def test_a_query_can_be_sent_by_get(client: httpx.AsyncClient) -> None:
    created = (await create_customer(client, email="sent-by-get@example.com"))["customer"]
    parameters = {"query": CUSTOMER, "variables": json.dumps({"id": created["id"]})}

    response = await client.get("/graphql", params=parameters, headers={"Accept": JSON})

    assert response.json() == {"data": {"customer": created}}


async def test_a_query_by_get_needs_no_variables(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "{ __typename }"})

    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("value", ["", "null", "{}", ' {"a": 1.5, "b": [null]}\n'])
async def test_every_parameter_that_is_json_is_decoded_in_the_address(
    client: httpx.AsyncClient, value: str
) -> None:
    for name in ("variables", "extensions"):
        response = await client.get("/graphql", params={"query": "{__typename}", name: value})

        assert response.json() == {"data": {"__typename": "Query"}}


async def test_a_query_may_be_sent_as_apollo_client_sends_it(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql?query={__typename}&extensions={}")

    assert response.status_code == 200
    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("name", ["variables", "extensions"])
@pytest.mark.parametrize("value", ["{", "[]", "1", '""', "false", "\ufffe", "[" * 2000, "{} {}"])
async def test_variables_and_extensions_in_the_address_are_json_objects(
    client: httpx.AsyncClient, name: str, value: str
) -> None:
    response = await client.get("/graphql", params={"query": CUSTOMER, name: value})

    assert response.status_code == 400
    [error] = response.json()["errors"]
    assert error["message"] == f"`{name}` must be a JSON object."


@pytest.mark.parametrize("query", ["{ __typename }", "query One { __typename }"])
async def test_an_empty_name_of_an_operation_is_no_name(
    client: httpx.AsyncClient, query: str
) -> None:
    request = {"query": query, "operationName": ""}

    by_post = await client.post("/graphql", json=request)
    by_get = await client.get("/graphql", params=request)

    assert by_post.json() == by_get.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("name", [0, False, [], {}])
async def test_the_name_of_an_operation_is_a_string(client: httpx.AsyncClient, name: Any) -> None:
    response = await client.post(
        "/graphql", json={"query": "{ __typename }", "operationName": name}
    )

    assert response.status_code == 400
    [error] = response.json()["errors"]
    assert error["message"] == "`operationName` must be a string."


async def test_a_mutation_by_get_is_rejected(client: httpx.AsyncClient) -> None:
    parameters = {"query": CREATE_CUSTOMER, "variables": '{"input": {"email": "a@b.de"}}'}

    response = await client.get("/graphql", params=parameters)

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert response.json()["errors"]


async def test_two_idempotency_keys_in_the_headers_are_rejected(client: httpx.AsyncClient) -> None:
    headers = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")]

    response = await client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)

    assert response.status_code == 400
    assert response.json()["errors"][0]["message"] == (
        "The request has several Idempotency-Key headers. Send one."
    )


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_rejected(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql")

    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD, POST"
    assert response.json()["errors"]


@pytest.mark.parametrize("operator", [{"$gt": ""}, {"$ne": None}, [], 5, True])
async def test_an_operator_in_a_string_field_is_a_request_error(
    client: httpx.AsyncClient, operator: Any
) -> None:
    variables = {"input": {"email": operator}}

    response = await client.post(
        "/graphql", json={"query": CREATE_CUSTOMER, "variables": variables}
    )

    assert response.json()["errors"] == [
        {
            "message": "Variable '$input' has invalid value at .email: String cannot represent "
            "a non string value.",
            "locations": [{"line": 2, "column": 25}],
            "extensions": {"code": "BAD_USER_INPUT"},
        }
    ]
    assert await read_customer(client, ID) is None
