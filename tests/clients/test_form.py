"""The example form in Chromium, used as people use it, with a live server."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphql_api.access.principal import Scope
from graphql_api.customers.create_customer import Conflict
from graphql_api.customers.fields import FIELDS
from graphql_api.customers.problems import InvalidFormat, Taken

from ..support.clients import CREATE_CUSTOMER
from ..support.node import needs_chromium, needs_node, run_script
from ..support.paths import ROOT
from ..support.replica_sets import ReplicaSet
from ..support.servers import serving
from ..support.tokens import api_key, bearer

FORM = ROOT / "examples" / "customer-form"
EXAMPLES = {field.public_name: field.rule.example for field in FIELDS}

Story = Callable[..., dict[str, Any]]


@pytest.fixture
def story(server_url: str) -> Story:
    """Runs a story of `form.mjs` with that server, and returns its result."""

    def run(name: str, *arguments: str, url: str = server_url) -> dict[str, Any]:
        told: dict[str, Any] = run_script("clients/browser/form.mjs", name, url, *arguments)
        return told

    return run


@needs_chromium
def test_every_field_shows_its_label_and_rule_and_is_accessible(story: Story) -> None:
    told = story("labels")

    fields = {field["name"]: field for field in told["fields"]}
    assert fields.keys() == EXAMPLES.keys()
    for field in FIELDS:
        shown = fields[field.public_name]
        assert shown["required"] == field.required
        assert shown["label"] == field.rule.label + " (required)" * field.required
        assert shown["hint"] == f"{field.rule_in_words} Example: {field.rule.example}."
    # axe-core finds nothing, and the page is no wider than the window.
    assert told["found"] == {
        f"{scheme} {width}": [[], width] for scheme in ("light", "dark") for width in (320, 1200)
    }
    assert told["refused"] == []
    assert told["faults"] == []


@needs_chromium
def test_the_form_rejects_what_the_rules_reject_and_sends_nothing(story: Story) -> None:
    wrong = {"ZIP Code": "1--2", "Phone Number": "1", "Email": "ada", "Country": "United States"}

    told = story("refusals", json.dumps(wrong))

    described = "Enter a valid value, as described below."
    found = {
        "email": described,
        "phoneNumber": "Enter at least 2 characters.",
        "zipCode": described,
        "country": described,
    }
    assert told["empty"]["errors"] == {"email": "Enter an email address."}
    # That message suits every required field.
    assert [field.name for field in FIELDS if field.required] == ["email"]
    assert told["empty"]["focus"] == "email"
    assert told["left"] == found
    assert told["all"]["errors"] == {**found, "name": "Enter at least 3 characters."}
    assert told["all"]["focus"] == "name"
    assert told["mended"] == found
    assert told["sent"] == []
    assert told["faults"] == []


@needs_chromium
def test_the_button_reacts_when_the_press_leaves_an_invalid_field(
    story: Story,
) -> None:
    told = story("press")

    assert told["submitted"]
    assert told["errors"].keys() == {"name"}
    assert told["focus"] == "name"
    assert told["faults"] == []


@needs_chromium
def test_a_person_creates_a_customer_by_keyboard_and_sees_it_beside_the_form(story: Story) -> None:
    told = story("keyboard", json.dumps(EXAMPLES | {"email": "by.keyboard@example.com"}))

    assert sorted(told["stops"]) == sorted(EXAMPLES)
    assert told["status"] == "Created John Smith."
    assert told["listed"][0] == "John Smith"
    assert "by.keyboard@example.com" in told["item"]
    assert told["left"] == ""
    assert told["focus"] == "name"
    assert told["faults"] == []


@needs_chromium
@pytest.mark.parametrize(("width", "height"), [("360", "640"), ("1280", "720")])
def test_the_message_of_a_creation_is_in_sight_together_with_the_focus(
    width: str, height: str, story: Story
) -> None:
    told = story("created", width, height, f"seen.at.{width}@example.com")

    assert told["status"] == f"Created seen.at.{width}@example.com."
    assert told["focus"] == "name"
    assert told["seen"] == [1, 1]
    assert told["faults"] == []


@needs_chromium
@pytest.mark.parametrize(("label", "key"), [("City", ""), ("City", "Enter"), ("Name", "")])
def test_the_message_of_a_creation_appears_after_a_field_was_left_and_corrected(
    label: str, key: str, story: Story
) -> None:
    email = f"mended.{label}.{key}1@example.com".lower()

    told = story("mended", label, email, key)

    assert told["left"].keys() == {label.lower()}
    assert told["first"] == told["then"] == f"Created {told['listed'][0]}."
    assert told["faults"] == []


@needs_chromium
def test_the_message_of_a_creation_stays_until_a_person_types(story: Story) -> None:
    told = story("twice", "twice@example.com")

    assert told["again"]["status"] == "Created twice@example.com."
    assert told["again"]["errors"].keys() == {"email"}
    assert told["status"] == ""
    assert told["listed"].count("twice@example.com") == 1


@needs_chromium
async def test_without_permission_the_form_shows_the_message_of_the_server(
    story: Story, database_uri: str, tmp_path: Path
) -> None:
    reader = bearer(await api_key(database_uri, Scope.CUSTOMERS_READ))["Authorization"]

    with serving(
        errors=tmp_path / "stderr", GRAPHQL_API_MONGODB_URI=database_uri, GRAPHQL_API_KEYS="true"
    ) as server:
        anonymous = story("refused", "ada@example.com", url=server.url)
        forbidden = story("refused", "ada@example.com", reader, url=server.url)
        messages = [_message(server.url, headers) for headers in ({}, {"Authorization": reader})]

    assert [anonymous["alert"], forbidden["alert"]] == messages
    assert "customers:write" in forbidden["alert"]
    assert anonymous["violations"] == forbidden["violations"] == []


@needs_chromium
def test_after_a_conflict_of_keys_the_form_shows_the_message_of_the_server(
    story: Story, server_url: str
) -> None:
    variables = {"input": {"email": "conflict@example.com"}, "idempotencyKey": "taken-by-a-test"}
    request = {"query": CREATE_CUSTOMER, "variables": variables}
    httpx.post(f"{server_url}/graphql", json=request).raise_for_status()

    told = story("refused", "other@example.com", "", "taken-by-a-test")

    assert told["alert"] == Conflict().message


@needs_chromium
def test_after_a_request_error_the_form_shows_the_message_of_the_server(story: Story) -> None:
    invalid_key = "é"

    told = story("refused", "ada@example.com", "", invalid_key)

    assert told["alert"].startswith("The idempotency key is invalid.")


@needs_chromium
def test_an_error_that_only_the_server_finds_is_shown_at_its_field(story: Story) -> None:
    told = story("server", "taken@example.com")

    assert told["first"]["status"] == "Created taken@example.com."
    email = next(field for field in FIELDS if field.name == "email")
    assert told["taken"]["errors"] == {"email": Taken(email).message}
    assert told["format"]["errors"] == {"email": InvalidFormat(email).message}
    assert told["taken"]["focus"] == told["format"]["focus"] == "email"
    assert told["listed"][0] == "taken@example.com"
    assert told["faults"] == []


@needs_chromium
def test_a_request_without_an_answer_is_sent_again_and_creates_one_customer(
    story: Story,
) -> None:
    told = story("lost", "lost@example.com", "offline@example.com")

    first, again, offline, edited = told["sent"]
    assert told["first"]["alert"] == told["third"]["alert"] == "The server cannot be reached."
    assert told["second"] == "Created lost@example.com."
    assert first == again
    assert told["fourth"]["status"] == "Created Grace Hopper."
    assert len({first, offline, edited}) == 3
    assert told["listed"][:2] == ["Grace Hopper", "lost@example.com"]
    assert told["listed"].count("lost@example.com") == 1


@needs_chromium
@pytest.mark.parametrize(
    ("command", "advice"),
    [
        ("createIndexes", "Nothing was stored"),
        ("insert", "same idempotency key"),
    ],
)
def test_after_a_fault_of_the_database_the_same_customer_can_be_sent_again(
    command: str, advice: str, story: Story, failing_set: ReplicaSet, tmp_path: Path
) -> None:
    uri = failing_set.database_uri()

    with (
        failing_set.primary().failing(command, closeConnection=True),
        serving(errors=tmp_path / "stderr", GRAPHQL_API_MONGODB_URI=uri) as server,
    ):
        told = story("creation", "ada@example.com", url=server.url)

    assert advice in told["alert"]
    assert told["hint"] == "You can send this again: the customer is created only once."
    assert told["again"]
    assert told["errors"] == {}


@needs_chromium
def test_the_list_is_loaded_again_once_the_server_is_back(story: Story) -> None:
    told = story("back", "before@example.com", "after@example.com")

    reason = "The server cannot be reached."
    assert told["away"].split() == [*reason.split(), "Load", "again"]
    assert told["back"][0] == "before@example.com"
    assert told["alerts"] == 0
    assert told["listed"][:2] == ["after@example.com", "before@example.com"]


@needs_chromium
def test_the_list_has_pages_and_a_search_and_shows_a_new_customer(
    story: Story, database_uri: str, tmp_path: Path
) -> None:
    names = [f"Customer {letter}" for letter in "ABCDEFGHIJKL"]

    with serving(errors=tmp_path / "stderr", GRAPHQL_API_MONGODB_URI=database_uri) as server:
        for name in names:
            _create(server.url, name=name, email=f"{name.replace(' ', '.')}@example.com")
        told = story("list", "cust k", "cust.k@example.com", url=server.url)
        late = story("late", "cust b", "cust d", url=server.url)

    assert told["first"] == names[:1:-1]
    assert told["second"] == names[::-1]
    assert told["more"] == 0
    assert told["found"] == ["Customer K"]
    assert told["renewed"] == ["cust.k@example.com", "Customer K"]
    assert (told["none"], told["said"]) == ([], "No customer matches.")
    assert late["found"] == late["then"] == ["Customer D"]
    assert told["violations"] == told["faults"] == late["faults"] == []


@needs_chromium
def test_over_the_rate_limit_the_same_customer_can_be_sent_again(
    story: Story, database_uri: str, tmp_path: Path
) -> None:
    with serving(
        errors=tmp_path / "stderr",
        GRAPHQL_API_MONGODB_URI=database_uri,
        # The list, the first customer, and the list with it.
        GRAPHQL_API_RATE_LIMIT="3/hour",
    ) as limited:
        told = story("limited", "one@example.com", "two@example.com", url=limited.url)

    assert told["first"]["status"] == "Created one@example.com."
    assert told["second"]["alert"].startswith("Too many requests.")
    assert told["again"]
    assert told["list"].startswith("Too many requests.")
    assert told["list"].endswith("Load again")
    assert told["violations"] == []


@needs_chromium
def test_the_picture_of_the_form_shows_its_customers(
    story: Story, database_uri: str, tmp_path: Path
) -> None:
    file = Path(os.environ.get("IMAGES", tmp_path), "form.png")
    customers = [
        {"Name": "Ada Lovelace", "Email": "ada@example.com", "City": "London"},
        {"Name": "Grace Hopper", "Email": "grace@example.com", "Description": "Rear admiral"},
        {"Name": "Ada King", "Email": "Ada@example.com"},
    ]

    with serving(errors=tmp_path / "stderr", GRAPHQL_API_MONGODB_URI=database_uri) as server:
        told = story("picture", str(file), *map(json.dumps, customers), url=server.url)

    assert told["listed"] == ["Grace Hopper", "Ada Lovelace"]
    assert file.read_bytes().startswith(b"\x89PNG")
    assert told["faults"] == []


def _create(url: str, **values: str) -> None:  # pragma: no cover  # as in node.py
    """Creates a customer."""
    request = {"query": CREATE_CUSTOMER, "variables": {"input": values}}
    httpx.post(f"{url}/graphql", json=request).raise_for_status()


def _message(url: str, headers: dict[str, str]) -> str:  # pragma: no cover  # as in node.py
    """The server's message for a creation that it rejects."""
    request = {"query": CREATE_CUSTOMER, "variables": {"input": {"email": "ada@example.com"}}}
    answer = httpx.post(f"{url}/graphql", json=request, headers=headers).json()
    message: str = answer["errors"][0]["message"]
    return message


