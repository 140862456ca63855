"""Puts the rooms together: the only module that knows them all."""

import contextlib
import os
from collections.abc import AsyncIterator

import structlog
from pymongo.errors import PyMongoError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from .customers.store import Unavailable
from .http.cors import CrossOrigin
from .http.edge import Edge
from .http.errors import http_exception
from .http.graphql import GraphQLEndpoint
from .http.health import Health
from .logs import configure_structlog
from .mongo.customers import MongoCustomers, Unusable
from .settings import Settings, SettingsError

logger = structlog.get_logger()


def create_app(settings: Settings) -> Starlette:
    """The ASGI application on the MongoDB of `settings.mongodb_uri`.

    Raises `SettingsError` where there is no URI, or one that cannot be used.
    """
    if settings.mongodb_uri is None:
        raise SettingsError(
            "GRAPHQL_API_MONGODB_URI must name a MongoDB; only `graphql-api serve` brings its own."
        )
    try:
        customers = MongoCustomers(settings.mongodb_uri)
    except (PyMongoError, ValueError):
        # The driver's message may show the password that the URI holds.
        raise SettingsError("GRAPHQL_API_MONGODB_URI must be a valid MongoDB URI.") from None

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        with contextlib.closing(customers):
            try:
                await customers.ready()
            except Unusable as error:
                logger.error(str(error))  # noqa: TRY400  # the message says it all
                raise
            except Unavailable:
                logger.warning("The database is not available; requests will try it again.")
            yield

    endpoint, health = GraphQLEndpoint(customers, settings), Health(customers)
    middleware = [Middleware(Edge)]
    if settings.cors_origins is not None:
        middleware.append(Middleware(CrossOrigin, settings.cors_origins))
    return Starlette(
        routes=[
            Route("/", _to_graphiql),
            Route("/graphql", endpoint),
            Route("/healthz", health.healthz),
            Route("/readyz", health.readyz),
        ],
        middleware=middleware,
        exception_handlers={HTTPException: http_exception},
        lifespan=lifespan,
    )


def from_environment() -> Starlette:
    """`create_app` for ASGI servers: `uvicorn --factory graphql_api.app:from_environment`."""
    settings = Settings.read(os.environ)
    configure_structlog(settings.log_level, settings.log_format)
    return create_app(settings)


async def _to_graphiql(_request: Request) -> RedirectResponse:
    return RedirectResponse("/graphql")
