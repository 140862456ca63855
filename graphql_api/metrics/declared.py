"""The metrics of the server. Each is declared once, here.

A process that counts, the page `/metrics` and docs/metrics.md read this declaration.
"""

from dataclasses import dataclass

# The upper bounds of buckets, in seconds: from 1 millisecond to 10 seconds.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, eq=False)  # each metric is declared once, so identity is equality
class Metric:
    """One metric, with its name and its labels as Prometheus has them.

    Its kind is `counter`, `gauge`, `histogram` or `info`. A histogram has the upper bounds of its
    buckets. A gauge of all server processes is the sum of theirs, unless each of them measures the
    same: then it is their maximum.
    """

    name: str
    kind: str
    description: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    is_maximum: bool = False


OPERATIONS = Metric(
    "graphql_api_operations_total",
    "counter",
    "Operations of valid documents, by type (query, mutation or subscription) and outcome: "
    "success, rejected (a mutation returned one of its typed failures), error (the response "
    "has errors) or disconnected (the connection ended first, which is the usual end of a "
    "subscription). A subscription counts when it ends.",
    ("operation", "type", "outcome"),
)
OPERATION_DURATION = Metric(
    "graphql_api_operation_duration_seconds",
    "histogram",
    "The time from the request to its complete response, without subscriptions.",
    ("operation",),
    _SECONDS,
)
ERRORS = Metric(
    "graphql_api_errors_total",
    "counter",
    "Errors in responses, by code: GraphQL errors, and errors that end an import or an export.",
    ("code",),
)
HTTP_RESPONSES = Metric(
    "graphql_api_http_responses_total",
    "counter",
    "HTTP responses, by status. An event stream counts when it ends.",
    ("status",),
)
FIELD_ERRORS = Metric(
    "graphql_api_field_errors_total",
    "counter",
    "Field errors of rejected customers, by field and by type of error.",
    ("field", "problem"),
)
REQUESTS_IN_PROGRESS = Metric(
    "graphql_api_requests_in_progress",
    "gauge",
    "HTTP requests that await their response, without event streams and WebSockets.",
)
BATCH_SIZE = Metric(
    "graphql_api_batch_size",
    "histogram",
    "The number of creations that were sent to MongoDB together.",
    buckets=(1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0),
)
BATCH_WAIT = Metric(
    "graphql_api_batch_wait_seconds",
    "histogram",
    "The time for which a creation waited until its batch was sent.",
    buckets=_SECONDS,
)
COMMAND_DURATION = Metric(
    "graphql_api_mongodb_command_duration_seconds",
    "histogram",
    "The time of a command that a request about customers sent to MongoDB, with the driver's own "
    "work, by outcome: success or failure.",
    ("command", "outcome"),
    _SECONDS,
)
CONNECTIONS = Metric(
    "graphql_api_mongodb_connections",
    "gauge",
    "Connections to MongoDB, by state: open (all of them) or in_use. The connections with which "
    "the driver monitors the members are not counted.",
    ("state",),
)
RATE_LIMITED = Metric(
    "graphql_api_rate_limited_total",
    "counter",
    "Requests that the rate limit rejected.",
)
SUBSCRIPTIONS = Metric(
    "graphql_api_subscriptions",
    "gauge",
    "Open subscriptions, by transport: event_stream or websocket.",
    ("transport",),
)
PAUSED_WEBHOOKS = Metric(
    "graphql_api_paused_webhooks",
    "gauge",
    "Paused webhook endpoints in the whole database: every server shows the same number.",
    is_maximum=True,
)
WORKERS = Metric(
    "graphql_api_workers",
    "gauge",
    "Server processes that serve and have answered this scrape.",
)
CONFIGURED_WORKERS = Metric(
    "graphql_api_configured_workers",
    "gauge",
    "Server processes that should serve.",
)
WORKER_RESTARTS = Metric(
    "graphql_api_worker_restarts_total",
    "counter",
    "Server processes that ended by themselves or were killed, without those that SIGHUP replaced.",
)
BUILD_INFO = Metric(
    "graphql_api_build_info",
    "info",
    "The versions of the server, of Python and of the MongoDB driver. The value is always 1.",
    ("version", "python", "driver"),
)

METRICS = tuple(value for value in vars().values() if isinstance(value, Metric))
