"""GraphQL errors as clients read them: names stay, values and internals go."""

import time
from typing import Any

import pytest
from graphql import GraphQLError, execute, parse
from strawberry.utils.await_maybe import await_maybe
from structlog.testing import capture_logs

from graphql_api.execution.errors import mask_errors, without_values
from graphql_api.faults import ChangeUnknown, OutcomeUnknown, Unavailable

from ..support.unusual_schema import SCHEMA


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ("String cannot represent a non string value: {'$gt': 's3cr3t'}", None),
        ("Variable '$i' has invalid value at .name: String cannot represent a non string value: 5",
         "Variable '$i' has invalid value at .name: String cannot represent a non string value."),
        ("Expected value of type 'I' to be an object, found: 'a: b'.",
         "Expected value of type 'I' to be an object."),
        ("Expected value of type 'I' not to include unknown field 'nam'. Did you mean 'name'? "
         "Found: {'nam': 's3cr3t'}.",
         "Expected value of type 'I' not to include unknown field 'nam'. Did you mean 'name'?"),
        ("Syntax Error: Expected Name, found String 's3cr3t'.",
         "Syntax Error: Expected Name, found String."),
        ("Variable '$i' has invalid value: Expected value of type 'I' to include required field "
         "'email', found: {'name': 's3cr3t'}.",
         "Variable '$i' has invalid value: Expected value of type 'I' to include required field "
         "'email'."),
        ("Variable '$i' has invalid value at .from: Expected value of type 'DateTime', but "
         "encountered error 'Invalid isoformat string: 's3cr3t''; found: 's3cr3t'.",
         "Variable '$i' has invalid value at .from: Expected value of type 'DateTime'."),
        ("Syntax Error: Expected Name, found Name 's3cr3t'.",
         "Syntax Error: Expected Name, found Name."),
        ("Syntax Error: Invalid number, unexpected digit after 0: '2'.",
         "Syntax Error: Invalid number, unexpected digit after 0."),
        ("Syntax Error: Unexpected Int \"5417543010\".", "Syntax Error: Unexpected Int."),
        ("Syntax Error: Invalid number, expected digit before '.', did you mean '0.123'?",
         "Syntax Error: Invalid number, expected digit before '.'."),
        ("Syntax Error: Invalid Unicode escape sequence: '\\\\u12x'.",
         "Syntax Error: Invalid Unicode escape sequence."),
        ("Variable '$f' has invalid value at .has[0]: Value 's3cr3t' does not exist in "
         "'CustomerField' enum. Did you mean the enum value 'NAME'?",
         "Variable '$f' has invalid value at .has[0]: The value does not exist in "
         "'CustomerField' enum. Did you mean the enum value 'NAME'?"),
        ("Variable '$f' has invalid value: Value 'a: Value 's3cr3t' does not exist in 'b' does not "
         "exist in 'CustomerField' enum.",
         "Variable '$f' has invalid value: The value does not exist in 'CustomerField' enum."),
        ("Value 'NAM' does not exist in 'CustomerField' enum.",
         "Value 'NAM' does not exist in 'CustomerField' enum."),
        ("Cannot query field 'nam' on type 'Customer'. Did you mean 'name'?",
         "Cannot query field 'nam' on type 'Customer'. Did you mean 'name'?"),
    ],
)  # fmt: skip
def test_messages_of_graphql_keep_names_and_lose_values(message: str, left: str | None) -> None:
    assert without_values(message) == (left or "String cannot represent a non string value.")


def test_a_long_name_takes_no_longer_than_its_length() -> None:
    name = ": Value '" * 100_000

    started = time.process_time()
    left = without_values(f"Variable '$f' has invalid value: unknown field '{name}'.")

    # A search from each beginning would take minutes.
    assert time.process_time() - started < 1
    assert left.endswith(f"'{name}'.")


