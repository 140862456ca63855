"""Rejects invalid variables of OpenTelemetry, which would log their values and go on.

This module does not import OpenTelemetry, which reads some variables as soon as it is imported.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from logging.handlers import BufferingHandler
from re import IGNORECASE, fullmatch

_COUNT = "0*[1-9][0-9]*", "a whole number greater than 0"
_SECONDS = r"[0-9]+(\.[0-9]+)?", "a number of seconds"
_COMPRESSION = "gzip|deflate|none", "gzip, deflate or none"
_HEADERS = r"[^=,]+=[^,]*(,[^=,]+=[^,]*)*", "a list such as name=value,name=value"

# What the value of a variable must match in any case of letters, and what the operator reads.
_RULES = {
    "OTEL_BSP_SCHEDULE_DELAY": _COUNT,
    "OTEL_BSP_MAX_QUEUE_SIZE": _COUNT,
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": _COUNT,
    "OTEL_BSP_EXPORT_TIMEOUT": _COUNT,
    "OTEL_EXPORTER_OTLP_TIMEOUT": _SECONDS,
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": _SECONDS,
    "OTEL_EXPORTER_OTLP_COMPRESSION": _COMPRESSION,
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": _COMPRESSION,
    "OTEL_EXPORTER_OTLP_HEADERS": _HEADERS,
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": _HEADERS,
    "OTEL_RESOURCE_ATTRIBUTES": _HEADERS,
    "OTEL_SDK_DISABLED": ("true|false", "true or false"),
    "OTEL_TRACES_SAMPLER": (
        "(parentbased_)?(always_on|always_off|traceidratio)",
        "always_on, always_off or traceidratio, or one of these after parentbased_",
    ),
    "OTEL_TRACES_SAMPLER_ARG": (
        r"0|1(\.0+)?|0?\.[0-9]+|[0-9.]+e-[0-9]+",
        "a number from 0 to 1",
    ),
}


@contextlib.contextmanager
def valid_variables(environment: Mapping[str, str]) -> Iterator[None]:
    """A context in which OpenTelemetry reads its variables. It logs nothing there.

    Raises `ValueError` if one is invalid. The message is a sentence without the value.
    """
    for name, (pattern, must) in _RULES.items():
        # An empty text is the same as none.
        value = environment.get(name, "").strip()
        if value and not fullmatch(pattern, value, IGNORECASE):
            raise ValueError(f"{name} must be {must}.")
    logger, logged = logging.getLogger("opentelemetry"), BufferingHandler(capacity=100)
    logged.setLevel(logging.WARNING)
    logger.addHandler(logged)
    propagates, logger.propagate = logger.propagate, False
    is_rejected = False
    try:
        yield
    except ModuleNotFoundError:
        raise
    except Exception:  # noqa: BLE001  # its text may show the value
        is_rejected = True
    finally:
        logger.propagate = propagates
        logger.removeHandler(logged)
    if is_rejected or logged.buffer:
        raise ValueError(
            "OpenTelemetry rejects a variable whose name begins with OTEL_. Compare them with the "
            "list in the documentation of traces."
        )
