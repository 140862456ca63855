"""Customers that are changed and removed, alone and many at once, by the use cases."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pymongo.collection import Collection

from graphql_api.customers.create_customer import Conflict, Created, create_customer
from graphql_api.customers.delete_customer import Deleted, delete_customer
from graphql_api.customers.fields import FIELDS, Customer, ZipCode
from graphql_api.customers.problems import EMAIL_IS_TAKEN, Missing, Rejected, Taken, TooShort
from graphql_api.customers.store import CustomerRemoved
from graphql_api.customers.update_customer import Updated, update_customer
from graphql_api.customers.versions import Changed, NotFound
from graphql_api.mongo.customers import MongoCustomers

from ..support.mongo_customers import new_customer
from ..support.old_customers import old_document

Documents = Collection[dict[str, Any]]


async def created(
    customers: MongoCustomers,
    key: str | None = None,
    email: str = "john@example.com",
    **values: Any,
) -> Customer:
    outcome = await create_customer(customers, {"email": email, **values}, key)
    assert isinstance(outcome, Created)
    return outcome.customer


async def update(
    customers: MongoCustomers, customer: Customer, if_version: int | None = None, **values: Any
) -> Updated | Rejected | NotFound | Changed:
    return await update_customer(customers, str(customer.id), values, if_version)


async def delete(
    customers: MongoCustomers, customer: Customer, if_version: int | None = None
) -> Deleted | NotFound | Changed:
    return await delete_customer(customers, str(customer.id), if_version)


def names(changed: Changed) -> list[str]:
    return [field.name for field in changed.fields]


async def test_a_change_stores_what_was_sent_and_leaves_the_rest(
    customers: MongoCustomers, documents: Documents
) -> None:
    old = await created(customers, "key", name="John Smith", city="Boston")
    documents.update_one({}, {"$set": {"note of another program": 1}})

    outcome = await update(customers, old, name=" Jane  Smith ", city=None, zip_code="10469")

    assert isinstance(outcome, Updated)
    assert outcome.changed
    assert outcome.customer == replace(
        old,
        name="Jane Smith",
        city=None,
        zip_code=ZipCode("10469"),
        version=2,
        updated_at=outcome.customer.updated_at,
    )
    assert await customers.get(str(old.id)) == outcome.customer
    [document] = documents.find({})
    assert "city" not in document
    assert document["changed"] == {"name": 2, "city": 2, "zipCode": 2}
    assert document["note of another program"] == 1
    # The same key still means the same customer.
    again = await create_customer(
        customers, {"email": "john@example.com", "name": "John Smith", "city": "Boston"}, "key"
    )
    assert again == Created(outcome.customer, replayed=True)


async def test_a_request_that_changes_nothing_leaves_the_version_and_the_time(
    customers: MongoCustomers, documents: Documents
) -> None:
    old = await created(customers, name="John Smith")
    before = documents.find_one({})

    for values in ({}, {"name": " John Smith\n"}, {"city": None, "email": old.email}):
        assert await update(customers, old, **values) == Updated(old, changed=False)
    assert await update(customers, old, 1, name="John Smith") == Updated(old, changed=False)

    assert documents.find_one({}) == before


async def test_every_field_can_be_changed_and_every_optional_field_removed(
    customers: MongoCustomers, documents: Documents
) -> None:
    old = await created(customers)
    examples: dict[str, Any] = {field.name: field.rule.example for field in FIELDS}

    outcomes = [
        await update(customers, old, **examples),
        await update(customers, old, **{f.name: None for f in FIELDS if not f.required}),
    ]

    filled, emptied = [o.customer for o in outcomes if isinstance(o, Updated)]
    assert {name: getattr(filled, name) for name in examples} == examples
    assert [f.name for f in FIELDS if getattr(emptied, f.name) is not None] == ["email"]
    [document] = documents.find({})
    assert set(document) & {f.public_name for f in FIELDS} == {"email"}


async def test_an_invalid_change_is_rejected_for_what_was_sent_only(
    customers: MongoCustomers, documents: Documents
) -> None:
    old = await created(customers)
    documents.update_one({}, {"$set": {"name": "J0"}}, bypass_document_validation=True)

    outcome = await update(customers, old, email=None, city="X", country="US")

    assert isinstance(outcome, Rejected)
    problems = [(type(problem), problem.field.name) for problem in outcome.problems]
    assert problems == [(Missing, "email"), (TooShort, "city")]
    stored = await customers.get(str(old.id))
    assert stored == replace(old, name="J0")


async def test_a_taken_email_is_rejected_and_the_own_one_is_not(customers: MongoCustomers) -> None:
    old = await created(customers)
    await created(customers, email="Jane@example.com")

    taken = await update(customers, old, email="JANE@example.com", name="John Smith")
    own = await update(customers, old, email="JOHN@example.com")

    assert isinstance(taken, Rejected)
    assert [type(problem) for problem in taken.problems] == [Taken]
    assert isinstance(own, Updated)
    assert own.customer.email == "JOHN@example.com"
    assert (own.customer.name, own.customer.version) == (None, 2)


async def test_an_email_that_is_changed_can_be_used_again(customers: MongoCustomers) -> None:
    old = await created(customers)

    await update(customers, old, email="new@example.com")

    await created(customers, email="john@example.com")
    taken = await create_customer(customers, {"email": "NEW@example.com"}, None)
    assert isinstance(taken, Rejected)


async def test_the_time_of_the_last_change_never_goes_back(
    customers: MongoCustomers, documents: Documents
) -> None:
    old = await created(customers)
    future = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    documents.update_one({}, {"$set": {"updatedAt": future}})

    outcome = await update(customers, old, name="John Smith")

    assert isinstance(outcome, Updated)
    assert outcome.customer.updated_at == future


async def test_another_version_than_the_expected_is_a_conflict(customers: MongoCustomers) -> None:
    old = await created(customers, name="John Smith")
    second = await update(customers, old, name="Jane Smith")
    third = await update(customers, old, 2, city="Boston", country="US")

    assert isinstance(second, Updated)
    assert isinstance(third, Updated)
    outcomes = [
        await update(customers, old, 1, name="Jim Smith"),
        await update(customers, old, 2, name="Jim Smith"),
        await update(customers, old, 9, name="Jim Smith"),
        await update(customers, old, -1, name="Jim Smith"),
        await delete(customers, old, 2),
    ]
    conflicts = [outcome for outcome in outcomes if isinstance(outcome, Changed)]
    assert [conflict.current for conflict in conflicts] == [third.customer] * 5
    assert [names(conflict) for conflict in conflicts] == [
        ["name", "country", "city"],
        ["country", "city"],
        [],
        ["name", "country", "city"],
        ["country", "city"],
    ]


async def test_a_request_that_is_repeated_after_a_lost_answer_finds_its_own_change(
    customers: MongoCustomers,
) -> None:
    old = await created(customers)
    first = await update(customers, old, 1, name="John Smith", email="new@example.com")
    other = await update(customers, old, city="Boston")

    again = await update(customers, old, 1, name="John Smith", email="new@example.com")
    # It changes nothing, but it was not made before: the name has not changed since.
    stale = await update(customers, old, 2, name="John Smith")

    assert isinstance(first, Updated)
    assert isinstance(other, Updated)
    assert again == Updated(other.customer, changed=False)
    assert isinstance(stale, Changed)


async def test_of_50_changes_at_once_of_one_version_one_succeeds(
    customers: MongoCustomers, documents: Documents
) -> None:
    old = await created(customers, name="John Smith")

    outcomes = await asyncio.gather(
        *(update(customers, old, 1, description=f"change {n}") for n in range(50))
    )

    [winner] = [outcome for outcome in outcomes if isinstance(outcome, Updated)]
    conflicts = [outcome for outcome in outcomes if isinstance(outcome, Changed)]
    assert winner.changed
    assert len(conflicts) == 49
    assert {conflict.current for conflict in conflicts} == {winner.customer}
    assert {tuple(names(conflict)) for conflict in conflicts} == {("description",)}
    [document] = documents.find({})
    assert (document["version"], document["description"]) == (2, winner.customer.description)


async def test_of_50_changes_at_once_without_a_version_each_is_made(
    customers: MongoCustomers,
) -> None:
    old = await created(customers)

    outcomes = await asyncio.gather(
        *(update(customers, old, description=f"change {n}") for n in range(50))
    )

    versions = {o.customer.version: o.customer for o in outcomes if isinstance(o, Updated)}
    assert sorted(versions) == list(range(2, 52))
    assert await customers.get(str(old.id)) == versions[51]


async def test_changes_at_once_of_different_fields_are_all_kept(customers: MongoCustomers) -> None:
    old = await created(customers)
    examples: dict[str, Any] = {field.name: field.rule.example for field in FIELDS}

    await asyncio.gather(*(update(customers, old, **{n: v}) for n, v in examples.items()))

    stored = await customers.get(str(old.id))
    assert {name: getattr(stored, name) for name in examples} == examples


@pytest.mark.parametrize("turn", range(8))
async def test_an_email_that_is_changed_to_and_created_at_once_belongs_to_one_customer(
    turn: int, customers: MongoCustomers, documents: Documents
) -> None:
    olds = [await created(customers, email=f"c{n}@example.com") for n in range(3)]
    changing = [update(customers, old, email="One@example.com") for old in olds]
    creating = [create_customer(customers, {"email": "one@EXAMPLE.com"}, None) for _ in range(3)]

    both = [*changing, *creating] if turn % 2 else [*creating, *changing]
    outcomes = await asyncio.gather(*both)

    assert [isinstance(o, Updated | Created) for o in outcomes].count(True) == 1
    assert [isinstance(o, Rejected) for o in outcomes].count(True) == 5
    assert documents.count_documents({"emailCaseFolded": "one@example.com"}) == 1


async def test_a_removed_customer_is_gone_and_its_email_can_be_used_at_once(
    customers: MongoCustomers,
) -> None:
    old = await created(customers)
    id_ = str(old.id)

    assert await delete(customers, old, 1) == Deleted(old.id)

    assert (await customers.get(id_), await customers.find(id_)) == (None, None)
    assert await delete(customers, old) == NotFound()
    assert await update(customers, old, name="John Smith") == NotFound()
    assert (await created(customers)).id != old.id


@pytest.mark.parametrize(
    "id_",
    [str(uuid4()), "", "5", str(uuid4()).upper()],
    ids=["unknown", "empty", "not a UUID", "upper case"],
)
async def test_an_unknown_id_is_not_found(id_: str, customers: MongoCustomers) -> None:
    assert await update_customer(customers, id_, {"name": "John Smith"}, None) == NotFound()
    assert await delete_customer(customers, id_, 1) == NotFound()


async def test_of_20_removals_at_once_one_succeeds(customers: MongoCustomers) -> None:
    old = await created(customers)

    outcomes = await asyncio.gather(*(delete(customers, old) for _ in range(20)))

    assert outcomes.count(Deleted(old.id)) == 1
    assert outcomes.count(NotFound()) == 19


async def test_changes_and_a_removal_at_once_leave_no_customer(
    customers: MongoCustomers, documents: Documents
) -> None:
    old = await created(customers)
    changes = [update(customers, old, description=f"change {n}") for n in range(20)]

    *outcomes, deleted = await asyncio.gather(*changes, delete(customers, old))

    assert deleted == Deleted(old.id)
    made = [outcome for outcome in outcomes if isinstance(outcome, Updated)]
    assert outcomes.count(NotFound()) == 20 - len(made)
    [document] = documents.find({})
    assert document["version"] == len(made) + 2
    assert await customers.get(str(old.id)) is None


async def test_the_idempotency_key_of_a_removed_customer_stays_used(
    customers: MongoCustomers,
) -> None:
    old = await created(customers, "key")
    await delete(customers, old)

    late = await create_customer(customers, {"email": "john@example.com"}, "key")
    other = await create_customer(customers, {"email": "other@example.com"}, "key")
    invalid = await create_customer(customers, {"email": "no address"}, "key")

    assert [late, other, invalid] == [Conflict()] * 3
    await created(customers, "another key")
    # The email address is taken now, and the key decides.
    later = await create_customer(customers, {"email": "john@example.com"}, "key")
    assert later == Conflict()


@pytest.mark.parametrize("key", [None, "key"])
async def test_the_remains_of_a_removed_customer_show_nothing_of_it_and_expire(
    key: str | None, customers: MongoCustomers, documents: Documents
) -> None:
    values = {field.name: field.rule.example for field in FIELDS}
    old = await created(customers, key, **values)
    await update(customers, old, name="Jane Smith")
    before = datetime.now(UTC)

    await delete(customers, old)

    [left] = documents.find({})
    expires_at = left.pop("expiresAt").replace(tzinfo=UTC)
    assert timedelta(hours=24) - timedelta(seconds=1) < expires_at - before < timedelta(hours=25)
    assert left.pop("lastChange")
    assert left == {
        "_id": old.id,
        "emailCaseFolded": f"\0{old.id}",
        "version": 3,
        **({} if key is None else {"idempotency": {"key": key}}),
    }
    index = documents.index_information()["expiresAt"]
    assert index["expireAfterSeconds"] == 0


async def test_a_late_insert_of_a_removed_customer_does_not_store_it_again(
    customers: MongoCustomers, documents: Documents
) -> None:
    late = new_customer("john@example.com")
    await customers.add(late)
    await delete(customers, late.customer)

    # The insert, sent again because its first answer was lost, finds the remains: it was made.
    assert await customers.add(late) == late

    assert documents.count_documents({"email": "john@example.com"}) == 0


async def test_a_removed_customer_is_told_from_one_with_the_same_key(
    customers: MongoCustomers,
) -> None:
    await customers.add(removed := new_customer("john@example.com", "key"))
    await delete(customers, removed.customer)

    with pytest.raises(CustomerRemoved):
        await customers.add(new_customer("other@example.com", "key"))

    assert await customers.created_with("key")


async def test_a_customer_that_an_older_server_stored_can_be_changed_and_removed(
    customers: MongoCustomers, documents: Documents
) -> None:
    olds = [await created(customers, f"{n}", f"c{n}@example.com") for n in range(2)]
    documents.update_many({}, {"$unset": {"version": ""}})

    changed = await asyncio.gather(
        *(update(customers, olds[0], 1, description=f"change {n}") for n in range(8))
    )
    again = await update(customers, olds[0], 2, name="John Smith")
    removed = await delete(customers, olds[1], 1)

    [winner] = [outcome for outcome in changed if isinstance(outcome, Updated)]
    assert winner.customer.version == 2
    assert [isinstance(outcome, Changed) for outcome in changed].count(True) == 7
    assert isinstance(again, Updated)
    assert again.customer.version == 3
    assert removed == Deleted(olds[1].id)
    assert await create_customer(customers, {"email": "c1@example.com"}, "1") == Conflict()


async def test_a_customer_whose_address_another_one_has_by_the_newer_rule_can_only_give_it_up(
    customers: MongoCustomers, documents: Documents
) -> None:
    other = await created(customers, email="jos\N{LATIN SMALL LETTER E WITH ACUTE}@example.com")
    same = new_customer("JOS\N{LATIN CAPITAL LETTER E WITH ACUTE}@example.com").customer
    # The oldest servers did not decompose addresses, so both of them were stored.
    documents.insert_one(old_document(same))

    city = await update(customers, same, city="Boston")
    email = await update(customers, same, email="jose@example.com")

    assert city == Rejected((EMAIL_IS_TAKEN,))
    assert isinstance(email, Updated)
    assert await update(customers, same, 2, city="Boston") != city
    assert await customers.by_email(other.email) == other
