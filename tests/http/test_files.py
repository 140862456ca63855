"""Files that a client imports and exports over HTTP."""

import asyncio
import csv
import errno
import gzip
import io
import json
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
from pymongo.collection import Collection
from starlette.requests import ClientDisconnect
from starlette.types import Message, Send

from graphql_api.access.principal import Scope
from graphql_api.app import create_app
from graphql_api.customers.fields import Customer
from graphql_api.customers.import_customers import Existing
from graphql_api.customers.listings import Listing
from graphql_api.customers.store import StoredCustomer
from graphql_api.faults import Misconfigured, Unavailable
from graphql_api.files.writing import JsonWriter
from graphql_api.http import import_events
from graphql_api.http.edge import Edge
from graphql_api.http.errors import RequestError
from graphql_api.http.exchange import Exchange
from graphql_api.http.exports import _OLDEST_FIRST, _written
from graphql_api.http.file_stream import send_parts
from graphql_api.http.imports import _lines
from graphql_api.http.subscriptions import TOKEN_ENDED, Ticket
from graphql_api.metrics.measurements import Measurements
from graphql_api.mongo import exports as mongo_exports
from graphql_api.mongo.api_keys import MongoApiKeys
from graphql_api.mongo.imports import MongoImports

from ..conftest import Command
from ..support.clients import client_of, connected, create_customer
from ..support.databases import database_at, settings_for
from ..support.replica_sets import Member, ReplicaSet
from ..support.tokens import api_key, bearer, id_of

Documents = Collection[dict[str, Any]]

FILE = {"Content-Type": "application/octet-stream"}
SHOPS = Path(__file__).parents[1] / "files/exports"
PEOPLE = b"Email,Name,Phone,Zip,Country\n" + b"".join(
    b"p%d@example.com,Jane Doe,5417543010,2134,US\n" % number for number in range(700)
)
MIXED = PEOPLE + b"nobody,J0,+1 (541) 754-3010,,\np0@example.com,Someone,,,\nshort@example.com\n"


@pytest.fixture
async def client(database_uri: str) -> AsyncIterator[httpx.AsyncClient]:
    async with connected(database_uri, dashboard=True, max_import_bytes=200_000) as client:
        yield client


async def sent(client: httpx.AsyncClient, content: bytes, **query: str) -> list[dict[str, Any]]:
    """The lines of the answer to a file."""
    answer = await client.post("/customers/import", content=content, params=query, headers=FILE)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/jsonl; charset=utf-8"
    return [json.loads(line) for line in answer.text.splitlines()]


def of_type(events: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in event.items() if key != "type"}
        for event in events
        if event["type"] == name
    ]


def counts(events: Sequence[dict[str, Any]]) -> tuple[int, ...]:
    """The rows of the report, and how many are created, already there and rejected."""
    [report] = of_type(events, "report")
    return tuple(report[name] for name in ("rows", "created", "alreadyThere", "rejected"))


def rejects(events: Sequence[dict[str, Any]]) -> str:
    return "".join(part["text"] for part in of_type(events, "rejects"))


