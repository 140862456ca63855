"""The log: one JSON object on each line of standard error, or text for people on a terminal."""

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
    """The types of an exception and of its causes, and where each was raised.

    Never what they say: that may hold a customer's values.
    """
    causes: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        frames = "".join(traceback.format_tb(cause.__traceback__))
        causes.append(f"{type(cause).__name__}\n{frames}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "caused by ".join(causes)


def configure_logs(level: str, form: str | None) -> None:
    """For all that this process logs, be it by structlog, by `logging` or as a warning."""
    configure_structlog(level, form)
    logging.config.dictConfig(_logging_config(level, form))
    logging.captureWarnings(capture=True)
    # What fails to be formatted would be shown at once, with its values.
    logging.raiseExceptions = False


def configure_structlog(level: str, form: str | None) -> None:
    """For what this process logs by structlog alone."""
    global _straight  # noqa: PLW0603  # as structlog's own configuration, there is one
    output = standard_error()
    renderer = _renderer(form)
    output.tell_loss = partial(_loss, renderer)
    is_json = isinstance(renderer, structlog.processors.JSONRenderer)
    _straight = output if is_json and level in ("debug", "info") else None
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *_PROCESSORS, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda: output,
        cache_logger_on_first_use=True,
    )


def log_request(**values: object) -> None:
    """The line of one request, which is the same by way of structlog, but costs ten times as much.

    That would be a tenth of a creation.
    """
    if _straight is None:
        logger.info("request", **values)
        return
    event = {**values, "event": "request", "level": "info", "timestamp": datetime.now(UTC)}
    _straight.put(orjson.dumps(event, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE))


# Where JSON lines go that need nothing of structlog.
_straight: Output | None = None


def _loss(renderer: Processor, lines: int) -> str:
    event: Any = {"event": "Lines of the log were dropped.", "lines": lines}
    for processor in (*_PROCESSORS, renderer):
        event = processor(None, "error", event)
    return str(event)


def _logging_config(level: str, form: str | None) -> dict[str, Any]:
    own = {"level": level.upper()}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structlog": {"()": f"{__name__}.formatter", "form": form}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": standard_error(),
                "formatter": "structlog",
            }
        },
        # At lower levels, whatever is configured, the driver would log customers.
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"graphql_api": own, "uvicorn": own, "uvicorn.error": own},
    }


def formatter(form: str | None) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            _without_texts,
            _stack_frames_only,
            *_PROCESSORS,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(form)],
    )


def _renderer(form: str | None) -> Processor:
    if form == "console" or (form is None and sys.stderr.isatty()):
        return structlog.dev.ConsoleRenderer()
    return structlog.processors.JSONRenderer(lambda event, **_: orjson.dumps(event).decode())


def _without_texts(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Of what others log in several lines leaves the first, and the places of a traceback."""
    first, *further = event["event"].splitlines() or [""]
    event["event"] = "\n".join([first, *filter(_FRAME.fullmatch, further)])
    return event


def _stack_frames_only(_logger: object, _method: str, event: EventDict) -> EventDict:
    if "exc_info" in event:
        event["exception"] = stack_frames(event.pop("exc_info")[1])
    return event


_PROCESSORS: list[Processor] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso"),
]
