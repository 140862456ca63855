"""The headers of a request: one value for each name, a valid Host, a supported coding."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from .addresses import host_name
from .errors import RequestError

# The headers that the server reads and that are not lists.
_SINGLE = {
    b"authorization",
    b"content-length",
    b"content-type",
    b"host",
    b"idempotency-key",
    b"origin",
}


def combined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """One value for each name: several lines with a name are joined (RFC 9110, 5.3).

    Raises `RequestError` for several lines of a header that is not a list.
    """
    lines: dict[bytes, list[bytes]] = defaultdict(list)
    for name, value in headers:
        lines[name].append(value)
    for name in _SINGLE.intersection(lines):
        if len(lines[name]) > 1:
            header = name.decode().title()
            raise RequestError(400, f"The request has several {header} headers. Send one.")
    return {name: b", ".join(values) for name, values in lines.items()}


def require_supported_coding(headers: Mapping[bytes, bytes]) -> None:
    """Raises `RequestError` for a transfer coding other than `chunked` (RFC 9112, 6.1)."""
    coding = headers.get(b"transfer-encoding")
    if coding is not None and coding.lower() != b"chunked":
        raise RequestError(
            501,
            "The Transfer-Encoding is not supported. Send the body with `chunked`, or without a "
            "Transfer-Encoding.",
        )


def require_host(headers: Mapping[bytes, bytes], http_version: str) -> None:
    """Raises `RequestError` without a valid Host. HTTP/1.0 does not require it (RFC 9112, 3.2)."""
    host = headers.get(b"host")
    if http_version != "1.0" if host is None else host_name(host) is None:
        raise RequestError(
            400,
            "The header Host is missing or invalid. Send the server's name or address, with its "
            "port.",
        )
