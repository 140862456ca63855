"""Each program on the page of client libraries runs unchanged with a live server."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from graphql_api.customers.fields import FIELDS
from graphql_api.customers.problems import TooShort
from graphql_api.customers.versions import Changed, NotFound
from graphql_api.schema.examples import EXAMPLES

from ..support.manual import SERVER_URL, blocks, members
from ..support.node import needs_node
from ..support.paths import ROOT
from ..support.servers import serving

pytestmark = pytest.mark.patient

PAGE = (ROOT / "docs/client-libraries.md").read_text("utf-8")
PROGRAMS = ROOT / "tests/clients/programs"
PYTHON = PROGRAMS / ".venv/bin"

NAME, CITY = [field for field in FIELDS if field.name in ("name", "city")]

# The text below each heading of the page.
SECTIONS = dict(re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE))
NODE_CLIENTS = ("Apollo Client", "urql", "Relay", "graphql-request", "gql.tada", "genql")
PYTHON_CLIENTS = ("gql, in Python", "sgqlc")

BLOCK = re.compile(r"^(?:`([^`\n]+)`\n\n)?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEW_KEY = re.compile(r"crypto\.randomUUID\(\)|str\(uuid\.uuid4\(\)\)")

SHOWN = [
    "README.md",
    "docs/clients.md",
    "docs/client-libraries.md",
    "web/dashboard/src/api/operations.ts",
]


class Folder:
    """A folder with the document of the page and the files of one section."""

    def __init__(self, path: Path, server_url: str) -> None:
        self.path = path
        self._server_url = server_url
        (path / "node_modules").symlink_to(PROGRAMS / "node_modules")
        (path / "schema.graphql").symlink_to(ROOT / "schema.graphql")
        self.write(SECTIONS["The document"])

    def write(self, section: str) -> list[str]:
        """Writes the files that the section names, and returns its other blocks."""
        blocks = BLOCK.findall(section)
        for name, _, content in blocks:
            if name:
                (self.path / name).write_text(content.replace(SERVER_URL, self._server_url))
        return [content for name, _, content in blocks if not name]

    def replace(self, old: str | re.Pattern[str], new: str) -> None:
        """Replaces a text in all of its programs and documents."""
        for file in self.path.glob("*.*"):
            if file.suffix != ".json" and not file.is_symlink():
                file.write_text(re.sub(old, new, file.read_text("utf-8")), "utf-8")

    def run(self, *commands: str) -> subprocess.CompletedProcess[str]:
        """Runs commands one after another, until one fails."""
        places = (PYTHON, ROOT / ".venv/bin", os.environ["PATH"])
        return subprocess.run(  # noqa: S603  # the commands of the page
            ["bash", "-c", " &&\n".join(commands)],  # noqa: S607  # the shell of the page
            cwd=self.path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "PATH": ":".join(map(str, places))},
        )


@pytest.fixture
def folder(tmp_path: Path, server_url: str) -> Folder:
    """A folder for programs of that server."""
    return Folder(tmp_path, server_url)


def commands_of(block: str) -> list[str]:
    """The commands of a block, except the ones that install the locked packages."""
    return [line for line in block.splitlines() if "install" not in line]


@pytest.mark.parametrize(
    "client",
    [
        *(pytest.param(name, marks=needs_node) for name in NODE_CLIENTS if name != "gql.tada"),
        *PYTHON_CLIENTS,
    ],
)
def test_a_client_shows_the_errors_creates_a_customer_and_ends_at_other_errors(
    client: str, folder: Folder
) -> None:
    assert_shows_creates_and_ends(folder, commands_of(folder.write(SECTIONS[client])[0]))


def assert_shows_creates_and_ends(folder: Folder, commands: list[str]) -> None:
    done = folder.run(*commands)
    # The server rejects this key.
    folder.replace(NEW_KEY, '"é"')
    refused = folder.run(commands[-1])

    assert done.returncode == 0, done.stdout + done.stderr
    # The preparations print the lines before.
    problem, created = done.stdout.splitlines()[-2:]
    assert problem == f"input.name: {TooShort(NAME, 3, 1).message}"
    assert re.fullmatch(r"Created [a-z-]+@example\.com", created)
    assert refused.returncode != 0
    assert "idempotency key" in refused.stdout + refused.stderr
    assert "Created" not in refused.stdout


@needs_node
def test_apollo_needs_the_possible_types_to_match_an_interface(
    folder: Folder,
) -> None:
    program, command, cache = folder.write(SECTIONS["Apollo Client"])
    folder.replace(r" +\.\.\. on (?!Field)\w+Error .*\n", "")

    without = folder.run(*commands_of(program))
    folder.replace(r"  cache: .*", "  cache,")
    folder.replace(r"(?=const client)", cache)
    done = folder.run(*commands_of(command + program))

    assert "(reading 'join')" in without.stderr
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("input.name: ")


@needs_node
def test_a_typed_client_also_finds_changes_and_deletes_customers(folder: Folder) -> None:
    first, life = folder.write(SECTIONS["gql.tada"])
    # They compile both programs of the section.
    *preparations, program = commands_of(first)

    done = folder.run(*preparations, life)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-6:] == [
        "Created 2",
        "Found 2",
        "Changed: Ada Lovelace, London",
        "Changed: Ada Lovelace, null",
        "CustomerChanged",
        "DeleteCustomerSuccess",
    ]
    assert_shows_creates_and_ends(folder, [program])


@needs_node
def test_the_programs_without_a_library_create_find_and_change_a_customer(
    tmp_path: Path, database_uri: str
) -> None:
    [commands] = [block for block in blocks("sh") if "create-customer.mts" in block]
    life = """
    for await (const customer of find("hopper")) {
      await move(customer, "Paris");
      await move(customer, "Rome");
    }
    for await (const customer of find("hopper")) {
      const input = { name: "Grace Murray" };
      await execute(UPDATE_CUSTOMER, { id: customer.id, input, ifVersion: null });
      await move(customer, null);
      await move(customer, "X");
      await move({ ...customer, id: "unknown" }, null);
    }"""
    create, change = blocks("ts")
    programs = {"create-customer": create, "change-customer": change, "life": change + life}
    compile_, run = commands_of(commands)

    with serving(errors=tmp_path / "stderr", GRAPHQL_API_MONGODB_URI=database_uri) as server:
        folder = Folder(tmp_path, server.url)
        for name, program in programs.items():
            (tmp_path / f"{name}.mts").write_text(program.replace(SERVER_URL, server.url))
        # Together, because the compiler reads its own declarations for most of its time.
        files = " ".join(f"{name}.mts" for name in programs)
        compiled = folder.run(compile_.replace("create-customer.mts", files))
        assert compiled.returncode == 0, compiled.stdout + compiled.stderr
        printed = []
        for name in programs:
            done = folder.run(run.replace("create-customer", name))
            assert done.returncode == 0, done.stderr
            printed.append(done.stdout.splitlines())

    email = "grace.hopper@example.com"
    assert printed == [
        [f"Created {email}"],
        [f"{email}: Arlington"],
        [
            # The customer had moved there before.
            f"{email}: Arlington",
            f"{email}: Paris",
            f"{email} has moved to Paris: {Changed.message}",
            # Another client changed the name, so the program tried again.
            f"{email}: null",
            f"input.city: {TooShort(CITY, 2, 1).message}",
            NotFound.message,
        ],
    ]


def test_the_page_has_a_section_for_each_client_and_installs_the_locked_packages() -> None:
    locked = {
        *json.loads((PROGRAMS / "package.json").read_text("utf-8"))["dependencies"],
        *tomllib.loads((PROGRAMS / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"],
    }

    installed = re.findall(r"^(?:npm|pip) install (.*)$", PAGE, re.MULTILINE)

    names = {name.strip("'") for line in installed for name in line.split()}
    assert {re.sub(r"(?<=.)@\d+$", "", name) for name in names} == {
        re.sub(r">=.*", "", name) for name in locked
    }
    assert [*SECTIONS] == ["The document", *NODE_CLIENTS, *PYTHON_CLIENTS, "ariadne-codegen"]


@pytest.mark.parametrize("file", SHOWN)
def test_a_document_on_a_page_names_each_kind_of_error(file: str) -> None:
    assert_each_kind_is_named((ROOT / file).read_text("utf-8"))


def test_the_examples_in_graphiql_name_each_kind_of_error() -> None:
    assert_each_kind_is_named("".join(example.document for example in EXAMPLES))


def test_the_example_for_ariadne_codegen_names_each_kind_of_error_once() -> None:
    text = (ROOT / "examples/python_client/operations.graphql").read_text("utf-8")

    [kinds] = re.findall(r"CustomerFieldError \{\s+__typename(.*)\n\}", text, re.DOTALL)

    assert_named(kinds, "path message")


def assert_each_kind_is_named(text: str) -> None:
    """Before `... on FieldError`, with the same fields at least."""
    selections = re.findall(
        r"(?:errors|CustomerFieldError) \{\s+__typename(.*?)\.\.\. on FieldError \{(.*?)\}",
        text,
        re.DOTALL,
    )
    # In prose, a backtick precedes it.
    assert len(selections) == len(re.findall(r"(?<!`)\.\.\. on FieldError \{", text)) > 0
    for kinds, fields in selections:
        assert_named(kinds, fields)


def assert_named(kinds: str, fields: str) -> None:
    spelled_out = dict(re.findall(r"on (\w+) \{(.*?)\}", kinds, re.DOTALL))
    assert [*spelled_out] == [member.name for member in members("CustomerFieldError")]
    assert all(set(own.split()) >= set(fields.split()) for own in spelled_out.values())
