"""The dashboard: the page that is built from `web/dashboard`, its files and its documents."""

import hashlib
import json
from pathlib import Path

from starlette.responses import HTMLResponse

from ..settings import Settings, SettingsError
from .built_page import BuiltFiles, read_page

BUILD = Path(__file__).parent / "dashboard_build"


def shows_dashboard(settings: Settings) -> bool:
    """Whether the settings say so and the page is built."""
    return settings.shows_dashboard and (BUILD / "index.html").exists()


def dashboard_page(*, authentication: bool, graphiql: bool, max_import_bytes: int) -> HTMLResponse:
    """The built page.

    The arguments say whether requests need a token, whether there is a GraphiQL to link to, and how
    large a file to import may be.
    """
    settings = {
        "authentication": authentication,
        "graphiql": graphiql,
        "maxImportBytes": max_import_bytes,
    }
    return read_page(BUILD, settings)


def dashboard_files() -> BuiltFiles:
    """The files of the built page."""
    return BuiltFiles(BUILD / "dashboard")


def dashboard_documents(settings: Settings) -> dict[str, str]:
    """The texts of all documents that the page sends, by their ids; none if it is not shown.

    An id is the SHA-256 of the text, in hexadecimal digits. Raises `SettingsError` if one is not.
    """
    if not shows_dashboard(settings):
        return {}
    texts: dict[str, str] = json.loads((BUILD / "documents.json").read_bytes())
    if any(hashlib.sha256(text.encode()).hexdigest() != id_ for id_, text in texts.items()):
        raise SettingsError(
            "GRAPHQL_API_DASHBOARD cannot be true, because the dashboard's build is damaged: a "
            "document has the id of another one. Build or install it again."
        )
    return texts
