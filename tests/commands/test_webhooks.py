"""`graphql-api webhooks` manages endpoints, to which a running server delivers."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from graphql_api.__main__ import main
from graphql_api.customers.events import Moment, cursor_of

from ..conftest import Command
from ..support.receivers import Answer, Receiver, receiving
from ..support.replica_sets import Member, ReplicaSet
from ..support.servers import Server, until

SECRET = re.compile("whsec_[A-Za-z0-9+/]{43}=\n")
HISTORY_LOST = 286
# Its time is the beginning of 1970.
OLD_CURSOR = cursor_of(Moment(b"\x82\0\0\0\0"))
URL = "https://93.184.216.34/hook"


@pytest.fixture
def webhooks(graphql_api: Command, database_uri: str) -> Callable[..., tuple[int, str, str]]:
    """`graphql-api webhooks` in this process, on a new database."""
    return partial(graphql_api, "webhooks", GRAPHQL_API_MONGODB_URI=database_uri)


@pytest.fixture
def stored(database_uri: str) -> Iterator[Collection[dict[str, Any]]]:
    """The endpoints in that database."""
    with MongoClient[dict[str, Any]](database_uri, tz_aware=True) as mongo:
        yield mongo.get_default_database()["webhooks"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def id_in(note: str) -> str:
    """The id that a command has printed."""
    found = re.search("id is ([0-9a-f]{12})", note)
    assert found, note
    return found[1]


def create(webhooks: Command, receiver: Receiver, *options: str) -> tuple[str, str]:
    """The id and the secret of a new endpoint."""
    code, secret, note = webhooks("create", f"{receiver.url}/hook", "--allow-private", *options)
    assert code == 0, note
    return id_in(note), secret.strip()


def sent(webhooks: Command, id_: str) -> tuple[int, str, str]:
    """Sends a test message, in a thread.

    Otherwise coverage loses lines: after httpx has caught an exception, Python 3.11 no longer
    traces the functions that called it.
    """
    with ThreadPoolExecutor() as pool:
        return pool.submit(webhooks, "test", id_).result()


def test_a_running_server_delivers_until_the_endpoint_is_removed(
    graphql_api: Command, server: Server, server_database_uri: str, receiver: Receiver
) -> None:
    webhooks = partial(graphql_api, "webhooks", GRAPHQL_API_MONGODB_URI=server_database_uri)
    began = datetime.now(UTC)
    id_, secret = create(webhooks, receiver)

    tested = sent(webhooks, id_)
    customer = create_customer(server.url)
    until(lambda: len(receiver.received) == 2, "the creation is told")
    replayed = webhooks("replay", id_, "--since", began.isoformat())
    until(lambda: len(receiver.received) > 2, "the creation is told again")
    removed = webhooks("remove", id_)
    again = webhooks("remove", id_)

    assert tested[0] == replayed[0] == removed[0] == 0
    assert re.fullmatch("The endpoint answered with status 204 in [0-9]+ ms.\n", tested[1])
    payloads = [received.verified(secret) for received in receiver.received[:3]]
    assert [payload["type"] for payload in payloads] == ["test", *["customer.created"] * 2]
    assert payloads[1]["data"] == {"id": customer, "version": 1}
    assert abs(datetime.fromisoformat(payloads[1]["timestamp"]) - began) < timedelta(minutes=1)
    assert receiver.received[1].id == receiver.received[2].id
    assert again == (1, "", f"graphql-api: No endpoint has the id {id_}.\n")
    log = server.errors.read_text()
    assert secret not in log
    assert receiver.url not in log


def create_customer(url: str) -> str:
    """The id of a new customer of the server at this URL."""
    query = (
        "mutation ($input: CreateCustomerInput!) { createCustomer(input: $input) "
        "{ ... on CreateCustomerSuccess { customer { id } } } }"
    )
    body = {"query": query, "variables": {"input": {"email": f"{time.time()}@example.com"}}}
    answer = httpx.post(f"{url}/graphql", json=body, timeout=20).json()
    id_: str = answer["data"]["createCustomer"]["customer"]["id"]
    return id_


def test_endpoints_are_listed_with_their_states_and_without_their_secrets(
    webhooks: Command, stored: Collection[dict[str, Any]], receiver: Receiver
) -> None:
    _, secret, note = webhooks("create", URL, "--types", "customer.updated,customer.created")
    active = id_in(note)
    paused, _ = create(webhooks, receiver)
    failing, _ = create(webhooks, receiver)
    at = datetime(2026, 11, 22, 8, tzinfo=UTC)
    failure = {"attempts": 2, "reason": "Why.", "at": at, "nextAttemptAt": None}
    stored.update_one({"_id": paused}, {"$set": {"failure": failure, "deliveredAt": at}})
    failure["nextAttemptAt"] = at
    stored.update_one({"_id": failing}, {"$set": {"failure": failure}})
    stored.update_one({"_id": failing}, {"$set": {"cursor": OLD_CURSOR}})

    code, table, _ = webhooks("list")

    header, *rows = [re.split(" {2,}", line) for line in table.splitlines()]
    assert code == 0
    assert SECRET.fullmatch(secret)
    assert secret.strip() not in table
    assert header == [
        *("ID", "URL", "TYPES", "STATE", "BEHIND", "LAST DELIVERY", "NEXT ATTEMPT", "REASON")
    ]
    url = f"{receiver.url}/hook"
    types = "customer.created customer.updated"
    assert rows[0] == [active, URL, types, "active", "-", "-", "-", "-"]
    time_ = "2026-11-22 08:00:00 UTC"
    assert rows[1][:4] == [paused, url, "all", f"paused since {time_}"]
    # It has failed since a moment ago.
    assert re.fullmatch(r"0:0[01]:[0-9]+", rows[1][4])
    assert rows[1][5:] == [time_, "-", "Why."]
    assert rows[2][:4] == [failing, url, "all", "failing, attempts: 2"]
    assert re.fullmatch(r"[0-9]+ days, [0-9:]+", rows[2][4])
    assert rows[2][5:] == ["-", time_, "Why."]


def test_a_test_says_why_the_message_did_not_arrive(webhooks: Command, receiver: Receiver) -> None:
    id_, _ = create(webhooks, receiver)
    receiver.answer = lambda _: Answer(404)

    code, output, error = sent(webhooks, id_)

    assert (code, output) == (1, "")
    assert error == "graphql-api: The endpoint answered with status 404.\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("http://203.0.113.1/",), "must begin with https://"),
        (("https://127.0.0.1/secret",), "private address"),
        (("https://169.254.169.254/", "--allow-private"), "messages are never sent"),
        (("https://user@example.com/",), "no user name"),
    ],
)
def test_an_endpoint_that_could_get_no_message_is_not_created(
    arguments: tuple[str, ...],
    reason: str,
    webhooks: Command,
    stored: Collection[dict[str, Any]],
) -> None:
    code, output, error = webhooks("create", *arguments)

    assert (code, output) == (1, "")
    assert reason in error
    assert arguments[0] not in error
    assert stored.count_documents({}) == 0


def test_a_replay_begins_where_the_operator_says(
    graphql_api: Command, failing_set: ReplicaSet, member: Member, receiver: Receiver
) -> None:
    uri = failing_set.database_uri()
    webhooks = partial(graphql_api, "webhooks", GRAPHQL_API_MONGODB_URI=uri)
    stored = failing_set.customers(uri).database["webhooks"]
    id_, _ = create(webhooks, receiver)
    [before] = stored.find()
    stored.update_one({"_id": id_}, {"$set": {"failure": {"attempts": 1}}})

    resumed, output, _ = webhooks("replay", id_)
    [after] = stored.find()
    moved, _, _ = webhooks("replay", id_, "--after", after["cursor"])
    with member.failing("aggregate", errorCode=HISTORY_LOST):
        lost = webhooks("replay", id_, "--since", "2020-01-01")
    unknown = webhooks("replay", id_, "--after", cursor_of(Moment(b"\x82" * 40)))

    assert (resumed, output) == (0, f"Resumed {id_}. The server delivers within seconds.\n")
    assert after == {**before, "revision": 2}
    assert moved == 0
    assert lost[0] == 1
    assert "does not go back that far" in lost[2]
    assert unknown[0] == 1
    assert "does not belong to an event" in unknown[2]
    assert [one["revision"] for one in stored.find()] == [3]


@pytest.mark.parametrize("action", ["test", "replay", "remove"])
@pytest.mark.parametrize("id_", ["0123456789ab", "no id"])
def test_an_unknown_id_is_an_error(action: str, id_: str, webhooks: Command) -> None:
    assert webhooks(action, id_) == (1, "", f"graphql-api: No endpoint has the id {id_}.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("create",),
        ("create", URL, "--types", "customer.created,customers"),
        ("create", URL, "--types", ""),
        ("test",),
        ("replay", "0123456789ab", "--since", "yesterday"),
        ("replay", "0123456789ab", "--since", "2999-01-01"),
        ("replay", "0123456789ab", "--after", "2026-01-01"),
        ("replay", "0123456789ab", "--since", "2026-01-01", "--after", OLD_CURSOR),
        ("remove",),
    ],
)
def test_invalid_arguments_are_an_error(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["webhooks", *arguments])

    assert exit_.value.code == 2
    assert capsys.readouterr().err.startswith("usage: graphql-api webhooks")
