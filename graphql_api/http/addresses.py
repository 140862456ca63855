"""The addresses that requests come from."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.datastructures import URL
from starlette.requests import Request

# Each IPv6 client has at least so many bits of its own.
_IPV6_OWN_BITS = 64


def client_address(request: Request) -> str:
    """The peer's address, or whom a trusted proxy names; empty where there is none."""
    return "" if request.client is None else request.client.host


# Of headers as long as there may be.
@lru_cache(maxsize=64)
def host_name(host: bytes) -> str:
    """The name or address in a header `Host`; empty where there is none."""
    try:
        return URL(f"http://{host.decode('latin-1')}/").hostname or ""
    except ValueError:
        return ""


# Of headers as long as there may be.
@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether what this address or name stands for never leaves its machine."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


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
