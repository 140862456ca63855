"""Which URLs and addresses may get messages, whatever DNS says of them."""

import httpx
import pytest

from graphql_api.webhooks.addresses import (
    RefusedUrl,
    Resolve,
    checked_url,
    permitted_addresses,
    resolve_by_system,
)


def answering(*addresses: str) -> Resolve:
    """A look-up that always finds these addresses."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return list(addresses)

    return resolve


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://hooks.example.com", "https://hooks.example.com"),
        ("https://hooks.example.com:8443/a?b=c", "https://hooks.example.com:8443/a?b=c"),
        ("HTTPS://Bücher.example/ä b", "https://xn--bcher-kva.example/%C3%A4%20b"),
    ],
)
def test_an_https_url_is_normalised_to_ascii(text: str, url: str) -> None:
    assert str(checked_url(text, allows_private=False)) == url


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid"),
        ("https://", "not valid"),
        ("https:///path", "not valid"),
        ("https://[::1", "not valid"),
        ("https://hooks.example.com:0/", "not valid"),
        ("https://hooks.example.com:65536/", "not valid"),
        ("https://hooks.example.com/" + "a" * 2000, "not valid"),
        ("hooks.example.com", "not valid"),
        ("http://hooks.example.com/", "must begin with https://"),
        ("ftp://hooks.example.com/", "must begin with https://"),
        ("https://user:password@hooks.example.com/", "no user name"),
        ("https://hooks.example.com\\@127.0.0.1/", "no user name"),
        ("https://hooks.example.com/#here", "no fragment"),
        ("https://hooks.example.com/#", "no fragment"),
    ],
)
def test_another_url_is_refused_without_being_shown(text: str, reason: str) -> None:
    with pytest.raises(RefusedUrl) as refused:
        checked_url(text, allows_private=False)

    assert reason in str(refused.value)
    assert "hooks" not in str(refused.value)
    assert "password@" not in str(refused.value)


LOOPBACK_AND_PRIVATE = [
    *("127.0.0.1", "127.8.9.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("100.64.0.1", "::1", "fc00::1", "fd00:ec2::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
]
NEVER = [
    # The addresses where clouds tell secrets, and other link-local ones.
    *("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254"),
    *("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "::ffff:100.100.100.200"),
    # Unspecified: Linux connects to itself.
    *("0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0"),  # noqa: S104  # refused
    # Multicast, broadcast and reserved.
    *("224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "ff02::1", "5f00::1"),
    # IPv6 addresses that lead to IPv4 addresses: compatible, NAT64, 6to4 and Teredo.
    *("::127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:7f00:1::1"),
    # Site-local, and for documentation and benchmarks.
    *("fec0::1", "2001:db8::1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1"),
]
HTTPS = httpx.URL("https://hooks.example.com/")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34"])
async def test_a_public_address_may_get_messages_over_https_only(address: str) -> None:
    for allows_private in (False, True):
        assert await permitted_addresses(
            HTTPS, answering(address), allows_private=allows_private
        ) == [address]
    with pytest.raises(RefusedUrl, match="Use https"):
        await permitted_addresses(
            httpx.URL("http://hooks.example.com/"), answering(address), allows_private=True
        )


@pytest.mark.parametrize("address", LOOPBACK_AND_PRIVATE)
async def test_a_private_address_must_be_allowed(address: str) -> None:
    # One such address among others is enough.
    resolve = answering("93.184.216.34", address)
    with pytest.raises(RefusedUrl, match="private address"):
        await permitted_addresses(HTTPS, resolve, allows_private=False)

    assert address in await permitted_addresses(HTTPS, resolve, allows_private=True)
    assert await permitted_addresses(
        httpx.URL("http://hooks.example.com/"), answering(address), allows_private=True
    ) == [address]


@pytest.mark.parametrize("address", NEVER)
async def test_other_addresses_never_get_messages(address: str) -> None:
    for allows_private in (False, True):
        with pytest.raises(RefusedUrl, match="messages are never sent"):
            await permitted_addresses(HTTPS, answering(address), allows_private=allows_private)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "localhost", "2130706433", "0x7f000001", "127.1", "0x7f.1"]
)
async def test_other_forms_of_a_loopback_address_are_found_out(host: str) -> None:
    url = checked_url(f"https://{host}/", allows_private=False)

    with pytest.raises(RefusedUrl, match="private address"):
        await permitted_addresses(url, resolve_by_system, allows_private=False)


async def test_a_name_that_dns_cannot_have_is_unknown() -> None:
    url = httpx.URL(f"https://{'a' * 64}.example/")

    with pytest.raises(OSError):  # noqa: PT011  # it has no text
        await permitted_addresses(url, resolve_by_system, allows_private=False)
