"""The application under another ASGI server, with the settings of the environment."""

import json
import os

import pytest
import structlog

from graphql_api import app as app_module
from graphql_api import logs
from graphql_api.app import from_environment
from graphql_api.output import standard_error
from graphql_api.settings import SettingsError

from ..support.clients import client_of, create_customer
from ..support.servers import variables_of_a_service


async def test_an_asgi_server_serves_the_application_that_the_environment_describes(
    database_uri: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    service = variables_of_a_service("GRAPHQL_API")
    settings = {
        "GRAPHQL_API_MONGODB_URI": database_uri,
        "GRAPHQL_API_LOG_FORMAT": "json",
        "GRAPHQL_API_METRICS_PORT": "9464",
    }
    # Restored at the end, as the configuration is below.
    monkeypatch.setattr(logs, "_json_output", None)
    monkeypatch.setattr(os, "environ", {"GRAPHQL_API_LOG_FORMAT": "json"})
    with pytest.raises(SettingsError, match="GRAPHQL_API_MONGODB_URI must be set"):
        from_environment()
    monkeypatch.setattr(os, "environ", {**service, **settings})
    # A logger keeps the configuration of its first line.
    monkeypatch.setattr(app_module, "logger", structlog.get_logger())

    app = from_environment()
    async with app.router.lifespan_context(app), client_of(app) as client:
        created = await create_customer(client)
    structlog.reset_defaults()
    standard_error().finish()

    ignored, metrics, _, _ = map(json.loads, capfd.readouterr().err.splitlines())
    assert created["__typename"] == "CreateCustomerSuccess"
    assert (
        ignored["event"] == f"Variables of a Kubernetes Service are ignored: {', '.join(service)}."
    )
    assert metrics["event"] == "Only `graphql-api serve` shows metrics."
