"""Reads JSON (RFC 8259) from clients, and loses nothing that a rule judges."""

import codecs
import json

import orjson

# All integers with fewer digits have 64 bits at most.
_DIGITS_OF_64_BITS = 19


class Number(float):
    """A number whose `str` is what was written, which may be more than a float can hold."""

    __slots__ = ("_written",)

    def __init__(self, written: str) -> None:
        self._written = written

    def __str__(self) -> str:
        return self._written


def from_json(text: bytes) -> object:
    """The value of a JSON text; a byte order mark before it is skipped (RFC 8259, 8.1).

    Lone surrogates (8.2) stay as they are. What is not an integer of 64 bits, or is -0, is a
    `Number`. Raises `ValueError` for what is not JSON in UTF-8, and `RecursionError`.
    """
    text = text.removeprefix(codecs.BOM_UTF8)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        # orjson refuses lone surrogates, and what is too large for a float.
        return _in_full(text)
    return _in_full(text) if _may_have_lost_digits(value) else value


def _may_have_lost_digits(value: object) -> bool:
    """Whether there is a float, as orjson makes of longer integers, too, or a 0, as of -0."""
    containers = [value] if isinstance(value, dict | list) else []
    for container in containers:
        for inner in container.values() if container.__class__ is dict else container:
            kind = inner.__class__
            # Most are, and the other questions cost time.
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
