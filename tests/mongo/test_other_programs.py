"""Documents that another program stored beside customers, and that are not customers."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import httpx
from bson import CodecOptions, encode
from bson.binary import Binary, UuidRepresentation
from bson.datetime_ms import DatetimeMS
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from structlog.testing import capture_logs

from graphql_api.customers.events import CustomerCreated, Event
from graphql_api.customers.identity import email_key_of
from graphql_api.deadline import deadline_in
from graphql_api.mongo.change_stream import MongoHistory
from graphql_api.mongo.customer_documents import EMAIL_KEY, UniqueValue, to_document, validator
from graphql_api.mongo.find import find_each

from ..support.clients import (
    DELETE_CUSTOMER,
    code,
    create_customer,
    delete_customer,
    execute,
    list_customers,
    read_customer,
    until_ready,
)
from ..support.databases import database_at
from ..support.mongo_customers import new_customer

# The first milliseconds of the year 12000.
LATE = DatetimeMS(316_516_377_600_000)
NOT_CUSTOMERS: list[dict[str, Any]] = [
    {"createdAt": LATE, "updatedAt": LATE},
    {"createdAt": LATE},
    {"updatedAt": LATE},
    {"_id": "s3cr3t@example.com"},
    {"_id": {"a": 1}},
    {"email": None},
    {"name": 5},
    {"version": "s3cr3t"},
    {"idempotency": {"key": "a key"}},
]
OPTIONS = CodecOptions[Any](uuid_representation=UuidRepresentation.STANDARD)
BY_EMAIL = "query ($email: String!) { customerByEmail(email: $email) { id } }"


def not_utf8() -> RawBSONDocument:
    """A document with a text that is not UTF-8, as no driver writes it."""
    stored = encode(
        to_document(new_customer("s3cr3t@example.net", name="Not Valid Text")),
        codec_options=OPTIONS,
    )
    return RawBSONDocument(stored.replace(b"Not Valid Text\0", b"Not \xff\xfe\xfd!! Text\0"))


def documents_of(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    stored = (new_customer(f"s3cr3t.{number}@example.com") for number in range(len(changes)))
    return [{**to_document(one), **change} for one, change in zip(stored, changes, strict=True)]


async def test_reads_leave_out_what_is_not_a_customer(
    client: httpx.AsyncClient, documents: Collection[dict[str, Any]]
) -> None:
    created = [
        (await create_customer(client, email=f"c{number}@example.com"))["customer"]["id"]
        for number in range(3)
    ]
    others = documents_of(NOT_CUSTOMERS)
    documents.insert_many(others, bypass_document_validation=True)
    documents.insert_one(not_utf8(), bypass_document_validation=True)

    with capture_logs() as logged:
        for field in ("CREATED_AT", "UPDATED_AT", "NAME", "EMAIL"):
            for direction in ("ASC", "DESC"):
                found: list[str] = []
                after, has_next = None, True
                while has_next:
                    page = await list_customers(
                        client,
                        first=1,
                        after=after,
                        orderBy={"field": field, "direction": direction},
                    )
                    found += [node["id"] for node in page["nodes"]]
                    after, has_next = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
                assert sorted(found) == sorted(created), (field, direction)
        last = await list_customers(client, last=3, search="example")
        assert sorted(node["id"] for node in last["nodes"]) == sorted(created)
        assert (await list_customers(client, search="s3cr3t"))["nodes"] == []
        id_ = str(others[0]["_id"])
        assert await read_customer(client, id_) is None
        assert (await delete_customer(client, id_))["__typename"] == "CustomerNotFound"
        for number, changes in enumerate(NOT_CUSTOMERS):
            email = f"s3cr3t.{number}@example.com"
            answer = await execute(client, BY_EMAIL, {"email": email})
            assert answer == {"data": {"customerByEmail": None}}, changes
        refused = await create_customer(client, email="s3cr3t.0@example.com")

    # The unique index has its address.
    assert refused["errors"][0]["__typename"] == "EmailTakenError"
    events = [line["event"] for line in logged if line["log_level"] == "warning"]
    assert set(events) == {
        "A read left out a document that is not a customer. Run `graphql-api database check`."
    }
    assert "s3cr3t" not in str(logged)


async def test_a_document_that_cannot_be_read_fails_only_the_requests_that_find_it(
    client: httpx.AsyncClient, documents: Collection[dict[str, Any]], database_uri: str
) -> None:
    created = await create_customer(client, email="valid@example.com")
    broken = {**to_document(new_customer("broken@example.com")), "_id": Binary(b"abc", 4)}
    documents.insert_one(broken, bypass_document_validation=True)
    wanted: list[list[UniqueValue]] = [
        [(EMAIL_KEY, email_key_of("valid@example.com"))],
        [(EMAIL_KEY, email_key_of("broken@example.com"))],
        [(EMAIL_KEY, email_key_of("missing@example.com"))],
    ]

    async with database_at(database_uri) as database:
        valid, failed, missing = await find_each(database.driver, wanted, deadline_in(5))

    assert not isinstance(valid, Exception)
    assert [str(document["_id"]) for document in valid] == [created["customer"]["id"]]
    assert isinstance(failed, BSONError)
    assert missing == []


async def test_what_is_not_a_customer_is_no_event(
    database_uri: str, documents: Collection[dict[str, Any]]
) -> None:
    valid = new_customer("valid@example.com")
    async with database_at(database_uri) as database:
        await database.set_up()
        async with aclosing(MongoHistory(database).live()) as live:
            await anext(live)
            documents.insert_many(documents_of(NOT_CUSTOMERS), bypass_document_validation=True)
            documents.insert_one(not_utf8(), bypass_document_validation=True)
            documents.insert_one(to_document(valid))
            events: Sequence[Event] = []
            async with asyncio.timeout(20):
                while not events:
                    events = (await anext(live)).events

    assert [event.what for event in events] == [CustomerCreated(valid.customer)]


async def test_a_deletion_sets_the_validator_again_after_a_server_of_an_older_version(
    client: httpx.AsyncClient, documents: Collection[dict[str, Any]]
) -> None:
    id_ = (await create_customer(client))["customer"]["id"]
    older = {"$jsonSchema": {"required": ["_id", "email", "createdAt", "updatedAt"]}}
    documents.database.command("collMod", documents.name, validator=older)

    refused = await execute(client, DELETE_CUSTOMER, {"id": id_})

    assert code(refused) == "UNAVAILABLE"
    await until_ready(client)
    deleted = await delete_customer(client, id_)
    assert deleted["__typename"] == "DeleteCustomerSuccess"
    assert documents.options()["validator"] == validator()
