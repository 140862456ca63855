"""Valid and invalid values for each field: one table for the rules, GraphQL, MongoDB and clients.

It contains the `example` and the `counterexample` of each field.
"""

from dataclasses import dataclass
from typing import Any

from graphql_api.customers.fields import FIELDS, NewCustomer
from graphql_api.customers.judge import NOT_TEXT, Value, judge
from graphql_api.customers.problems import (
    InvalidFormat,
    Missing,
    Problem,
    Rejected,
    TooLong,
    TooShort,
    WrongType,
)

REQUIRED = "RequiredFieldError"
WRONG_TYPE = "WrongTypeError"
TOO_SHORT = "TooShortError"
TOO_LONG = "TooLongError"
FORMAT = "InvalidFormatError"

KINDS: dict[type[Problem], str] = {
    Missing: REQUIRED,
    WrongType: WRONG_TYPE,
    TooShort: TOO_SHORT,
    TooLong: TOO_LONG,
    InvalidFormat: FORMAT,
}


@dataclass(frozen=True)
class Good:
    """A valid value, and the normalised text that is stored for it."""

    field: str
    sent: Any
    stored: str


@dataclass(frozen=True)
class Bad:
    """An invalid value, and all its problems, in their order."""

    field: str
    sent: Any
    problems: tuple[str, ...]


def _good(field: str, *values: Any | tuple[Any, str]) -> list[Good]:
    return [
        Good(field, *value) if isinstance(value, tuple) else Good(field, value, value)
        for value in values
    ]


def _bad(field: str, values: dict[Any, tuple[str, ...]]) -> list[Bad]:
    return [Bad(field, value, problems) for value, problems in values.items()]


def _counterexamples() -> list[Bad]:
    """Each declared counterexample, with the problems that its rule finds in it."""
    judged = judge({field.name: field.rule.counterexample for field in FIELDS})
    problems = judged.problems if isinstance(judged, Rejected) else ()
    return [
        Bad(
            field.name,
            field.rule.counterexample,
            tuple(KINDS[type(problem)] for problem in problems if problem.field is field),
        )
        for field in FIELDS
    ]


# The fillers of Hangul.
INVISIBLE_LETTERS = "\u115f\u1160\u3164\uffa0"
# Joiners that are not between letters of a script that needs them, and tshegs not between letters.
_JOINED_NOTHING = (
    "John\u200cSmith",
    "\u0391\u03bd\u03bd\u200d\u03b1\u03c2",
    "\u200c\u0639\u0644\u06cc\u0639",
    "\u0639\u0644\u06cc\u0639\u200c",
    "\u0639\u0644\u200c\u200d\u06cc\u0639",
    "\u0639\u0644\u06cc\u200c Smith",
    "\u0639\u0644\u06cc\u200cSmith",
    "\u0930\u0915\u094d\u200d\u200b\u0937",
    "\u0f56\u0f66\u0f9f\u0f53\u0f0b",
    "\u0f0b\u0f56\u0f66\u0f9f\u0f53",
    "\u0f56\u0f66\u0f0b\u0f0b\u0f53",
)

_LETTERS_AND_SPACES = {
    "12345": (FORMAT,),
    "Anne-Marie": (FORMAT,),
    "O'Brien": (FORMAT,),
    "St. John": (FORMAT,),
    **dict.fromkeys(_JOINED_NOTHING, (FORMAT,)),
    INVISIBLE_LETTERS: (FORMAT,),
    "\u3164" * 3: (FORMAT,),
    "Jo\u3164hn": (FORMAT,),
    "John\u0000Smith": (FORMAT,),
    "John\u001fSmith": (FORMAT,),
    "John\u200bSmith": (FORMAT,),
    "John \u0301Smith": (FORMAT,),
    "John😀": (FORMAT,),
    "JohnⅧ": (FORMAT,),
    "\ud800John": (FORMAT,),
    "": (TOO_SHORT,),
    " \t\n\u00a0": (TOO_SHORT,),
    "4": (TOO_SHORT, FORMAT),
    "a" * 51: (TOO_LONG,),
    "1" * 10_000: (TOO_LONG, FORMAT),
    "a" + "\u0301\u0323" * 5_000: (TOO_LONG,),
    "\u0f40" + "\u0f73" * 10_000: (TOO_LONG,),
    "é" * 20_000: (TOO_LONG,),
    "1\u0301 " * 3_000: (TOO_LONG, FORMAT),
}
_ADDRESS = {
    **dict.fromkeys(_JOINED_NOTHING, (FORMAT,)),
    # The joiner is beside a digit.
    "\u0639\u0644\u06cc\u0639\u200c\u06f5": (FORMAT,),
    "\u3164" * 5: (FORMAT,),
    "1 St.": (FORMAT,),
    "Main Street, 5": (FORMAT,),
    "Flat #12": (FORMAT,),
    "12\u0301 Main": (FORMAT,),
    "½ Main Street": (FORMAT,),
    "Main\u0000Street": (FORMAT,),
    "": (TOO_SHORT,),
    "  1  ": (TOO_SHORT,),
    "#": (TOO_SHORT, FORMAT),
    "a" * 51: (TOO_LONG,),
    "-" * 51: (TOO_LONG, FORMAT),
}
_NO_ADDRESSES = {
    "john.smith": (FORMAT,),
    "john@example": (FORMAT,),
    "@example.com": (FORMAT,),
    "john@": (FORMAT,),
    "john@@example.com": (FORMAT,),
    "john smith@example.com": (FORMAT,),
    "john..smith@example.com": (FORMAT,),
    ".john@example.com": (FORMAT,),
    "john.@example.com": (FORMAT,),
    "john@example..com": (FORMAT,),
    "john@[127.0.0.1]": (FORMAT,),
    '"john smith"@example.com': (FORMAT,),
    "John <john@example.com>": (FORMAT,),
    "john@example.com, b@c.de": (FORMAT,),
    "john@exa\u0000mple.com": (FORMAT,),
    "john@exam\ud800ple.com": (FORMAT,),
    f"{'a' * 29}@example.com": (TOO_LONG,),
    "a" * 10_000: (TOO_LONG, FORMAT),
    f"{'a' * 250}@example.com": (TOO_LONG, FORMAT),
}
_NEITHER_TEXT_NOR_INTEGER: tuple[Any, ...] = (True, False, 1.5, [], ["10469"], {}, {"$gt": ""})

