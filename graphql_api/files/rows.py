"""The rows of a file as the input for customers, and the reasons why rows are rejected."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import assert_never

from ..customers.fields import Field
from ..customers.formats import NUMERIC, NUMERIC_AND_HYPHEN
from ..customers.import_customers import Accepted, Differs, Outcome, WasDeleted
from ..customers.judge import NOT_TEXT, Value
from ..customers.problems import EMAIL, InvalidFormat, Problem, Rejected
from .cells import unescaped
from .columns import Columns
from .records import Cells

# The characters that people write in a phone number.
_PHONE = re.compile(r"[0-9+() ./\xa0-]+")
_NO_DIGITS = re.compile("[^0-9]+")
# What a spreadsheet makes of a long number, in English and in other languages.
_SHORTENED = re.compile(r"\s*[0-9][.,]?[0-9]*E\+[0-9]+\s*", re.IGNORECASE)

# The length of one text, in the messages of problems.
_LENGTH = re.compile(r" \([0-9]+ entered\)")

_PHONE_NUMBER = "phone_number"
_SHORT_ZIP_CODE = re.compile(r"\s*[0-9]{4}\s*")
_UNITED_STATES = {"us", "usa", "united states", "united states of america"}

# The formats of digits. No apostrophe is valid in them.
_OF_DIGITS = (NUMERIC, NUMERIC_AND_HYPHEN)

_Reader = Callable[[Cells], Value]


@dataclass(frozen=True)
class Reason:
    """Why a row was rejected: a sentence that is the same for other rows, too.

    `field` is None if the reason concerns the whole row. `advice` is for this row alone, and may
    contain its values.
    """

    field: Field | None
    sentence: str
    advice: str = ""

    def __str__(self) -> str:
        label = "" if self.field is None else f"{self.field.rule.label}: "
        return f"{label}{self.sentence}"


class Rows:
    """Makes the input for customers from the records of one file."""

    def __init__(
        self,
        columns: Columns,
        headers: Sequence[str] | None,
        *,
        reduces_phones: bool = False,
        phones_option: str = "the option for phone numbers",
    ) -> None:
        """`headers` are those of a CSV file, or None for JSON Lines.

        With `reduces_phones`, only the digits of phone numbers are read. `phones_option` names that
        option for a person.
        """
        self.phones_option = phones_option
        self._reduces_phones = reduces_phones
        # What reads each field: its columns, which are joined if there are several.
        self._readers: list[tuple[str, _Reader]] = []
        for field, names in columns.of_fields.items():
            is_of_digits = field.rule.format in _OF_DIGITS
            parts = [
                partial(_member, key=name, is_of_digits=is_of_digits)
                if headers is None
                else partial(_cell, index=headers.index(name), is_of_digits=is_of_digits)
                for name in names
            ]
            reader = parts[0] if len(parts) == 1 else partial(_joined, parts=parts)
            self._readers.append((field.name, reader))

    def values(self, cells: Cells) -> dict[str, Value]:
        """The input for a customer, in the form that `judge` takes. Blank cells are not given."""
        values: dict[str, Value] = {}
        for name, reader in self._readers:
            value = reader(cells)
            if value is NOT_TEXT or (value and not value.isspace()):
                values[name] = value
        if self._reduces_phones:
            phone = values.get(_PHONE_NUMBER)
            if isinstance(phone, str) and _PHONE.fullmatch(phone):
                values[_PHONE_NUMBER] = _NO_DIGITS.sub("", phone)
        return values


def _cell(cells: Cells, *, index: int, is_of_digits: bool) -> str:
    text: str = cells[index]  # type: ignore[assignment,index]  # it is the row of a table
    if text[:1] == "'":
        # Shops write an apostrophe before numbers, so that spreadsheets leave them as they are.
        return text.lstrip("'") if is_of_digits else unescaped(text)
    return text


def _member(cells: Cells, *, key: str, is_of_digits: bool) -> Value:
    value: object = cells.get(key)  # type: ignore[union-attr]  # it is an object
    if value is None or isinstance(value, str):
        return value
    # The API, too, reads numbers as ZIP codes and phone numbers.
    is_number = is_of_digits and isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else NOT_TEXT


def _joined(cells: Cells, *, parts: Sequence[_Reader]) -> Value:
    texts: list[str] = []
    for part in parts:
        text = part(cells)
        if text is NOT_TEXT:
            return NOT_TEXT
        if isinstance(text, str) and text and not text.isspace():
            texts.append(text)
    return " ".join(texts)


def may_lack_zero(values: Mapping[str, Value]) -> bool:
    """Whether a spreadsheet probably removed the first zero of a ZIP code of the United States."""
    zip_code, country = values.get("zip_code"), values.get("country")
    return (
        isinstance(zip_code, str)
        and isinstance(country, str)
        and _SHORT_ZIP_CODE.fullmatch(zip_code) is not None
        and country.strip().casefold() in _UNITED_STATES
    )


def reasons(outcome: Outcome, values: Mapping[str, Value], phones_option: str) -> list[Reason]:
    """Why a row with these values was rejected. Empty if it was not.

    `phones_option` is that of `Rows`.
    """
    match outcome:
        case Accepted():
            return []
        case Rejected():
            # A number that a spreadsheet shortened breaks several rules for one reason.
            found = (_reason(problem, values, phones_option) for problem in outcome.problems)
            return list(dict.fromkeys(found))
        case Differs():
            labels = ", ".join(field.rule.label for field in outcome.fields)
            return [Reason(EMAIL, outcome.message, f"It differs in: {labels}.")]
        case WasDeleted():
            return [Reason(None, outcome.message)]
        case _:
            assert_never(outcome)


def _reason(problem: Problem, values: Mapping[str, Value], phones_option: str) -> Reason:
    field, value = problem.field, values.get(problem.field.name)
    if isinstance(value, str) and field.rule.format in _OF_DIGITS:
        if _SHORTENED.fullmatch(value):
            return Reason(
                field,
                "A spreadsheet shortened this number. Enter it again in a column that is formatted "
                "as text.",
            )
        digits = _NO_DIGITS.sub("", value)
        if field.name == _PHONE_NUMBER and digits != value and _PHONE.fullmatch(value):
            # Without the other characters, it may not be too long.
            return Reason(
                field,
                InvalidFormat(field).message,
                f"Its digits are {digits}: {phones_option} imports them.",
            )
    return Reason(field, _LENGTH.sub("", problem.message))
