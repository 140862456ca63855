"""The log: its two formats, its exceptions without values, and readers that do not read."""

import contextlib
import fcntl
import json
import logging
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import structlog

from graphql_api.logs import configure_structlog, formatter
from graphql_api.output import Output, _together, standard_error

from ..support.servers import serving


@dataclass(frozen=True)
class FullPipe:
    """A full pipe: writers wait until somebody reads it."""

    path: Path
    reader: int
    writer: int

    def fill(self) -> None:
        os.set_blocking(self.writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.writer, b"\n")
        os.set_blocking(self.writer, True)

    def read_all(self) -> list[str]:
        """The lines in the pipe, without the empty ones that filled it."""
        read = b""
        with contextlib.suppress(BlockingIOError):
            while more := os.read(self.reader, 65536):
                read += more
        return [line for line in read.decode().split("\n") if line]


@pytest.fixture
def full_pipe(tmp_path: Path) -> Iterator[FullPipe]:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    pipe = FullPipe(path, reader, os.open(path, os.O_WRONLY))
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, select.PIPE_BUF)
    pipe.fill()
    yield pipe
    os.close(reader)


@pytest.fixture
def record() -> logging.LogRecord:
    """The record of an exception with a cause; the texts contain a value."""
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


def test_an_exception_is_logged_as_types_and_stack_frames_with_its_causes(
    record: logging.LogRecord,
) -> None:
    line = json.loads(formatter("json").format(record))

    assert line["event"] == "Failed"
    assert line["logger"] == "asyncio"
    assert line["exception"].startswith("ValueError\n  File ")
    assert "caused by KeyError\n  File " in line["exception"]
    assert "_fail" in line["exception"]
    # Lines of code may be logged, but not the messages of the exceptions.
    assert "Error: " not in line["exception"]


def test_only_the_stack_frames_of_a_traceback_in_a_message_are_logged() -> None:
    message = (
        'Traceback (most recent call last):\n  File "/a.py", line 1, in start\n    start()\n'
        "ValueError: s3cr3t\n"
    )
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 1, message, None, None)

    line = json.loads(formatter("json").format(record))

    assert line["event"] == ('Traceback (most recent call last):\n  File "/a.py", line 1, in start')


@pytest.mark.parametrize(("form", "first"), [("json", "{"), ("console", "\x1b"), (None, "\x1b")])
def test_the_log_on_a_terminal_is_text(
    record: logging.LogRecord, form: str | None, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal, stderr = pty.openpty()
    with os.fdopen(terminal), os.fdopen(stderr, "w") as standard_error:
        monkeypatch.setattr(sys, "stderr", standard_error)
        line = formatter(form).format(record)

    assert line.startswith(first)
    assert "KeyError" in line


def test_messages_of_structlog_are_json_too(capfd: pytest.CaptureFixture[str]) -> None:
    configure_structlog("warning", "json")
    with structlog.contextvars.bound_contextvars(request_id="1"):
        structlog.get_logger().info("a detail")
        structlog.get_logger().warning("a warning", number=1)
    structlog.reset_defaults()
    standard_error().finish()

    [line] = map(json.loads, capfd.readouterr().err.splitlines())
    assert line.pop("timestamp")
    assert line == {"event": "a warning", "level": "warning", "request_id": "1", "number": 1}


def test_warnings_are_logged_and_messages_that_cannot_be_formatted_are_not(errors: Path) -> None:
    program = """
import logging, warnings
from graphql_api.logs import configure_logs
configure_logs("info", "json")
warnings.warn("a warning")
logging.getLogger("uvicorn").error("%d", "s3cr3t")
logging.getLogger("uvicorn").error("the end")
"""
    with errors.open("w") as stderr:
        subprocess.run([sys.executable, "-c", program], stderr=stderr, check=True)  # noqa: S603  # our own

    warning, end = map(json.loads, errors.read_text().splitlines())
    assert (warning["logger"], warning["level"]) == ("py.warnings", "warning")
    assert warning["event"].endswith("UserWarning: a warning")
    assert end["event"] == "the end"


def test_lines_are_dropped_and_counted_if_nobody_reads_them(full_pipe: FullPipe) -> None:
    output = Output(full_pipe.writer, max_lines=3)
    output.report_loss = "{} lines were dropped".format

    for number in range(20):
        output.msg(f"line {number}")
    read = full_pipe.read_all()
    output.finish()
    output.msg("line 20")
    output.finish()

    lines = read + full_pipe.read_all()
    written = [line for line in lines if line.startswith("line ")]
    counts = [int(line.split()[0]) for line in lines if line.endswith(" lines were dropped")]
    assert written[0] == "line 0"
    assert written[-1] == "line 20"
    assert len(written) < 20
    assert len(written) + sum(counts) == 21


@pytest.mark.parametrize(("form", "first"), [("json", "{"), ("console", "\x1b")])
def test_a_line_of_the_log_has_the_number_of_dropped_lines(form: str, first: str) -> None:
    # The line is logged at every level.
    configure_structlog("critical", form)
    structlog.reset_defaults()

    line = standard_error().report_loss(12)

    assert line.startswith(first)
    assert "Lines of the log were dropped." in line
    assert "12" in line


def test_a_line_that_cannot_be_written_does_not_delay_later_ones(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY)
    output = Output(writer)

    os.close(reader)
    output.msg("one")
    output.msg("two")
    output.finish()
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    output.msg("three")
    output.finish()

    assert os.read(reader, 1000) == b"three\n2\n"
    os.close(reader)


def test_lines_are_not_mixed_with_lines_of_other_processes() -> None:
    lines = [b"x" * length for length in (10, select.PIPE_BUF - 10, 1, select.PIPE_BUF + 1, 1, 2)]

    parts = list(_together(lines, select.PIPE_BUF))

    assert parts == [lines[:2], lines[2:3], lines[3:4], lines[4:]]


def test_a_forked_process_has_its_own_output(errors: Path) -> None:
    program = """
import os
from graphql_api.output import standard_error
standard_error().msg("parent")
standard_error().finish()
child = os.fork()
if child == 0:
    standard_error().msg("child")
    standard_error().finish()
    os._exit(0)
os.waitpid(child, 0)
standard_error().msg("parent again")
"""
    with errors.open("w") as stderr:
        subprocess.run([sys.executable, "-W", "ignore", "-c", program], stderr=stderr, check=True)  # noqa: S603  # our own

    assert errors.read_text() == "parent\nchild\nparent again\n"


def test_a_server_serves_and_stops_although_nobody_reads_its_log(
    database_uri: str, full_pipe: FullPipe
) -> None:
    for workers in ("1", "2"):
        with serving(
            *("--workers", workers),
            errors=full_pipe.path,
            stop=False,
            GRAPHQL_API_MONGODB_URI=database_uri,
        ) as server:
            for _ in range(20):
                created = httpx.post(
                    f"{server.url}/graphql",
                    json={"query": "mutation { createCustomer(input: {}) { __typename } }"},
                    timeout=20,
                )
                assert created.status_code == 200

            server.process.terminate()

            assert server.process.wait(20) == 0


def test_the_last_lines_of_a_server_are_written_before_it_ends(
    database_uri: str, full_pipe: FullPipe
) -> None:
    with serving(errors=full_pipe.path, stop=False, GRAPHQL_API_MONGODB_URI=database_uri) as server:
        full_pipe.read_all()
        server.process.terminate()

        assert server.process.wait(20) == 0

    last = json.loads(full_pipe.read_all()[-1])
    assert last["event"].startswith("Finished server process")
