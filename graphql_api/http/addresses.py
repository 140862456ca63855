"""The addresses that requests come from."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import Request

# RFC 3986, 3.2.2, which DNS bounds.
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

# Each IPv6 client has at least so many bits of its own.
_IPV6_OWN_BITS = 64


def client_address(request: Request) -> str:
    """The peer's address, or whom a trusted proxy names; empty where there is none."""
    return "" if request.client is None else request.client.host


# What a client sends is remembered here, and may be long.
@lru_cache(maxsize=64)
def host_name(host: bytes) -> str | None:
    """The name or address in a header `Host`, in lower case; None where it is not valid.

    RFC 9110, 7.2: a host as in RFC 3986, and perhaps a port.
    """
    valid = _HOST.fullmatch(host.decode("latin-1").lower())
    if valid is None:
        return None
    ipv6 = valid["ipv6"]
    return valid[1] if ipv6 is None else ipv6 if _address(ipv6) is not None else None


# Of headers as long as there may be.
@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether what this address or name stands for never leaves its machine (RFC 6761, 6.3)."""
    address = _address(host)
    if address is not None:
        return address.is_loopback
    return f".{host.lower().removesuffix('.')}".endswith(".localhost")


@lru_cache(maxsize=1024)
def network(host: str) -> str:
    """Whom an address belongs to, for counting: an IPv4 address, or a whole IPv6 /64."""
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