GOOD = [
    *(Good(field.name, field.rule.example, field.rule.example) for field in FIELDS),
    *_good(
        "name",
        "José",
        "Zoë",
        "आरती",
        "Łukasz Żółć",
        "李小龍",
        "a" * 50,
        "Bob",
        ("  John \t\n Smith ", "John Smith"),
        ("John\u00a0\u2003Smith", "John Smith"),
        ("Jose\u0301", "José"),
        ("é" + " " * 64_000 + "b", "é b"),
        # Persian, Sinhala, Hindi, Bengali, Tibetan.
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
        "\u0dc1\u0dca\u200d\u0dbb\u0dd3 \u0dbd\u0dcf\u0dbd\u0dca",
        "\u0930\u0915\u094d\u200d\u0937\u093e",
        "\u09b0\u200d\u09cd\u09af\u09be\u099a\u09c7\u09b2",
        "\u0f56\u0f66\u0f9f\u0f53\u0f0b\u0f60\u0f5b\u0f72\u0f53",
        "李\u3007明",
        (f" {'é' * 50} ", "é" * 50),
        ("x\u0323\u0302yz", "x\u0323\u0302yz"),
    ),
    *_good(
        "email",
        "J.Smith+Tag@example.com",
        "o'brien_1@sub.example.co.uk",
        f"{'a' * 28}@example.com",
        ("John@EXAMPLE.Com", "John@example.com"),
        (" john@example.com\n", "john@example.com"),
        ("用户@例え.jp", "用户@例え.jp"),
    ),
    *_good(
        "description",
        "12345",
        "a line\nand another\r\n\tand a third",
        "#!? «ÿ» 😀 👩\u200d💻 €",
        "two  spaces  stay",
        "<script>alert(1)</script>",
        '{"$gt": ""}',
        "😀" * 50,
        "\u200b\u200bA1 \u3164",
        ("\n" * 30_000 + "trimmed", "trimmed"),
        ("  \n trimmed \n ", "trimmed"),
        ("Cafe\u0301s", "Cafés"),
    ),
    *_good("send_email_address", "a@b.de"),
    *_good("cc_email_address", "a@b.de", ("Copies@Example.com", "Copies@example.com")),
    *_good("country", "Germany", "Österreich", "भारत", "日本", "a" * 50, (" US ", "US")),
    *_good("country", "\u0f56\u0f7c\u0f51\u0f0b\u0f61\u0f74\u0f63", "\u3007\u3007"),
    *_good(
        "address_line1",
        "Straße 5",
        "12345",
        "५ महात्मा गांधी",
        "\u06f5 \u0633\u0628\u0632\u200c\u06a9\u0648\u0647",
        "二\u3007三号室",
        "a" * 50,
        ("103  Mason\nStreet", "103 Mason Street"),
    ),
    *_good("address_line2", "Étage 2"),
    *_good("city", "Åş", "São Paulo", "東京", "\u0f63\u0fb7\u0f0b\u0f66", "a" * 50),
    *_good("state", "Nordrhein Westfalen", "a" * 50),
    *_good(
        "zip_code",
        "10469",
        "02134",
        "1-2-3",
        "0",
        "1234567890",
        (" 10469 ", "10469"),
        (10469, "10469"),
        (0, "0"),
    ),
    *_good("phone_number", "00", "12345678901", (5417543010, "5417543010"), (42, "42")),
]

