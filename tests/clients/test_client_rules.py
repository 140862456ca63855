"""The rules that clients generate or read, compared with the server's own."""

import json
import random
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql_api.customers.fields import FIELDS, Field
from graphql_api.customers.formats import (
    ALPHABETIC,
    ALPHABETIC_AND_WHITE_SPACE,
    ALPHANUMERIC,
    EMAIL,
    PRINTABLE,
)
from graphql_api.customers.problems import Problem, Rejected, TooLong, TooShort, WrongType
from graphql_api.schema.directives import constraint
from graphql_api.schema.json_schema import json_schema

from ..support.manual import rows
from ..support.node import needs_node, run_script
from ..support.tracers import unmeasured
from ..support.values import BAD, GOOD, judge_one, public_name

# Characters that rules easily confuse: letters and marks of many scripts, within and beyond the
# first 65,536 code points, white space and characters that only look like it, and dots.
PIECES = [
    *"aZß9٣५éǅʰ李あआ가ﬁ\U0001d49c𐐀𠮷",
    *("e\u0301", "\u0301", "\u094d", "x\u0323\u0302", "\u1112\u1161\u11ab", "क्षि"),
    *("😀", "👩\u200d💻", "Ⅷ", "½", "№", "€", "℡", "\uff45", "\uff76\uff9e"),
    *"-_.,:;<>()[]\\\"'!#$%&*+/=?^`{|}~@",
    *"\u3002\uff0e\uff61\uff20",
    *"\t\n\v\f\r \x85\xa0\u1680\u2003\u2028\u3000",
    *("  ", "\r\n", " \t ", "\x85\x85"),
    *"\x00\x1c\x1f\x7f\xad\u180e\u200b\u200d\ufeff\ufffd\ud800\udfff\ue000\ufffe\u0378",
    *"\u034f\u115f\u200c\u2065\u2800\u3007\u3164\ufe0f\uffa0\U000e0002\U000e0100",
    *(
        "\u0639\u200c",
        "\u06f5\u200c",
        "\u0915\u094d\u200d",
        "\u200d\u0e01",
        "\u0f40\u0f0b",
        "\u0f73",
    ),
    *("xn--r8jz45g", "XN--bcher-kva", "\u4f8b\u3048", "b@c.de", ".de", "--"),
    # Letters of Unicode 15, 16 and 17; Python 3.11 has 14.
    *"\U00011f02\U00011bcd\U00011db2",
]
# Unicode's White_Space property; Python adds U+001C to U+001F.
WHITE_SPACE = "".join(
    c for c in map(chr, range(0x3001)) if c.isspace() and not "\x1c" <= c <= "\x1f"
)
RANDOM_VALUES_OF_A_FIELD = 800
_LONG = 1_000

NEWER = "Characters that are newer than the server's Unicode"
NOT_QUITE_AN_ADDRESS = "Text that only looks like an email address"
LONG_ADDRESS = "Email addresses that are too long and have an international domain"
SHORTER = "Text that is too short once each run of white space is one space"
LONGER = "A description that is too long because of inner white space"
NO_SPACE = "U+FEFF, which is white space in ECMA-262"
LIST = "A list of one string, which TypeScript rejects"
SHORTER_DOMAIN = "An email address that is too long until its domain is normalised"
INNER_WHITE_SPACE = "Text that is too long because of inner white space"


@needs_node
def test_clients_accept_what_the_server_accepts_and_the_manual_lists_what_else(
    tmp_path: Path,
) -> None:
    values = _all_values()
    file = tmp_path / "values.json"
    file.write_text(json.dumps([(field.public_name, value) for field, value in values]), "ascii")

    accepted = run_script("clients/client_rules.mjs", str(file))

    problems = _problems(values)
    judged = list(zip(values, problems, accepted, strict=True))
    assert [one for one, found, by_client in judged if not found and not by_client] == []
    assert problems.count(()) > 5_000
    assert {
        _reason(problem, value)
        for (_, value), found, by_client in judged
        if by_client
        for problem in found
    } == _listed("| What only the server rejects | Why |")


