"""The formats, compared with plain versions of the specification and with email-validator."""

import re
import unicodedata
from collections.abc import Callable

import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graphql_api.customers.formats import (
    ALPHABETIC,
    ALPHABETIC_AND_WHITE_SPACE,
    ALPHANUMERIC,
    EMAIL,
    NUMERIC,
    NUMERIC_AND_HYPHEN,
    PRINTABLE,
    Format,
)

from ..support.tracers import unmeasured
from ..support.values import BAD, GOOD

# The specification


def is_white_space(character: str) -> bool:
    """Unicode's White_Space."""
    return character in "\t\n\v\f\r\x85" or unicodedata.category(character) in {"Zs", "Zl", "Zp"}


def trimmed(text: str) -> str:
    characters = list(unicodedata.normalize("NFC", text))
    while characters and is_white_space(characters[0]):
        characters.pop(0)
    while characters and is_white_space(characters[-1]):
        characters.pop()
    return "".join(characters)


def one_line(text: str) -> str:
    line = ""
    for character in trimmed(text):
        if not is_white_space(character):
            line += character
        elif not line.endswith(" "):
            line += " "
    return line


def is_default_ignorable(character: str) -> bool:
    """Unicode's Default_Ignorable_Code_Point."""
    return any(ord(character) in codes for codes in DEFAULT_IGNORABLE)


DEFAULT_IGNORABLE = [
    *(range(0xAD, 0xAE), range(0x34F, 0x350), range(0x61C, 0x61D), range(0x115F, 0x1161)),
    *(range(0x17B4, 0x17B6), range(0x180B, 0x1810), range(0x200B, 0x2010), range(0x202A, 0x202F)),
    *(range(0x2060, 0x2070), range(0x3164, 0x3165), range(0xFE00, 0xFE10), range(0xFEFF, 0xFF00)),
    *(range(0xFFA0, 0xFFA1), range(0xFFF0, 0xFFF9), range(0x1BCA0, 0x1BCA4)),
    *(range(0x1D173, 0x1D17B), range(0xE0000, 0xE1000)),
]


def is_letter(character: str) -> bool:
    if is_default_ignorable(character):
        return False
    return character == "\u3007" or unicodedata.category(character).startswith("L")


def is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def needs_joiners(character: str) -> bool:
    """Whether the character is of a script with joiners, without its blocks of rare forms."""
    return character < "\u1900" and unicodedata.name(character, "").startswith(JOINING_SCRIPTS)


JOINING_SCRIPTS = (
    *("ARABIC", "SYRIAC", "NKO", "MANDAIC", "MONGOLIAN"),
    *("DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU", "KANNADA"),
    *("MALAYALAM", "SINHALA", "MYANMAR", "KHMER"),
)


def joins(before: str, joiner: str, after: str) -> bool:
    """Whether it is between letters, with their marks before it and at most one mark after it."""
    letter = after[1:2] if is_mark(after[:1] or " ") else after[:1]
    if not (letter and is_letter(letter)):
        return False
    if joiner == "\u0f0b":
        return True
    return joiner in "\u200c\u200d" and needs_joiners(before[-1]) and needs_joiners(after[0])


def consists_of(*categories: str) -> Callable[[str], bool]:
    """Whether a text has only letters, with their marks and joiners, and these categories."""

    def consists(line: str) -> bool:
        within_letter = within_joined = False
        for at, character in enumerate(line):
            if is_letter(character):
                within_letter = within_joined = True
            elif is_mark(character) and within_joined:
                within_letter = True
            elif within_letter and joins(line[:at], character, line[at + 1 :]):
                within_letter = False
            elif unicodedata.category(character) in categories:
                within_letter = within_joined = False
            else:
                return False
        return line != ""

    return consists


def is_printable(text: str) -> bool:
    visible = [
        c for c in text if not (is_white_space(c) or is_default_ignorable(c) or c == "\u2800")
    ]
    return visible != [] and all(
        character in "\t\n\r" or unicodedata.category(character) not in {"Cc", "Cs", "Cn", "Co"}
        for character in text
    )