@needs_node
def test_a_form_that_lacks_a_part_of_the_schema_does_not_compile(tmp_path: Path) -> None:
    copy = tmp_path / "examples" / "customer-form"
    shutil.copytree(FORM, copy, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (copy / "node_modules").symlink_to(FORM / "node_modules")
    additions = {
        "| IdempotencyConflict": "| IdempotencyConflict | Postponed",
        "| EmailTakenError": "| EmailTakenError | BlockedError",
        "  phoneNumber: PhoneNumber @": "  faxNumber: String\n  phoneNumber: PhoneNumber @",
        "type EmailTakenError ": "type Postponed { until: DateTime! }\n"
        "type BlockedError implements FieldError "
        "{ field: CustomerField! path: [String!]! message: String! }\n"
        "type EmailTakenError ",
    }
    schema = (ROOT / "schema.graphql").read_text("utf-8")
    for old, new in additions.items():
        schema = schema.replace(old, new)
    (tmp_path / "schema.graphql").write_text(schema, "utf-8")

    done = subprocess.run(
        ["npm", "run", "check"],  # noqa: S607  # the one that installed it
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode != 0
    assert re.findall(
        r"^src/(\w+)\.ts.*?(Postponed|BlockedError|faxNumber)", done.stdout, re.M
    ) == [
        ("createCustomer", "Postponed"),
        ("fields", "faxNumber"),
    ]
