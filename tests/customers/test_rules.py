"""The rules: what each field accepts, and what is said of what it refuses."""

import unicodedata

import pytest

from graphql_api.customers.create_customer import Conflict
from graphql_api.customers.fields import FIELDS, NewCustomer
from graphql_api.customers.judge import Value, judge
from graphql_api.customers.problems import (
    InvalidFormat,
    Missing,
    Problem,
    Rejected,
    Taken,
    TooLong,
    TooShort,
    WrongType,
)

from ..support.values import (
    BAD,
    FORMAT,
    GOOD,
    INVISIBLE_LETTERS,
    REQUIRED,
    TOO_LONG,
    TOO_SHORT,
    WRONG_TYPE,
    Bad,
    Good,
    judge_one,
)

KINDS: dict[type[Problem], str] = {
    Missing: REQUIRED,
    WrongType: WRONG_TYPE,
    TooShort: TOO_SHORT,
    TooLong: TOO_LONG,
    InvalidFormat: FORMAT,
}


@pytest.mark.parametrize("good", GOOD, ids=ascii)
def test_a_good_value_is_kept_normalised(good: Good) -> None:
    judged = judge_one(good.field, good.sent)

    assert isinstance(judged, NewCustomer)
    assert getattr(judged, good.field) == good.kept


@pytest.mark.parametrize("good", GOOD, ids=ascii)
def test_what_is_kept_passes_its_rule_unchanged(good: Good) -> None:
    judged = judge_one(good.field, good.kept)

    assert isinstance(judged, NewCustomer)
    assert getattr(judged, good.field) == good.kept


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: ascii(bad)[:80])
def test_a_bad_value_gets_one_problem_for_each_rule_that_it_breaks(bad: Bad) -> None:
    judged = judge_one(bad.field, bad.sent)

    assert isinstance(judged, Rejected)
    assert [KINDS[type(problem)] for problem in judged.problems] == list(bad.problems)
    assert {problem.field.name for problem in judged.problems} == {bad.field}


def test_every_field_has_good_and_bad_values() -> None:
    names = {field.name for field in FIELDS}

    assert {good.field for good in GOOD} == names
    assert {bad.field for bad in BAD} == names


def test_problems_come_in_the_order_of_the_fields_all_at_once() -> None:
    values = {field.name: "\u0000" for field in FIELDS}

    judged = judge(values)

    assert isinstance(judged, Rejected)
    told = list(dict.fromkeys(problem.field.name for problem in judged.problems))
    assert told == [field.name for field in FIELDS]


@pytest.mark.parametrize("nothing", [{}, {"email": None}])
def test_an_absent_email_is_missing_and_other_absent_fields_are_not(
    nothing: dict[str, Value],
) -> None:
    judged = judge(nothing)

    assert isinstance(judged, Rejected)
    assert [problem.message for problem in judged.problems] == ["Enter an email address."]


def test_the_messages_say_what_to_do() -> None:
    field = next(field for field in FIELDS if field.name == "email")

    messages = [
        Missing(field).message,
        WrongType(field).message,
        TooShort(field, 3, 2).message,
        TooLong(field, 50, 61).message,
        Taken(field).message,
        Conflict().message,
    ]

    assert messages == [
        "Enter an email address.",
        "Send a string or an integer.",
        "Enter at least 3 characters (2 entered).",
        "Enter at most 50 characters (61 entered).",
        "A customer with this email address already exists. Use a different one.",
        "This idempotency key was already used with different input. Use a new key.",
    ]


def test_each_format_says_what_to_do_with_the_example_of_its_field() -> None:
    email = "Enter a valid email address, for example {}@example.com."
    letters = "Use only letters and spaces, for example {}."
    address = "Use only letters, digits and spaces, for example {}."

    messages = {field.name: InvalidFormat(field).message for field in FIELDS}

    assert messages == {
        "name": letters.format("John Smith"),
        "email": email.format("john.smith"),
        "description": "Use only printable text, line breaks and tabs, with something visible, "
        "for example A1 Company.",
        "send_email_address": email.format("invoices"),
        "cc_email_address": email.format("copies"),
        "country": "Use only letters, for example US.",
        "address_line1": address.format("103 Mason Street"),
        "address_line2": address.format("2nd Floor"),
        "city": letters.format("New York"),
        "state": letters.format("NY"),
        "zip_code": "Use digits, with single hyphens between groups, for example 10469-2345.",
        "phone_number": "Use only the digits 0 to 9, for example 5417543010.",
    }


def test_every_example_passes_its_own_rule() -> None:
    judged = judge({field.name: field.rule.example for field in FIELDS})

    assert isinstance(judged, NewCustomer)
    assert judged == NewCustomer(**{field.name: field.rule.example for field in FIELDS})  # type: ignore[arg-type]  # each name is one of its own


@pytest.mark.parametrize("category", ["Lu", "Ll", "Lt", "Lm", "Lo"])
def test_every_unicode_letter_that_shows_something_is_a_letter(category: str) -> None:
    letters = [
        character
        for character in map(chr, range(0x110000))
        if unicodedata.category(character) == category and character not in INVISIBLE_LETTERS
    ]

    # NFC may make up to three code points of one.
    texts = ["".join(letters[start : start + 16]) + "aaa" for start in range(0, len(letters), 16)]

    assert [text for text in texts if isinstance(judge_one("name", text), Rejected)] == []