def is_zip_code(line: str) -> bool:
    return all(group != "" and set(group) <= set("0123456789") for group in line.split("-"))


def is_phone_number(line: str) -> bool:
    return line != "" and set(line) <= set("0123456789")


SPECIFIED: list[tuple[Format, Callable[[str], str], Callable[[str], bool]]] = [
    (ALPHABETIC, one_line, consists_of()),
    (ALPHABETIC_AND_WHITE_SPACE, one_line, consists_of("Zs")),
    (ALPHANUMERIC, one_line, consists_of("Nd", "Zs")),
    (PRINTABLE, trimmed, is_printable),
    (NUMERIC_AND_HYPHEN, one_line, is_zip_code),
    (NUMERIC, one_line, is_phone_number),
]


def assert_read_as_specified(text: str) -> None:
    for format_, normalised, allows in SPECIFIED:
        expected = normalised(text)

        assert format_.read(text) == (expected, allows(expected)), format_.allowed


def email_address(text: str) -> tuple[str, bool]:
    line = one_line(text)
    try:
        # The maximum length of RFC 5321.
        return validate_email(line[:255], check_deliverability=False).normalized, len(line) < 255
    except EmailNotValidError:
        return line, False


# Texts

WHITE_SPACE = "".join(filter(is_white_space, map(chr, range(0x3001))))
ASCII = st.characters(max_codepoint=127)
WORDS = st.sampled_from(
    [
        *(
            "John",
            "a",
            "X",
            "103",
            "2nd",
            "é",
            "e\u0301",
            "\u0301",
            "आरती",
            "李",
            "५",
            "10469-2345",
        ),
        *(
            "-",
            "St.",
            "\u200b",
            "\u00ad",
            "😀",
            "Ⅷ",
            "½",
            "\ud800",
            "\ue000",
            "\u0378",
            *("\u3164", "\u3007", "\u2800", "\ufe0f", "\u0f40", "\u0f0b", "\u0f73"),
            *("\u200c", "\u200d", "\u0639", "\u06f5", "\u0915", "\u094d"),
            "\x1f",
            "\x00",
        ),
    ]
)
GAPS = st.text(WHITE_SPACE, max_size=3)
TEXTS = st.one_of(
    st.text(ASCII, max_size=12),
    st.text("aZ09- \t\n", max_size=12),
    st.text(st.characters(exclude_categories=()), max_size=12),
    st.text(st.sampled_from("a1-é\u0301\u0345 " + WHITE_SPACE), max_size=12),
    st.text("a1 \u0301\u3007\u3164\u200c\u200d\u0f0b\u0f40\u0639\u06f5\u0915\u094d", max_size=12),
    st.lists(st.tuples(GAPS, WORDS, GAPS), max_size=4).map(
        lambda parts: "".join("".join(part) for part in parts)
    ),
    st.sampled_from([value.sent for value in GOOD if isinstance(value.sent, str)]),
    st.sampled_from([value.sent for value in BAD if isinstance(value.sent, str)]),
)

LABELS = st.one_of(
    st.text("ab0-", min_size=1, max_size=4),
    st.sampled_from(
        ["example", "EXAMPLE", "xn--bcher-kva", "a--b", "-a", "a-", "1", "a_b", "", "é"]
    ),
    st.sampled_from(["a" * 62, "a" * 63, "a" * 64, "b" * 50]),
)
ENDS = st.one_of(
    st.sampled_from(
        ["com", "de", "uk", "COM", "c0m", "com1", "1", "a", "x-", "-x", "中国", "com."]
    ),
    st.sampled_from(SPECIAL_USE_DOMAIN_NAMES),
    # Names that only end like a reserved name.
    st.sampled_from(SPECIAL_USE_DOMAIN_NAMES).map("my{}".format),
)
DOMAINS = st.tuples(st.lists(LABELS, max_size=3), ENDS).map(lambda d: ".".join([*d[0], d[1]]))
LOCAL_PARTS = st.one_of(
    st.text("ab0._+-", min_size=1, max_size=6),
    st.text("aB.!#'/é \"\\\u0301", max_size=6),
    st.sampled_from(
        ["info", "INFO", "Postmaster", "john.smith", '"a b"', '"a"', "a" * 64, "a" * 65]
    ),
)
ADDRESSES = st.one_of(
    st.builds("{}@{}".format, LOCAL_PARTS, DOMAINS),
    st.builds("{}@{}".format, st.text("ab0._+-", min_size=1, max_size=6), DOMAINS),
    st.builds("{}@{}@{}".format, LOCAL_PARTS, LABELS, DOMAINS),
    st.builds("{}{}@{}{}".format, GAPS, LOCAL_PARTS, DOMAINS, GAPS),
    st.text("ab0.-_+@", max_size=16),
    st.text(ASCII, max_size=12).map("john@{}.com".format),
    TEXTS,
)