@needs_node
def test_the_json_schema_accepts_what_the_server_accepts_except_what_the_manual_lists(
    tmp_path: Path,
) -> None:
    # Longer values take long, and break the same rules.
    values = [(field, value) for field, value in _all_values() if len(str(value)) < 200]

    accepted = _accepted_by_the_json_schema(
        tmp_path / "values.json",
        [
            {"email": "john@example.com", field.public_name: _normalised(value)}
            for field, value in values
        ],
    )

    judged = list(zip(values, _problems(values), accepted, strict=True))
    assert sum(by_schema and not found for _, found, by_schema in judged) > 5_000
    assert {
        _reason_of_the_schema(field, value)
        for (field, value), found, by_schema in judged
        if not found and not by_schema
    } == _listed("| What only the JSON Schema rejects | Why |")
    reasons = {
        _reason(problem, value)
        for (_, value), found, by_schema in judged
        if by_schema
        for problem in found
    }
    # The JSON Schema accepts no list instead of a string, and counts all white space.
    assert reasons == _listed("| What only the server rejects | Why |") - {LIST, LONGER}


@needs_node
def test_the_json_schema_accepts_every_stored_customer(tmp_path: Path) -> None:
    stored = [{"email": "john@example.com", public_name(g.field): g.stored} for g in GOOD]
    full: dict[str, Any] = {field.public_name: field.rule.example for field in FIELDS}

    accepted = _accepted_by_the_json_schema(tmp_path / "values.json", [*stored, full])

    assert all(accepted)


@needs_node
def test_the_json_schema_accepts_null_and_rejects_what_is_not_an_input(tmp_path: Path) -> None:
    email = {"email": "john@example.com"}
    inputs: list[Any] = [
        *(email, {**email, "name": None}, {**email, "zipCode": None}),
        *({}, {"email": None}, {"email": ""}, {"email": 5}, {**email, "unknown": "x"}),
        *({**email, "name": 5}, {**email, "phoneNumber": True}, None, [email]),
    ]

    accepted = _accepted_by_the_json_schema(tmp_path / "values.json", inputs)

    assert accepted == [*[True] * 3, *[False] * (len(inputs) - 3)]


@needs_node
def test_every_pattern_matches_the_same_texts_with_both_flags_and_in_an_input(
    tmp_path: Path,
) -> None:
    values = [_texts(field) for field in FIELDS]
    patterns = [constraint(field).pattern for field in FIELDS]
    file = tmp_path / "patterns.json"
    file.write_text(json.dumps(list(zip(patterns, values, strict=True))), "ascii")

    done = run_script("clients/patterns.mjs", str(file))

    for by_u, by_v, by_input in done["matches"]:
        assert by_u == by_v == by_input
        assert {True, False} == set(by_u)


@needs_node
def test_characters_that_unicode_ignores_are_no_description_and_no_letters(tmp_path: Path) -> None:
    file = tmp_path / "none.json"
    file.write_text("[]", "ascii")

    codes = run_script("clients/patterns.mjs", str(file))["ignorable"]

    assert len(codes) > 4_000
    for character in map(chr, codes):
        for format_ in (PRINTABLE, ALPHABETIC, ALPHABETIC_AND_WHITE_SPACE, ALPHANUMERIC):
            assert not format_.read(character * 5)[1], ascii(character)


@unmeasured
def _all_values() -> list[tuple[Field, Any]]:
    return [(field, value) for field in FIELDS for value in _values(field)]


@unmeasured
def _problems(values: list[tuple[Field, Any]]) -> list[tuple[Problem, ...]]:
    """The problems that the server's rules find in each value."""
    judged = (judge_one(field.name, value) for field, value in values)
    return [one.problems if isinstance(one, Rejected) else () for one in judged]


