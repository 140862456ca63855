"""Many invented customers: a few words are in many of them, and most words are in few.

Words are as frequent as in texts: the second has half as many customers as the first, the third a
third of them (Zipf's law).
"""

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any
from uuid import UUID

from graphql_api.customers.fields import FIELDS, Customer, PhoneNumber, ZipCode
from graphql_api.customers.store import StoredCustomer
from graphql_api.mongo.customer_documents import to_document

from .loads import CREATE_CUSTOMER, GAP

# Words that many customers have; no customer has both of the last two.
COMMON_FIRST_NAME = "Maria"
COMMON_SURNAME = "Smith"
APART = ("Maria", "Jones")
# A tenth of the customers is in this country, and three of them are in this city.
TENTH_COUNTRY = "Canada"
RARE_CITY = "Rareville"
# A word that these three have, and no other customer.
RARE_WORD = "Raritan"

# More than are ever stored.
MOST_CUSTOMERS = 10**9

_SEED = 11
_START = datetime(2020, 1, 1, tzinfo=UTC)
_SYLLABLES = [consonant + vowel for consonant in "bcdfghklmnprstvw" for vowel in "aeiou"]


def documents(size: int) -> Iterator[dict[str, Any]]:
    """The documents of this many customers, as the server stores them, the oldest first.

    The same size gives the same customers. Half of them have a description.
    """
    random = Random(_SEED)  # noqa: S311  # it makes names, not secrets
    first_names = _Words([COMMON_FIRST_NAME, "John"], 1000, random)
    surnames = _Words([COMMON_SURNAME, "Jones"], 20_000, random)
    nouns = _Words(["shop", "order"], 2000, random)
    cities = _Words(["Springfield", "Madison"], 1000, random)
    rare = {size * part // 4 for part in (1, 2, 3)}
    for number in range(size):
        first_name, surname = first_names.any(), surnames.any()
        if (first_name, surname) == APART:
            surname = COMMON_SURNAME
        created_at = _START + timedelta(seconds=number)
        # Every third customer was changed since.
        changed_after = timedelta(hours=random.randrange(1000) if number % 3 == 0 else 0)
        customer = Customer(
            id=UUID(int=random.getrandbits(128), version=4),
            version=1,
            # A tenth of the customers has no name.
            name=f"{first_name} {surname}" if random.random() < 0.9 else None,  # noqa: PLR2004
            email=f"{first_name[:9]}.{surname[:9]}{number:07}@example.com".lower(),
            description=(
                f"{RARE_WORD} {nouns.any()}"
                if number in rare
                else f"{nouns.any()} {nouns.any()} {nouns.any()}"
                if number % 2
                else None
            ),
            country=TENTH_COUNTRY if random.randrange(10) == 0 else "US",
            city=RARE_CITY if number in rare else cities.any(),
            zip_code=ZipCode(f"{random.randrange(100_000):05}"),
            phone_number=PhoneNumber(f"{random.randrange(10**10):010}"),
            created_at=created_at,
            updated_at=created_at + changed_after,
        )
        yield to_document(StoredCustomer(customer, None))


def creations() -> Iterator[bytes]:
    """The bodies of requests that create such customers, each with `GAP` in its email address."""
    for document in documents(MOST_CUSTOMERS):
        values = {each.public_name: document.get(each.public_name) for each in FIELDS}
        first_name = document["email"].partition(".")[0]
        values["email"] = f"{first_name}.{secrets.token_hex(2)}{GAP}@example.com"
        yield json.dumps({"query": CREATE_CUSTOMER, "variables": {"input": values}}).encode()


class _Words:
    """Invented words, and the most frequent ones, which are given."""

    def __init__(self, frequent: list[str], count: int, random: Random) -> None:
        self._random = random
        self._words = [
            *frequent,
            *(
                "".join(random.choices(_SYLLABLES, k=random.randint(2, 4))).capitalize()
                for _ in range(count - len(frequent))
            ),
        ]
        self._weights = list(accumulate(1 / rank for rank in range(1, count + 1)))

    def any(self) -> str:
        """A word, as often as it is frequent."""
        return self._random.choices(self._words, cum_weights=self._weights)[0]
