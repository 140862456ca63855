"""Files that people import and export in the dashboard, with live servers."""

import asyncio
import contextlib
import csv
import io
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pymongo.collection import Collection

from ..support.node import needs_chromium
from ..support.servers import Server, freeze, serving
from .stories import Browser, clean

PEOPLE = (
    "Nombre,Correo,Notes,City,Country,Points\n"
    "Ada Lovelace,ada@example.com,Analytical engines,London,England,12\n"
    "Grace Hopper,grace.hopper@example.com,Gives away nanoseconds,Arlington,US,7\n"
    "Alan Turing,nobody,Prefers to be written to,Manchester,England,3\n"
    "J0,katherine@example.com,Checks every number twice,Hampton,US,9\n"
)


@needs_chromium
async def test_a_file_is_imported_and_what_the_list_shows_exported_as_a_picture_shows(
    browser: Browser, url: str, pictures: Path
) -> None:
    told = await browser.play(
        "files",
        url,
        given={
            "file": PEOPLE.replace("Nombre", "Name"),
            "western": PEOPLE.replace("Nombre", "Name").replace("Correo", "Email"),
            "word": "grace",
            "picture": str(pictures / "dashboard-import.png"),
        },
    )

    states = ["choice", "refused", "unknown", "checked", "report", "dropping", "nothing", "export"]
    assert told["found"] == clean(*states)
    assert told["wouldBe"] == "4 rows: 2 would be created, 0 already there, 2 rejected."
    assert told["imported"] == "4 rows: 2 created, 0 already there, 2 rejected."
    assert told["rejected"]["name"] == "people rejected.csv"
    assert [row[0] for row in csv.reader(io.StringIO(told["rejected"]["text"]))] == [
        *("line", "4", "5")
    ]
    assert sorted(told["names"]) == ["Ada Lovelace", "Alan Turing", "Grace Hopper"]
    assert told["again"] == "4 rows: 0 would be created, 2 already there, 2 rejected."
    assert told["offered"] == ["Download rejected rows", "Choose another file"]
    assert told["table"]["name"] == "customers.csv"
    [row] = csv.DictReader(io.StringIO(told["table"]["text"]))
    [line] = told["objects"]["text"].splitlines()
    assert row["email"] == json.loads(line)["email"] == "grace.hopper@example.com"
    assert told["faults"] == []


@needs_chromium
async def test_an_import_outlives_its_stop_and_the_death_of_the_server(
    browser: Browser, database_uri: str, documents: Collection[dict[str, Any]], tmp_path: Path
) -> None:
    rows = 8000
    lines = (f"c{number}@example.com,John Smith" for number in range(rows))
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

        async def freeze_it() -> None:
            freeze(server.process.pid)

        async def kill() -> None:
            server.kill()

        async def begin() -> None:
            await asyncio.to_thread(start, urlsplit(server.url).port or 0)

        told = await browser.play(
            "killedImport",
            server.url,
            given={"file": "Email,Name\n" + "\n".join(lines)},
            freeze=freeze_it,
            kill=kill,
            start=begin,
        )

    assert told["found"] == clean("stopped", "killed")
    assert told["running"].startswith("Importing: ")
    assert re.fullmatch(
        r"At least \S+ rows: [1-9]\S* created, 0 already there, 0 rejected\.", told["stopped"]
    )
    found = re.fullmatch(
        r"8,000 rows: (\S+) created, (\S+) already there, 0 rejected\.", told["report"]
    )
    assert found is not None, told["report"]
    created, there = (int(count.replace(",", "")) for count in found.groups())
    assert created + there == rows
    assert there > 0
    assert documents.count_documents({}) == rows
