"""Requests of every kind that may grow, to see how fast the server's work grows with them."""

import json
import unicodedata
from collections.abc import Callable, Iterator
from random import Random

from .clients import CREATE_CUSTOMER, LIST_CUSTOMERS
from .wires import get, post

# Makes a whole HTTP request, whose growing part has about this many bytes or characters.
Grow = Callable[[int], bytes]

CLOSE = b"Connection: close"

# One field for each way to read a text.
_FIELDS = ("name", "email", "description", "zipCode", "phoneNumber")
_TEXT_FIELDS = ("name", "description", "country", "addressLine1", "city", "ccEmailAddress")
_UNITS = {
    "spaces": " ",
    "wide spaces": "\u3000",
    "tabs and line breaks": "\t\r\n",
    "letters": "a",
    "letters that NFC composes": "e\u0301",
    "letters that NFC decomposes": "\u0958",
    "letters that fold to three": "\u1fb7",
    "words": "a ",
    "marks": "\u0301",
    "marks in the wrong order": "\u0301\u0323",
    "marks by falling class": "".join(
        sorted(map(chr, range(0x300, 0x370)), key=unicodedata.combining, reverse=True)
    ),
    "marks that become marks of another class": "\u0f73",
    "letters of two parts": "\u09c7\u09be",
    "Arabic digits": "\u0661",
    "marks that compose": "\u0308\u0301\u0344",
    "Hangul jamo": "\u1100\u1161\u11a8",
    "joiners": "\u0915\u094d\u200d",
    "invisible letters": "\u3164",
    "zero-width spaces": "\u200b",
    "Tibetan marks": "\u0f40\u0f0b",
    "astral letters": "\U00010400",
    "emoji": "\U0001f469\u200d",
    "lone surrogates": "\ud800",
    "controls": "\0",
    "digits": "1",
    "digits and hyphens": "1-",
    "hyphens": "-",
    "at signs": "@",
    "dots": "a.",
    "ideographic dots": "\u3002",
    "quotes": '"',
    "backslashes": "\\",
    "comments": "(",
    "address literals": "[:",
    "punycode": "xn--",
    "addresses": "a@b.",
    "sharp s": "\u00df",
}
# The number of random units of the same characters, which are the same in each run.
_RANDOM_UNITS = 30
# The units that requests also send once for many fields of many creations.
_SHARED = ("spaces", "marks in the wrong order", "letters that NFC composes", "punycode")
# The texts before and after the units.
_ENDS = {"": ("", ""), " between letters": ("\u00e9", "b"), " in a domain": ("a@b", ".example")}

_INTROSPECTION = (
    "__schema{types{name description fields{name description args{name type{name ofType{name}}}"
    " type{name ofType{name ofType{name}}}}}}"
)

