"""The dashboard in Chromium, used as people use it, with live servers."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pymongo import MongoClient

from graphql_api.access.principal import Scope
from graphql_api.customers.fields import FIELDS
from graphql_api.http.dashboard import BUILD
from graphql_api.mongo.api_keys import MongoApiKeys

from ..support.clients import (
    connected,
    create_customer,
)
from ..support.databases import database_at
from ..support.node import needs_chromium, needs_node
from ..support.servers import Server, serving
from ..support.tokens import api_key, bearer, id_of
from .stories import PAGE, Browser, clean, create, create_many, customers

EXAMPLES = {field.public_name: field.rule.example for field in FIELDS}
ARABIC = "محمد علي"
WIEN = ["Anna Wien", "Berta Wien", "Carla Wien"]
MANY = [
    *({"name": name, "email": f"{name[:4]}@example.com", "city": "Wien"} for name in WIEN),
    *(
        {"name": f"Customer {first}{second}", "email": f"{first}{second}@example.com"}
        for first in "ABCD"
        for second in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    ),
    {"name": ARABIC, "email": "mohammed@example.com"},
]
# Names, email addresses, descriptions, cities and countries, the newest customer first.
PEOPLE = [
    ("Ada Lovelace", "ada@example.com", "Analytical engines", "London", "England"),
    ("Grace Hopper", "grace.hopper@example.com", "Gives away nanoseconds", "Arlington", "US"),
    ("Alan Turing", "alan@example.com", "Prefers to be written to", "Manchester", "England"),
    ("Sofja Kowalewskaja", "sofja@example.com", None, "Stockholm", "Sweden"),
    (
        "Katherine Johnson",
        "katherine.johnson@example.com",
        "Checks every number twice",
        "Hampton",
        "US",
    ),
    ("Emmy Noether", "noether@example.com", "Invoices by post", "Erlangen", "Germany"),
    ("محمد بن موسى الخوارزمي", "algorithms@example.com", "كتاب الجبر والمقابلة", "بغداد", "Iraq"),
    (None, "no.name@example.com", "Wrote from the contact form", None, None),
    (
        "Charles Babbage",
        "charles@example.com",
        "Asked for a discount on gears",
        "London",
        "England",
    ),
    ("Hedy Lamarr", "hedy@example.com", "Calls on changing lines", "Los Angeles", "US"),
    ("Σοφία Γερμανού", "sofia@example.com", None, "Αθήνα", "Greece"),
    ("Leonhard Euler", "euler@example.com", "Seven bridges", "Basel", "Switzerland"),
    ("Radia Perlman", "radia@example.com", "Knows the shortest way", "Boston", "US"),
    ("Chien Shiung Wu", "wu.jianxiong@example.com", None, "Shanghai", "China"),
    ("Edsger Dijkstra", "edsger@example.com", "Writes by hand", "Nuenen", "Netherlands"),
    ("Barbara Liskov", "liskov@example.com", "Keeps every contract", "Cambridge", "US"),
    ("Niklaus Wirth", "wirth@example.com", "One pass only", "Zürich", "Switzerland"),
    ("Joan Clarke", "joan@example.com", "Copies to the office", "Oxford", "England"),
]


@needs_chromium
async def test_a_customer_lives_and_dies_by_keyboard_alone(browser: Browser, url: str) -> None:
    told = await browser.play(
        "life", url, given={"values": EXAMPLES | {"name": "Ada Lovelace"}, "name": "Ada King"}
    )

    assert told["found"] == clean("empty", "help", "form", "customer", "question")
    assert told["stops"] == sorted(EXAMPLES, key=told["stops"].index)
    assert sorted(told["stops"]) == sorted(EXAMPLES)
    assert told["email"] == EXAMPLES["email"]
    assert len(told["id"]) == 36
    assert told["begins"] == "name"
    assert told["ends"] == "Edit"
    assert told["changed"] == ["Ada King"]
    assert told["closed"] == "Customers"
    assert told["leftOver"] == []
    assert told["searches"] == "search"
    assert told["row"] == "Ada King"
    assert told["asked"] == "Delete …"
    assert told["last"] == "Customers"
    assert "customer=" not in told["left"]
    assert told["faults"] == []
    assert await customers(url) == []


@needs_chromium
async def test_of_two_people_who_change_one_customer_nothing_is_lost_as_a_picture_shows(
    browser: Browser, url: str, pictures: Path
) -> None:
    before = {"name": "Ada Lovelace", "email": "ada@example.com", "city": "London"}
    await create(url, **before)
    mine = {"name": "Ada King", "city": "Ockham", "phoneNumber": "4420794600"}
    theirs = {"city": "Marylebone", "description": "Wrote the first program"}

    told = await browser.play(
        "conflict",
        url,
        given={
            "name": before["name"],
            "mine": mine,
            "theirs": theirs,
            "picture": str(pictures / "dashboard-conflict.png"),
        },
    )

    assert told["found"] == clean("conflict", "incomplete", "missing")
    assert told["focus"] == "Another person has changed this customer"
    assert told["sides"] == {
        "Name": {"Yours": mine["name"], "Theirs": before["name"], "chosen": "Yours"},
        "Description": {
            "Before": "no value",
            "Theirs": theirs["description"],
            "chosen": "Theirs",
        },
        "Phone Number": {"Yours": mine["phoneNumber"], "Theirs": "no value", "chosen": "Yours"},
        "City": {"Yours": mine["city"], "Theirs": theirs["city"]},
    }
    # What both have chosen, and then a change of a customer that the other one has deleted.
    assert told["kept"] == before | mine | theirs | {"city": "Paris"}
    assert told["told"] == "This customer does not exist"
    # The deleted customer is not in the list any more.
    assert told["last"] == "Customers"
    assert told["others"] == [{"faults": []}] * 2
    assert told["faults"] == []


@needs_chromium
async def test_the_list_holds_its_place_until_it_is_loaded_and_moves_only_if_people_like_it(
    browser: Browser, url: str
) -> None:
    await create_many(url, MANY)

    told = await browser.play("loading", url)

    assert told["found"] == clean("loading")
    assert told["still"] == 0
    assert told["moving"] > 0
    assert told["before"] == told["after"]
    assert told["faults"] == []


@needs_chromium
async def test_the_address_of_a_list_shows_the_same_view_to_others(
    browser: Browser, url: str
) -> None:
    await create_many(url, MANY)
    newest = [node["name"] for node in await customers(url)]

    told = await browser.play(
        "views",
        url,
        given={
            "city": "Wien",
            "word": "cust",
            "more": "customer da",
            "rightToLeft": ARABIC[:4],
            "uncounted": {"errors": [{"message": "No.", "extensions": {"code": "UNAVAILABLE"}}]},
        },
    )

    assert told["found"] == clean("list", "filters", "filtered", "rightToLeft", "noMatch")
    assert told["count"] == [
        f"{first}\N{EN DASH}{last} of {len(newest)} customers"
        for first, last in ((1, 50), (51, 100), (101, len(newest)), (51, 100), (1, 50))
    ]
    pages = [newest[:PAGE], newest[PAGE : 2 * PAGE], newest[2 * PAGE :]]
    assert [told["first"], told["second"], told["third"]] == pages
    assert told["back"] == pages[1]
    assert told["previous"] == pages[0]
    assert told["byName"] == sorted(newest)[:PAGE]
    assert told["sorted"] == "ascending"
    assert told["reversed"] == {"focus": "createdBefore", "isAsked": False}
    assert told["withCity"] == told["filtered"] == WIEN
    assert "an id that no customer can have" in told["missing"]
    assert told["here"] == told["there"]
    assert told["here"] == {
        "rows": WIEN,
        "chips": ["City: Wien"],
        "order": "NAME_ASC",
        "count": "3 found",
    }
    assert told["elsewhere"] == {"faults": []}
    assert told["unfiltered"] == told["byName"]
    assert "cust" in told["aborted"]
    assert told["searched"] == ["Customer DA"]
    assert told["email"] == "DA@example.com"
    assert [told["id"]] == [node["id"] for node in await customers(url, search="customer da")]
    assert told["turned"] == [ARABIC]
    assert told["isRightToLeft"]
    assert told["cleared"] == told["byName"]
    assert told["row"] == told["afterwards"] == told["byName"][1]
    assert parse_qs(urlsplit(told["address"]).query).keys() == {"order", "customer"}
    assert told["tooWide"] == [False] * 3
    assert told["faults"] == []


@needs_chromium
async def test_what_a_person_types_outlives_the_death_of_the_server(
    browser: Browser, database_uri: str, tmp_path: Path
) -> None:
    given: dict[str, Any] = {
        # Not the new customer: the list may be loaded before that one is created.
        "name": "Ada",
        "first": {"email": "typed@example.com"},
        "then": {"name": "Grace Hopper"},
    }
    with contextlib.ExitStack() as servers:

        def start(port: int) -> Server:
            return servers.enter_context(
                serving(
                    *("--port", str(port)),
                    errors=tmp_path / "stderr",
                    stop=False,
                    GRAPHQL_API_MONGODB_URI=database_uri,
                    GRAPHQL_API_INTROSPECTION="true",
                )
            )

        server = start(0)
        await create(server.url, name="Ada Lovelace", email="ada@example.com")

        async def kill() -> None:
            server.kill()

        async def begin() -> None:
            await asyncio.to_thread(start, urlsplit(server.url).port or 0)

        told = await browser.play("away", server.url, given=given, kill=kill, start=begin)

    assert told["found"] == clean("form", "list")
    assert told["kept"] == given["first"] | given["then"]
    assert told["said"].startswith("The server does not answer. Trying again …")
    assert told["typed"] == "Ada"
    assert told["listed"] == ["Ada Lovelace"]
    assert any("net::ERR_" in fault for fault in told["faults"])


@needs_chromium
async def test_over_the_rate_limit_the_page_says_when_it_tries_again(
    browser: Browser, database_uri: str, tmp_path: Path
) -> None:
    with serving(
        errors=tmp_path / "stderr",
        GRAPHQL_API_MONGODB_URI=database_uri,
        GRAPHQL_API_INTROSPECTION="true",
        # The first customer, and then the list, the number of customers, the rules, the
        # subscription, and the list again, once the subscription has begun.
        GRAPHQL_API_RATE_LIMIT="6/hour",
    ) as server:
        await create(server.url, name="Ada Lovelace", email="ada@example.com")
        told = await browser.play("limited", server.url, given={"email": "one@example.com"})

    assert told["found"] == clean("list", "form")
    assert told["before"] == told["still"] == ["Ada Lovelace"]
    assert told["said"].startswith("Too many requests. Trying again in ")
    assert told["alert"].startswith("Too many requests.")
    assert "seconds" in told["alert"]
    assert told["kept"] == {"email": "one@example.com"}
    assert {"429" in fault for fault in told["faults"]} == {True}


@needs_chromium
async def test_a_token_decides_what_is_offered_and_its_end_loses_nothing(
    browser: Browser, database_uri: str, tmp_path: Path
) -> None:
    reader = await api_key(database_uri, Scope.CUSTOMERS_READ)
    writer = await api_key(database_uri, Scope.CUSTOMERS_WRITE)
    both, next_ = [await api_key(database_uri) for _ in range(2)]
    async with connected(database_uri) as client:
        await create_customer(client, name="Grace Hopper", email="grace@example.com")

    with serving(
        errors=tmp_path / "stderr",
        GRAPHQL_API_MONGODB_URI=database_uri,
        GRAPHQL_API_KEYS="true",
        GRAPHQL_API_DASHBOARD="true",
        GRAPHQL_API_TRUSTED_DOCUMENTS_ONLY="true",
    ) as server:

        async def revoke() -> None:
            """Revokes the token. Returns once the server, which remembers it, rejects it."""
            async with database_at(database_uri) as database:
                await MongoApiKeys(database).revoke(id_of(both), datetime.now(UTC))
            async with httpx.AsyncClient(
                base_url=server.url, headers=bearer(both), timeout=20
            ) as client:
                status = 0
                while status != 401:
                    status = (await client.get("/graphql?query={__typename}")).status_code
                    await asyncio.sleep(0.1)

        told = await browser.play(
            "tokens",
            server.url,
            given={
                "wrong": f"{both}x",
                "reader": reader,
                "writer": writer,
                "both": both,
                "next": next_,
                "name": "Grace Hopper",
            },
            revoke=revoke,
        )

    states = ["signIn", "wrong", "reader", "readOnly", "notAllowed", "revoked"]
    assert told["found"] == clean(*states)
    assert told["read"] == ["Grace Hopper"]
    assert not {"New customer", "Import"} & set(told["toReader"])
    assert "Export" in told["toReader"]
    assert not {"New customer", "Edit", "Delete …"} & set(told["toReaderOfOne"])
    assert "New customer" in told["toWriter"]
    # The token is in memory only, or where a person says so, until the tab is closed.
    assert not any(reader in text for text in told["memory"])
    assert [writer in text for text in told["kept"]] == [False, True]
    assert not any(writer in text for text in told["forgotten"])
    assert told["behind"] == told["city"] == "London"
    assert told["searched"] == ["Ada Lovelace"]
    assert {"401 (Unauthorized)" in fault for fault in told["faults"]} == {True}


@needs_chromium
@pytest.mark.usefixtures("url")
async def test_the_pictures_show_the_list_in_each_look(
    browser: Browser,
    open_server: tuple[Server, str],
    pictures: Path,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    server, uri = open_server
    with MongoClient[dict[str, Any]](uri) as mongo:
        stored = mongo.get_default_database()["customers"]
        for number, person in enumerate(PEOPLE):
            given = zip(("name", "email", "description", "city", "country"), person, strict=True)
            await create(server.url, **{name: text for name, text in given if text})
            # In pictures that are taken again, only changes of the page differ.
            time = datetime(2026, 11, 25, 16, 40, tzinfo=UTC) - number * timedelta(
                hours=7, minutes=9
            )
            stored.update_one({"email": person[1]}, {"$set": {"createdAt": time}})

    told = await browser.play("pictures", server.url, given={"folder": str(pictures)})

    assert told["names"] == [person[0] or "No name" for person in PEOPLE]
    assert told["faults"] == []
    # From a cold cache. It depends on the machine, so it is not asserted.
    record_testsuite_property("milliseconds_until_the_list_is_painted", told["milliseconds"])


@needs_node
def test_the_whole_page_is_smaller_than_150_kilobytes() -> None:
    files = [BUILD / "index.html", *(BUILD / "dashboard").glob("*.br")]

    assert len(files) > 3
    assert sum(file.stat().st_size for file in files) < 150_000
