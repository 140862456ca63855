"""Cells become the input for customers, and rejected rows say what is wrong with them."""

import io

import pytest

from graphql_api.customers.fields import FIELDS
from graphql_api.customers.import_customers import Accepted, Differs, WasDeleted
from graphql_api.customers.judge import NOT_TEXT, Value, judge
from graphql_api.customers.problems import EMAIL, Rejected
from graphql_api.files.columns import recognised
from graphql_api.files.records import Record
from graphql_api.files.rejects import Rejects
from graphql_api.files.rows import Reason, Rows, may_lack_zero, reasons

HEADERS = ["Email", "First Name", "Last Name", "Phone", "ZIP"]


def of_table(*cells: str, reduces_phones: bool = False) -> dict[str, Value]:
    rows = Rows(recognised(HEADERS), HEADERS, reduces_phones=reduces_phones)
    return rows.values([*cells, *[""] * (len(HEADERS) - len(cells))])


def of_object(**members: object) -> dict[str, Value]:
    return Rows(recognised(["email", "zip", "phone", "first name", "surname"]), None).values(
        {name.replace("_", " "): value for name, value in members.items()}
    )


def test_blank_cells_are_not_given() -> None:
    assert of_table("john@example.com", " ", "", "\t") == {"email": "john@example.com"}
    assert of_object(email="", zip=" ", phone=None, first_name=None, surname="") == {}


def test_columns_are_joined_without_the_blank_ones() -> None:
    assert of_table("", "John", "Smith")["name"] == "John Smith"
    assert of_table("", " ", "Smith")["name"] == "Smith"
    assert of_object(first_name="John", surname="Smith") == {"name": "John Smith"}


def test_the_apostrophes_of_spreadsheets_are_removed() -> None:
    values = of_table("'+john@example.com", "'=Jo", "'s", "'+15417543010", "'02134")

    assert values == {
        "email": "+john@example.com",
        "name": "=Jo 's",
        "phone_number": "+15417543010",
        "zip_code": "02134",
    }


def test_numbers_in_objects_are_zip_codes_and_phone_numbers() -> None:
    assert of_object(zip=2134, phone=5417543010) == {
        "zip_code": "2134",
        "phone_number": "5417543010",
    }
    assert of_object(email=1, zip=1.5, phone=True, first_name=["John"], surname="Smith") == {
        "email": NOT_TEXT,
        "zip_code": NOT_TEXT,
        "phone_number": NOT_TEXT,
        "name": NOT_TEXT,
    }


@pytest.mark.parametrize(
    ("phone", "digits"),
    [
        ("+1 (541) 754-3010", "15417543010"),
        ("541.754.3010", "5417543010"),
        ("541 754 3010 x5", "541 754 3010 x5"),
        ("5417543010", "5417543010"),
    ],
)
def test_phone_numbers_are_reduced_to_their_digits_only_where_that_is_wanted(
    phone: str, digits: str
) -> None:
    assert of_table("", "", "", phone)["phone_number"] == phone
    assert of_table("", "", "", phone, reduces_phones=True)["phone_number"] == digits


def test_objects_without_a_phone_number_have_none_to_reduce() -> None:
    assert of_table("a@example.com", reduces_phones=True) == {"email": "a@example.com"}


@pytest.mark.parametrize(
    ("country", "zip_code", "may_lack"),
    [
        ("US", "2134", True),
        (" usa", " 2134 ", True),
        ("United States", "2134", True),
        ("US", "02134", False),
        ("CH", "8001", False),
        (None, "2134", False),
        ("US", None, False),
    ],
)
def test_a_zip_code_of_four_digits_is_suspicious_in_the_united_states(
    country: str | None,
    zip_code: str | None,
    may_lack: bool,  # noqa: FBT001  # pytest passes it
) -> None:
    assert may_lack_zero({"country": country, "zip_code": zip_code}) is may_lack


def why(values: dict[str, Value]) -> list[str]:
    outcome = judge({"email": "john@example.com", **values})
    assert isinstance(outcome, Rejected)
    return [
        f"{reason} {reason.advice}".rstrip()
        for reason in reasons(outcome, values, "--phones digits")
    ]


@pytest.mark.parametrize("number", ["5.41754E+09", "5,41754E+09", "5E+10"])
@pytest.mark.parametrize(
    ("field", "label"), [("phone_number", "Phone Number"), ("zip_code", "ZIP Code")]
)
def test_a_number_that_a_spreadsheet_shortened_is_named_as_such(
    number: str, field: str, label: str
) -> None:
    assert why({field: number}) == [
        f"{label}: A spreadsheet shortened this number. Enter it again in a column that is "
        "formatted as text."
    ]


@pytest.mark.parametrize(
    ("phone", "reason"),
    [
        (
            "+1 (541) 754-3010",
            "Phone Number: Use only the digits 0 to 9, for example 5417543010. Its digits are "
            "15417543010: --phones digits imports them.",
        ),
        ("unknown", "Phone Number: Use only the digits 0 to 9, for example 5417543010."),
        ("1", "Phone Number: Enter at least 2 characters."),
        (NOT_TEXT, "Phone Number: Send a string or an integer."),
    ],
)
def test_the_digits_of_a_phone_number_are_proposed(phone: Value, reason: str) -> None:
    assert why({"phone_number": phone}) == [reason]


def test_each_problem_of_a_row_is_a_reason_that_other_rows_have_too() -> None:
    assert why({"name": "J0", "zip_code": "10469-"}) == [
        "Name: Enter at least 3 characters.",
        "Name: Use only letters and spaces, for example John Smith.",
        "ZIP Code: Use digits, with single hyphens between groups, for example 10469-2345.",
    ]


def test_other_outcomes_have_reasons_too() -> None:
    [name, *_], [*_, phone] = FIELDS, FIELDS

    assert reasons(Accepted.CREATED, {}, "") == []
    assert reasons(Accepted.ALREADY_THERE, {}, "") == []
    assert reasons(Differs((name, phone), is_earlier_row=False), {}, "") == [
        Reason(
            EMAIL,
            "A customer with this email address already exists, with other values.",
            "It differs in: Name, Phone Number.",
        )
    ]
    [deleted] = reasons(WasDeleted(), {}, "")
    assert str(deleted) == (
        "The customer of this row was deleted in the last 24 hours. Import the row again later."
    )


def rejected(headers: list[str] | None, record: Record, *reasons_: Reason) -> str:
    file = io.StringIO(newline="")
    Rejects(file, headers, None if headers is None else ";").write(record, reasons_)
    return file.getvalue()


def test_a_rejected_row_has_its_original_columns_after_the_line_and_the_reasons() -> None:
    row = Record(7, ["x", "'=1", "+1", "a;b"], 9)

    text = rejected(
        ["a", "b", "c", "d"], row, Reason(EMAIL, "One.", "Two."), Reason(None, "Three.")
    )

    assert text == ("line;reasons;a;b;c;d\r\n7;Email: One. Two. Three.;x;'=1;'+1;\"a;b\"\r\n")


def test_a_row_that_is_rejected_again_has_the_new_line_and_the_new_reasons() -> None:
    row = Record(2, ["7", "Email: One.", "x"], 9)

    text = rejected(["line", "reasons", "a"], row, Reason(None, "Two."))

    assert text == "line;reasons;a\r\n2;Two.;x\r\n"


def test_a_rejected_object_has_its_original_members() -> None:
    record = Record(7, {"a": "é\ud800", "line": 1, "b": [None]}, 9)

    text = rejected(None, record, Reason(None, "One."))

    assert text == '{"a": "é\ud800", "line": 7, "b": [null], "reasons": "One."}\n'