def test_a_bug_is_masked_and_logged() -> None:
    bug = _raised(KeyError("s3cr3t"))
    error = GraphQLError("s3cr3t", original_error=bug)

    with capture_logs() as logged:
        mask_errors([error])

    assert error.message == "The server failed. The request is not the cause."
    assert error.extensions == {"code": "INTERNAL_SERVER_ERROR"}
    [line] = logged
    assert line["event"] == "A resolver failed."
    assert line["exception"].startswith("KeyError\n")
    assert "test_errors.py" in line["exception"]
    assert "s3cr3t" not in str(line)


@pytest.mark.parametrize(
    ("cause", "code", "advice"),
    [
        (Unavailable(), "UNAVAILABLE", "Nothing was stored or changed; retry in a few seconds."),
        (OutcomeUnknown(), "OUTCOME_UNKNOWN", "same idempotency key"),
        (ChangeUnknown(), "OUTCOME_UNKNOWN", "is not made twice"),
    ],
)
def test_a_fault_of_the_database_is_named_and_says_what_to_do(
    cause: Exception, code: str, advice: str
) -> None:
    error = GraphQLError("", original_error=cause)

    mask_errors([error], is_mutation=True)

    assert error.extensions == {"code": code, "retryAfter": 1}
    assert advice in error.message


def test_an_unavailable_database_is_described_to_a_read_without_words_about_writes() -> None:
    error = GraphQLError("", original_error=Unavailable())

    mask_errors([error])

    assert error.message == "The database is unavailable. Retry in a few seconds."


@pytest.mark.parametrize(
    ("text", "variables", "code"),
    [
        ("query ($v: Int!) { number(value: $v) }", {}, "BAD_USER_INPUT"),
        ("query ($v: Int) { number(value: $v) }", {"v": "x"}, "BAD_USER_INPUT"),
        ("query ($v: Int = 7) { default(value: $v) }", {"v": None}, "BAD_USER_INPUT"),
        ("query ($v: OneOf!) { oneOf(value: $v) }", {"v": {}}, "BAD_USER_INPUT"),
        (
            "query ($v: WithMaybes!) { withMaybes(value: $v) }",
            {"v": {"text": None}},
            "BAD_USER_INPUT",
        ),
        ("query ($v: ID!) { globalId(value: $v) }", {"v": "?"}, "BAD_USER_INPUT"),
        (
            'query ($v: Boolean = true) { thing(key: "thing") { name @skip(if: $v) } }',
            {"v": None},
            "BAD_USER_INPUT",
        ),
        # The resolver raises this error; its code is the context.
        ('{ thing(key: "raised") { name } }', {}, "a code"),
        ('{ thing(key: "an error") { name } }', {}, "INTERNAL_SERVER_ERROR"),
        ('{ thing(key: "no name") { name } }', {}, "INTERNAL_SERVER_ERROR"),
        ('{ thing(key: "no text") { name } }', {}, "INTERNAL_SERVER_ERROR"),
        ('{ thing(key: "no list") { words } }', {}, "INTERNAL_SERVER_ERROR"),
        ('{ thing(key: "no member") { colour } }', {}, "INTERNAL_SERVER_ERROR"),
        ('{ thing(key: "another class") { name } }', {}, "INTERNAL_SERVER_ERROR"),
        ('{ named(key: "loud") { name } }', {}, "INTERNAL_SERVER_ERROR"),
    ],
)
async def test_every_error_of_an_execution_has_a_code(
    text: str, variables: dict[str, Any], code: str
) -> None:
    result = await await_maybe(
        execute(SCHEMA, parse(text), variable_values=variables, context_value="a code")
    )

    with capture_logs() as logged:
        mask_errors(result.errors or [])

    [error] = result.errors or []
    assert error.extensions == {"code": code}
    assert bool(logged) is (code == "INTERNAL_SERVER_ERROR")


def _raised(error: Exception) -> Exception:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        fail()
    return caught.value
