"""JSON as clients write it: lone surrogates, numbers of every form, a mark at the beginning."""

import json
from typing import Any

import httpx
import pytest

from graphql_api.customers.fields import FIELDS

from ..support.clients import CREATE_CUSTOMER, CUSTOMER, execute
from ..support.values import FORMAT, REQUIRED, TOO_LONG, TOO_SHORT, WRONG_TYPE

JSON = {"Content-Type": "application/json"}
MARK = "\ufeff".encode()


@pytest.fixture
def client(lasting_client: httpx.AsyncClient) -> httpx.AsyncClient:
    """No test needs customers of its own, if their email addresses differ."""
    return lasting_client


async def post(client: httpx.AsyncClient, body: str | bytes) -> httpx.Response:
    return await client.post("/graphql", content=body, headers=JSON)


async def errors_at(client: httpx.AsyncClient, name: str, literal: str) -> list[tuple[str, Any]]:
    """The kinds and lengths of a field's errors; asserts that another field's are there, too."""
    other = "state" if name == "city" else "city"
    values = f'"email": "", "{name}": {literal}, "{other}": "1"'
    query = json.dumps(CREATE_CUSTOMER)

    response = await post(client, f'{{"query": {query}, "variables": {{"input": {{{values}}}}}}}')

    assert response.status_code == 200, response.text
    errors = response.json()["data"]["createCustomer"]["errors"]
    told = [(error["path"][1], error["__typename"]) for error in errors]
    assert set(told) >= {(other, TOO_SHORT), (other, FORMAT)}
    assert (name == "email") is (("email", REQUIRED) not in told)
    return [
        (error["__typename"], error.get("actualLength"))
        for error in errors
        if error["path"] == ["input", name]
    ]


@pytest.mark.parametrize("name", [field.public_name for field in FIELDS])
@pytest.mark.parametrize(
    "surrogate", ["\\ud800", "\\udfff", "\\udfff\\ud800", "\\ud800\\ud83d\\ude00"]
)
async def test_a_lone_surrogate_is_a_format_error_at_its_field(
    client: httpx.AsyncClient, name: str, surrogate: str
) -> None:
    errors = await errors_at(client, name, f'"10469{surrogate}"')

    assert errors == [(FORMAT, None)]


async def test_a_lone_surrogate_beside_an_address_is_a_format_error(
    client: httpx.AsyncClient,
) -> None:
    for text in ("\\ud800@example.com", "a@\\ud800.com", "a@example.com\\udc00", "a@b.\\udc00"):
        assert await errors_at(client, "email", f'"{text}"') == [(FORMAT, None)]


# The request that contains each, and a part of the only error in its answer.
SURROGATES = {
    "operation name": ({"operationName": "\ud800"}, "Name one of"),
    "document": ({"query": "\ud800{ __typename }"}, "Syntax Error"),
    "comment": ({"query": "{ __typename } #\ud800"}, "Syntax Error"),
    "string": ({"query": '{ customer(id: "\ud800") { id } }'}, "Syntax Error"),
    "escape in a string": ({"query": '{ customer(id: "\\ud800") { id } }'}, "Syntax Error"),
    "block string": ({"query": '{ customer(id: """\ud800""") { id } }'}, "Syntax Error"),
    "document id": ({"query": None, "documentId": "\ud800"}, "No document is registered"),
    "idempotency key": (
        {"variables": {"input": {"email": "a@b.de"}, "idempotencyKey": "\ud800"}},
        "printable ASCII",
    ),
    "name of a field": ({"variables": {"input": {"email": "a@b.de", "n\ud800": 1}}}, "n\ufffd"),
    "name of one much like another": (
        {"variables": {"input": {"email": "a@b.de", "nam\ud800": 1}}},
        "nam\ufffd",
    ),
    "value of another type": ({"variables": {"input": ["\ud800"]}}, "invalid value"),
}


@pytest.mark.parametrize(("values", "message"), SURROGATES.values(), ids=SURROGATES)
async def test_a_lone_surrogate_elsewhere_is_a_request_error(
    client: httpx.AsyncClient, values: dict[str, Any], message: str
) -> None:
    body = json.dumps({"query": CREATE_CUSTOMER, **values})

    # The second request uses the entries that the first one left in the caches.
    answers = [(await post(client, body)).json() for _ in range(3)]

    for answer in answers:
        [error] = answer["errors"]
        assert message in error["message"]
        assert error.get("extensions", {}).get("code") != "INTERNAL_SERVER_ERROR"


