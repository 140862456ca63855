"""Judges the input for a customer: every field and every rule at once."""

from collections.abc import Mapping
from enum import Enum
from functools import lru_cache

from .fields import FIELDS, Field, NewCustomer
from .problems import InvalidFormat, Missing, Problem, Rejected, TooLong, TooShort, WrongType


class NotText(Enum):
    """Takes the place of any value that is not a text, so that its rule can reject it."""

    NOT_TEXT = "not text"


NOT_TEXT = NotText.NOT_TEXT
Value = str | NotText | None

# What `judge` needs of each field. To look it up takes a tenth of its time.
_RULES = [
    (field.name, field.rule.format.read, field.rule.min_length or 0, field.rule.max_length, field)
    for field in FIELDS
]


def judge(values: Mapping[str, Value], stored: NewCustomer | None = None) -> NewCustomer | Rejected:
    """The normalised customer, or every problem of every field in the order of the declaration.

    `values` maps the Python names of fields to the sent values. A field that is absent or None
    counts as not given. If `values` change the customer `stored`, None removes what is stored, and
    a field that is absent keeps it. The stored values that stay are not validated again.
    """
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    rules = _RULES
    if stored is not None:
        rules = [rule for rule in _RULES if rule[0] in values]
        texts = {name: text for name, text in _texts(stored).items() if name not in values}
    for name, read, shortest, longest, field in rules:
        value = values.get(name)
        if isinstance(value, str):
            text, allowed = read(value)
            texts[name] = text
            length = len(text)
            if not (allowed and shortest <= length <= longest):
                problems += _problems(field, length, allowed)
        elif value is not None:
            problems.append(_wrong_type(field))
        elif field.required:
            problems.append(_missing(field))
    return Rejected(tuple(problems)) if problems else NewCustomer(**texts)  # type: ignore[arg-type]  # each name is one of NewCustomer's own


def _texts(customer: NewCustomer) -> dict[str, str]:
    """The fields that the customer has, by their Python names."""
    values = vars(customer)
    return {field.name: values[field.name] for field in FIELDS if values[field.name] is not None}


# The same mistakes are sent many times, so each problem is made once.
_missing = lru_cache(Missing)
_wrong_type = lru_cache(WrongType)


@lru_cache(maxsize=4096)
def _problems(
    field: Field,
    length: int,
    allowed: bool,  # noqa: FBT001  # `lru_cache` takes twice as long for the names of arguments
) -> tuple[Problem, ...]:
    rule = field.rule
    if length == 0 and field.required:
        return (_missing(field),)
    problems: list[Problem] = []
    if rule.min_length is not None and length < rule.min_length:
        problems.append(TooShort(field, rule.min_length, length))
        if length == 0:
            # An empty text has no wrong character.
            return tuple(problems)
    if length > rule.max_length:
        problems.append(TooLong(field, rule.max_length, length))
    if not allowed:
        problems.append(InvalidFormat(field))
    return tuple(problems)
