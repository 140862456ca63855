"""The addresses of clients, and the names and addresses in the header `Host`."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import HTTPConnection

# RFC 3986, 3.2.2. DNS limits the length of a name.
_HOST = re.compile(
    r"""
    ( \[ (?P<ipv6> [0-9a-f:.]{2,45} ) \]
    | \[ v[0-9a-f]+ \. [a-z0-9._~!$&'()*+,;=:-]+ \]
    | ( [a-z0-9._~!$&'()*+,;=-] | %[0-9a-f]{2} ){0,255}
    )
    ( : [0-9]* )?
    """,
    re.VERBOSE,
)

# An IPv6 client has a network of its own with at least this many bits for its addresses.
_IPV6_OWN_BITS = 64


def client_address(request: HTTPConnection) -> str:
    """The client's IP address, which a trusted proxy may name; empty if it is unknown."""
    client: tuple[str, int] | None = request.scope.get("client")
    return "" if client is None else client[0]


# Few entries, because they hold headers, which may be long.
@lru_cache(maxsize=64)
def host_name(host: bytes) -> str | None:
    """The name or address in a header `Host`, in lower case; None if the header is invalid.

    RFC 9110, 7.2: a host as in RFC 3986, with an optional port.
    """
    valid = _HOST.fullmatch(host.decode("latin-1").lower())
    if valid is None:
        return None
    ipv6 = valid["ipv6"]
    return valid[1] if ipv6 is None else ipv6 if _address(ipv6) is not None else None


# Few entries, because they hold headers, which may be long.
@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether this is a loopback address, or a name for one (RFC 6761, 6.3)."""
    address = _address(host)
    if address is not None:
        return address.is_loopback
    return f".{host.lower().removesuffix('.')}".endswith(".localhost")


@lru_cache(maxsize=1024)
def network(host: str) -> str:
    """The network that shares one count: an IPv4 address alone, or a whole IPv6 /64.

    All clients whose address is unknown share one count.
    """
    address = _address(host)
    if isinstance(address, IPv6Address):
        return f"{int(address) >> _IPV6_OWN_BITS:x}::/64"
    return str(address)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
