"""The log: its two forms, and what of an exception it shows."""

import asyncio
import io
import json
import logging
import os
import pty
import sys
from typing import Any

import pytest
import structlog

from graphql_api.logs import _Lines, configure_structlog, formatter


@pytest.fixture
def record() -> logging.LogRecord:
    """What `logging` makes of an exception with a cause, and with texts that show a value."""
    try:
        _fail()
    except ValueError:
        return logging.LogRecord(
            "asyncio", logging.ERROR, __file__, 1, "Failed\ns3cr3t", None, sys.exc_info()
        )
    raise AssertionError  # pragma: no cover


def _fail() -> None:
    try:
        os.environ["S3CR3T"]
    except KeyError as error:
        value = "s3cr3t"
        raise ValueError(value) from error


def test_an_exception_is_logged_by_its_type_and_place_with_its_causes(
    record: logging.LogRecord,
) -> None:
    line = json.loads(formatter("json").format(record))

    assert line["event"] == "Failed"
    assert line["logger"] == "asyncio"
    assert line["exception"].startswith("ValueError\n  File ")
    assert "caused by KeyError\n  File " in line["exception"]
    assert "_fail" in line["exception"]
    # Lines of code may be shown, what the exceptions say may not.
    assert "Error: " not in line["exception"]


def test_a_traceback_in_a_message_keeps_its_places_alone() -> None:
    message = (
        'Traceback (most recent call last):\n  File "/a.py", line 1, in start\n    start()\n'
        "ValueError: s3cr3t\n"
    )
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 1, message, None, None)

    line = json.loads(formatter("json").format(record))

    assert line["event"] == ('Traceback (most recent call last):\n  File "/a.py", line 1, in start')


@pytest.mark.parametrize(("form", "first"), [("json", "{"), ("console", "\x1b"), (None, "\x1b")])
def test_people_on_a_terminal_get_text(
    record: logging.LogRecord, form: str | None, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal, stderr = pty.openpty()
    with os.fdopen(terminal), os.fdopen(stderr, "w") as standard_error:
        monkeypatch.setattr(sys, "stderr", standard_error)
        line = formatter(form).format(record)

    assert line.startswith(first)
    assert "KeyError" in line


def test_the_servers_own_messages_have_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_structlog("warning", "json")
    with structlog.contextvars.bound_contextvars(request_id="1"):
        structlog.get_logger().info("a detail")
        structlog.get_logger().warning("a warning", number=1)
    structlog.reset_defaults()

    [line] = map(json.loads, capsys.readouterr().err.splitlines())
    assert line.pop("timestamp")
    assert line == {"event": "a warning", "level": "warning", "request_id": "1", "number": 1}


class BrokenOnce(io.StringIO):
    """A pipe whose reader is away when the first line comes."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = 0

    def write(self, text: str) -> int:
        self.tries += 1
        if self.tries == 1:
            raise BrokenPipeError
        return super().write(text)


async def test_a_line_that_cannot_be_written_holds_up_no_later_ones() -> None:
    file = BrokenOnce()
    lines = _Lines(file)
    loop = asyncio.get_running_loop()
    failures: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, failure: failures.append(failure))

    lines.msg("one")
    await asyncio.sleep(0)
    lines.msg("two")
    lines.msg("three")
    await asyncio.sleep(0)
    loop.set_exception_handler(None)

    assert [type(failure["exception"]) for failure in failures] == [BrokenPipeError]
    assert file.getvalue() == "two\nthree\n"
    assert file.tries == 2
