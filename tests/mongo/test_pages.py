"""Pages and counts of customers: what they contain, and what MongoDB reads for them."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from random import Random
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from graphql_api.customers.create_customer import Created, create_customer
from graphql_api.customers.cursors import cursor_of
from graphql_api.customers.delete_customer import Deleted, delete_customer
from graphql_api.customers.fields import Customer
from graphql_api.customers.list_customers import Part, count_customers, list_customers, listing
from graphql_api.customers.listings import (
    NEWEST_FIRST,
    Count,
    Filter,
    Listing,
    Order,
    OrderField,
    Page,
    PageRequest,
    TimeRange,
    position_of,
)
from graphql_api.customers.store import StoredCustomer
from graphql_api.customers.update_customer import Updated, update_customer
from graphql_api.faults import Unavailable
from graphql_api.mongo import pages
from graphql_api.mongo.customer_documents import to_document
from graphql_api.mongo.customers import MongoCustomers

from ..support.databases import database_at
from ..support.listed_customers import (
    ALL,
    BY_CREATION,
    FEW,
    ORDERS,
    RARE,
    START,
    expected,
)
from ..support.replica_sets import Member, ReplicaSet
from ..support.searches import FOUND, NOT_FOUND, finds

Documents = Collection[dict[str, Any]]


class Lists:
    """A store, and the database behind it."""

    def __init__(self, store: MongoCustomers, documents: Documents) -> None:
        self.store = store
        self.documents = documents

    def insert(self, customers: Iterable[Customer]) -> None:
        self.documents.insert_many([to_document(StoredCustomer(each, None)) for each in customers])

    @contextlib.contextmanager
    def profiled(self) -> Iterator[list[dict[str, Any]]]:
        """What MongoDB notes of each command on customers, once the context is left."""
        database, commands = self.documents.database, list[dict[str, Any]]()
        database["system.profile"].drop()
        database.command("profile", 2)
        yield commands
        database.command("profile", 0)
        commands += database["system.profile"].find({"ns": self.documents.full_name})


@contextlib.asynccontextmanager
async def opened(uri: str) -> AsyncIterator[Lists]:
    with MongoClient[dict[str, Any]](uri, uuidRepresentation="standard") as client:
        async with database_at(uri) as database:
            await database.set_up()
            yield Lists(MongoCustomers(database), client.get_default_database()["customers"])


@pytest.fixture(scope="session")
async def lists(mongodb_uri: str) -> AsyncIterator[Lists]:
    """A store of `ALL`, which no test changes."""
    async with opened(mongodb_uri.replace("/?", "/test-lists?")) as lists:
        lists.insert(ALL)
        yield lists


@pytest.fixture
async def empty(database_uri: str) -> AsyncIterator[Lists]:
    """A store without customers."""
    async with opened(database_uri) as lists:
        yield lists


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_FEW", FEW)
    # On a busy machine, half a second may be too short for any page.
    monkeypatch.setattr(pages, "_WALK_SECONDS", 5.0)


async def pages_of(
    store: MongoCustomers, found: Listing, size: int, *, is_last: bool = False
) -> AsyncIterator[Page]:
    """The pages of a list one after another, or from the last one backwards."""
    cursor = None
    while True:
        part = Part(last=size, before=cursor) if is_last else Part(first=size, after=cursor)
        page = await list_customers(store, found, part)
        yield page
        if not (page.has_previous if is_last else page.has_next):
            return
        cursor = cursor_of(page.customers[0 if is_last else -1], found)


async def all_of(
    store: MongoCustomers, found: Listing, size: int, *, is_last: bool = False
) -> list[Customer]:
    read = [page.customers async for page in pages_of(store, found, size, is_last=is_last)]
    return list(chain.from_iterable(reversed(read) if is_last else read))


MIDDLE = TimeRange(START + timedelta(milliseconds=20), START + timedelta(milliseconds=40))

# Each of these finds some customers, but not all.
SELECTIONS: dict[str, tuple[str | None, Filter | None]] = {
    "one letter": ("a", None),
    "two letters": ("zo", None),
    "three letters": ("jos", None),
    "a common word": ("smith", None),
    "a rare word": ("customer", None),
    "an email address": ("rare.customer@rare.example", None),
    "two common words": ("jose alpha", None),
    "common and short words": ("jose alpha a", None),
    "words of three letters": ("jos alp", None),
    "a common and a rare word": ("exa customer", None),
    "one country": (None, Filter(country=("us",))),
    "a rare country": (None, Filter(country=("NAURU",))),
    "one state": (None, Filter(state=("ny",))),
    "one city": (None, Filter(city=("Wien",))),
    "two cities": (None, Filter(city=("wien", "NEW YORK"))),
    "a word and places": ("ann", Filter(country=("osterreich",), city=("Wien", "New York"))),
    "a short word and a place": ("b", Filter(state=("wien", "ny"))),
    "with a name": (None, Filter(has=("name",))),
    "without a name": (None, Filter(has_not=("name",))),
    "with some and without others": (
        None,
        Filter(has=("name", "email", "city"), has_not=("state", "country")),
    ),
    "created in a range": (None, Filter(created_at=MIDDLE)),
    "created from": (None, Filter(created_at=replace(MIDDLE, before=None))),
    "created before": (None, Filter(created_at=replace(MIDDLE, start=None))),
    "updated in a range": (None, Filter(updated_at=MIDDLE)),
    "updated from": (None, Filter(updated_at=replace(MIDDLE, before=None))),
    "updated before": (None, Filter(updated_at=replace(MIDDLE, start=None))),
    "everything": (
        "a exa",
        Filter(
            created_at=TimeRange(START),
            updated_at=MIDDLE,
            country=("us", "osterreich"),
            has=("description",),
            has_not=("zip_code",),
        ),
    ),
}
SELECTED = pytest.mark.parametrize(("search", "filter_"), SELECTIONS.values(), ids=SELECTIONS)


@SELECTED
async def test_pages_contain_every_customer_of_a_list_once_and_in_order(
    lists: Lists, search: str | None, filter_: Filter | None
) -> None:
    for order in ORDERS:
        found = listing(search, filter_, order)
        customers = expected(found, ALL)
        assert 0 < len(customers) < len(ALL)

        assert await all_of(lists.store, found, 60) == customers
        assert await all_of(lists.store, found, 60, is_last=True) == customers
    assert await count_customers(lists.store, found) == Count(len(customers), is_exact=True)
    assert await count_customers(lists.store, found, 1) == Count(1, is_exact=len(customers) == 1)


@pytest.mark.parametrize("order", ORDERS, ids=str)
async def test_pages_contain_every_customer_without_a_search_and_a_filter(
    lists: Lists, order: Order
) -> None:
    found, no_limits = listing(order=order), Filter(created_at=TimeRange())
    customers = expected(found, ALL)

    assert await all_of(lists.store, found, 7) == customers
    assert await all_of(lists.store, found, 7, is_last=True) == customers
    assert await all_of(lists.store, listing(" ", no_limits, order), 100) == customers
    assert await count_customers(lists.store, found, 200) == Count(200, is_exact=False)
    assert await count_customers(lists.store, found, 201) == Count(201, is_exact=True)


async def test_a_search_that_matches_no_customer_has_an_empty_page(lists: Lists) -> None:
    for search, filter_ in [
        ("nobody", None),
        ("jose nobody", None),
        (".*", None),
        ("^a", None),
        ("\1country=us", None),
        (None, Filter(city=("Wie",))),
        (None, Filter(has_not=("email",))),
        (None, Filter(created_at=TimeRange(START, START))),
    ]:
        for order in ORDERS:
            found = listing(search, filter_, order)
            page = await list_customers(lists.store, found, Part())
            assert page == Page([], has_next=False, has_previous=False)
        assert await count_customers(lists.store, found) == Count(0, is_exact=True)


@pytest.fixture(scope="session")
async def searched(mongodb_uri: str) -> AsyncIterator[tuple[Lists, list[Customer]]]:
    """A store of the customers of the table of searches, and these customers."""
    customers = [
        Customer(
            # Many of them have the same address.
            **{**vars(customer), "email": f"x{number}@y.zz"}
            if customer.email == "x@y.zz"
            else vars(customer),
            id=UUID(int=number, version=4),
            version=1,
            created_at=START,
            updated_at=START,
        )
        for number, customer in enumerate(dict.fromkeys(one for _, one in FOUND + NOT_FOUND))
    ]
    async with opened(mongodb_uri.replace("/?", "/test-searches?")) as lists:
        lists.insert(customers)
        yield lists, customers


@pytest.mark.parametrize("text", dict.fromkeys(text for text, _ in FOUND + NOT_FOUND))
async def test_mongodb_finds_what_has_the_words_of_a_search(
    text: str, searched: tuple[Lists, list[Customer]]
) -> None:
    lists, customers = searched
    with lists.profiled() as commands:
        for order in ORDERS:
            found = listing(text, None, order)
            page = await list_customers(lists.store, found, Part(first=100))

            assert set(page.customers) == {each for each in customers if finds(text, each)}

    # No text of a search becomes an operator.
    assert "'$regex':" not in str(commands)


# What MongoDB reads


@pytest.mark.parametrize("order", ORDERS, ids=str)
async def test_a_page_of_all_customers_reads_only_its_own(lists: Lists, order: Order) -> None:
    found = listing(order=order)
    middle = position_of(expected(found, ALL)[100], order)

    for request in [
        PageRequest(listing=found, size=10),
        PageRequest(listing=found, size=10, is_last=True),
        PageRequest(listing=found, size=10, after=middle),
        PageRequest(listing=found, size=10, before=middle, is_last=True),
    ]:
        with lists.profiled() as commands:
            await lists.store.page(request)

        for command in commands:
            assert command["planSummary"].startswith("IXSCAN")
            assert "hasSortStage" not in command
            assert command["keysExamined"] <= 12
            assert command["docsExamined"] <= 12


@SELECTED
async def test_no_page_and_no_count_reads_the_collection_or_sorts_many(
    lists: Lists, search: str | None, filter_: Filter | None
) -> None:
    for order in ORDERS:
        found = listing(search, filter_, order)
        middle = replace(position_of(RARE, order), id=UUID(int=0))
        with lists.profiled() as commands:
            await lists.store.page(PageRequest(listing=found, size=5))
            await lists.store.page(PageRequest(listing=found, size=5, after=middle))
            await lists.store.page(PageRequest(listing=found, size=5, before=middle, is_last=True))
            await lists.store.count(found, 100)

        assert commands
        for command in commands:
            assert "COLLSCAN" not in command["planSummary"]
            # The planner has no choice: it would remember its choice for other values.
            assert "fromMultiPlanner" not in command
            if "hasSortStage" in command:
                assert command["keysExamined"] <= FEW + 1
            # A probe reads keys of an index only.
            if "skip" in command["command"]:
                assert command["docsExamined"] == 0


async def test_a_word_that_many_customers_have_is_probed_once_a_minute(
    empty: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty.insert(ALL[:60])

    async def commands(*searches: str) -> list[int]:
        """The number of commands for the first page of each search."""
        numbers = []
        for search in searches:
            with empty.profiled() as commands:
                await empty.store.page(PageRequest(listing=listing(search), size=5))
            numbers.append(len(commands))
        return numbers

    assert await commands("a", "e", "a", "e", "rare", "rare") == [2, 2, 1, 1, 2, 2]
    monkeypatch.setattr(pages, "_MOST_REMEMBERED", 2)
    assert await commands("ex", "ex", "a") == [2, 1, 2]
    monkeypatch.setattr(pages, "_REMEMBERED_SECONDS", 0.0)
    assert await commands("c", "c") == [2, 2]


async def test_a_page_is_right_after_a_frequent_word_became_rare(empty: Lists) -> None:
    for order in ORDERS:
        empty.insert(ALL[:60])
        found = listing("exam", None, order)
        request = PageRequest(listing=found, size=5)
        await empty.store.page(request)
        empty.documents.delete_many({"_id": {"$nin": [each.id for each in ALL[:4]]}})

        page = await empty.store.page(request)

        assert page.customers == expected(found, ALL[:4])
        empty.documents.delete_many({})


IN_ORDER = ["three letters", "one country", "a rare country", "one state", "one city", "two cities"]


@pytest.mark.parametrize("order", BY_CREATION, ids=str)
@pytest.mark.parametrize("name", IN_ORDER)
async def test_beginnings_and_places_are_read_in_the_order_of_creation_at_once(
    lists: Lists, name: str, order: Order
) -> None:
    with lists.profiled() as commands:
        await lists.store.page(PageRequest(listing=listing(*SELECTIONS[name], order), size=5))

    [command] = commands
    assert "hasSortStage" not in command
    assert command["docsExamined"] <= 6


@pytest.mark.parametrize("order", BY_CREATION, ids=str)
async def test_of_two_common_words_the_rarer_is_read(empty: Lists, order: Order) -> None:
    # Every customer has the first word, and every second the other one.
    names = ["Alpha Beta", "Alpha"]
    customers = [
        replace(each, name=names[number % 2], description=None)
        for number, each in enumerate(ALL[:200])
    ]
    empty.insert(customers)

    for search in ("alpha beta", "alp bet", "beta alpha"):
        found = listing(search, None, order)
        with empty.profiled() as commands:
            page = await empty.store.page(PageRequest(listing=found, size=10))

        assert page.customers == expected(found, customers)[:10]
        assert "hasSortStage" not in commands[-1]
        assert commands[-1]["docsExamined"] == 11


async def test_times_of_updates_bound_times_of_creation(lists: Lists) -> None:
    first, last = START, START + timedelta(milliseconds=10)
    for order, filter_ in [
        (NEWEST_FIRST, Filter(updated_at=TimeRange(first, last))),
        (Order(OrderField.UPDATED_AT), Filter(created_at=TimeRange(MIDDLE.before))),
    ]:
        with lists.profiled() as commands:
            await lists.store.page(PageRequest(listing=listing(None, filter_, order), size=5))

        assert commands[-1]["docsExamined"] <= 15


# Beside other writes, and while MongoDB fails


async def test_positions_stay_where_their_customers_are_gone(empty: Lists) -> None:
    # In all orders except the one by email address, they are equal.
    customers = [replace(each, name=None, created_at=START, updated_at=START) for each in ALL[:4]]
    for order in ORDERS:
        empty.documents.delete_many({})
        empty.insert(customers)
        found = listing(order=order)
        first, second, third, fourth = expected(found, customers)
        between = Part(after=cursor_of(first, found), before=cursor_of(fourth, found))
        inner = [second, third]

        for sides in (True, False):
            for part in (between, replace(between, first=2), replace(between, last=2)):
                page = await list_customers(empty.store, found, part)
                assert page == Page(inner, has_next=sides, has_previous=sides)
            wrong = Part(after=between.before, before=between.after)
            page = await list_customers(empty.store, found, wrong)
            assert page == Page([], has_next=True, has_previous=True)
            empty.documents.delete_many({"_id": {"$in": [first.id, fourth.id]}})
        page = await list_customers(empty.store, found, replace(between, first=1))
        assert page == Page([second], has_next=True, has_previous=False)
        page = await list_customers(empty.store, found, replace(between, last=1))
        assert page == Page([third], has_next=False, has_previous=True)


async def test_customers_without_a_key_are_only_in_the_lists_of_other_orders(
    empty: Lists,
) -> None:
    empty.insert([RARE])
    names = {"nameSort": "", "emailSort": "", "search": "", "given": "", "version": ""}
    empty.documents.update_one({}, {"$unset": {**names, "schemaVersion": ""}})

    for order in ORDERS:
        page = await list_customers(empty.store, listing(order=order), Part())
        is_by_time = order.field in (OrderField.CREATED_AT, OrderField.UPDATED_AT)
        assert page.customers == ([RARE] if is_by_time else [])


async def test_a_page_is_read_again_after_the_index_was_dropped(empty: Lists) -> None:
    empty.insert([RARE])
    empty.documents.drop_index("createdAt")

    with pytest.raises(Unavailable):
        await list_customers(empty.store, listing(), Part())

    page = await list_customers(empty.store, listing(), Part())
    assert page.customers == [RARE]


async def test_a_list_that_takes_long_in_its_order_is_sorted(
    failing_set: ReplicaSet, member: Member
) -> None:
    order = Order(OrderField.NAME)
    async with opened(failing_set.database_uri()) as lists:
        lists.insert(ALL)
        found = listing("a", Filter(country=("us",)), order)
        request = PageRequest(
            listing=found, size=5, after=position_of(expected(found, ALL)[3], order)
        )

        # After this page, the two conditions need no probe.
        await lists.store.page(request)
        # MaxTimeMSExpired
        with member.failing("find", mode={"times": 1}, errorCode=50), lists.profiled() as commands:
            page = await lists.store.page(request)
        with (
            member.failing("find", mode={"times": 1}, errorCode=13),
            pytest.raises(OperationFailure),
        ):
            await lists.store.page(request)

    assert page.customers == expected(found, ALL)[4:9]
    assert [command["hasSortStage"] for command in commands if "find" in command["command"]] == [
        True,
        True,
    ]


@pytest.mark.parametrize("order", ORDERS, ids=str)
async def test_pages_lose_and_repeat_nothing_that_stays_while_others_change(
    order: Order, empty: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Half of the names are absent, and changes are made at the same times as those of the others.
    staying, others = ALL[:60], ALL[60:80]
    empty.insert([*staying, *others])
    moving = [str(each.id) for each in others]
    random = Random(5)  # noqa: S311  # no secrets
    for use_case in ("create_customer", "update_customer"):
        monkeypatch.setattr(
            f"graphql_api.customers.{use_case}.now",
            lambda: START + timedelta(milliseconds=random.randrange(25)),
        )

    numbers = itertools.count()

    def one_of_the_others() -> str:
        return moving.pop(random.randrange(len(moving)))

    async def change_others() -> None:
        """Creates a customer, changes another one, and deletes a third one."""
        number, name = next(numbers), random.choice([None, "Jose", "Zoë Smithson"])
        sent = {"email": f"bob.new{number}@example.com", "name": name}
        created = await create_customer(empty.store, sent, None)
        assert isinstance(created, Created)
        sent = {"email": f"ann.new{number}@example.com", "name": "Ann Smith"}
        moved = one_of_the_others()
        assert isinstance(await update_customer(empty.store, moved, sent, None), Updated)
        gone = one_of_the_others()
        assert isinstance(await delete_customer(empty.store, gone, None), Deleted)
        moving.extend((str(created.customer.id), moved))

    async def read_and_change(found: Listing, *, is_last: bool) -> list[Customer]:
        read: list[Customer] = []
        async for page in pages_of(empty.store, found, 7, is_last=is_last):
            read = [*page.customers, *read] if is_last else [*read, *page.customers]
            await change_others()
        return read

    # Each reads while the others change.
    lists = [listing(None, None, order), listing("exam", Filter(has=("email",)), order)] * 2
    reads = await asyncio.gather(
        *(read_and_change(found, is_last=n < 2) for n, found in enumerate(lists))
    )

    for found, read in zip(lists, reads, strict=True):
        assert [each for each in read if each in staying] == expected(found, staying)
    assert next(numbers) > 30


async def test_of_two_common_words_the_rarer_is_sorted(
    failing_set: ReplicaSet, member: Member
) -> None:
    # Every customer has the first word, and every second the other one.
    names = ["Alpha Beta", "Alpha"]
    customers = [
        replace(each, name=names[number % 2], description=None)
        for number, each in enumerate(ALL[:200])
    ]
    found = listing("alpha beta", None, Order(OrderField.NAME))
    async with opened(failing_set.database_uri()) as lists:
        lists.insert(customers)
        request = PageRequest(listing=found, size=5)

        # After this page, the two words need no probe.
        await lists.store.page(request)
        # MaxTimeMSExpired
        with member.failing("find", mode={"times": 1}, errorCode=50), lists.profiled() as commands:
            page = await lists.store.page(request)

    assert page.customers == expected(found, customers)[:5]
    assert commands[-1]["hasSortStage"]
    assert commands[-1]["docsExamined"] == 100


# Against a plain model

# A name, a description, the times of creation and of the update after it, and the id.
Values = tuple[str | None, str | None, int, int, UUID]
NEW = st.tuples(
    st.none() | st.sampled_from(["Ann", "ann", "Änn", "Bob Ann"]),
    st.none() | st.sampled_from(["annex", "bobsled run"]),
    st.integers(0, 2),
    st.integers(0, 1),
    st.uuids(version=4),
)
TIMES = st.none() | st.builds(
    lambda start, length: TimeRange(
        START + timedelta(milliseconds=start), START + timedelta(milliseconds=start + length)
    ),
    st.integers(0, 2),
    st.integers(0, 2),
)
FIELDS = st.none() | st.sampled_from([("name",), ("description",), ("name", "description")])
LISTINGS = st.builds(
    listing,
    st.none() | st.sampled_from(["a", "an", "ann", "anne", "bob ann", "bobs a", "example.com"]),
    st.none()
    | st.builds(Filter, created_at=TIMES, updated_at=TIMES, has=FIELDS, has_not=st.none() | FIELDS),
    st.sampled_from(ORDERS),
)


class Writing(RuleBasedStateMachine):
    """Lists are read page by page, while customers are added."""

    runner: ClassVar[asyncio.Runner]
    lists: ClassVar[Lists]

    def __init__(self) -> None:
        super().__init__()
        self.lists.documents.delete_many({})
        self.customers: list[Customer] = []

    @rule(values=st.lists(NEW, min_size=1, max_size=8))
    def add(self, values: list[Values]) -> None:
        added = [
            Customer(
                name=name,
                description=description,
                email=f"c{len(self.customers) + number}@example.com",
                id=id_,
                version=1,
                created_at=START + timedelta(milliseconds=created),
                updated_at=START + timedelta(milliseconds=created + updated),
            )
            for number, (name, description, created, updated, id_) in enumerate(values)
        ]
        self.lists.insert(added)
        self.customers += added

    @rule(
        found=LISTINGS,
        size=st.integers(1, 4),
        is_last=st.booleans(),
        values=st.lists(NEW, max_size=3),
    )
    def read(self, *, found: Listing, size: int, is_last: bool, values: list[Values]) -> None:
        before, waiting = list(self.customers), list(values)

        async def read_and_add() -> list[Customer]:
            read: list[Customer] = []
            async for page in pages_of(self.lists.store, found, size, is_last=is_last):
                read = [*page.customers, *read] if is_last else [*read, *page.customers]
                if waiting:
                    self.add([waiting.pop()])
            return read

        read = self.runner.run(read_and_add())

        assert [each for each in read if each in before] == expected(found, before)
        listed = expected(found, self.customers)
        assert [each for each in listed if each in read] == read
        count = self.runner.run(count_customers(self.lists.store, found))
        assert count == Count(len(listed), is_exact=True)


def test_pages_lose_and_repeat_nothing_while_customers_are_added(
    database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "_FEW", 3)

    with asyncio.Runner() as runner:
        opening = opened(database_uri)
        Writing.runner, Writing.lists = runner, runner.run(opening.__aenter__())
        run_state_machine_as_test(
            Writing, settings=settings(max_examples=20, stateful_step_count=12, deadline=None)
        )
        runner.run(opening.__aexit__(None, None, None))
