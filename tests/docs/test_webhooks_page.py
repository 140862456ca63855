"""The page about webhooks describes the code as it is, and its examples run."""

import json
import re
import subprocess
import time
from uuid import UUID

import pytest

from graphql_api.customers.events import CustomerDeleted, Event, Moment
from graphql_api.mongo.change_stream import time_of
from graphql_api.webhooks.delivery import PAUSES
from graphql_api.webhooks.messages import (
    MessageType,
    message_of,
    new_secret,
    secret_as_text,
    signed_headers,
)

from ..support.manual import blocks, rows
from ..support.node import needs_node
from ..support.paths import ROOT

SECRET = new_secret()
MESSAGE = message_of(Event(Moment(b"\x82\0\0\0\0"), CustomerDeleted(UUID(int=1))), "", time_of)
UNITS = {"s": 1, "min": 60, "h": 3600}


def seconds(text: str) -> int:
    """The seconds of a duration in the table, such as `1 h 43 min`."""
    return sum(int(number) * UNITS[unit] for number, unit in re.findall("([0-9]+) ([a-z]+)", text))


def test_the_table_of_attempts_has_the_pauses() -> None:
    table = [
        row.split("|")[2:4]
        for row in rows("| Attempt | Pause before it | Time since the first attempt |")
    ]

    assert [seconds(pause) for pause, _ in table] == [0, *PAUSES]
    for number, (_, since) in enumerate(table):
        # In whole minutes, from the fourth attempt on.
        assert sum(PAUSES[:number]) - 60 < seconds(since) <= sum(PAUSES[:number]) + 30


def test_the_table_of_types_has_each_type() -> None:
    named = [row.split("`")[1] for row in rows("| `type` | What it means | `data` |")]

    assert named == list(MessageType)


def test_the_python_example_verifies_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    program, by_hand = blocks("py")
    headers = signed_headers(MESSAGE, SECRET, int(time.time()))
    names: dict[str, object] = {}

    exec(program, names)  # noqa: S102  # our own example
    receive = names["receive"]

    assert callable(receive)
    assert receive(headers, MESSAGE.body, secret_as_text(SECRET)) == 204
    assert receive(headers, MESSAGE.body + b" ", secret_as_text(SECRET)) == 400
    exec(by_hand, names)  # noqa: S102  # as above
    is_valid = names["is_valid"]
    assert callable(is_valid)
    several = {**headers, "webhook-signature": f"v1,x {headers['webhook-signature']}"}
    assert is_valid(several, MESSAGE.body, secret_as_text(SECRET))
    assert not is_valid(headers, MESSAGE.body + b" ", secret_as_text(SECRET))
    old = signed_headers(MESSAGE, SECRET, int(time.time()) - 600)
    assert not is_valid(old, MESSAGE.body, secret_as_text(SECRET))
    assert capsys.readouterr().out == f"customer.deleted {{'id': '{UUID(int=1)}'}}\n"


@needs_node
def test_the_node_example_verifies_a_message() -> None:
    programs = "\n".join(blocks("mjs"))
    headers = signed_headers(MESSAGE, SECRET, int(time.time()))
    old = signed_headers(MESSAGE, SECRET, int(time.time()) - 600)
    body = MESSAGE.body.decode()
    calls = [
        [headers_, sent, secret_as_text(SECRET)]
        for headers_, sent in ((headers, body), (headers, f"{body} "), (old, body))
    ]

    done = subprocess.run(  # noqa: S603  # our own example
        [  # the node that npm ran on
            *("node", "--input-type=module", "--eval"),
            f"{programs}\nfor (const call of {json.dumps(calls)}) "
            "console.log(receive(...call), isValid(...call));",
        ],
        cwd=ROOT / "tests/clients/programs",
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines()[1:] == ["204 true", "400 false", "400 false"]
