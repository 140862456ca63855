"""The formats of a customer's fields: how a text is normalised, and what it may contain."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

# Unicode's White_Space property. `str.strip` and `str.split` also take U+001C to U+001F.
_WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_ASCII_WHITE_SPACE = "\t\n\v\f\r "
# One space replaces each of these.
_INNER_WHITE_SPACE = re.compile(f"[{_WHITE_SPACE}]{{2,}}|[{_WHITE_SPACE.replace(' ', '')}]")

# The following texts are parts of regular expressions.

# Invisible letters: the fillers of Hangul.
_INVISIBLE_LETTERS = "\u115f\u1160\u3164\uffa0"
# The ideographic zero. It is a numeral to Unicode, but names contain it.
_LETTER_ZERO = "\u3007"
# The separator of the syllables of a Tibetan word.
_TSHEG = "\u0f0b"
# The blocks of the scripts whose letters join (Arabic, Syriac, NKo, Mandaic, Mongolian), or whose
# viramas join them (Devanagari to Sinhala, Myanmar, Khmer): UAX #31, 2.3, has joiners there.
_JOINING = "\u0600-\u077f\u07c0-\u07ff\u0840-\u0dff\u1000-\u109f\u1780-\u18af"
_JOINER = f"(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}])"
# White space, Unicode's Default_Ignorable_Code_Point, as far as it is assigned, and the braille
# pattern without dots.
_INVISIBLE = (
    "\t\n\r \xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    "\u2028-\u202f\u205f-\u2064\u2066-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f\U000e0100-\U000e01ef"
)

# A longer text, after white space is removed, is too long for every field.
_LONG = 256
# The maximum number of consecutive marks. UAX #15, 13, knows no use for more.
_MANY_MARKS = 30
_MARKS = re.compile(rb"[^\0]{%d,}" % _MANY_MARKS)
# The only characters of combining class 0 that decompose to marks of other classes: vowel signs.
_VOWEL_SIGNS = {mark: unicodedata.normalize("NFD", mark) for mark in "\u0f73\u0f75\u0f81"}

# RFC 5321, 4.5.3.1.3 allows a path of 256 octets, two of which are its angle brackets.
_LONGEST_EMAIL = 254


@dataclass(frozen=True)
class Format:
    """One kind of text.

    `read` returns the normalised text and whether this format allows it, in linear time.
    `allowed` describes the allowed text as a noun phrase, `instruction` as the beginning of a
    sentence that says what to do.

    `pattern` is for readers that cannot call `read`: clients and MongoDB. It must match the whole
    text. It accepts every text that `read` accepts, normalised or not, once the white space at its
    ends is removed, and as few others as a regular expression can. Its syntax is what ECMA-262
    (flags `u` and `v`) and PCRE share, and `\\u{...}`.
    """

    allowed: str
    instruction: str
    pattern: str
    read: Callable[[str], tuple[str, bool]]
    directive_format: str | None = None

    @property
    def anchored_pattern(self) -> str:
        """`pattern` for readers that search for a match: only the whole text matches it."""
        return f"^{self.pattern}$"


# Most texts are ASCII and already normalised. They take a faster path, and tests compare it with
# the general one.


def _normalised(text: str) -> str:
    return unicodedata.normalize("NFC", text if len(text) <= _LONG else _with_sorted_marks(text))


def _with_sorted_marks(text: str) -> str:
    """An equivalent text whose marks are in order.

    `normalize` sorts them by insertion, which takes quadratic time for long runs of marks.
    """
    for mark, marks in _VOWEL_SIGNS.items():
        text = text.replace(mark, marks)
    if not any(map(unicodedata.combining, text[::_MANY_MARKS])):
        return text
    pieces, end = [], 0
    for run in _MARKS.finditer(bytes(map(unicodedata.combining, text))):
        marks = text[run.start() : run.end()]
        pieces += [text[end : run.start()], *sorted(marks, key=unicodedata.combining)]
        end = run.end()
    return "".join([*pieces, text[end:]])


def _trim(text: str) -> str:
    return _normalised(text).strip(_WHITE_SPACE)


def _one_line(text: str) -> str:
    if text.isascii():
        line = text.strip(_ASCII_WHITE_SPACE)
        if line.isprintable() and "  " not in line:
            return line
        return _INNER_WHITE_SPACE.sub(" ", line)
    return _INNER_WHITE_SPACE.sub(" ", _trim(text))


# A client may send one long text in many fields. It is read once.
_long_line = lru_cache(maxsize=2)(_one_line)


def _line(allowed: Callable[[str], bool], plain: str) -> Callable[[str], tuple[str, bool]]:
    """A reader of one line. The lines of ASCII that are allowed are those that match `plain`."""
    is_plain = re.compile(plain).fullmatch

    def read(text: str) -> tuple[str, bool]:
        if len(text) > _LONG:
            line = _long_line(text)
            return line, line != "" and allowed(line)
        if is_plain(text):
            return text, True
        line = _one_line(text)
        if line.isascii():
            return line, line != text and is_plain(line) is not None
        return line, allowed(line)

    return read


def _line_of_kinds(kinds: str) -> Callable[[str], tuple[str, bool]]:
    """A reader of one line of letters (L), and of digits (N) and white space (Z) if named.

    A mark may follow a letter, its marks, and a joiner; a joiner is between two letters. The rule
    is checked on the line's kinds (see `_kinds`): `ab 1` has the kinds `LLZN`, where `wrong` finds
    `N` if `kinds` is `LZ`, and nothing if it is `LNZ`.
    """
    wrong = re.compile(rf"[^{kinds}](?<![LMJ]M)(?!(?<=[LM]J)M?L)")
    # No character of ASCII is a mark or a joiner.
    ascii_ = "".join(c for c in map(chr, range(128)) if _kinds(c) in kinds)
    wrong_in_ascii = re.compile(f"[^{ascii_}]")
    word = f"[{ascii_.replace(' ', '')}]+"

    def allowed(line: str) -> bool:
        if line.isascii():
            return wrong_in_ascii.search(line) is None
        kinds = _kinds(line) if len(line) <= _LONG else _kinds_of_long(line)
        return wrong.search(kinds) is None

    return _line(allowed, f"{word}(?: {word})*" if "Z" in kinds else word)


def _kinds(line: str) -> str:
    """One capital letter for each character: its Unicode category's first, or J for a joiner.

    L is a letter, M a mark, N a digit, Z white space. X is a numeral that is not a digit.
    """
    if _UNUSUAL.search(line):
        line = re.sub(_JOINER, _JOINED, line).replace(_TSHEG, _JOINED).replace(_LETTER_ZERO, "a")
        for letter in _INVISIBLE_LETTERS:
            line = line.replace(letter, "\0")
    return "".join(map(_KINDS.__getitem__, map(unicodedata.category, line)))


_kinds_of_long = lru_cache(maxsize=2)(_kinds)
_UNUSUAL = re.compile(f"[\u200c\u200d{_TSHEG}{_LETTER_ZERO}{_INVISIBLE_LETTERS}]")
# The only character of the category Zl. It is white space, so no normalised line contains it.
_JOINED = "\u2028"
_KINDS = {
    category: "J" if category == "Zl" else "X" if category in ("Nl", "No") else category[0]
    for category in (
        *("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp"),
        *("Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So"),
        *("Cc", "Cf", "Cs", "Co", "Cn"),
    )
}


def _line_of_characters(pattern: str, wrong: str) -> Callable[[str], tuple[str, bool]]:
    """A reader of one line that matches the pattern: it contains nothing that `wrong` matches."""
    compiled = re.compile(wrong)
    return _line(lambda line: compiled.search(line) is None, pattern)


def _printable_lines(text: str) -> tuple[str, bool]:
    if text.isascii() and text.isprintable():
        lines = text.strip(" ")
        return lines, lines != ""
    return _lines(text) if len(text) <= _LONG else _long_lines(text)


def _lines(text: str) -> tuple[str, bool]:
    lines = _trim(text)
    if not _VISIBLE.search(lines):
        return lines, False
    line = lines.replace("\t", " ").replace("\n", " ").replace("\r", " ")
    return lines, _UNPRINTABLE.isdisjoint(map(unicodedata.category, line))


def _email_address(text: str) -> tuple[str, bool]:
    """An address with its domain in lower case. Another text is returned as one line."""
    if "@" in text and "--" not in text and len(text) <= _SHORT_EMAIL:
        if _PLAIN_ADDRESS.fullmatch(text):
            return text, not text.endswith(_RESERVED)
        if _PLAIN_EMAIL.fullmatch(text):
            return text, False
    line = _one_line(text) if len(text) <= _LONG else _long_line(text)
    if len(line) > _LONGEST_EMAIL or "@" not in line:
        return line, False
    try:
        return validate_email(line, check_deliverability=False).normalized, True
    except EmailNotValidError:
        return line, False


# An address of these characters, without the two hyphens of Punycode, and too short to have a part
# that is too long, is checked here and against the library's reserved names. This is faster.
_SHORT_EMAIL = 64
_PLAIN_EMAIL = re.compile("[a-z0-9_+.@-]+")
_PLAIN_LABEL = "[a-z0-9]+(?:-[a-z0-9]+)*"
_PLAIN_ADDRESS = re.compile(
    rf"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@{_PLAIN_LABEL}(?:\.{_PLAIN_LABEL})+(?<=[a-z])"
)
_RESERVED = tuple(mark + name for name in SPECIAL_USE_DOMAIN_NAMES for mark in "@.")

_long_lines = lru_cache(maxsize=2)(_lines)
_UNPRINTABLE = {"Cc", "Cn", "Co", "Cs"}
_VISIBLE = re.compile(f"[^{_INVISIBLE}]")


def _escaped(part: str) -> str:
    """The part of a regular expression with its unprintable characters as `\\u{...}`."""
    return "".join(c if c.isascii() and c.isprintable() else f"\\u{{{ord(c):X}}}" for c in part)


_ZIP_CODE = "[0-9]+(?:-[0-9]+)*"
_PHONE_NUMBER = "[0-9]+"
# ECMA-262's `\s` lacks U+0085.
_SPACE = r"[\s\x85]"
_LETTER = rf"(?![{_escaped(_INVISIBLE_LETTERS)}])[\p{{L}}{_escaped(_LETTER_ZERO)}]"
_LETTERS = rf"{_LETTER}(?:\p{{M}}|(?:{_escaped(_TSHEG)}|{_escaped(_JOINER)})(?=\p{{M}}?{_LETTER}))*"
# The flag `v` requires escaped parentheses in a class.
_EMAIL_WORD = r'[^\s\p{Cc}@.,:;<>\(\)\[\]\\"]+'
# The characters that UTS #46 reads as a dot in a domain.
_DOT = "[.。．｡]"  # noqa: RUF001  # three dots of East Asian scripts
_DOMAIN_WORD = _EMAIL_WORD.replace(".", _DOT[1:-1])

ALPHABETIC = Format(
    allowed="letters",
    instruction="Use only letters",
    pattern=rf"(?:{_LETTERS})+",
    read=_line_of_kinds("L"),
)
ALPHABETIC_AND_WHITE_SPACE = Format(
    allowed="letters and spaces",
    instruction="Use only letters and spaces",
    pattern=rf"(?:{_LETTERS}|{_SPACE})+",
    read=_line_of_kinds("LZ"),
)
ALPHANUMERIC = Format(
    allowed="letters, digits and spaces",
    instruction="Use only letters, digits and spaces",
    pattern=rf"(?:{_LETTERS}|\p{{Nd}}|{_SPACE})+",
    read=_line_of_kinds("LNZ"),
)
PRINTABLE = Format(
    allowed="printable text, line breaks and tabs, with at least one visible character",
    instruction=(
        "Use only printable text, line breaks and tabs, with at least one visible character"
    ),
    pattern=rf"(?![{_escaped(_INVISIBLE)}]*$)(?:[^\p{{Cc}}\p{{Cn}}\p{{Co}}\p{{Cs}}]|[\t\n\r])+",
    read=_printable_lines,
)
EMAIL = Format(
    allowed="an email address",
    instruction="Enter a valid email address",
    pattern=rf"{_EMAIL_WORD}(?:\.{_EMAIL_WORD})*@{_DOMAIN_WORD}(?:{_DOT}{_DOMAIN_WORD})+",
    read=_email_address,
    directive_format="email",
)
NUMERIC_AND_HYPHEN = Format(
    allowed="groups of the digits 0 to 9, joined by single hyphens",
    instruction="Use digits, with single hyphens between groups",
    pattern=_ZIP_CODE,
    read=_line_of_characters(_ZIP_CODE, "[^0-9-]|(?<![0-9])-|-(?![0-9])"),
)
NUMERIC = Format(
    allowed="the digits 0 to 9",
    instruction="Use only the digits 0 to 9",
    pattern=_PHONE_NUMBER,
    read=_line_of_characters(_PHONE_NUMBER, "[^0-9]"),
)