async def test_a_lone_surrogate_in_an_unused_value_is_ignored(client: httpx.AsyncClient) -> None:
    body = {
        "query": CUSTOMER,
        "variables": {"id": "\ud800", "\ud800": "\ud800"},
        "extensions": {"\ud800": 1},
    }

    response = await post(client, json.dumps(body))

    assert response.json() == {"data": {"customer": None}}


@pytest.mark.parametrize(
    ("number", "zip_code", "phone_number"),
    [
        # Whole numbers, however they are written.
        ("10469.0", [], []),
        ("5.41754301E9", [], []),
        ("1046900e-2", [], []),
        ("0.10469e+000000000000005", [], []),
        ("10469.00000000000000000000000000000", [], []),
        (f"12{'0' * 5000}e-5000", [], []),
        ("0E999999999", [], [(TOO_SHORT, 1)]),
        # A float could not distinguish them from fractions.
        ("1.5", [(WRONG_TYPE, None)], [(WRONG_TYPE, None)]),
        ("10469e-1", [(WRONG_TYPE, None)], [(WRONG_TYPE, None)]),
        ("12.00000000000000000000000000001", [(WRONG_TYPE, None)], [(WRONG_TYPE, None)]),
        ("0.99999999999999999999999999999", [(WRONG_TYPE, None)], [(WRONG_TYPE, None)]),
        ("1e-400", [(WRONG_TYPE, None)], [(WRONG_TYPE, None)]),
        ("1E-999999999", [(WRONG_TYPE, None)], [(WRONG_TYPE, None)]),
        (f"1E-{'9' * 5000}", [(WRONG_TYPE, None)], [(WRONG_TYPE, None)]),
        # Too long, with the length that they have.
        (f"{2**63}", [(TOO_LONG, 19)], [(TOO_LONG, 19)]),
        (f"{2**64}", [(TOO_LONG, 20)], [(TOO_LONG, 20)]),
        ("9999999999999999.0", [(TOO_LONG, 16)], [(TOO_LONG, 16)]),
        ("9" * 310, [(TOO_LONG, 310)], [(TOO_LONG, 310)]),
        ("9" * 5000, [(TOO_LONG, 5000)], [(TOO_LONG, 5000)]),
        ("9" * 30_000, [(TOO_LONG, 30_000)], [(TOO_LONG, 30_000)]),
        ("1e400", [(TOO_LONG, 401)], [(TOO_LONG, 401)]),
        ("12.5E1000", [(TOO_LONG, 1002)], [(TOO_LONG, 1002)]),
        # A few letters do not make a text of gigabytes.
        ("1E999999999", [(WRONG_TYPE, None)], [(WRONG_TYPE, None)]),
        (f"1E{'9' * 5000}", [(WRONG_TYPE, None)], [(WRONG_TYPE, None)]),
        # A sign is no digit.
        ("-0", [(FORMAT, None)], [(FORMAT, None)]),
        ("-0.0", [(FORMAT, None)], [(FORMAT, None)]),
        ("-0e5", [(FORMAT, None)], [(FORMAT, None)]),
        ("-12", [(FORMAT, None)], [(FORMAT, None)]),
        ("-12.0", [(FORMAT, None)], [(FORMAT, None)]),
        (f"-{2**64}", [(TOO_LONG, 21), (FORMAT, None)], [(TOO_LONG, 21), (FORMAT, None)]),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
async def test_a_number_is_judged_by_its_digits_in_a_variable_and_inline(
    client: httpx.AsyncClient,
    number: str,
    zip_code: list[tuple[str, Any]],
    phone_number: list[tuple[str, Any]],
) -> None:
    document = (
        f'mutation {{ createCustomer(input: {{email: "", zipCode: {number}, phoneNumber: {number}'
        "}) { ... on CreateCustomerFailure { errors { __typename ... on FieldError { path } "
        "... on TooLongError { actualLength } ... on TooShortError { actualLength } } } } }"
    )

    in_variables = [
        await errors_at(client, "zipCode", number),
        await errors_at(client, "phoneNumber", number),
    ]
    inline = (await execute(client, document))["data"]["createCustomer"]["errors"]

    assert in_variables == [zip_code, phone_number]
    assert [
        (error["path"][1], error["__typename"], error.get("actualLength")) for error in inline
    ] == [
        ("email", REQUIRED, None),
        *(("zipCode", *error) for error in zip_code),
        *(("phoneNumber", *error) for error in phone_number),
    ]


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        ("10469", "10469"),
        ("10469.0", "10469"),
        ("5.41754301E9", "5417543010"),
        ("5417543010.000", "5417543010"),
        ("0.00012e6", "120"),
        ("12000e-2", "120"),
    ],
)
async def test_a_whole_number_is_stored_as_its_digits(
    client: httpx.AsyncClient, number: str, digits: str
) -> None:
    selected = "{ ... on CreateCustomerSuccess { customer { phoneNumber } } }"
    by_variable = (
        "mutation ($number: PhoneNumber) "
        f'{{ createCustomer(input: {{email: "{number}@b.de", phoneNumber: $number}}) {selected} }}'
    )
    inline = by_variable.replace("($number: PhoneNumber)", "").replace("$number", number)
    inline = inline.replace("@b.de", "@c.de")

    first = await post(
        client, f'{{"query": {json.dumps(by_variable)}, "variables": {{"number": {number}}}}}'
    )
    second = await execute(client, inline)

    created = {"data": {"createCustomer": {"customer": {"phoneNumber": digits}}}}
    assert first.json() == second == created


