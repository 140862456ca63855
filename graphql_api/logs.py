"""The log: one JSON object on each line of standard error, or text on a terminal."""

import logging
import logging.config
import re
import sys
import traceback
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor

from .output import Output, standard_error

logger = structlog.get_logger()

_FRAME = re.compile(r'  File ".*", line [0-9]+, in \S+')


def stack_frames(error: BaseException) -> str:
    """Returns the types of an exception and of its causes, each with its stack frames.

    Never their messages, which may contain a customer's values.
    """
    causes: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        frames = "".join(traceback.format_tb(cause.__traceback__))
        causes.append(f"{type(cause).__name__}\n{frames}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "caused by ".join(causes)


def configure_logs(level: str, log_format: str | None) -> None:
    """Configures the log for structlog, `logging` and warnings.

    `level` is a level in lower case, and `log_format` is `json`, `console` or None for the default.
    """
    configure_structlog(level, log_format)
    logging.config.dictConfig(_logging_config(level, log_format))
    logging.captureWarnings(capture=True)
    # Otherwise a message that cannot be formatted is printed with its values.
    logging.raiseExceptions = False


def configure_structlog(level: str, log_format: str | None) -> None:
    """Configures the log for structlog only, as `configure_logs` does."""
    global _json_output  # noqa: PLW0603  # one for each process, like structlog's configuration
    output = standard_error()
    renderer = _renderer(log_format)
    output.report_loss = partial(_lost_lines, renderer)
    is_json = isinstance(renderer, structlog.processors.JSONRenderer)
    _json_output = output if is_json and level in ("debug", "info") else None
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *_PROCESSORS, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda: output,
        cache_logger_on_first_use=True,
    )


def log_to_standard_error() -> None:
    """Makes structlog write its lines for people to standard error, and not to standard output.

    For commands that print a result there.
    """
    # `sys.stderr` is read when the first line is written, because tests replace it.
    structlog.configure(logger_factory=lambda: structlog.PrintLogger(sys.stderr))


def log_request(values: dict[str, object]) -> None:
    """Logs one request, and adds to its `values`, which must be serializable as JSON.

    A JSON line is written without structlog, which takes ten times as long for the same line:
    a tenth of the time of a creation.
    """
    if _json_output is None:
        logger.info("request", **values)
        return
    values |= {"event": "request", "level": "info", "timestamp": datetime.now(UTC)}
    _json_output.put(orjson.dumps(values, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE))


# The output if requests are logged as JSON. None if structlog logs them, or does not.
_json_output: Output | None = None


def _lost_lines(renderer: Processor, lines: int) -> str:
    event: Any = {"event": "Lines of the log were dropped.", "lines": lines}
    for processor in (*_PROCESSORS, renderer):
        event = processor(None, "error", event)
    return str(event)


def _logging_config(level: str, log_format: str | None) -> dict[str, Any]:
    configured = {"level": level.upper()}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structlog": {"()": f"{__name__}.formatter", "log_format": log_format}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": standard_error(),
                "formatter": "structlog",
            }
        },
        # Never a lower level: at those, the driver logs customers.
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"graphql_api": configured, "uvicorn": configured, "uvicorn.error": configured},
    }


def formatter(log_format: str | None) -> logging.Formatter:
    """Returns the formatter that makes the lines of `logging` look like those of structlog."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            _without_values,
            _stack_frames_only,
            *_PROCESSORS,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _renderer(log_format),
        ],
    )


def _renderer(log_format: str | None) -> Processor:
    if log_format == "console" or (log_format is None and sys.stderr.isatty()):
        # Rich's tracebacks, the default where Rich is installed, show the values of variables.
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(lambda event, **_: orjson.dumps(event).decode())


def _without_values(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Reduces a message of several lines to the first one and the stack frames in the others."""
    first, *others = event["event"].splitlines() or [""]
    event["event"] = "\n".join([first, *filter(_FRAME.fullmatch, others)])
    return event


def _stack_frames_only(_logger: object, _method: str, event: EventDict) -> EventDict:
    if "exc_info" in event:
        event["exception"] = stack_frames(event.pop("exc_info")[1])
    return event


_PROCESSORS: list[Processor] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso"),
]
