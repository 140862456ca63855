"""The log: its two forms, and what of an exception it shows."""

import json
import logging
import os
import pty
import sys
from collections.abc import Iterator

import pytest
import structlog

from graphql_api.logs import configure_structlog, formatter


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


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """Standard error, where a server's own log goes from a level on."""
    configure_structlog("warning", "json")
    yield capsys
    structlog.reset_defaults()


def test_the_servers_own_messages_have_the_same_form(
    stderr: pytest.CaptureFixture[str],
) -> None:
    logger = structlog.get_logger()
    structlog.contextvars.bind_contextvars(request_id="1")

    logger.info("a detail")
    try:
        _fail()
    except ValueError:
        logger.exception("Failed")

    [line] = map(json.loads, stderr.readouterr().err.splitlines())
    assert (line["event"], line["level"], line["request_id"]) == ("Failed", "error", "1")
    assert line["exception"].startswith("ValueError\n  File ")
    assert "Error: " not in line["exception"]
