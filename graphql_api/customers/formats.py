"""The formats that a customer's fields may have: how text is normalised and what it may hold."""

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
# What one space takes the place of.
_INNER_WHITE_SPACE = re.compile(f"[{_WHITE_SPACE}]{{2,}}|[{_WHITE_SPACE.replace(' ', '')}]")
_INNER_OF_ASCII = re.compile("[\t-\r]| {2}")

# What follows is written as parts of regular expressions.

# Letters that show nothing: the fillers of Hangul.
_INVISIBLE_LETTERS = "\u115f\u1160\u3164\uffa0"
# A numeral to Unicode, which names have: the ideographic zero.
_LETTER_ZERO = "\u3007"
# What stands between the syllables of a Tibetan word.
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

# What is longer, without the white space that goes, is too long for every field.
_LONG = 256
# Marks that follow each other. UAX #15, 13, knows no use for more.
_MANY_MARKS = 30
_MARKS = re.compile(rb"[^\0]{%d,}" % _MANY_MARKS)
# Vowel signs of class 0 that are made of marks of others, alone among all characters.
_VOWEL_SIGNS = {mark: unicodedata.normalize("NFD", mark) for mark in "\u0f73\u0f75\u0f81"}

# RFC 5321, 4.5.3.1.3 allows a path of 256 octets, two of which are its angle brackets.
_LONGEST_EMAIL = 254


@dataclass(frozen=True)
class Format:
    """What one kind of text may hold.

    `read` gives the normalised text, and whether this format allows it, in linear time.
    `allowed` says in words what may stand there, `instruction` what to do. `pattern` says the same,
    as nearly as a regular expression can, for those who cannot call `read`: clients and MongoDB. It
    is written in the words that ECMA-262 (flags `u` and `v`) and PCRE share, but for `\\u{...}`. It
    is to match whole texts, and matches whatever `read` allows, also before that is normalised, but
    for the white space at its ends.
    """

    allowed: str
    instruction: str
    pattern: str
    read: Callable[[str], tuple[str, bool]]
    directive_format: str | None = None


# Most text is ASCII, and normalised. Tests hold the short ways for it to the long ones.


def _normalised(text: str) -> str:
    return unicodedata.normalize("NFC", text if len(text) <= _LONG else _with_sorted_marks(text))


def _with_sorted_marks(text: str) -> str:
    """An equivalent text where `normalize` has no marks to sort, which it does by insertion."""
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
        return _INNER_WHITE_SPACE.sub(" ", line) if _INNER_OF_ASCII.search(line) else line
    return _INNER_WHITE_SPACE.sub(" ", _trim(text))


# A client may give one long text to many fields, which must not take many times as long.
_long_line = lru_cache(maxsize=2)(_one_line)


def _line(allowed: Callable[[str], bool], plain: str) -> Callable[[str], tuple[str, bool]]:
    """Reads one line. What matches `plain` is normalised, and allowed."""
    compiled = re.compile(plain)

    def read(text: str) -> tuple[str, bool]:
        if len(text) > _LONG:
            line = _long_line(text)
        elif compiled.fullmatch(text):
            return text, True
        else:
            line = _one_line(text)
        return line, line != "" and allowed(line)

    return read


def _line_of_kinds(kinds: str) -> Callable[[str], tuple[str, bool]]:
    """Reads one line of letters (L), and of digits (N) and white space (Z) where they are named.

    A mark may follow a letter, its marks, and a joiner; a joiner is between two letters.
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
    """One capital for each character: L, M, N, Z, J for what may join letters, or another."""
    if _UNUSUAL.search(line):
        line = re.sub(_JOINER, _JOINED, line).replace(_TSHEG, _JOINED).replace(_LETTER_ZERO, "a")
        for letter in _INVISIBLE_LETTERS:
            line = line.replace(letter, "\0")
    return "".join(map(_KINDS.__getitem__, map(unicodedata.category, line)))


_kinds_of_long = lru_cache(maxsize=2)(_kinds)
_UNUSUAL = re.compile(f"[\u200c\u200d{_TSHEG}{_LETTER_ZERO}{_INVISIBLE_LETTERS}]")
# White space, the only character of its category, so that no normalised line has it.
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
    """Reads one line that matches the pattern, as what has nothing `wrong` does."""
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
    """An address gets its domain in lower case; what is none stays as it is."""
    if _PLAIN_EMAIL.fullmatch(text) and "--" not in text:
        return text, _PLAIN_ADDRESS.fullmatch(text) is not None and not text.endswith(_RESERVED)
    line = _one_line(text) if len(text) <= _LONG else _long_line(text)
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

_long_lines = lru_cache(maxsize=2)(_lines)
_UNPRINTABLE = {"Cc", "Cn", "Co", "Cs"}
_VISIBLE = re.compile(f"[^{_INVISIBLE}]")


def _escaped(part: str) -> str:
    """The part of a regular expression, with the characters that few can read as their numbers."""
    return "".join(c if c.isascii() and c.isprintable() else f"\\u{{{ord(c):X}}}" for c in part)


_ZIP_CODE = "[0-9]+(?:-[0-9]+)*"
_PHONE_NUMBER = "[0-9]+"
# ECMA-262's `\s` lacks U+0085.
_SPACE = r"[\s\x85]"
_LETTER = rf"(?![{_escaped(_INVISIBLE_LETTERS)}])[\p{{L}}{_escaped(_LETTER_ZERO)}]"
_LETTERS = rf"{_LETTER}(?:\p{{M}}|(?:{_escaped(_TSHEG)}|{_escaped(_JOINER)})(?=\p{{M}}?{_LETTER}))*"
# Within a class, the flag `v` wants parentheses escaped.
_EMAIL_WORD = r'[^\s\p{Cc}@.,:;<>\(\)\[\]\\"]+'
# What UTS #46, which reads domains, takes for a dot.
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
    allowed="printable text, line breaks and tabs, with something visible",
    instruction="Use only printable text, line breaks and tabs, with something visible",
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
