"""The fixture of the tests of imports."""

from functools import partial

import pytest

from ..conftest import Command


@pytest.fixture
def importing(graphql_api: Command, database_uri: str) -> Command:
    """`graphql-api import` in this process."""
    return partial(graphql_api, "import", GRAPHQL_API_MONGODB_URI=database_uri)