def _reason(problem: Problem, value: Any) -> str:
    """The reason why only the server finds this problem. Fails where no reason explains it."""
    field = problem.field
    if isinstance(problem, WrongType):
        assert isinstance(value, list)
        assert len(value) == 1
        return LIST
    if isinstance(problem, TooShort):
        assert field.name != "description"
        return SHORTER
    if isinstance(problem, TooLong):
        assert field.name == "description" or field.rule.format is EMAIL
        return LONGER if field.name == "description" else LONG_ADDRESS
    if field.rule.format is EMAIL:
        return NOT_QUITE_AN_ADDRESS
    if any(unicodedata.category(character) == "Cn" for character in value):
        return NEWER
    assert "\ufeff" in value, (field.name, value)
    return NO_SPACE


def _reason_of_the_schema(field: Field, value: Any) -> str:
    """Why only the JSON Schema rejects a value; fails for a value that no reason explains."""
    if field.rule.format is EMAIL:
        domain = value.partition("@")[2].lower()
        assert "xn--" in domain or not domain.isascii(), value
        return SHORTER_DOMAIN
    assert field.name != "description"
    assert len(value.strip()) > field.rule.max_length, (field.name, value)
    return INNER_WHITE_SPACE


def _listed(header: str) -> set[str]:
    """The first cells of the manual's table with this header."""
    return {row.split("|")[1].strip() for row in rows(header)}


def _accepted_by_the_json_schema(
    file: Path, inputs: list[Any]
) -> list[bool]:  # pragma: no cover  # as in node.py
    file.write_text(json.dumps({"schema": json_schema(), "values": inputs}), "ascii")
    accepted: list[bool] = run_script("clients/json_schema.mjs", str(file))
    return accepted


def _normalised(value: Any) -> Any:
    """The text, normalised as the comment of the JSON Schema says."""
    if not isinstance(value, str):
        return value
    return unicodedata.normalize("NFC", value).strip(WHITE_SPACE)


def _texts(field: Field) -> list[str]:
    return [value for value in _values(field) if isinstance(value, str)]


def _values(field: Field) -> Iterator[Any]:
    """The values of the tables, values around the limits of length, and random changes of them."""
    pairs = [(good.field, good.sent) for good in GOOD] + [(bad.field, bad.sent) for bad in BAD]
    sent = [
        value
        for name, value in pairs
        # The longest texts cost the most, and differ little from each other.
        if name == field.name or len(str(value)) <= _LONG
    ]
    texts = [value for value in sent if isinstance(value, str)]
    own = [good.stored for good in GOOD if good.field == field.name]
    yield from texts
    if field.name in ("zip_code", "phone_number"):
        yield from (value for value in sent if not isinstance(value, str))
        yield from (10**power for power in range(15))
    # Texts that are too long until they are normalised.
    yield from (f"{'a' * 30}@xn--bcher-kva.de", f"Ada{' ' * 48}Lovelace")
    for piece in PIECES:
        yield from (piece * times for times in (*range(1, 8), *range(9, 13), *range(38, 52)))
        yield from (
            f"a{piece * 5}b",
            f"{piece}@{piece}.de",
            f"{'a' * 25}@{piece}.{piece}.de",
            f"{'a' * 30}@{piece * 4}.de",
            f"{'a' * 40}@b{piece}.de",
        )
    chance = random.Random(field.name)  # noqa: S311  # the same values each time
    for _ in range(RANDOM_VALUES_OF_A_FIELD):
        text = chance.choice(own)
        for _ in range(chance.choice((1, 1, 2, 5, 20))):
            at = chance.randrange(len(text) + 1)
            piece = chance.choice([*PIECES, chr(chance.randrange(0x30000)), chance.choice(own)])
            text = text[:at] + piece + text[at + chance.choice((0, 0, 1)) :]
        yield text
