"""The words of customers and of searches: which search finds which customer."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.customers import search
from graphql_api.customers.fields import FIELDS, NewCustomer, PhoneNumber, ZipCode
from graphql_api.customers.search import folded, longest, search_words, words_of

from ..support.values import GOOD


def finds(text: str, customer: NewCustomer) -> bool:
    """Whether each word of the search is the beginning of one of the customer's words."""
    words = words_of(customer)
    return all(any(word.startswith(sought) for word in words) for sought in search_words(text))


def named(name: str) -> NewCustomer:
    return NewCustomer(name=name, email="x@y.zz")


def described(description: str) -> NewCustomer:
    return NewCustomer(description=description, email="x@y.zz")


def with_email(email: str) -> NewCustomer:
    return NewCustomer(email=email)


def wide(text: str) -> str:
    """The fullwidth forms of letters of ASCII."""
    return "".join(chr(ord(letter) + 0xFEE0) for letter in text)


JOHN = NewCustomer(
    name="John Smith",
    description='The "A-Team" (Berlin), ref. A/12',
    email="j.o'hara+News_2@mail.Example.co.uk",
    zip_code=ZipCode("10469-2345"),
    phone_number=PhoneNumber("5417543010"),
    city="Paris",
)

FOUND = [
    ("Jose", named("José")),
    ("JOSÉ", named("jose")),
    ("jos\N{COMBINING ACUTE ACCENT}", named("Josepha")),
    ("strasse", described("Lange Straße")),
    ("STRASSE", described("Lange Straße")),
    ("straße", described("Strasse 5")),
    ("łodz", described("Łódź 5")),
    (wide("JOHN"), named("John")),
    ("john", described(wide("John"))),
    ("ﬁsh", named("Fisher")),
    ("fish", described("ﬁsh & chips")),
    ("İstanbul", described("istanbul office")),
    ("istanbul", described("İstanbul office")),
    ("ΟΔΥΣΣΕΥΣ", named("Ὀδυσσεύς")),
    ("q̣̈", named("Q̣̈uentin")),
    ("محمد", named("مُحَمَّد علي")),
    ("احمد", named("أحمد")),
    ("علي", named("محمد علي")),
    ("हिन्दी", described("मेरी हिन्दी किताब")),
    ("कि", described("मेरी हिन्दी किताब")),
    ("क\N{DEVANAGARI SIGN VIRAMA}\N{ZERO WIDTH JOINER}ष", named("क्षितिज")),
    ("ﾃﾞｰﾀ", described("データ 株式会社")),
    ("株式", described("データ 株式会社")),
    ("김", named("김민준")),
    ("기", named("김민준")),
    ("10469", JOHN),
    ("10469-23", JOHN),
    ("541", JOHN),
    ("5417543010", JOHN),
    ("smi JOH", JOHN),
    ("jo john", JOHN),
    ('"john', JOHN),
    ("<j.o'hara+news_2@mail.example.co.uk>,", JOHN),
    ("J.O'HARA", JOHN),
    ("j.o'hara+news_2@", JOHN),
    ("o'hara", JOHN),
    ("hara", JOHN),
    ("news", JOHN),
    ("mail.example.co.uk", JOHN),
    ("mail.ex", JOHN),
    ("example", JOHN),
    ("uk", JOHN),
    ("a-team", JOHN),
    ("team", JOHN),
    ("berlin", JOHN),
    ("a/12", JOHN),
    ("12", JOHN),
    ("john\N{NO-BREAK SPACE}smith", JOHN),
    ("john\0smith", JOHN),
    ("mueller@xn", with_email("mueller@xn--mller-kva.de")),
    ("müller", with_email("Müller@bücher.example")),
    ("bucher", with_email("Müller@bücher.example")),
    ("o'neil", with_email("'o'neil@example.com")),
    ("", JOHN),
    (" \t\u3000", JOHN),
    ("(", JOHN),
]

NOT_FOUND = [
    ("ohn", JOHN),
    ("jack", JOHN),
    ("john jack", JOHN),
    ("2345", JOHN),
    ("754", JOHN),
    ("paris", JOHN),
    ("example.co.uk", JOHN),
    ("hara+news", JOHN),
    (".*", JOHN),
    ("^john", JOHN),
    ("jo.n", JOHN),
    ("\ud800", JOHN),
    ("strase", described("Lange Straße")),
]


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


@given(st.text())
def test_folding_twice_folds_as_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)
