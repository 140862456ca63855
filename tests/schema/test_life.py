"""The life of customers as whole requests, beside a model of it in plain Python."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from pymongo.collection import Collection

from graphql_api.mongo import pages

from ..support.clients import (
    CREATE_CUSTOMER,
    CREATE_CUSTOMERS,
    CUSTOMER,
    DELETE_CUSTOMER,
    LIST_CUSTOMERS,
    UPDATE_CUSTOMER,
    connected,
    execute,
)
from ..support.plain_customers import (
    ADDRESSES,
    INVALID,
    NULL,
    SEARCHES,
    VALID,
    Input,
    Json,
    Place,
    PlainCustomers,
    PlainList,
    Sent,
    text_of,
    time_of,
    values_of,
)
from ..support.tracers import unmeasured

COUNT = """
query ($search: String, $filter: CustomerFilter, $limit: Int!) {
  customers(search: $search, filter: $filter) { totalCount(limit: $limit) { count precision } }
}
"""
BY_EMAIL = CUSTOMER.replace("$id: ID!", "$email: String!").replace(
    "customer(id: $id)", "customerByEmail(email: $email)"
)
VALIDATE_CUSTOMER = """
query ($input: CreateCustomerInput!, $id: ID) {
  validateCustomer(input: $input, id: $id) { __typename }
}
"""
ORDERS = ("CREATED_AT", "UPDATED_AT", "NAME", "EMAIL")
DIRECTIONS = ("ASC", "DESC")
NOBODY = "00000000-0000-4000-8000-000000000000"


def values(field: str) -> st.SearchStrategy[Sent]:
    """A value, which is seldom invalid: a customer has many of them."""
    return st.integers(0, 15).flatmap(
        lambda number: st.sampled_from(INVALID[field] if number == 7 else VALID[field])
    )


OPTIONAL: dict[Any, st.SearchStrategy[Sent]] = {
    name: st.just(NULL) | values(name) for name in VALID if name != "email"
}
INPUTS: st.SearchStrategy[Input] = st.fixed_dictionaries(
    {"email": values("email")}, optional=OPTIONAL
)
CHANGES: st.SearchStrategy[Input] = st.fixed_dictionaries(
    {}, optional={**OPTIONAL, "email": st.just(NULL) | values("email")}
)
KEYS = st.sampled_from([None, "1", "2", "3"])
# How much older than the customer's version the one of a request is.
AGES = st.none() | st.integers(0, 2)
POLICIES = st.sampled_from(["CREATE_VALID", "CREATE_NONE"])
MILLISECONDS = st.integers(0, 4)
# Which one of all that were created or sent before.
NUMBERS = st.integers(0, 20)

TIMES = st.fixed_dictionaries(
    {},
    optional={
        "from": st.sampled_from([text_of(time_of(n)) for n in (0, 1)]),
        "before": st.sampled_from([text_of(time_of(n)) for n in (1, 3)]),
    },
)
SOME_FIELDS = st.lists(
    st.sampled_from(["NAME", "DESCRIPTION", "CITY", "ZIP_CODE"]), min_size=1, max_size=2
)
FILTERS: st.SearchStrategy[Json] = st.just({}) | st.fixed_dictionaries(
    {},
    optional={
        "createdAt": TIMES,
        "updatedAt": TIMES,
        "country": st.lists(st.sampled_from(["Us", "osterreich"]), min_size=1),
        "city": st.lists(st.sampled_from([" wien", "new  york", "Graz"]), min_size=1, max_size=2),
        "state": st.lists(st.sampled_from(["ny", "Wien"]), min_size=1, max_size=2),
        "has": SOME_FIELDS,
        "hasNot": SOME_FIELDS,
    },
)
LISTS = st.builds(
    PlainList,
    st.none() | st.sampled_from([*SEARCHES]),
    FILTERS,
    st.sampled_from(ORDERS),
    st.sampled_from(DIRECTIONS),
)


@dataclass
class World:
    """A client of an application, the customers that it stores, and those of the model."""

    runner: asyncio.Runner
    client: httpx.AsyncClient
    documents: Collection[dict[str, Any]]
    model: PlainCustomers = field(default_factory=PlainCustomers)


class Life(RuleBasedStateMachine):
    """Each rule sends a request, and compares its answer with that of the model."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.world.documents.delete_many({})
        self.model = self.world.model = PlainCustomers()
        # Of all customers that were created, and of one that was not.
        self.ids: list[str] = [NOBODY]
        # What created them, or could not.
        self.creations: list[Callable[[], None]] = []
        # Cursors, with the places of their customers at that time.
        self.cursors: list[tuple[PlainList, str, Place]] = []

    def ask(self, document: str, **variables: Any) -> Any:
        """The result of the only operation in the document."""
        answer = self.world.runner.run(execute(self.world.client, document, variables))
        assert "errors" not in answer, answer
        [result] = answer["data"].values()
        return result

    def id_at(self, number: int) -> str:
        ids = [*self.model.stored, *self.ids]
        return ids[number % len(ids)]

    def version_at(self, number: int, age: int | None) -> int | None:
        version: int = self.model.stored.get(self.id_at(number), {"version": 1})["version"]
        return None if age is None else version - age

    @initialize(
        inputs=st.lists(
            INPUTS,
            min_size=8,
            max_size=12,
            unique_by=lambda sent: str(sent["email"].value).casefold(),
        )
    )
    def begin(self, inputs: list[Input]) -> None:
        self.create_many(inputs, "CREATE_VALID", None)

    @rule(milliseconds=MILLISECONDS)
    def set_the_clock(self, milliseconds: int) -> None:
        self.model.time = time_of(milliseconds)

    @rule(sent=INPUTS, key=KEYS)
    def create(self, sent: Input, key: str | None) -> None:
        result = self.ask(CREATE_CUSTOMER, input=values_of(sent), idempotencyKey=key)

        id_ = result.get("customer", {}).get("id", NOBODY)
        assert compared(result) == compared(self.model.create(sent, key, id_))
        self.ids = [*dict.fromkeys([*self.ids, id_])]
        self.creations.append(partial(self.create, sent, key))

    @rule(inputs=st.lists(INPUTS, max_size=5), policy=POLICIES, key=KEYS)
    def create_many(self, inputs: list[Input], policy: str, key: str | None) -> None:
        sent = [values_of(one) for one in inputs]
        answer = self.ask(CREATE_CUSTOMERS, inputs=sent, onError=policy, idempotencyKey=key)

        results = answer["results"]
        ids = [one.get("customer", {}).get("id", NOBODY) for one in results]
        expected = self.model.create_many(inputs, policy, key, ids)
        assert [compared(one) for one in results] == [compared(one) for one in expected]
        replayed = [one["replayed"] for one in expected if "replayed" in one]
        assert answer["createdCount"] == replayed.count(False)
        assert answer["replayedCount"] == replayed.count(True)
        assert answer["failedCount"] == len(inputs) - len(replayed)
        self.ids = [*dict.fromkeys([*self.ids, *ids])]
        self.creations.append(partial(self.create_many, inputs, policy, key))

    @rule(number=NUMBERS)
    def create_again(self, number: int) -> None:
        self.creations[-1 - number % len(self.creations)]()

    @rule(number=NUMBERS, sent=CHANGES, age=AGES, is_repeated=st.booleans())
    def update(self, *, number: int, sent: Input, age: int | None, is_repeated: bool) -> None:
        id_, input_, version = self.id_at(number), values_of(sent), self.version_at(number, age)
        for _ in range(1 + is_repeated):
            result = self.ask(UPDATE_CUSTOMER, id=id_, input=input_, ifVersion=version)

            assert compared(result) == compared(self.model.update(id_, sent, version))

    @rule(number=NUMBERS, age=AGES)
    def delete(self, number: int, age: int | None) -> None:
        id_, version = self.id_at(number), self.version_at(number, age)
        result = self.ask(DELETE_CUSTOMER, id=id_, ifVersion=version)

        assert compared(result) == compared(self.model.delete(id_, version))

    @rule(sent=INPUTS, number=st.none() | NUMBERS)
    def validate(self, sent: Input, number: int | None) -> None:
        id_ = None if number is None else self.id_at(number)
        errors = self.ask(VALIDATE_CUSTOMER, input=values_of(sent), id=id_)

        assert [error["__typename"] for error in errors] == self.model.validate(sent, id_)

    @rule(number=NUMBERS, email=st.sampled_from(ADDRESSES))
    def read(self, number: int, email: str) -> None:
        id_ = self.id_at(number)

        assert self.ask(CUSTOMER, id=id_) == without_version(self.model.stored.get(id_))
        found = self.ask(BY_EMAIL, email=email.upper())
        assert found == without_version(self.model.by_email(email))

    @rule(wanted=LISTS, size=st.integers(1, 4), is_last=st.booleans())
    def read_all_pages(self, *, wanted: PlainList, size: int, is_last: bool) -> None:
        read: list[Json] = []
        number, cursor, ahead, end = (
            ("last", "before", "hasPreviousPage", "startCursor")
            if is_last
            else ("first", "after", "hasNextPage", "endCursor")
        )
        part: Json = {number: size}
        has_more = True
        while has_more:
            page = self.ask(LIST_CUSTOMERS, **wanted.arguments(), **part)
            read = page["nodes"] + read if is_last else read + page["nodes"]
            self.cursors += [
                (wanted, edge["cursor"], wanted.place(node))
                for edge, node in zip(page["edges"], page["nodes"], strict=True)
            ]
            has_more, part[cursor] = page["pageInfo"][ahead], page["pageInfo"][end]

        expected = self.model.listed(wanted)
        assert read == expected
        assert page["totalCount"] == {"count": len(expected), "precision": "EXACT"}

    @rule(
        number=NUMBERS,
        other=st.none() | NUMBERS,
        size=st.integers(1, 4),
        is_last=st.booleans(),
        is_after=st.booleans(),
    )
    def read_at_an_old_cursor(
        self, *, number: int, other: int | None, size: int, is_last: bool, is_after: bool
    ) -> None:
        """The customers of the cursors may be changed or deleted meanwhile."""
        if not self.cursors:
            return
        wanted, *cursor_and_place = self.cursors[-1 - number % len(self.cursors)]
        one: Any = cursor_and_place
        others = [cursor[1:] for cursor in self.cursors if cursor[0] == wanted]
        two: Any = (None, None) if other is None else others[other % len(others)]
        (after, low), (before, high) = (one, two) if is_after else (two, one)
        page = self.ask(
            LIST_CUSTOMERS,
            **wanted.arguments(),
            **{"last" if is_last else "first": size, "after": after, "before": before},
        )

        places = {c["id"]: wanted.place(c) for c in self.model.listed(wanted)}
        left = [i for i, place in places.items() if low and not wanted.is_before(low, place)]
        right = [i for i, place in places.items() if high and not wanted.is_before(place, high)]
        between = [id_ for id_ in places if id_ not in left and id_ not in right]
        listed = between[-size:] if is_last else between[:size]
        assert [node["id"] for node in page["nodes"]] == listed
        more = len(between) > size
        assert page["pageInfo"]["hasPreviousPage"] == (bool(left) or (is_last and more))
        assert page["pageInfo"]["hasNextPage"] == (bool(right) or (more and not is_last))

    @rule(wanted=LISTS, limit=st.integers(1, 6))
    def count(self, wanted: PlainList, limit: int) -> None:
        count = self.ask(COUNT, search=wanted.search, filter=wanted.filter, limit=limit)

        found = len(self.model.listed(wanted))
        precision = "EXACT" if found <= limit else "AT_LEAST"
        assert count["totalCount"] == {"count": min(found, limit), "precision": precision}

    def teardown(self) -> None:
        everything = PlainList(None, {}, "CREATED_AT", "DESC")
        nodes = self.ask(LIST_CUSTOMERS, **everything.arguments(), first=100)["nodes"]
        assert nodes == self.model.listed(everything)


