"""The words of customers and of searches: which search finds which customer."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.customers import search
from graphql_api.customers.fields import FIELDS, NewCustomer, PhoneNumber, ZipCode
from graphql_api.customers.search import folded, longest, search_words, words_of

from ..support.searches import FOUND, NOT_FOUND, finds, with_email
from ..support.values import GOOD


@pytest.mark.parametrize(("text", "customer"), FOUND)
def test_a_search_finds_a_customer(text: str, customer: NewCustomer) -> None:
    assert finds(text, customer)


@pytest.mark.parametrize(("text", "customer"), NOT_FOUND)
def test_a_search_does_not_find_a_customer(text: str, customer: NewCustomer) -> None:
    assert not finds(text, customer)


def test_the_words_of_a_customer_are_whole_words() -> None:
    customer = NewCustomer(
        name="John Smith",
        email="john.smith@mail.example.com",
        description="A-Team",
        phone_number=PhoneNumber("5417543010"),
        zip_code=ZipCode("10469-2345"),
    )

    # Without `john`, `mail` and `a`, with which longer words begin.
    assert sorted(words_of(customer)) == [
        "10469-2345",
        "5417543010",
        "a-team",
        "com",
        "example",
        "john.smith@mail.example.com",
        "mail.example.com",
        "smith",
        "team",
    ]


@given(st.lists(st.text("ab", max_size=3)))
def test_the_longest_words_find_what_all_words_find(words: list[str]) -> None:
    found = longest(words)

    assert set(found) == {
        word
        for word in words
        if word and not any(other != word and other.startswith(word) for other in words)
    }
    assert len(found) == len(set(found))


def customers() -> st.SearchStrategy[NewCustomer]:
    """Customers with one valid value of each field that a search reads."""

    def value(name: str) -> st.SearchStrategy[Any]:
        return st.sampled_from([valid.stored for valid in GOOD if valid.field == name])

    optional = ("name", "description", "zip_code", "phone_number")
    return st.builds(
        NewCustomer,
        email=value("email"),
        **{name: st.none() | value(name) for name in optional},
    )


@given(customers())
def test_every_text_of_a_customer_finds_it(customer: NewCustomer) -> None:
    for text in (customer.name, customer.description, customer.zip_code, customer.phone_number):
        assert finds(text or "", customer)
    local, _, domain = customer.email.rpartition("@")
    for text in (customer.email, local, domain, *domain.split(".")):
        assert finds(text, customer)
        assert finds(text[:2].upper(), customer)


def test_words_are_found_in_the_same_way_with_and_without_the_fast_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    customer = NewCustomer(**{field.name: field.rule.example for field in FIELDS})  # type: ignore[arg-type]  # every value is a text
    fast = words_of(customer), words_of(with_email("a.b-c_d+e@f-g.hi"))
    monkeypatch.setattr(search, "_PLAIN", re.compile("(?!)"))

    assert (words_of(customer), words_of(with_email("a.b-c_d+e@f-g.hi"))) == fast


@pytest.mark.parametrize(
    ("domain", "unicode"),
    [
        ("xn--bcher-kva.example", "bücher.example"),
        ("shop.XN--FA-HIA.de", "shop.faß.de"),
        ("xn--r8jz45g.xn--zckzah", "例え.テスト"),
    ],
)
def test_a_search_finds_a_domain_in_both_of_its_forms(domain: str, unicode: str) -> None:
    customer = with_email(f"xn--ada@{unicode}")

    for text in (domain, unicode, f"xn--ada@{domain}", f"<XN--Ada@{domain}>"):
        assert finds(text, customer)
    assert not finds(f"other@{domain}", customer)
    assert not finds("xn--bcher-kvb.example", customer)


@pytest.mark.parametrize("label", ["xn--", "xn--é", "xn--99999999", "xn--a-0000", "xn--0ug-ada-"])
def test_what_is_not_a_label_of_a_domain_is_a_word(label: str) -> None:
    assert search_words(label) == [folded(label)]


@given(st.text("xn-ad019.@é"))
def test_no_search_has_a_word_that_mongodb_cannot_store(text: str) -> None:
    for word in search_words(f"xn--{text}"):
        word.encode("utf-8")


def test_a_search_of_punctuation_finds_nothing_and_a_blank_one_is_none() -> None:
    customer = NewCustomer(email="ada@example.com", name="Ada", description="(Ada) !? ()")

    for text in ("()", " ; , ", "'", "\N{COMBINING ACUTE ACCENT}", "!!!"):
        assert not finds(text, customer)
    for blank in ("", " \t\n", "\0"):
        assert search_words(blank) == []
    # Beside words, it does not count.
    assert finds("(ada) , ada@example.com;", customer)


@given(st.text())
def test_folding_twice_folds_as_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)