async def exported(client: httpx.AsyncClient, **asked: Any) -> str:
    answer = await client.post("/customers/export", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.text


def code(answer: httpx.Response) -> tuple[int, str]:
    [error] = answer.json()["errors"]
    assert error["message"].endswith(".")
    return answer.status_code, error["extensions"]["code"]


async def test_a_file_is_looked_at_imported_corrected_and_imported_again(
    client: httpx.AsyncClient, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_events, "_TELL_SECONDS", 0)

    looked_at = await sent(client, MIXED, dryRun="true")

    assert documents.count_documents({}) == 0
    assert of_type(looked_at, "reading")[-1] == {"rows": 703}
    [understood] = of_type(looked_at, "understood")
    assert understood["rows"] == 703
    assert understood["headers"] == ["Email", "Name", "Phone", "Zip", "Country"]
    assert understood["columns"]["zipCode"] == ["Zip"]
    assert understood["samples"][0] == {
        "line": 2,
        "values": {
            "name": "Jane Doe",
            "email": "p0@example.com",
            "country": "US",
            "zipCode": "2134",
            "phoneNumber": "5417543010",
        },
    }
    assert [understood[name] for name in ("format", "delimiter", "encoding", "isCompressed")] == [
        *("csv", ",", "utf-8", False)
    ]
    assert rejects(looked_at) == ""

    imported = await sent(client, MIXED)

    assert documents.count_documents({}) == 700
    assert counts(looked_at) == counts(imported) == (703, 700, 0, 3)
    assert of_type(imported, "progress")[0]["rows"] == 250
    [report] = of_type(imported, "report")
    assert report["isComplete"]
    assert not report["isDryRun"]
    assert report["reasons"][0] == {
        "rows": 1,
        "firstLine": 702,
        "reason": "Name: Enter at least 3 characters.",
    }
    assert report["warnings"] == [
        "700 ZIP codes of the United States have four digits, first on line 2. A spreadsheet may "
        "have removed a zero at the beginning."
    ]

    table = list(csv.reader(io.StringIO(rejects(imported))))
    assert [row[0] for row in table] == ["line", "702", "703", "704"]
    corrected = rejects(imported).replace("nobody,J0", "new@example.com,Jane Roe")
    again = await sent(client, gzip.compress(corrected.encode()), phones="digits")
    assert counts(again) == (3, 1, 0, 2)
    assert of_type(again, "understood")[0]["isCompressed"]
    assert counts(await sent(client, MIXED)) == (703, 0, 700, 3)


def test_the_report_is_that_of_the_command(
    graphql_api: Command, database_uri: str, tmp_path: Path
) -> None:
    file = tmp_path / "mixed.csv"
    file.write_bytes(MIXED)

    async def told() -> dict[str, Any]:
        async with connected(database_uri, dashboard=True) as client:
            [report] = of_type(await sent(client, MIXED, dryRun="true"), "report")
            return report

    report = asyncio.run(told())
    _, printed, _ = graphql_api("import", str(file), GRAPHQL_API_MONGODB_URI=database_uri)

    _, _, printed = printed.rpartition("\n703 rows: ")
    assert f"Warning: {report['warnings'][0]}" in printed
    lines = [line.split(maxsplit=2) for line in printed.splitlines()[-len(report["reasons"]) - 1 :]]
    assert lines[:-1] == [
        [str(one["rows"]), str(one["firstLine"]), one["reason"]] for one in report["reasons"]
    ]


async def test_a_person_chooses_the_columns_and_the_form(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    file = "Post|First|Last|Ort\nnobody|Ada|Lovelace|Köln\nada@example.com|Ada|Lovelace|Wien\n"
    content = file.encode("cp1252")
    options = {"encoding": "cp1252", "delimiter": "|"}

    unknown = await sent(client, content, dryRun="true", **options)
    columns = {"email": ["Post"], "name": ["First", "Last"], "city": ["Ort"], "state": []}
    chosen = await sent(client, content, columns=json.dumps(columns), **options)
    other = await sent(client, content, columns='{"email": ["Mail"]}', **options)

    assert of_type(unknown, "understood")[0]["columns"] == {}
    assert unknown[-1]["code"] == "NO_EMAIL_COLUMN"
    assert counts(chosen) == (2, 1, 0, 1)
    assert [(one["name"], one["city"]) for one in documents.find()] == [("Ada Lovelace", "Wien")]
    assert other[-1]["code"] == "BAD_USER_INPUT"


async def test_objects_with_anything_in_them_are_answered(client: httpx.AsyncClient) -> None:
    lines = [
        '{"email": 5, "\\ud800": "\\ud800", "name": "Ada"}',
        "[1]",
        '{"email": "ada@example.com", "phone": 12345, "note": "\\ud800"}',
    ]

    events = await sent(client, "\n".join(lines).encode())

    assert counts(events) == (3, 0, 0, 3)
    assert "\ud800" in of_type(events, "understood")[0]["headers"]
    assert of_type(events, "understood")[0]["samples"][1] == {
        "line": 2,
        "fault": "The line is not a JSON object.",
    }
    assert [json.loads(line)["line"] for line in rejects(events).splitlines()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"", None),
        (PEOPLE + b'"open', None),
        ("Email\né@example.com\n".encode("cp1252"), "cp1252"),
        ("Email\na@example.com\n".encode("utf-16"), "utf-16"),
        (gzip.compress(PEOPLE, mtime=0)[:-9], None),
        (gzip.compress(b"Email\n" + b"\n" * 1_000_000, mtime=0), None),
        (b'{"a": 1}\n' + b"".join(b'{"%d": 1}\n' % number for number in range(1001)), None),
    ],
)
async def test_a_file_that_cannot_be_read_stores_nothing(
    content: bytes,
    encoding: str | None,
    client: httpx.AsyncClient,
    documents: Documents,
) -> None:
    events = await sent(client, content)

    assert of_type(events, "report") == []
    assert (events[-1]["code"], events[-1]["encoding"]) == ("INVALID_FILE", encoding)
    assert events[-1]["message"].endswith(".")
    assert documents.count_documents({}) == 0


