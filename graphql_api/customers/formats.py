"""The formats that a customer's fields may have: how text is normalised and what it may hold."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

# Unicode's White_Space property. `str.strip` and `str.split` also take U+001C to U+001F.
_WHITE_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_ASCII_WHITE_SPACE = "\t\n\v\f\r "
_INNER_WHITE_SPACE = re.compile(f"[{_WHITE_SPACE}]+")
_INNER_OF_ASCII = re.compile("[\t-\r]| {2}")
_OUTER_WHITE_SPACE = re.compile(rf"\A[{_WHITE_SPACE}]+|[{_WHITE_SPACE}]+\Z")

# RFC 5321, 4.5.3.1.3 allows a path of 256 octets, two of which are its angle brackets.
_LONGEST_EMAIL = 254


@dataclass(frozen=True)
class Format:
    """What one kind of text may hold.

    `read` gives the normalised text, and whether this format allows it. `pattern` says the same,
    as nearly as a regular expression can, for those who cannot call it: clients and MongoDB. It
    is written in the words that ECMA-262 (flag `u`) and PCRE share, is to match whole texts, and
    matches whatever `read` allows, also before that is normalised, but for the white space at its
    ends.
    """

    allowed: str
    pattern: str
    read: Callable[[str], tuple[str, bool]]
    directive_format: str | None = None


# Most text is ASCII, and normalised. Tests hold the short ways for it to the long ones.


def _trim(text: str) -> str:
    return _OUTER_WHITE_SPACE.sub("", unicodedata.normalize("NFC", text))


def _one_line(text: str) -> str:
    if text.isascii():
        line = text.strip(_ASCII_WHITE_SPACE)
        return _INNER_WHITE_SPACE.sub(" ", line) if _INNER_OF_ASCII.search(line) else line
    return _INNER_WHITE_SPACE.sub(" ", _trim(text))


def _line(allowed: Callable[[str], bool], plain: str) -> Callable[[str], tuple[str, bool]]:
    """Reads one line. What matches `plain` is normalised, and allowed."""
    compiled = re.compile(plain)

    def read(text: str) -> tuple[str, bool]:
        if compiled.fullmatch(text):
            return text, True
        line = _one_line(text)
        return line, allowed(line)

    return read


def _line_of_categories(pattern: str) -> Callable[[str], tuple[str, bool]]:
    """Reads one line whose general categories, such as `LuLlZsNd`, match the pattern."""
    compiled = re.compile(pattern)

    def allowed(line: str) -> bool:
        if line.isascii():
            return plain.fullmatch(line) is not None
        return compiled.fullmatch("".join(map(unicodedata.category, line))) is not None

    # No character of ASCII goes with another one.
    ascii_ = [c for c in map(chr, range(128)) if compiled.fullmatch(unicodedata.category(c))]
    word = f"[{re.escape(''.join(ascii_).replace(' ', ''))}]+"
    plain = re.compile(f"{word}(?: {word})*" if " " in ascii_ else word)
    return _line(allowed, plain.pattern)


def _line_of_characters(pattern: str) -> Callable[[str], tuple[str, bool]]:
    compiled = re.compile(pattern)
    return _line(lambda line: compiled.fullmatch(line) is not None, pattern)


def _printable_lines(text: str) -> tuple[str, bool]:
    if text.isascii() and text.isprintable():
        return text.strip(" "), True
    lines = _trim(text)
    return lines, all(
        unicodedata.category(character) not in _UNPRINTABLE or character in "\t\n\r"
        for character in lines
    )


def _email_address(text: str) -> tuple[str, bool]:
    """An address gets its domain in lower case; what is none stays as it is."""
    if _PLAIN_EMAIL.fullmatch(text) and "--" not in text:
        return text, _PLAIN_ADDRESS.fullmatch(text) is not None and not text.endswith(_RESERVED)
    line = _one_line(text)
    if len(line) > _LONGEST_EMAIL or "@" not in line:
        return line, False
    try:
        return validate_email(line, check_deliverability=False).normalized, True
    except EmailNotValidError:
        return line, False


# Of these characters alone, without the two hyphens of Punycode, and too short for a part that is
# too long, an address needs nothing of the library but its reserved names.
_PLAIN_EMAIL = re.compile(r"[a-z0-9_+.@-]{1,64}")
_PLAIN_LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_PLAIN_ADDRESS = re.compile(
    rf"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?:{_PLAIN_LABEL}\.)+{_PLAIN_LABEL}(?<=[a-z])"
)
_RESERVED = tuple(mark + name for name in SPECIAL_USE_DOMAIN_NAMES for mark in "@.")

_UNPRINTABLE = {"Cc", "Cn", "Co", "Cs"}
_ZIP_CODE = "[0-9]+(?:-[0-9]+)*"
_PHONE_NUMBER = "[0-9]+"
# ECMA-262's `\s` lacks U+0085.
_SPACE = r"[\s\x85]"
_EMAIL_WORD = r'[^\s\p{Cc}@.,:;<>()\[\]\\"]+'
# What UTS #46, which reads domains, takes for a dot.
_DOT = "[.。．｡]"  # noqa: RUF001  # three dots of East Asian scripts
_DOMAIN_WORD = _EMAIL_WORD.replace(".", _DOT[1:-1])

ALPHABETIC = Format(
    allowed="letters",
    pattern=r"(?:\p{L}\p{M}*)+",
    read=_line_of_categories("(?:L.(?:M.)*)+"),
)
ALPHABETIC_AND_WHITE_SPACE = Format(
    allowed="letters and spaces",
    pattern=rf"(?:\p{{L}}\p{{M}}*|{_SPACE})+",
    read=_line_of_categories("(?:L.(?:M.)*|Zs)+"),
)
ALPHANUMERIC = Format(
    allowed="letters, digits and spaces",
    pattern=rf"(?:\p{{L}}\p{{M}}*|\p{{Nd}}|{_SPACE})+",
    read=_line_of_categories("(?:L.(?:M.)*|Nd|Zs)+"),
)
PRINTABLE = Format(
    allowed="printable text, line breaks and tabs",
    pattern=r"(?:[^\p{Cc}\p{Cn}\p{Co}\p{Cs}]|[\t\n\r])+",
    read=_printable_lines,
)
EMAIL = Format(
    allowed="an e-mail address",
    pattern=rf"{_EMAIL_WORD}(?:\.{_EMAIL_WORD})*@{_DOMAIN_WORD}(?:{_DOT}{_DOMAIN_WORD})+",
    read=_email_address,
    directive_format="email",
)
NUMERIC_AND_HYPHEN = Format(
    allowed="groups of the digits 0 to 9, joined by single hyphens",
    pattern=_ZIP_CODE,
    read=_line_of_characters(_ZIP_CODE),
)
NUMERIC = Format(
    allowed="the digits 0 to 9",
    pattern=_PHONE_NUMBER,
    read=_line_of_characters(_PHONE_NUMBER),
)
