"""The pages describe the code as it is, and their examples run."""

import argparse
import csv
import dataclasses
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import parse, validate

from graphql_api.__main__ import main
from graphql_api.http.errors import CODES
from graphql_api.settings import Settings, variable

from ..conftest import Command
from ..support.clients import connected
from ..support.manual import MANUAL, PAGES, SCHEMA, SERVER_URL, blocks, members, rows
from ..support.paths import ROOT
from ..support.servers import serving

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *PAGES, *DECISIONS]
CURL_EXAMPLE = re.compile(
    r"^```sh\n(curl [^`]*)^```\n\n```json\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
README_EXAMPLES: list[tuple[str, str]] = CURL_EXAMPLE.findall(
    (ROOT / "README.md").read_text("utf-8")
)
CURL_EXAMPLES: list[tuple[str, str]] = [
    example for example in CURL_EXAMPLE.findall(MANUAL) if example not in README_EXAMPLES
]
ID = re.compile(r'"id": ?"([^"]+)"')
FILES_PAGE = (ROOT / "docs" / "import-and-export.md").read_text("utf-8")
[SAMPLE_FILE] = re.findall(r"^```csv\n(.*?)^```$", FILES_PAGE, re.MULTILINE | re.DOTALL)


def curl(command: str) -> httpx.Request:
    """The request that a `curl ...` or `curl ... | ...` command sends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--silent", action="store_true")
    parser.add_argument("--no-buffer", action="store_true")
    parser.add_argument("--header", action="append")
    parser.add_argument("--data", "--data-binary")
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("--output")
    words = shlex.split(command.replace("\\\n", " "))
    options = parser.parse_args(words[1 : [*words, "|"].index("|")])
    headers = dict(header.split(": ") for header in options.header)
    return httpx.Request("POST", options.url, headers=headers, content=options.data)


def without_chance(answer: str) -> Any:
    """The JSON without the values that differ between two creations."""
    chance = {"id", "createdAt", "updatedAt", "endCursor"}
    return json.loads(
        answer, object_hook=lambda values: {**values, **dict.fromkeys(chance & values.keys())}
    )


@pytest.fixture
def example_manifest(graphql_api: Command, server_database_uri: str, tmp_path: Path) -> None:
    """Has the server trust the documents of the manual's manifest."""
    [manifest] = [block for block in blocks("json") if "mutation" in block]
    file = tmp_path / "persisted-documents.json"
    file.write_text(manifest)
    variables = {"GRAPHQL_API_MONGODB_URI": server_database_uri}
    assert graphql_api("documents", "register", str(file), **variables)[0] == 0


@pytest.fixture
def example_customer(server_url: str) -> None:
    """Stores the customer that the manual's search finds, once."""
    values = {"name": "Dorothy Vaughan", "email": "dorothy.vaughan@example.com", "country": "US"}
    values |= {"zipCode": "10469", "phoneNumber": "5417543010"}
    query = (
        "mutation ($input: CreateCustomerInput!) { createCustomer(input: $input) { __typename } }"
    )
    body = {"query": query, "variables": {"input": values}}
    headers = {"Idempotency-Key": "the customer of the manual's search"}

    reply = httpx.post(f"{server_url}/graphql", json=body, headers=headers, timeout=20)

    assert reply.json()["data"] == {"createCustomer": {"__typename": "CreateCustomerSuccess"}}


def sent(command: str, server_url: str) -> str:
    """The server's answer to a command."""
    request = curl(command)
    reply = httpx.post(
        str(request.url).replace(SERVER_URL, server_url),
        headers=request.headers,
        content=request.content,
        timeout=20,
    )
    assert reply.status_code == 200
    return reply.text


def test_the_command_understands_and_imports_the_sample_file_as_the_page_says(
    graphql_api: Command, database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("customers.csv").write_text(SAMPLE_FILE)
    [command] = re.findall("^graphql-api (import .*)$", FILES_PAGE, re.MULTILINE)
    pages = re.findall(r"^```console\n(.*?)^```$", FILES_PAGE, re.MULTILINE | re.DOTALL)

    code, *printed = graphql_api(*command.split(), GRAPHQL_API_MONGODB_URI=database_uri)

    assert code == 1
    understood, report = ([line.rstrip() for line in page.splitlines()] for page in pages)
    output, log = ([line.rstrip() for line in text.splitlines()] for text in printed)
    assert output == report
    # Before, the log may say that indexes are built.
    assert log[-len(understood) :] == understood


async def test_the_requests_for_files_import_the_sample_file_and_export_customers(
    database_uri: str,
) -> None:
    commands = re.findall(r"^curl (?:.*\\\n)*.*$", FILES_PAGE, re.MULTILINE)
    imported, exported = (
        curl(command.replace("@customers.csv", shlex.quote(SAMPLE_FILE))) for command in commands
    )
    imported.url = imported.url.copy_remove_param("dryRun")

    async with connected(database_uri, dashboard=True) as client:
        lines = (await client.send(imported)).text.splitlines()
        file = (await client.send(exported)).text

    assert [json.loads(lines[-1])[name] for name in ("created", "rejected")] == [3, 1]
    assert [row["email"] for row in csv.DictReader(file.splitlines())] == ["ada@example.com"]


@pytest.mark.usefixtures("example_manifest", "example_customer")
@pytest.mark.parametrize(("command", "answer"), CURL_EXAMPLES)
def test_a_curl_example_gets_the_answer_below_it(
    command: str, answer: str, server_url: str
) -> None:
    reply = sent(command, server_url)

    assert without_chance(reply) == without_chance(answer)


def test_the_curl_examples_of_events_get_them_and_go_on_after_the_last_one(
    server_url: str,
) -> None:
    page = (ROOT / "docs" / "events.md").read_text("utf-8")
    commands = re.findall(r"^```sh\n(curl --silent --no-buffer [^`]*)^```$", page, re.MULTILINE)
    first, again = map(curl, commands)
    ids: list[str] = []
    with httpx.Client(timeout=40) as client:
        for request in (first, again):
            url = str(request.url).replace(SERVER_URL, server_url)
            if ids:
                request.headers["Last-Event-ID"] = ids[0]
            with client.stream(
                "POST", url, headers=request.headers, content=request.content
            ) as answer:
                lines = answer.iter_lines()
                # The subscription has begun.
                assert next(lines) == ":"
                for number in range(0 if ids else 2):
                    input_ = f'{{email: "e{number}@curl.example"}}'
                    creation = f"mutation {{ createCustomer(input: {input_}) {{ __typename }} }}"
                    httpx.post(url, json={"query": creation}).raise_for_status()
                ids.append(next(line for line in lines if line.startswith("id: "))[4:])

    assert ids[0] != ids[1]


def test_the_curl_examples_of_the_readme_get_their_answers_one_after_another(
    database_uri: str, tmp_path: Path
) -> None:
    ids: dict[str, str] = {}

    with serving(errors=tmp_path / "stderr", GRAPHQL_API_MONGODB_URI=database_uri) as server:
        for example, answer in README_EXAMPLES:
            command = example
            # A reader replaces the ids, too.
            for printed, stored in ids.items():
                command = command.replace(printed, stored)
            reply = sent(command, server.url)
            assert without_chance(reply) == without_chance(answer)
            ids |= zip(ID.findall(answer), ID.findall(reply), strict=True)

    assert len(ids) == 1


def test_the_curl_examples_show_the_life_of_a_customer_a_failure_and_a_list() -> None:
    answers = [json.loads(answer)["data"] for _, answer in README_EXAMPLES + CURL_EXAMPLES]

    shown = [
        result.get("__typename", field) for answer in answers for field, result in answer.items()
    ]

    assert shown == [
        "CreateCustomerSuccess",
        "CreateCustomerFailure",
        "customers",
        "UpdateCustomerSuccess",
        "DeleteCustomerSuccess",
        # In the manual.
        "customers",
        # With an idempotency key.
        "CreateCustomerSuccess",
        # With a trusted document.
        "CreateCustomerSuccess",
    ]


def test_the_python_example_prints_the_output_below_it(server_url: str) -> None:
    [program] = blocks("python")
    [_, output] = blocks("text")
    assert SERVER_URL in program

    done = subprocess.run(  # noqa: S603  # our own example
        [sys.executable, "-c", program.replace(SERVER_URL, server_url)],
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == output


def test_the_typescript_examples_name_every_outcome() -> None:
    cases = [set(re.findall(r'case "(\w+)":', program)) for program in blocks("ts")]

    assert cases == [
        {outcome.name for outcome in members(union)}
        for union in ("CreateCustomerResult", "UpdateCustomerResult")
    ]


def test_the_scalars_for_code_generators_are_the_scalars_of_the_dashboard() -> None:
    scalars = blocks("js")[0]
    config = (ROOT / "web" / "dashboard" / "codegen.ts").read_text("utf-8")

    assert scalars in config


def test_graphql_in_other_examples_is_valid() -> None:
    in_typescript = re.findall(r"= `(\s*(?:mutation|query) .*?)`", "".join(blocks("ts")), re.DOTALL)

    assert len(in_typescript) == 3
    for document in (*in_typescript, *blocks("graphql")):
        assert validate(SCHEMA, parse(document)) == []


def test_the_table_of_statuses_has_each_status_and_its_code() -> None:
    refusals = [row.split("|") for row in rows("| Status | Code | When |")]

    named = {(int(status), code.strip(" `")) for _, status, code, _, _ in refusals}

    assert named - {(503, "OVERLOADED"), (503, "SHUTTING_DOWN")} == {
        (status, code) for status, code in CODES.items() if status != 500
    }


def test_the_table_of_codes_has_the_codes_in_the_package() -> None:
    package = "\n".join(file.read_text("utf-8") for file in (ROOT / "graphql_api").rglob("*.py"))
    documented = {row.split("`")[1] for row in rows("| Code | What it means |")}
    statuses = {row.split("`")[1] for row in rows("| Status | Code | When |")}

    raised = set(re.findall(r'code(?:=|": )"([A-Z_]+)"', package))

    assert raised <= documented | statuses
    assert all(f'"{code}"' in package for code in documented)


def test_the_table_of_protections_names_existing_settings() -> None:
    lines = rows("| Against | What the server does | Setting |")

    named = {name for line in lines for name in re.findall(r"`(GRAPHQL_API_\w+)`", line)}

    assert named <= {variable(field.name) for field in dataclasses.fields(Settings)}


def test_the_manual_names_every_make_target_and_no_other_one() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")

    named = re.findall(r"`make ([a-z]+)`|^make ([a-z]+)$", MANUAL, re.MULTILINE)

    assert {"".join(groups) for groups in named} == set(
        re.findall(r"^([a-z]+):.* ## ", makefile, re.MULTILINE)
    )


@pytest.mark.parametrize(
    "command",
    [
        *("serve", "schema", "keys create", "keys list", "keys revoke"),
        *("documents register", "documents list", "documents remove"),
        *("customers erase", "import", "export"),
        *(f"webhooks {action}" for action in ("create", "list", "test", "replay", "remove")),
    ],
)
def test_the_manual_names_every_command_and_option(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    options = re.findall(r"^ +(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE)

    assert options
    assert f"`graphql-api {command}`" in MANUAL
    assert all(f"`{option}" in MANUAL for option in options)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_relative_link_has_a_target(document: Path) -> None:
    links = re.findall(r'(?:\]\(|src="|srcset=")([^)"]+)[)"]', document.read_text("utf-8"))
    relative = [link.partition("#") for link in links if "://" not in link]

    for path, _, heading in relative:
        target = document.parent / path if path else document
        assert target.exists(), path
        assert not heading or heading in headings(target), heading


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_module_that_a_document_names_exists(document: Path) -> None:
    # Alone on its line is the name of a program that follows.
    named = re.findall(r"`([\w/]+\.py)`(?!\n\n```)", document.read_text("utf-8"))

    for name in named:
        assert (ROOT / name).exists() or [*(ROOT / "graphql_api").rglob(name)], name


def headings(document: Path) -> set[str]:
    """The anchors of the headings of a document."""
    titles = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision.name)
def test_a_decision_has_the_agreed_form(decision: Path) -> None:
    page = decision.read_text("utf-8")

    assert f"]({decision.relative_to(ROOT)})" in MANUAL
    assert page.startswith(f"# {int(decision.name[:4])}. ")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == [
        "Context",
        "Decision",
        "Consequences",
        "Alternatives",
    ]
