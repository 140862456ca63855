"""Reads JSON (RFC 8259) from clients without changing a value that a rule judges."""

import codecs
import json

import orjson

# All integers with fewer digits have 64 bits at most.
_DIGITS_OF_64_BITS = 19


class Number(float):
    """A number whose `str` is the text in the JSON, which may have more digits than a float."""

    __slots__ = ("_written",)

    def __init__(self, written: str) -> None:
        self._written = written

    def __str__(self) -> str:
        return self._written


def from_json(text: bytes) -> object:
    """The value of a JSON text, without its byte order mark (RFC 8259, 8.1).

    Lone surrogates (8.2) are unchanged. The `str` of every number is its text in the JSON: only an
    integer of 64 bits other than -0 is an `int`, and all other numbers are a `Number`. Raises
    `ValueError` for text that is not JSON in UTF-8, and `RecursionError` for deeply nested text.
    """
    text = text.removeprefix(codecs.BOM_UTF8)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        # orjson rejects lone surrogates, and numbers that are too large for a float.
        return _in_full(text)
    return _in_full(text) if _may_have_lost_digits(value) else value


def _may_have_lost_digits(value: object) -> bool:
    """Whether the value contains a float or a 0.

    orjson returns longer integers as floats too, and -0 as 0.
    """
    containers = [value] if isinstance(value, dict | list) else []
    for container in containers:
        for inner in container.values() if container.__class__ is dict else container:
            kind = inner.__class__
            # Most values are strings, so this test saves the others.
            if kind is not str:
                if kind is dict or kind is list:
                    containers.append(inner)
                elif kind is float or (kind is int and not inner):
                    return True
    return False


def _in_full(text: bytes) -> object:
    return json.loads(text.decode(), parse_int=_integer, parse_float=Number, parse_constant=_refuse)


def _integer(written: str) -> int | Number:
    if len(written) >= _DIGITS_OF_64_BITS or written == "-0":
        return Number(written)
    return int(written)


def _refuse(_constant: str) -> object:
    raise ValueError("no JSON")