def compared(result: Json) -> Json:
    """A result with the kinds of its errors, without its message and versions of new customers."""
    changes: Json = {}
    if "errors" in result:
        changes["errors"] = [
            error if isinstance(error, str) else error["__typename"] for error in result["errors"]
        ]
    if result["__typename"] == "CreateCustomerSuccess":
        changes["customer"] = without_version(result["customer"])
    return {name: value for name, value in result.items() if name != "message"} | changes


def without_version(customer: Json | None) -> Json | None:
    return customer and {name: value for name, value in customer.items() if name != "version"}


@pytest.fixture
def opened(
    database_uri: str, documents: Collection[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Gives each `Life` a client of a new application, whose clock is that of the model."""
    # More customers than this are many, so that lists are read in each way.
    monkeypatch.setattr(pages, "_FEW", 2)
    for use_case in ("create_customer", "update_customer"):
        monkeypatch.setattr(f"graphql_api.customers.{use_case}.now", lambda: Life.world.model.time)
    with asyncio.Runner() as runner:
        connecting = connected(database_uri)
        Life.world = World(runner, runner.run(connecting.__aenter__()), documents)
        yield
        runner.run(connecting.__aexit__(None, None, None))


@pytest.mark.usefixtures("opened")
def test_one_life_of_customers_is_that_of_the_model() -> None:
    ann, zoe = sent(email="ann@a.example", name="Ann", zipCode=10469), sent(email="zoë5@a.example")
    life = Life()
    life.begin([ann, sent(email="bob@a.example", city="Wien"), sent(email="bob@bob.example")])
    life.read_at_an_old_cursor(number=0, other=None, size=1, is_last=False, is_after=True)

    life.set_the_clock(3)
    for input_, key in (
        (sent(email="ann@", name="X"), None),
        (sent(email="Ann@a.example"), None),
        (zoe, "1"),
        (zoe, "1"),
        (ann, "1"),
    ):
        life.create(input_, key)
    two = [sent(email="ann+x@a.example", name=None), sent(email="Ann+x@a.example")]
    for policy in ("CREATE_NONE", "CREATE_VALID"):
        life.create_many(two, policy, "2")
        life.create_again(0)
    for changes, age in (
        ({"name": "Zoë Straßer", "city": None}, 0),
        ({"name": "Ann"}, 1),
        ({"name": "Zoë Straßer"}, None),
        ({"email": None}, None),
        ({"email": "bob@a.example"}, None),
    ):
        life.update(number=0, sent=sent(**changes), age=age, is_repeated=True)
    # The time of the last change does not go back.
    life.set_the_clock(1)
    life.update(number=0, sent=sent(name="Änn"), age=0, is_repeated=False)
    for input_, number in ((zoe, None), (zoe, 3), (sent(email="ann@"), 3), (two[0], None)):
        life.validate(input_, number)
    life.read(0, "ann@a.example")

    time = text_of(time_of(1))
    for search, filter_ in (
        ("an", {}),
        (None, {"createdAt": {"from": time}, "updatedAt": {"before": time}}),
        (None, {"city": [" wien"], "has": ["CITY"], "hasNot": ["NAME"]}),
    ):
        for field_, direction in itertools.product(ORDERS, DIRECTIONS):
            for is_last in (False, True):
                wanted = PlainList(search, filter_, field_, direction)
                life.read_all_pages(wanted=wanted, size=1, is_last=is_last)
            life.count(wanted, 1)
    life.delete(0, 1)
    life.delete(0, 0)
    for number, other in itertools.product(range(0, 20, 3), (None, 0, 1)):
        for is_last, is_after in ((False, True), (True, False)):
            life.read_at_an_old_cursor(
                number=number, other=other, size=1, is_last=is_last, is_after=is_after
            )
    # The customer that was deleted is known by its id only.
    life.delete(-5, None)
    life.update(number=-5, sent=ann, age=0, is_repeated=False)
    life.create(ann, "1")
    life.teardown()


def sent(**values: Any) -> Input:
    """An input of known values."""
    return {
        name: next(
            one for one in (NULL, *VALID[name], *INVALID.get(name, ())) if one.value == value
        )
        for name, value in values.items()
    }


@pytest.mark.usefixtures("opened")
def test_every_life_of_customers_is_that_of_the_model() -> None:
    bounds = settings(max_examples=16, stateful_step_count=50, deadline=None)

    unmeasured(run_state_machine_as_test)(Life, settings=bounds)
