"""The rules: the values that each field accepts, and the messages for other values."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphql_api.customers.create_customer import Conflict
from graphql_api.customers.fields import FIELDS, NewCustomer, ZipCode
from graphql_api.customers.judge import Value, judge
from graphql_api.customers.problems import (
    InvalidFormat,
    Missing,
    Rejected,
    Taken,
    TooLong,
    TooShort,
    WrongType,
)

from ..support.values import BAD, GOOD, INVISIBLE_LETTERS, KINDS, Bad, Good, as_value, judge_one


@pytest.mark.parametrize("good", GOOD, ids=ascii)
def test_a_valid_value_is_normalised(good: Good) -> None:
    judged = judge_one(good.field, good.sent)

    assert isinstance(judged, NewCustomer)
    assert getattr(judged, good.field) == good.stored


@pytest.mark.parametrize("good", GOOD, ids=ascii)
def test_a_normalised_value_passes_its_rule_unchanged(good: Good) -> None:
    judged = judge_one(good.field, good.stored)

    assert isinstance(judged, NewCustomer)
    assert getattr(judged, good.field) == good.stored


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: ascii(bad)[:80])
def test_an_invalid_value_gets_one_problem_for_each_rule_that_it_breaks(bad: Bad) -> None:
    judged = judge_one(bad.field, bad.sent)

    assert isinstance(judged, Rejected)
    assert [KINDS[type(problem)] for problem in judged.problems] == list(bad.problems)
    assert {problem.field.name for problem in judged.problems} == {bad.field}


def test_every_field_has_valid_and_invalid_values() -> None:
    names = {field.name for field in FIELDS}

    assert {good.field for good in GOOD} == names
    assert {bad.field for bad in BAD} == names


def test_all_problems_are_found_at_once_in_the_order_of_the_fields() -> None:
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


VALUES: list[Good | Bad] = [*GOOD, *BAD]
JOHN = NewCustomer(
    name="John Smith", email="john@example.com", country="US", zip_code=ZipCode("10469")
)


def test_in_a_change_an_absent_field_stays_and_null_removes_it() -> None:
    values: dict[str, Value] = {"name": None, "city": "  New  York ", "country": "Germany"}

    judged = judge(values, JOHN)

    assert judged == replace(JOHN, name=None, city="New York", country="Germany")
    assert judge({}, JOHN) == JOHN


@pytest.mark.parametrize("nothing", [None, "", " \n "])
def test_no_change_removes_the_email(nothing: str | None) -> None:
    judged = judge({"email": nothing}, JOHN)

    assert isinstance(judged, Rejected)
    assert [problem.message for problem in judged.problems] == ["Enter an email address."]


def test_a_change_is_not_rejected_for_a_stored_value_that_it_leaves() -> None:
    stored = replace(JOHN, name="J0", email="no address", city="New York")

    assert judge({"city": "Boston"}, stored) == replace(stored, city="Boston")


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            field.name: st.none()
            | st.sampled_from(
                [as_value(value.sent) for value in VALUES if value.field == field.name]
            )
            for field in FIELDS
        },
    )
)
def test_a_change_has_the_problems_that_a_creation_has_with_the_same_values(
    values: dict[str, Value],
) -> None:
    created = judge({"email": JOHN.email, **values})
    changed = judge(values, JOHN)

    if isinstance(created, Rejected):
        assert changed == created
    else:
        kept = {name: value for name, value in vars(JOHN).items() if name not in values}
        assert changed == replace(created, **kept)


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
    messages = {
        "name": "Use only letters and spaces, for example John Smith.",
        "email": "Enter a valid email address, for example john.smith@example.com.",
        "description": "Use only printable text, line breaks and tabs, with at least one visible "
        "character, for example A1 Company.",
        "country": "Use only letters, for example US.",
        "address_line1": "Use only letters, digits and spaces, for example 103 Mason Street.",
        "zip_code": "Use digits, with single hyphens between groups, for example 10469-2345.",
        "phone_number": "Use only the digits 0 to 9, for example 5417543010.",
    }

    fields = [field for field in FIELDS if field.name in messages]

    assert {field.name: InvalidFormat(field).message for field in fields} == messages
    assert {field.rule.format for field in fields} == {field.rule.format for field in FIELDS}


def test_each_rule_accepts_its_example_unchanged() -> None:
    examples = {field.name: field.rule.example for field in FIELDS}

    judged = judge(examples)

    assert isinstance(judged, NewCustomer)
    assert vars(judged) == examples


def test_each_rule_rejects_its_counterexample() -> None:
    judged = judge({field.name: field.rule.counterexample for field in FIELDS})

    assert isinstance(judged, Rejected)
    rejected = list(dict.fromkeys(problem.field.name for problem in judged.problems))
    assert rejected == [field.name for field in FIELDS]


def test_each_label_is_a_title_of_its_own() -> None:
    labels = [field.rule.label for field in FIELDS]

    assert len(set(labels)) == len(labels)
    assert [label for label in labels if label != label.strip() or not label[:1].isupper()] == []


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
