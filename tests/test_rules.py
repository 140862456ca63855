"""The rules: what each field accepts, and what is said of what it refuses."""

import unicodedata
from typing import Any

import pytest

from graphql_api.customers.fields import FIELDS, NewCustomer
from graphql_api.customers.judge import NOT_TEXT, Value, judge
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

from .values import BAD, FORMAT, GOOD, REQUIRED, TOO_LONG, TOO_SHORT, WRONG_TYPE, Bad, Good

KINDS: dict[type[Problem], str] = {
    Missing: REQUIRED,
    WrongType: WRONG_TYPE,
    TooShort: TOO_SHORT,
    TooLong: TOO_LONG,
    InvalidFormat: FORMAT,
}


def judge_one(field: str, sent: Any) -> NewCustomer | Rejected:
    return judge({"email": "john@example.com", field: as_value(sent)})


def as_value(sent: Any) -> Value:
    """What the scalars make of it."""
    if isinstance(sent, int) and not isinstance(sent, bool):
        return str(sent)
    return sent if isinstance(sent, str) else NOT_TEXT


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
    assert [problem.message for problem in judged.problems] == ["Fill in email; it is required."]


def test_the_messages_say_what_to_do() -> None:
    field = next(field for field in FIELDS if field.name == "name")

    messages = [
        WrongType(field).message,
        TooShort(field, 3, 1).message,
        TooLong(field, 50, 51).message,
        InvalidFormat(field).message,
        Taken(field).message,
    ]

    assert messages == [
        "Send name as a string or an integer.",
        "Use at least 3 characters for name (1 now).",
        "Use at most 50 characters for name (51 now).",
        "Write name as letters and spaces, for example John Smith.",
        "Use another name; a customer with this one exists.",
    ]


def test_every_example_passes_its_own_rule() -> None:
    judged = judge({field.name: field.rule.example for field in FIELDS})

    assert isinstance(judged, NewCustomer)
    assert judged == NewCustomer(**{field.name: field.rule.example for field in FIELDS})  # type: ignore[arg-type]  # each name is one of its own


@pytest.mark.parametrize("category", ["Lu", "Ll", "Lt", "Lm", "Lo"])
def test_every_unicode_letter_is_a_letter(category: str) -> None:
    letters = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == category]

    # NFC may make up to three code points of one.
    texts = ["".join(letters[start : start + 16]) + "aaa" for start in range(0, len(letters), 16)]

    assert [text for text in texts if isinstance(judge_one("name", text), Rejected)] == []
