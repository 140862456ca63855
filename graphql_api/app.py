"""Connects the rooms: makes the ASGI application that the settings describe."""

import contextlib
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from limits.errors import ConfigurationError
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from .access.api_keys import verify_api_key
from .access.json_web_tokens import JsonWebTokens
from .access.signing_keys import FAULTS, KeysFromFile, KeysFromUrl, SigningKeys
from .customers.event_feed import EventFeed
from .customers.fields import Customer
from .customers.listings import Listing
from .faults import Misconfigured, SettingUp, Unavailable
from .http.addresses import is_loopback
from .http.authentication import Authenticate, BearerTokens, NoAuthentication, TokenVerifier
from .http.built_page import BuiltFiles
from .http.cors import Preflights
from .http.dashboard import dashboard_files, dashboard_page, shows_dashboard
from .http.edge import Edge
from .http.errors import http_exception
from .http.exports import EXPORT_PATH, Export, ExportEndpoint
from .http.graphiql import graphiql_files, graphiql_is_built
from .http.graphql import GraphQLEndpoint
from .http.health import Health
from .http.imports import IMPORT_PATH, ImportEndpoint
from .http.rate_limit import RateLimit
from .http.shortcut import Shortcut
from .http.web_socket import WebSocketEndpoint
from .logs import configure_structlog
from .metrics.measurements import Measurements
from .metrics.reports import reporting
from .mongo.api_keys import MongoApiKeys
from .mongo.change_stream import MongoHistory, time_of
from .mongo.customers import MongoCustomers
from .mongo.database import MongoDatabase
from .mongo.exports import export_customers
from .mongo.imports import MongoImports
from .mongo.migrations import migrating_in_background
from .mongo.trusted_documents import MongoTrustedDocuments
from .mongo.webhooks import MongoEndpoints
from .settings import Settings, SettingsError, set_by_kubernetes
from .webhooks.deliveries import Deliveries

if TYPE_CHECKING:
    from .tracing.tracing import Tracing

logger = structlog.get_logger()


def create_app(
    settings: Settings,
    *,
    migrates: bool = False,
    reports: socket.socket | None = None,
) -> Starlette:
    """Returns the ASGI application that uses the MongoDB of `settings.mongodb_uri`.

    With `migrates`, it migrates customers that older servers stored, in the background. Without,
    the log says whether there are some. With `reports`, it measures what it does, and reports it
    to the process at the other end of this socket.
    Raises `SettingsError` if there is no URI, if a setting cannot be used, if the packages for
    traces are missing, or if other machines can reach the address and no authentication is
    configured.
    """
    if settings.mongodb_uri is None:
        raise SettingsError(
            "GRAPHQL_API_MONGODB_URI must be set. Only `graphql-api serve` runs a MongoDB itself."
        )
    measurements = None if reports is None else Measurements()
    tracing = _tracing() if settings.telemetry else None
    database = open_database(settings.mongodb_uri, settings, measurements, tracing)
    verifiers = _token_verifiers(settings, database)
    if settings.serves_own_machine_only and not is_loopback(settings.host):
        raise SettingsError(
            "GRAPHQL_API_HOST names an address that other machines can reach. Configure "
            "authentication (GRAPHQL_API_KEYS or GRAPHQL_API_JWT_ISSUER), or accept requests from "
            "everybody with --insecure."
        )
    limit = _rate_limit(settings, measurements)
    authenticate: Authenticate = (
        BearerTokens(verifiers, limit)
        if verifiers
        else NoAuthentication(limit, loopback_only=settings.serves_own_machine_only)
    )
    feed = EventFeed(MongoHistory(database))
    endpoint = GraphQLEndpoint(
        MongoCustomers(database), feed, MongoTrustedDocuments(database), authenticate, settings
    )
    health = Health(database.ready)

    async def end_streams() -> None:
        imports.stop()
        await endpoint.subscriptions.end_all()

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Any]]:
        deliveries = Deliveries(MongoEndpoints(database), feed, time_of)
        if measurements is not None:
            measurements.paused_webhooks = lambda: deliveries.paused
        _warn_of_gaps(settings, authentication=bool(verifiers))
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(contextlib.aclosing(limit))
            if tracing is not None:
                stack.enter_context(tracing.sending())
            await stack.enter_async_context(contextlib.aclosing(database))
            try:
                await database.set_up()
            except Misconfigured:
                raise
            except SettingUp as error:
                logger.warning(f"Customers cannot be created yet: {error.progress}")
            except Unavailable:
                logger.warning("The database is unavailable. Each request tries to reach it again.")
            async with (
                contextlib.aclosing(feed),
                endpoint.subscriptions.checked_in_background(),
                endpoint.trusted_documents.refreshed_in_background(),
                migrating_in_background(database, warns_only=not migrates),
                deliveries.in_background(),
                # It ends first, right after the last request.
                _reporting(measurements, reports),
            ):
                # The server calls `end_streams` when it begins to stop.
                yield {"end_streams": end_streams, "measurements": measurements}

    routes: list[Route | WebSocketRoute] = [
        Route("/graphql", endpoint),
        Route("/graphql/", endpoint),
        WebSocketRoute(
            "/graphql", WebSocketEndpoint(endpoint, authenticate, settings.cors_origins)
        ),
        Route("/healthz", health.healthz),
        Route("/readyz", health.readyz),
        *_root(settings, authentication=bool(verifiers)),
    ]
    imports = ImportEndpoint(
        lambda: MongoImports(database),
        authenticate,
        endpoint.subscriptions,
        settings.max_import_bytes,
    )
    if settings.shows_dashboard:
        routes += [
            Route(IMPORT_PATH, imports, methods=["POST"]),
            Route(
                EXPORT_PATH,
                ExportEndpoint(
                    _exporting(database),
                    authenticate,
                    endpoint.subscriptions,
                    settings.max_body_bytes,
                ),
                methods=["POST"],
            ),
        ]
    own_paths = {route.path for route in routes}
    for folder, files in _page_files(settings).items():
        routes.append(Route(f"{folder}/{{name}}", files, methods=["GET"]))
        own_paths.update(f"{folder}/{name}" for name in files.names)

    app = Starlette(routes=routes, lifespan=lifespan)
    # Starlette would redirect to an absolute address made from any Host header.
    app.router.redirect_slashes = False
    # Without Starlette's answer to failures, because `Edge` answers them all.
    app.middleware_stack = Edge(
        _within_edge(app.router, endpoint, settings),
        own_paths,
        settings.cors_origins,
        measurements,
        tracing,
    )
    return app