BAD = [
    *_counterexamples(),
    *_bad("name", {**_LETTERS_AND_SPACES, "Jo": (TOO_SHORT,), "J1": (TOO_SHORT, FORMAT)}),
    *_bad("email", {**_NO_ADDRESSES, "": (REQUIRED,), " \n ": (REQUIRED,), "a": (FORMAT,)}),
    *_bad(
        "description",
        {
            "a\u0000bcde": (FORMAT,),
            "a\u0007bcde": (FORMAT,),
            "a\u000bbcde": (FORMAT,),
            "a\u0085bcde": (FORMAT,),
            "a\u009fbcde": (FORMAT,),
            "a\ud800bcde": (FORMAT,),
            "a\ue000bcde": (FORMAT,),
            "a\U0010fffdbcde": (FORMAT,),
            "a\ufffebcde": (FORMAT,),
            "a\u0378bcde": (FORMAT,),
            "\u200b" * 5: (FORMAT,),
            "\u3164" * 5: (FORMAT,),
            "\u2800" * 5: (FORMAT,),
            "\u00ad \u2060\n\u034f\u200d": (FORMAT,),
            "\U000e0020\U000e0100\ufe0f\u180e\U0001d173": (FORMAT,),
            "\u200b\u000b\u200bbc": (FORMAT,),
            "\n" * 15_000 + "a" + "\n" * 15_000 + "\u0001": (TOO_LONG, FORMAT),
            "": (TOO_SHORT,),
            "abcd": (TOO_SHORT,),
            "\u0007": (TOO_SHORT, FORMAT),
            "a" * 51: (TOO_LONG,),
            "\u0007" * 10_000: (TOO_LONG, FORMAT),
        },
    ),
    *_bad("send_email_address", {**_NO_ADDRESSES, "": (TOO_SHORT,), "a@b": (TOO_SHORT, FORMAT)}),
    *_bad("cc_email_address", {**_NO_ADDRESSES, "": (TOO_SHORT,), "abc": (TOO_SHORT, FORMAT)}),
    *_bad("country", {**_LETTERS_AND_SPACES, "United States": (FORMAT,), "U": (TOO_SHORT,)}),
    *_bad("address_line1", _ADDRESS),
    *_bad("address_line2", _ADDRESS),
    *_bad("city", {**_LETTERS_AND_SPACES, "X": (TOO_SHORT,)}),
    *_bad("state", {**_LETTERS_AND_SPACES, "N": (TOO_SHORT,)}),
    *_bad(
        "zip_code",
        {
            "-1": (FORMAT,),
            -1: (FORMAT,),
            "1-": (FORMAT,),
            "1--2": (FORMAT,),
            "1 2": (FORMAT,),
            "١٢": (FORMAT,),
            "SW1A 1AA": (FORMAT,),
            "10469\u0000": (FORMAT,),
            "": (FORMAT,),
            "   ": (FORMAT,),
            "12345678901": (TOO_LONG,),
            12345678901: (TOO_LONG,),
            123456789012345678901234567890: (TOO_LONG,),
            "x" * 10_000: (TOO_LONG, FORMAT),
        },
    ),
    *[Bad("zip_code", value, (WRONG_TYPE,)) for value in _NEITHER_TEXT_NOR_INTEGER],
    *_bad(
        "phone_number",
        {
            "+15417543010": (TOO_LONG, FORMAT),
            "+49123456": (FORMAT,),
            "541 754": (FORMAT,),
            "541-754": (FORMAT,),
            "541.754": (FORMAT,),
            "٥٤": (FORMAT,),
            "": (TOO_SHORT,),
            "5": (TOO_SHORT,),
            7: (TOO_SHORT,),
            "+": (TOO_SHORT, FORMAT),
            "123456789012": (TOO_LONG,),
            -12345: (FORMAT,),
        },
    ),
    *[Bad("phone_number", value, (WRONG_TYPE,)) for value in _NEITHER_TEXT_NOR_INTEGER],
]

# Only the rule rejects unassigned code points. MongoDB's Unicode tables are older than Python's:
# the same check in MongoDB would also reject code points that were assigned in between.
ONLY_THE_RULE_REFUSES = ["a\ufffebcde", "a\u0378bcde"]


def public_name(field: str) -> str:
    return next(declared.public_name for declared in FIELDS if declared.name == field)


def judge_one(field: str, sent: Any) -> NewCustomer | Rejected:
    return judge({"email": "john@example.com", field: as_value(sent)})


def as_value(sent: Any) -> Value:
    """The value that the scalars pass to the rules."""
    if isinstance(sent, int) and not isinstance(sent, bool):
        return str(sent)
    return sent if isinstance(sent, str) else NOT_TEXT
