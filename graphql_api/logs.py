"""The log: one JSON object on each line of standard error, or text for people on a terminal."""

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor

_PLACE = re.compile(r'  File ".*", line [0-9]+, in \S+')


def configure_structlog(level: str, form: str | None) -> None:
    """For what this process logs by structlog; `logging_config` is for the rest."""
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *_PROCESSORS, _renderer(form)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def logging_config(level: str, form: str | None) -> dict[str, Any]:
    """For `logging.config.dictConfig`, in every process of a server."""
    own = {"level": level.upper()}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structlog": {"()": f"{__name__}.formatter", "form": form}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structlog"}},
        # At lower levels, whatever is configured, the driver would log customers.
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"graphql_api": own, "uvicorn": own, "uvicorn.error": own},
    }


def formatter(form: str | None) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, _without_texts, *_PROCESSORS],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(form)],
    )


def _renderer(form: str | None) -> Processor:
    if form == "console" or (form is None and sys.stderr.isatty()):
        return structlog.dev.ConsoleRenderer()
    return structlog.processors.JSONRenderer(lambda event, **_: orjson.dumps(event).decode())


def _without_texts(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Of what others log in several lines leaves the first, and the places of a traceback."""
    first, *further = event["event"].splitlines() or [""]
    event["event"] = "\n".join([first, *filter(_PLACE.fullmatch, further)])
    return event


def _places(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Of an exception leaves its type and where it was raised; its text may hold values."""
    match event.pop("exc_info", None):
        case (_, error, _):
            pass
        case True:
            error = sys.exception()
        case error:
            pass
    if error is not None:
        event["exception"] = "caused by ".join(
            f"{type(cause).__name__}\n{''.join(traceback.format_tb(cause.__traceback__))}"
            for cause in _causes(error)
        )
    return event


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


_PROCESSORS: list[Processor] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso"),
    _places,
]