def open_database(
    uri: str,
    settings: Settings,
    measurements: Measurements | None = None,
    tracing: "Tracing | None" = None,
) -> MongoDatabase:
    """Connects at the first use, as the settings say.

    Raises `SettingsError` for a URI that is not valid.
    """
    driver, is_sharded = settings.mongodb_driver, settings.mongodb_sharded
    try:
        return MongoDatabase(uri, driver, measurements, tracing, is_sharded=is_sharded)
    except (PyMongoError, ValueError):
        # The driver's message may show the password that the URI holds.
        raise SettingsError("GRAPHQL_API_MONGODB_URI must be a valid MongoDB URI.") from None


def _tracing() -> "Tracing":
    try:
        # No other module imports the room, so that the extra's packages may be missing.
        from .tracing.variables import valid_variables  # noqa: PLC0415

        with valid_variables(os.environ):
            from .tracing.tracing import Tracing  # noqa: PLC0415

            return Tracing()
    except ModuleNotFoundError:
        raise SettingsError(
            "GRAPHQL_API_TELEMETRY needs packages that are missing. Install the wheel again, with "
            "its extra `telemetry`, or run `make install` in the sources."
        ) from None
    except ValueError as error:
        raise SettingsError(str(error)) from None


def from_environment() -> Starlette:
    """Makes the application for other ASGI servers, from the environment's settings.

    For example `uvicorn --factory graphql_api.app:from_environment`. GRAPHQL_API_HOST must be the
    address on which that server listens.
    """
    settings = Settings.read(os.environ)
    configure_structlog(settings.log_level, settings.log_format)
    warn_of_ignored(os.environ)
    if settings.metrics_port is not None:
        logger.warning("Only `graphql-api serve` shows metrics.")
    return create_app(settings)


def warn_of_ignored(environment: Mapping[str, str]) -> None:
    """Logs the names of variables that are not settings, because Kubernetes sets them."""
    if ignored := set_by_kubernetes(environment):
        logger.warning(f"Variables of a Kubernetes Service are ignored: {', '.join(ignored)}.")