def test_every_format_reads_the_values_of_the_tables_as_the_specification_says() -> None:
    # The specification above takes quadratic time for a long text.
    values = [good.sent for good in GOOD] + [bad.sent for bad in BAD]
    for text in {str(value)[:100] for value in values}:
        assert_read_as_specified(text)


@unmeasured
@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_every_format_reads_as_the_specification_says(text: str) -> None:
    assert_read_as_specified(text)


# Marks that decompose to others, marks that compose with a letter, and marks that prevent either.
MARKS = "\u0301\u0323\u0327\u0344\u0345\u0f71\u0f72\u0f73\u0f75\u0f80\u0f81\u0300\u05b0\u3099"
LONG_TEXTS = st.lists(
    st.builds(
        str.__mul__,
        st.text(
            "aé1 \t\u0f40か\u1100\u1161\u11a8\u09c7\u09be\u200d" + MARKS, min_size=1, max_size=12
        ),
        st.sampled_from([1, 2, 5, 29, 30, 31, 100]),
    ),
    max_size=8,
).map(lambda pieces: "".join(pieces) + "a" * 300)


@unmeasured
@settings(max_examples=300, deadline=None)
@given(LONG_TEXTS)
@example("\u0301" * 29 + "\u0323" + "a" * 300)
@example("a" * 300 + "\u0323\u0301" * 15 + "b" + "\u0344\u0f73" * 15)
def test_long_texts_are_normalised_as_short_ones(text: str) -> None:
    assert_read_as_specified(text)


def test_three_characters_alone_become_marks_without_being_some() -> None:
    """Otherwise a run of marks is not detected before `normalize` has to sort it."""
    found = []
    for character in filter(unicodedata.decomposition, map(chr, range(0x110000))):
        classes = list(map(unicodedata.combining, unicodedata.normalize("NFD", character)))
        if unicodedata.combining(character) != 0:
            assert classes == sorted(classes)
        elif 0 not in classes:
            found.append(character)

    assert found == ["\u0f73", "\u0f75", "\u0f81"]


@unmeasured
@settings(max_examples=400, deadline=None)
@given(ADDRESSES)
@example("a" * 63 + "@example.com")
@example("a@" + "b" * 63 + ".com")
@example("a" * 65 + "@b.de")
@example("a@" + "b" * 64 + ".de")
@example(f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 57}.com")
@example(f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 56}.com")
@example(f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 57}.com")
def test_an_email_address_is_valid_if_the_library_accepts_it(text: str) -> None:
    assert EMAIL.read(text) == email_address(text)


@pytest.mark.parametrize("character", [chr(code) for code in range(128)], ids=ascii)
def test_every_ascii_character_is_read_in_every_place(character: str) -> None:
    for text in (f"{character}", f"ab{character}", f"{character}ab", f"a{character}b"):
        assert_read_as_specified(text)

        for place in ("{}@example.com", "a@{}.com", "a@example.{}"):
            address = place.format(text)
            assert EMAIL.read(address) == email_address(address), address


def test_the_white_space_of_the_formats_is_unicodes() -> None:
    everything = "".join(map(chr, range(0x110000)))

    for character in re.findall(r"\s", everything) + re.findall(
        "[\x1c-\x1f\u200b\u180e]", everything
    ):
        text = f"{character}1{character}{character}2{character}"
        assert NUMERIC.read(text)[0] == one_line(text)