_DOCUMENTS: dict[str, Callable[[int], str]] = {
    "line breaks": lambda n: "\n" * n + "{" + " x" * 100 + "}",
    "carriage returns": lambda n: "\r" * n + "{" + " x" * 100 + "}",
    "commas": lambda n: "," * n + "{x}",
    "a comment": lambda n: "#" + "x" * n + "\n{x}",
    "comments": lambda n: "#\n" * (n // 2) + "{" + " x" * 100 + "}",
    "a name": lambda n: "{" + "x" * n + "}",
    "a name of an operation": lambda n: "query " + "x" * n + "{x}",
    "an integer": lambda n: "{customer(id: " + "1" * n + "){id}}",
    "an exponent": lambda n: "{customer(id: 1e" + "1" * n + "){id}}",
    "a string": lambda n: '{customer(id: "' + "x" * n + '"){x}}',
    "a string of escapes": lambda n: '{customer(id: "' + "\\u0041" * (n // 6) + '"){x}}',
    "a string that does not end": lambda n: '{customer(id: "' + "x" * n,
    "a block string": lambda n: '{customer(id: """' + "x" * n + '"""){x}}',
    "lines of a block string": lambda n: '{customer(id: """' + " x\n" * (n // 3) + '"""){x}}',
    "quotes of a block string": lambda n: '{customer(id: """' + '\\"""' * (n // 4) + '"""){x}}',
    "a syntax error": lambda n: "{" + "\n" * n + "?",
    "unknown fields": lambda n: "{" + " xyz" * (n // 4) + "}",
    "the same field": lambda n: "{" + " __typename" * (n // 11) + "}",
    "aliases": lambda n: "{" + "".join(f" a{i}:__typename" for i in range(n // 17)) + "}",
    "directives": lambda n: "{__typename" + " @skip(if:true)" * (n // 15) + "}",
    "nested fields": lambda n: "{" + "customer{" * (n // 9),
    "nested inline fragments": lambda n: "{" + "...{" * (n // 4),
    "nested lists": lambda n: "{customer(id:" + "[" * n,
    "nested objects": lambda n: "{customer(id:" + "{a:" * (n // 3),
    "nested list types": lambda n: "query($a:" + "[" * n,
    "variables": lambda n: "query(" + "".join(f"$a{i}:ID " for i in range(n // 9)) + "){x}",
    "arguments": lambda n: "{customer(" + "".join(f"a{i}:1 " for i in range(n // 8)) + "){id}}",
    "operations": lambda n: "".join(f"query a{i}{{x}} " for i in range(n // 16)),
    "fragments": lambda n: "".join(f"fragment f{i} on Query{{x}} " for i in range(n // 27)),
    "introspections": lambda n: "{" + " __schema{types{name}}" * (n // 22) + "}",
}
# The number of tokens grows, within its limit.
_TOKENS: dict[str, Callable[[int], str]] = {
    "unknown fields": lambda n: "{" + " xyz" * n + "}",
    "the same field": lambda n: "{" + " __typename" * n + "}",
    "the same field with an argument": lambda n: "{" + "customer(id:1){id}" * (n // 9) + "}",
    "the same alias": lambda n: "{" + "".join(f" a:x{i}" for i in range(n // 3)) + "}",
    "aliases of introspections": lambda n: (
        "{"
        + "".join(f" a{i}:__schema{{types{{name fields{{name}}}}}}" for i in range(n // 12))
        + "}"
    ),
    "nested fields": lambda n: "{" + "customer{" * (n // 3) + "x" + "}" * (n // 3) + "}",
    "nested inline fragments": lambda n: "{" + "...{" * (n // 3) + "x" + "}" * (n // 3) + "}",
    "fragments": lambda n: (
        "{...f0} " + "".join(f"fragment f{i} on Query{{...f{i + 1}}}" for i in range(n // 9))
    ),
    "fragments that spread twice": lambda n: (
        "{...f0 ...f0} "
        + "".join(f"fragment f{i} on Query{{...f{i + 1} ...f{i + 1}}}" for i in range(n // 11))
    ),
    "fragments in a circle": lambda n: (
        "{...f0} "
        + "".join(f"fragment f{i} on Query{{...f{(i + 1) % (n // 9)}}}" for i in range(n // 9))
    ),
    "variables": lambda n: (
        "query(" + "".join(f"$a{i}:ID " for i in range(n // 4)) + "){__typename}"
    ),
    "directives": lambda n: "{__typename" + "@skip(if:true)" * (n // 7) + "}",
    "inline inputs": lambda n: (
        "mutation{createCustomer(input:{email:1"
        + "".join(f" a{i}:1" for i in range(n // 3))
        + "}){__typename}}"
    ),
}
# Arguments of lists, whose errors precede the database.
_LISTS: dict[str, Callable[[int], dict[str, object]]] = {
    "a search of one word": lambda n: {"search": "a" * n},
    "a search of letters that fold to many": lambda n: {"search": "\ufdfa" * (n // 6)},
    "a search of expressions": lambda n: {"search": "(a*)*" * (n // 5)},
    "a cursor of escapes": lambda n: {"before": "\ud800" * (n // 6)},
    "long places": lambda n: {"filter": {"state": ["a" * (n // 51)] * 51}},
    "fields": lambda n: {"filter": {"has": ["NAME"] * (n // 8)}},
    "a time of a long fraction": lambda n: {
        "filter": {"updatedAt": {"before": f"2026-01-01T00:00:00.{'1' * n}Z"}, "has": []}
    },
}
_EMAILS = {
    "letters": "a",
    "marks": "\u0301\u0323",
    "at signs": "@",
    "punycode": "xn--",
    "dots": "a.",
}
_HEADERS: dict[str, Callable[[int], bytes]] = {
    "Accept of many": lambda n: b"Accept: " + b"a/b;q=0.1," * (n // 10),
    "Accept of parameters": lambda n: b"Accept: a/b" + b";q=0.1" * (n // 6),
    "Accept of commas": lambda n: b"Accept: " + b"," * n,
    "Accept-Encoding": lambda n: b"Accept-Encoding: " + b"br;q=0," * (n // 7),
    "many Accept": lambda n: b"\r\n".join([b"Accept: a/b"] * (n // 13)),
    "many headers": lambda n: b"\r\n".join(b"X-%d: 1" % i for i in range(n // 9)),
    "white space": lambda n: b"X-A:" + b" \t" * (n // 2) + b"a" + b" \t" * (n // 2),
    "Cookie": lambda n: b"Cookie: " + b"a=b;" * (n // 4),
    "Idempotency-Key": lambda n: b"Idempotency-Key: " + b"a" * n,
    "X-Request-ID": lambda n: b"X-Request-ID: " + b"a" * n,
    "X-Forwarded-For": lambda n: b"X-Forwarded-For: " + b"127.0.0.1," * (n // 10),
    "Origin": lambda n: b"Origin: https://" + b"a." * (n // 2),
    "traceparent": lambda n: b"traceparent: " + b"00-" * (n // 3),
    "Authorization": lambda n: b"Authorization: Bearer " + b"a" * n,
    "Authorization of dots": lambda n: b"Authorization: Bearer " + b"a." * (n // 2),
    "Authorization of spaces": lambda n: b"Authorization: Bearer" + b" " * n + b"a",
    "Authorization as an API key": lambda n: b"Authorization: Bearer gak_" + b"0" * n,
}
_JSON: dict[str, Callable[[int], str]] = {
    "white space": lambda n: " " * (n // 2) + '{"query":"{__typename}"}' + " " * (n // 2),
    "nested lists": lambda n: "[" * n,
    "nested objects": lambda n: '{"a":' * (n // 5),
    "nested variables": lambda n: (
        '{"query":"{__typename}","variables":{"a":' + "[" * (n // 2) + "]" * (n // 2) + "}}"
    ),
    "keys": lambda n: "{" + ",".join(f'"a{i}":1' for i in range(n // 8)) + "}",
    "the same key": lambda n: "{" + '"query":1,' * (n // 10) + '"query":"{__typename}"}',
    "an integer": lambda n: '{"query":"{__typename}","variables":{"a":' + "9" * n + "}}",
    "an integer that breaks off": lambda n: '{"query":"{__typename}","a":' + "9" * n,
    "integers": lambda n: (
        '{"query":"{__typename}","a":[' + "99999999999999999999," * (n // 21) + "1]}"
    ),
    "a fraction": lambda n: '{"query":"{__typename}","variables":{"a":1.' + "9" * n + "}}",
    "an exponent": lambda n: '{"query":"{__typename}","variables":{"a":1e' + "9" * n + "}}",
    "escapes": lambda n: '{"query":"{__typename}","a":"' + "\\u0041" * (n // 6) + '"}',
    "surrogates": lambda n: '{"query":"{__typename}","a":"' + "\\ud800" * (n // 6) + '"}',
    "a name of an operation": lambda n: json.dumps(
        {"query": "{__typename}", "operationName": "x" * n}
    ),
    "the id of a document": lambda n: json.dumps({"documentId": "\u00e9" * (n // 6)}),
}
_SCALARS: dict[str, Callable[[int], str]] = {
    "digits": lambda n: "9" * n,
    "minus and digits": lambda n: "-" + "9" * n,
    "a whole number with a fraction": lambda n: "1" * (n // 2) + "." + "0" * (n // 2),
    "a whole number with an exponent": lambda n: "1" + "0" * n + "e-" + str(n),
    "a number with a large exponent": lambda n: f"1e{n}",
}
_TARGETS: dict[str, Callable[[int], str]] = {
    "parameters": lambda n: "&".join(f"a{i}=1" for i in range(n // 8)),
    "separators": lambda n: "&" * n,
    "escapes": lambda n: "query=" + "%7B" * (n // 3),
    "pluses": lambda n: "query={__typename" + "+" * n + "}",
    "variables": lambda n: "query={__typename}&variables=" + "[" * n,
}


def body(text: str) -> bytes:
    """A request by POST with this body, which has escapes for lone surrogates."""
    return post(text.encode("utf-8", "backslashreplace"), CLOSE)


def _body(grow: Callable[[int], str]) -> Grow:
    return lambda size: body(grow(size))


def document(text: str) -> bytes:
    return body(json.dumps({"query": text}))


def _escaped(text: str) -> int:
    """The length of a text in JSON."""
    return len(json.dumps(text)) - len('""')


def _document(grow: Callable[[int], str]) -> Grow:
    return lambda size: document(grow(size * 1000 // _escaped(grow(1000))))


def _few_tokens(grow: Callable[[int], str]) -> Grow:
    # A document may have 400.
    return lambda size: document(grow(size // 150))


def _texts(start: str, unit: str, end: str) -> Grow:
    def grow(size: int) -> bytes:
        text = start + unit * (size // len(_FIELDS) // _escaped(unit)) + end
        # The invalid country keeps the customer from the database, which is unreachable.
        values = {"country": "1", **dict.fromkeys(_FIELDS, text)}
        return body(json.dumps({"query": CREATE_CUSTOMER, "variables": {"input": values}}))

    return grow


def _shared_text(unit: str, kind: str, name: str) -> Grow:
    fields = " ".join(f"{field}: $text" for field in ("email", *_TEXT_FIELDS))
    calls = "".join(
        f" a{number}: {name}(input: {{{fields}}}) {{ __typename }}" for number in range(7)
    )

    def grow(size: int) -> bytes:
        text = unit * (size // 8 // _escaped(unit)) + "!"
        query = f"{kind} ($text: String!) {{{calls} }}"
        return body(json.dumps({"query": query, "variables": {"text": text}}))

    return grow


def _list(grow: Callable[[int], dict[str, object]]) -> Grow:
    return lambda size: body(json.dumps({"query": LIST_CUSTOMERS, "variables": grow(size)}))


def _email(unit: str) -> Grow:
    query = "query ($email: String!) { customerByEmail(email: $email) { id } }"

    def grow(size: int) -> bytes:
        # The white space in it makes it invalid.
        email = f"{unit * (size // _escaped(unit))} @example.com"
        return body(json.dumps({"query": query, "variables": {"email": email}}))

    return grow


def _scalar(grow: Callable[[int], str], *, inline: bool) -> Grow:
    def request(size: int) -> bytes:
        number = grow(size)
        given = f'email: "a@example.com", country: "1", zipCode: {number}'
        if inline:
            return document(f"mutation {{ createCustomer(input: {{{given}}}) {{ __typename }} }}")
        values = f'{{"email": "a@example.com", "country": "1", "zipCode": {number}}}'
        query = json.dumps(CREATE_CUSTOMER)
        return body(f'{{"query": {query}, "variables": {{"input": {values}}}}}')

    return request


def _header(grow: Callable[[int], bytes]) -> Grow:
    return lambda size: post(b'{"query": "{ __typename }"}', grow(size // 8), CLOSE)


def _target(grow: Callable[[int], str]) -> Grow:
    return lambda size: get(f"/graphql?{grow(size // 16)}", CLOSE)


def _requests() -> Iterator[tuple[str, Grow]]:
    for unit_name, unit in _UNITS.items():
        for end_name, (start, end) in _ENDS.items():
            yield f"texts: {unit_name}{end_name}", _texts(start, unit, end)
    for unit_name in _SHARED:
        unit = _UNITS[unit_name]
        yield (
            f"texts of many creations: {unit_name}",
            _shared_text(unit, "mutation", "createCustomer"),
        )
        yield (
            f"texts of many validations: {unit_name}",
            _shared_text(unit, "query", "validateCustomer"),
        )
    random = Random(9)  # noqa: S311  # no secret
    alphabet = sorted(set("".join(_UNITS.values())))
    for _ in range(_RANDOM_UNITS):
        start, unit, end = (
            "".join(random.choices(alphabet, k=random.randint(1, 4))) for _ in "123"
        )
        yield f"texts: {start!a}, {unit!a} repeated, {end!a}", _texts(start, unit, end)
    for name, text in _DOCUMENTS.items():
        yield f"document: {name}", _document(text)
    for name, text in _TOKENS.items():
        yield f"tokens: {name}", _few_tokens(text)
    for name, arguments in _LISTS.items():
        yield f"list: {name}", _list(arguments)
    for name, unit in _EMAILS.items():
        yield f"email: {name}", _email(unit)
    for name, header in _HEADERS.items():
        yield f"header: {name}", _header(header)
    for name, text in _JSON.items():
        yield f"JSON: {name}", _body(text)
    for name, text in _SCALARS.items():
        yield f"number: {name}", _scalar(text, inline=False)
        yield f"number in a document: {name}", _scalar(text, inline=True)
    for name, text in _TARGETS.items():
        yield f"target: {name}", _target(text)
    yield "the body in chunks", _chunks


def _chunks(size: int) -> bytes:
    head = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunks = b"1\r\n \r\n" * (size // 6) + b"0\r\n\r\n"
    return head + CLOSE + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks


REQUESTS: dict[str, Grow] = dict(_requests())
