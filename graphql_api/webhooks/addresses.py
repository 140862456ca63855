"""The URLs of endpoints, and the addresses that messages may be sent to."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx

_Address = IPv4Address | IPv6Address

# The addresses of a name, as texts.
Resolve = Callable[[str, int], Awaitable[list[str]]]

# The networks that `--allow-private` permits. Link-local addresses are not among them, because
# metadata services of clouds have secrets there.
_PRIVATE_NETWORKS = [
    ip_network(network)
    for network in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        *("::1/128", "fc00::/7"),
    )
]
# The metadata services of AWS, Google Cloud and Alibaba Cloud that have private addresses.
_METADATA = {ip_address(one) for one in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200")}
# All IPv6 addresses that are assigned for the Internet. Others lead to IPv4 addresses in part.
_IPV6_INTERNET = ip_network("2000::/3")

_LONGEST_URL = 2000
_LARGEST_PORT = 65535


class RefusedUrl(Exception):
    """Messages may not be sent to a URL. The message is a sentence without any part of the URL."""


def checked_url(text: str, *, allows_private: bool) -> httpx.URL:
    """The URL of an endpoint, normalised to ASCII.

    Raises `RefusedUrl` if no message could be sent to it, whatever its addresses are.
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError):
        raise RefusedUrl("The URL is not valid.") from None
    if not url.host or len(str(url)) > _LONGEST_URL or not 0 < port_of(url) <= _LARGEST_PORT:
        raise RefusedUrl("The URL is not valid.")
    if url.scheme != "https" and not (allows_private and url.scheme == "http"):
        raise RefusedUrl(
            "The URL must begin with https://, or, with --allow-private, with http:// for a "
            "private address."
        )
    if url.userinfo or "#" in text:
        raise RefusedUrl("The URL must have no user name, no password and no fragment.")
    return url


def port_of(url: httpx.URL) -> int:
    """The port of a URL, or the default of its scheme."""
    return url.port if url.port is not None else 443 if url.scheme == "https" else 80


async def permitted_addresses(
    url: httpx.URL, resolve: Resolve, *, allows_private: bool
) -> list[str]:
    """The addresses of the URL's host, to which messages may be sent, the preferred one first.

    Raises `RefusedUrl` if messages may not be sent to one of them, and `OSError` if the host is
    unknown. Only a connection to one of these very addresses is safe: the next answer of DNS may
    differ.
    """
    try:
        addresses = await resolve(url.raw_host.decode("ascii"), port_of(url))
    except UnicodeError:
        # A label of the name is too long.
        raise OSError from None
    for address in map(ip_address, addresses):
        if _is_private(address):
            if not allows_private:
                raise RefusedUrl("The host has a private address. --allow-private permits it.")
        elif not _is_public(address):
            raise RefusedUrl("The host has an address to which messages are never sent.")
        elif url.scheme == "http":
            raise RefusedUrl("http:// is for private addresses. Use https://.")
    return addresses


async def resolve_by_system(host: str, port: int) -> list[str]:
    """The addresses that the system knows for a name. Raises `OSError` if it knows no address."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _is_private(address: _Address) -> bool:
    address = _unmapped(address)
    return address not in _METADATA and any(address in network for network in _PRIVATE_NETWORKS)


def _is_public(address: _Address) -> bool:
    address = _unmapped(address)
    if isinstance(address, IPv6Address):
        # 6to4 leads to IPv4 addresses.
        return address in _IPV6_INTERNET and address.sixtofour is None and address.is_global
    return address.is_global and not address.is_multicast


def _unmapped(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 address such as ::ffff:127.0.0.1 leads to."""
    return getattr(address, "ipv4_mapped", None) or address
