"""Databases, opened as the application opens them, with the driver of this run."""

import contextlib
import os
from typing import Any

from graphql_api.metrics.measurements import Measurements
from graphql_api.mongo.database import MongoDatabase
from graphql_api.settings import Settings, variable

# The setting itself chooses the driver for all tests that do not choose one.
DRIVER_VARIABLE = variable("mongodb_driver")
DRIVER = os.environ.get(DRIVER_VARIABLE, Settings().mongodb_driver)


def settings_for(uri: str, **settings: Any) -> Settings:
    """The settings of an application that uses the MongoDB of a URI."""
    return Settings(**{"mongodb_uri": uri, "mongodb_driver": DRIVER, **settings})


def database_at(
    uri: str,
    driver: str = DRIVER,
    measurements: Measurements | None = None,
    *,
    is_sharded: bool = False,
) -> contextlib.aclosing[MongoDatabase]:
    """The database of a URI, until the `async with` block ends."""
    return contextlib.aclosing(MongoDatabase(uri, driver, measurements, is_sharded=is_sharded))