async def test_numbers_of_other_types_are_numbers(client: httpx.AsyncClient) -> None:
    for literal in ("1", "1.0", "-0", f"{10**30}", "9" * 5000, "1e400"):
        body = f'{{"query": {json.dumps(CUSTOMER)}, "variables": {{"id": {literal}}}}}'

        answer = (await post(client, body)).json()

        messages = [error["message"] for error in answer.get("errors", ())]
        assert answer.get("data") == {"customer": None} or messages == [
            "Variable '$id' has invalid value: ID cannot represent value."
        ]


@pytest.mark.parametrize("number", ["01", "1.", ".5", "+1", "1e", "0x1", "NaN", "-Infinity", "--0"])
async def test_an_invalid_number_is_not_json(client: httpx.AsyncClient, number: str) -> None:
    # The slower parser reads what the faster one rejects.
    for text in ("a", "\\ud800"):
        body = f'{{"query": "{{ __typename }}", "variables": {{"{text}": {number}}}}}'

        response = await post(client, body)

        assert response.status_code == 400
        [error] = response.json()["errors"]
        assert error["message"] == "The body is not valid JSON. Send JSON in UTF-8."


@pytest.mark.parametrize(
    "text", [b"\xed\xa0\x80", b"\xff", b"\n", b"\x00", b"\\x41", b"\\u12", b"\\ud800\\u"]
)
async def test_an_invalid_string_is_not_json(client: httpx.AsyncClient, text: bytes) -> None:
    response = await post(client, b'{"query": "{ __typename }", "operationName": "' + text + b'"}')

    assert response.status_code == 400
    [error] = response.json()["errors"]
    assert error["message"] == "The body is not valid JSON. Send JSON in UTF-8."


async def test_json_in_utf_16_is_not_json(client: httpx.AsyncClient) -> None:
    response = await post(client, '{"query": "{ __typename }"}'.encode("utf-16"))

    assert response.status_code == 400


async def test_nested_json_is_read_or_rejected_at_every_depth(client: httpx.AsyncClient) -> None:
    for depth in (100, 900, 1024, 2000, 20_000):
        nested = "[" * depth + "1.0" + "]" * depth
        body = f'{{"query": "{{ __typename }}", "variables": {{"x": {nested}}}}}'

        response = await post(client, body)

        assert response.status_code in (200, 400)


async def test_a_byte_order_mark_before_a_body_is_skipped(client: httpx.AsyncClient) -> None:
    for body in (b'{"query": "{ __typename }"}', b'{"query": "{ __typename }", "x": "\\ud800"}'):
        response = await post(client, MARK + body)

        assert response.json() == {"data": {"__typename": "Query"}}


async def test_a_byte_order_mark_before_a_parameter_is_skipped(client: httpx.AsyncClient) -> None:
    parameters = {
        "query": "\ufeff{ __typename }",
        "variables": "\ufeff{}",
        "extensions": "\ufeff{}",
    }

    response = await client.get("/graphql", params=parameters)

    assert response.json() == {"data": {"__typename": "Query"}}


async def test_a_second_byte_order_mark_is_not_json(client: httpx.AsyncClient) -> None:
    response = await post(client, MARK + MARK + b'{"query": "{ __typename }"}')

    assert response.status_code == 400