@pytest.mark.parametrize(
    "query",
    [
        {"dryRun": "yes"},
        {"encoding": "punycode"},
        {"delimiter": "\n"},
        {"delimiter": ";;"},
        {"phones": "letters"},
        {"map": "a=b"},
        {"columns": "["},
        {"columns": "[" * 5000},
        {"columns": "[]"},
        {"columns": '{"emial": []}'},
        {"columns": '{"email": "Mail"}'},
        {"columns": '{"email": [1]}'},
        {"columns": '{"name": ["Name", "Name"]}'},
    ],
)
async def test_options_that_are_not_valid_are_rejected(
    query: dict[str, str], client: httpx.AsyncClient
) -> None:
    answer = await client.post("/customers/import", content=PEOPLE, params=query, headers=FILE)

    assert code(answer) == (400, "BAD_REQUEST")


async def test_other_requests_for_an_import_are_rejected(client: httpx.AsyncClient) -> None:
    async def status(headers: dict[str, str], content: bytes = PEOPLE) -> tuple[int, str]:
        return code(await client.post("/customers/import", content=content, headers=headers))

    # Scripts of other sites can send these without asking.
    assert await status({}) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert await status({"Content-Type": "text/plain"}) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert await status({**FILE, "Content-Encoding": "gzip"}) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert await status(FILE, b"x" * 200_001) == (413, "CONTENT_TOO_LARGE")
    assert code(await client.get("/customers/import")) == (405, "METHOD_NOT_ALLOWED")

    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100_000

    answer = await client.post("/customers/import", content=chunks(), headers=FILE)
    assert code(answer) == (413, "CONTENT_TOO_LARGE")


@pytest.mark.parametrize("fails", ["opening", "writing", "closing"])
async def test_a_full_disk_is_not_the_fault_of_the_client(
    fails: str, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, _data: Any) -> int:
            raise OSError(errno.ENOSPC, "full")

    def opened() -> IO[bytes]:
        if fails == "opening":
            raise OSError(errno.ENOSPC, "full")
        return Full() if fails == "writing" else Path("/dev/full").open("r+b")

    monkeypatch.setattr(tempfile, "TemporaryFile", opened)

    # It is not longer than the buffer of a file.
    answer = await client.post("/customers/import", content=PEOPLE[:1000], headers=FILE)

    assert code(answer) == (503, "UNAVAILABLE")
    assert answer.headers["Retry-After"] == "5"


