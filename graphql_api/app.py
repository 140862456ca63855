"""Puts the rooms together: the only module that knows them all."""

import contextlib
import logging
import os
from collections.abc import AsyncIterator

from pymongo.errors import PyMongoError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from .customers.store import Unavailable
from .http.graphql import GraphQLEndpoint
from .http.health import Health
from .mongo.collection import Unusable
from .mongo.customers import MongoCustomers
from .settings import Settings, SettingsError

logger = logging.getLogger(__name__)


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
                await customers.ensure()
            except Unusable:
                raise
            except Unavailable:
                logger.warning("The database is not available; requests will try it again.")
            yield

    endpoint, health = GraphQLEndpoint(customers), Health(customers)
    return Starlette(
        routes=[
            Route("/", _to_graphiql),
            Route("/graphql", endpoint),
            Route("/healthz", health.healthz),
            Route("/readyz", health.readyz),
        ],
        lifespan=lifespan,
    )


def from_environment() -> Starlette:
    """`create_app` for ASGI servers: `uvicorn --factory graphql_api.app:from_environment`."""
    return create_app(Settings.read(os.environ))


async def _to_graphiql(_request: Request) -> RedirectResponse:
    return RedirectResponse("/graphql")