def _warn_of_gaps(settings: Settings, *, authentication: bool) -> None:
    """Logs what is not configured or not built."""
    if not authentication:
        clients = "this machine only" if settings.serves_own_machine_only else "everybody"
        logger.warning(
            f"No authentication is configured: the server accepts requests from {clients}."
        )
    if settings.shows_graphiql and not graphiql_is_built():
        logger.warning("GraphiQL is not built: its page loads scripts from a public CDN.")
    if settings.shows_dashboard and not shows_dashboard(settings):
        logger.warning(
            "The dashboard is not built. To build it, install Node 20.19 or newer and start "
            "the server with `make run`."
        )


def _within_edge(router: ASGIApp, endpoint: ASGIApp, settings: Settings) -> ASGIApp:
    app = ExceptionMiddleware(router, {HTTPException: http_exception})
    shortcut = Shortcut(app, "/graphql", endpoint)
    if settings.cors_origins is None:
        return shortcut
    return Preflights(shortcut, settings.cors_headers or ())


def _reporting(
    measurements: Measurements | None, reports: socket.socket | None
) -> contextlib.AbstractAsyncContextManager[None]:
    if measurements is None or reports is None:
        return contextlib.nullcontext()
    return reporting(measurements, reports)


def _root(settings: Settings, *, authentication: bool) -> list[Route]:
    """Returns the route `/`: to the dashboard, otherwise to GraphiQL, otherwise none."""
    if shows_dashboard(settings):
        page = dashboard_page(
            authentication=authentication,
            graphiql=settings.shows_graphiql,
            max_import_bytes=settings.max_import_bytes,
        )
        # A response is an ASGI application, too.
        return [Route("/", page, methods=["GET"])]
    return [Route("/", _to_graphiql)] if settings.shows_graphiql else []


def _exporting(database: MongoDatabase) -> Export:
    """The export from a database. It sets the collection up first, if that is not done yet."""

    async def export(selected: Listing) -> AsyncGenerator[Sequence[Customer], None]:
        await database.set_up()
        async with contextlib.aclosing(export_customers(database, selected)) as parts:
            async for part in parts:
                yield part

    return export


def _page_files(settings: Settings) -> dict[str, BuiltFiles]:
    """Returns the files of the pages that are shown, each by the folder in their paths."""
    files = {}
    if settings.shows_graphiql:
        files["/graphiql"] = graphiql_files()
    if shows_dashboard(settings):
        files["/dashboard"] = dashboard_files()
    return files


def _token_verifiers(settings: Settings, database: MongoDatabase) -> list[TokenVerifier]:
    """Returns one verifier for each kind of token that is configured. Raises `SettingsError`."""
    verifiers: list[TokenVerifier] = []
    if settings.keys:
        verifiers.append(partial(verify_api_key, MongoApiKeys(database)))
    match settings.jwt_issuer, settings.jwt_audience, settings.jwt_jwks:
        case None, None, None:
            pass
        case str(issuer), str(audience), str(jwks):
            keys = _signing_keys(jwks)
            tokens = JsonWebTokens(issuer, audience, keys, settings.jwt_scope_claim)
            verifiers.append(tokens.verify)
        case _:
            raise SettingsError(
                "GRAPHQL_API_JWT_ISSUER, GRAPHQL_API_JWT_AUDIENCE and GRAPHQL_API_JWT_JWKS belong "
                "together: set all three of them, or none."
            )
    return verifiers


def _signing_keys(jwks: str) -> SigningKeys:
    if "://" in jwks:
        return KeysFromUrl(jwks)
    try:
        return KeysFromFile(Path(jwks))
    except FAULTS:
        raise SettingsError(
            "GRAPHQL_API_JWT_JWKS must name a JWKS file with a public key for RS256, ES256 or "
            "EdDSA that has an id."
        ) from None


def _rate_limit(settings: Settings, measurements: Measurements | None) -> RateLimit:
    try:
        if settings.rate_limit_storage.startswith("mongodb"):
            # The library fails on its own storage if the URI is not valid.
            MongoClient[dict[str, Any]](settings.rate_limit_storage, connect=False).close()
        return RateLimit(settings.effective_rate_limit, settings.rate_limit_storage, measurements)
    except (ConfigurationError, PyMongoError, ValueError):
        raise SettingsError(
            "GRAPHQL_API_RATE_LIMIT_STORAGE must be a valid URI. If it names a Redis, install the "
            "extra `redis`, too."
        ) from None


async def _to_graphiql(_request: Request) -> RedirectResponse:
    return RedirectResponse("/graphql")