async def test_a_failure_in_the_middle_is_told_with_what_is_stored(
    client: httpx.AsyncClient, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = MongoImports.add_new
    failure: Exception = Unavailable()

    async def fails_later(
        self: MongoImports, new: Sequence[StoredCustomer]
    ) -> Sequence[Existing | None]:
        if new[0].customer.email != "p0@example.com":
            # The client hears of it in time, also if nothing happens.
            await asyncio.sleep(0.1)
            raise failure
        return await original(self, new)

    monkeypatch.setattr(import_events, "_TELL_SECONDS", 0)
    monkeypatch.setattr(import_events, "_STEP_SECONDS", 0.01)
    with monkeypatch.context() as failing:
        failing.setattr(MongoImports, "add_new", fails_later)
        unavailable = await sent(client, PEOPLE)
        failure = RuntimeError("secret")
        failed = await sent(client, PEOPLE)

    assert counts(unavailable) == (250, 250, 0, 0)
    assert not of_type(unavailable, "report")[0]["isComplete"]
    assert unavailable[-1]["code"] == "UNAVAILABLE"
    assert unavailable[-1]["message"].endswith("rows that are stored will count as already there.")
    assert len(of_type(unavailable, "progress")) > 4
    assert failed[-1]["code"] == "INTERNAL_SERVER_ERROR"
    assert "secret" not in json.dumps(failed)
    assert documents.count_documents({}) == 250
    assert counts(await sent(client, PEOPLE)) == (700, 450, 250, 0)


async def test_what_a_list_shows_is_exported_and_imported_without_a_difference(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    await create_customer(client, email="=one@example.com", description='"Two\nlines", "=1"')
    await create_customer(client, email="two@example.com", name="José Pérez", country="US")
    await create_customer(client, email="three@example.com", name="Jose Doe", country="DE")

    everything = await exported(client)
    found = await exported(
        client,
        format="jsonl",
        search="jose",
        filter={"country": ["us"], "has": ["NAME"], "createdAt": {"from": "2026-01-01T00:00:00Z"}},
    )
    answer = await client.post("/customers/export", json={"format": "excel", "search": "nobody"})

    assert [json.loads(line)["email"] for line in found.splitlines()] == ["two@example.com"]
    assert answer.text.startswith("\ufeffid,name,email,")
    assert len(answer.text.splitlines()) == 1
    assert answer.headers["Content-Disposition"] == 'attachment; filename="customers.csv"'
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    before = {one["email"]: one.get("description") for one in documents.find()}
    assert counts(await sent(client, everything.encode())) == (3, 0, 3, 0)
    documents.delete_many({})
    assert counts(await sent(client, everything.encode())) == (3, 3, 0, 0)
    assert {one["email"]: one.get("description") for one in documents.find()} == before


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "BAD_REQUEST"),
        (b"[" * 50_000, "BAD_REQUEST"),
        (b"[]", "BAD_REQUEST"),
        (b'{"first": 5}', "BAD_REQUEST"),
        (b'{"format": "xlsx"}', "BAD_REQUEST"),
        (b'{"format": []}', "BAD_REQUEST"),
        (b'{"search": 5}', "BAD_REQUEST"),
        (b'{"filter": {"planet": ["Mars"]}}', "BAD_REQUEST"),
        (b'{"filter": {"country": []}}', "BAD_USER_INPUT"),
    ],
)
async def test_a_list_that_is_not_valid_is_not_exported(
    content: bytes, problem: str, client: httpx.AsyncClient
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/customers/export", content=content, headers=headers)

    assert code(answer) == (400, problem)


async def test_an_export_has_all_parts_of_a_list(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo_exports, "_PART", 300)
    await sent(client, PEOPLE)

    assert len((await exported(client, format="jsonl")).splitlines()) == 700


async def test_an_import_ends_with_its_token(
    database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphql_api.http.subscriptions._CHECK_SECONDS", 0.01)
    monkeypatch.setattr("graphql_api.http.authentication._REMEMBERED_SECONDS", 0)
    monkeypatch.setattr(import_events, "_BATCH", 100)
    key, ended = await api_key(database_uri), asyncio.Event()
    original, stop = MongoImports.add_new, import_events.FileImport.stop

    async def revoking(
        self: MongoImports, new: Sequence[StoredCustomer]
    ) -> Sequence[Existing | None]:
        if not ended.is_set():
            async with database_at(database_uri) as database:
                await MongoApiKeys(database).revoke(id_of(key), datetime.now(UTC))
            await asyncio.wait_for(ended.wait(), 20)
        return await original(self, new)

    def stopping(self: import_events.FileImport, reason: RequestError) -> None:
        stop(self, reason)
        ended.set()

    monkeypatch.setattr(MongoImports, "add_new", revoking)
    monkeypatch.setattr(import_events.FileImport, "stop", stopping)
    app = create_app(settings_for(database_uri, dashboard=True, keys=True))
    async with app.router.lifespan_context(app), client_of(app) as client:
        client.headers.update(bearer(key))
        events = await sent(client, PEOPLE)

    assert events[-1]["code"] == "UNAUTHENTICATED"
    assert "another token" in events[-1]["message"]
    assert 0 < counts(events)[0] < 700


async def test_errors_that_end_an_import_or_an_export_are_counted() -> None:
    async def failing(*_: object) -> AsyncGenerator[Any, None]:
        yield {"type": "error", "code": "INVALID_FILE"}
        raise ZeroDivisionError

    async def breaking_off(_scope: object, _receive: object, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise TOKEN_ENDED

    async def unread(_: object) -> None:
        pass

    measurements = Measurements()
    lines = [line async for line in _lines(failing(), Exchange("id", measurements=measurements))]
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "scheme": "http"}
    scope |= {"http_version": "1.1", "headers": [(b"host", b"localhost")]}
    await Edge(breaking_off, (), None, measurements, None)(scope, unread, unread)  # type: ignore[arg-type]  # it is not called

    assert len(lines) == 2
    assert measurements.error_codes == {
        "INVALID_FILE": 1,
        "INTERNAL_SERVER_ERROR": 1,
        "UNAUTHENTICATED": 1,
    }


async def test_an_export_breaks_off_when_its_token_ends() -> None:
    ticket = Ticket("", b"")

    async def others() -> AsyncGenerator[Sequence[Customer], None]:
        ticket.end(TOKEN_ENDED)
        yield []

    parts = _written(JsonWriter, "", [], others(), ticket)
    assert await anext(parts) == b""
    with pytest.raises(RequestError):
        await anext(parts)


async def test_the_read_of_an_export_ends_with_its_client(
    failing_set: ReplicaSet, member: Member
) -> None:
    async with database_at(failing_set.database_uri()) as database:
        await database.set_up()
        parts = mongo_exports.export_customers(database, Listing(_OLDEST_FIRST))
        with member.failing("find", blockConnection=True, blockTimeMS=30_000):
            began = time.monotonic()
            reading = asyncio.ensure_future(anext(parts))
            await asyncio.sleep(0.5)
            reading.cancel()
            await asyncio.wait([reading])
        # The fail point has waited for the command.
        assert time.monotonic() < began + 20


async def test_an_export_that_cannot_begin_says_so(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for failure in (Unavailable(), Misconfigured("The operator reads this.")):

        def fails(*_: Any, failure: Exception = failure, **__: Any) -> None:
            raise failure

        monkeypatch.setattr(mongo_exports, "read_on", fails)
        monkeypatch.setattr("graphql_api.mongo.deadline._PATIENCE_SECONDS", 0)

        answer = await client.post("/customers/export", json={})

        assert code(answer) == (503, "UNAVAILABLE")


async def test_each_resource_needs_its_scope_and_the_dashboard(database_uri: str) -> None:
    reader = await api_key(database_uri, Scope.CUSTOMERS_READ)
    writer = await api_key(database_uri, Scope.CUSTOMERS_WRITE)
    async with connected(
        database_uri, keys=True, dashboard=True, trusted_documents_only=True
    ) as client:

        async def statuses(headers: dict[str, str]) -> list[int]:
            file = await client.post(
                "/customers/import", content=PEOPLE, headers={**FILE, **headers}
            )
            list_ = await client.post("/customers/export", json={}, headers=headers)
            return [file.status_code, list_.status_code]

        assert await statuses({}) == [401, 401]
        assert await statuses(bearer(reader)) == [403, 200]
        assert await statuses(bearer(writer)) == [200, 403]
    async with connected(database_uri) as client:
        assert (await client.post("/customers/export", json={})).status_code == 404


async def test_only_a_few_files_are_imported_at_a_time(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()
    waiting: asyncio.Queue[None] = asyncio.Queue()

    async def held(_self: MongoImports, new: Sequence[StoredCustomer]) -> list[None]:
        waiting.put_nowait(None)
        await released.wait()
        return [None] * len(new)

    monkeypatch.setattr(MongoImports, "add_new", held)
    running = [asyncio.create_task(sent(client, b"Email\na@example.com\n")) for _ in range(2)]
    for _ in running:
        await waiting.get()

    answer = await client.post("/customers/import", content=PEOPLE, headers=FILE)
    released.set()

    assert code(answer) == (503, "OVERLOADED")
    assert [counts(await one) for one in running] == [(1, 1, 0, 0)] * 2


async def test_nothing_works_for_a_client_that_has_gone() -> None:
    is_closed = False

    async def parts() -> AsyncGenerator[bytes, None]:
        nonlocal is_closed
        try:
            yield b"part"
        finally:
            await asyncio.sleep(0)
            is_closed = True

    sending = asyncio.Event()

    async def stuck(message: Message) -> None:
        if message["type"] == "http.response.body":
            sending.set()
            await asyncio.get_running_loop().create_future()

    async def gone() -> Message:
        await sending.wait()
        return {"type": "http.disconnect"}

    answer = parts()
    with pytest.raises(ClientDisconnect):
        await send_parts(answer, [], gone, stuck)

    assert is_closed


async def test_an_import_ends_with_its_client_and_with_the_server(
    database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = MongoImports.add_new
    app = create_app(settings_for(database_uri, dashboard=True))
    answered: list[Any] = []
    given_up = asyncio.Event()
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    headers = {"host": "localhost", "content-type": FILE["Content-Type"]}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/customers/import",
        "query_string": b"",
        "http_version": "1.1",
        "client": ("127.0.0.1", 50000),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }

    async def answer(message: Any) -> None:
        await asyncio.sleep(0)
        answered.append(message)

    async def held(_self: MongoImports, _new: Sequence[StoredCustomer]) -> None:
        for message in ({"type": "http.request"}, {"type": "http.disconnect"}):
            messages.put_nowait(message)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            given_up.set()

    async with app.router.lifespan_context(app) as state:
        # The client has gone before it has sent the whole file.
        messages.put_nowait({"type": "http.request", "body": b"Email\n", "more_body": True})
        messages.put_nowait({"type": "http.disconnect"})
        await asyncio.create_task(app({**scope}, messages.get, answer))
        assert answered == []

        # And while its rows are stored.
        messages.put_nowait({"type": "http.request", "body": PEOPLE})
        with monkeypatch.context() as holding:
            holding.setattr(MongoImports, "add_new", held)
            await asyncio.create_task(app({**scope}, messages.get, answer))
        assert given_up.is_set()
        assert b"understood" in answered[-1]["body"]
        assert answered[-1]["more_body"]

        async def stopping(
            self: MongoImports, new: Sequence[StoredCustomer]
        ) -> Sequence[Existing | None]:
            assert state is not None
            await state["end_streams"]()
            return await original(self, new)

        monkeypatch.setattr(MongoImports, "add_new", stopping)
        async with client_of(app) as client:
            stopped = await sent(client, PEOPLE)
            [late] = await sent(client, PEOPLE)
    assert stopped[-1]["code"] == "SHUTTING_DOWN"
    rows, created, *_ = counts(stopped)
    assert 0 < rows == created < 700
    # Its file was received after the server began to stop.
    assert late["code"] == "SHUTTING_DOWN"
