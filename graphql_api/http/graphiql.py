"""GraphiQL: the page that is built from `web/graphiql`, and the files that it loads."""

import hashlib
import json
from pathlib import Path
from typing import Any

from starlette.responses import HTMLResponse

from ..schema.examples import CREATED_LAST, EXAMPLES, FRESH
from .built_page import OWN_SERVER_ONLY, BuiltFiles, read_page
from .graphiql_from_cdn import page_from_cdn, policy_of

BUILD = Path(__file__).parent / "graphiql_build"

_POLICY = {
    **OWN_SERVER_ONLY,
    # The editor writes style elements and attributes while it runs.
    "style-src": "'self' 'unsafe-inline'",
    "worker-src": "'self'",
}


def graphiql_is_built() -> bool:
    """Whether the page is built. Such a page loads nothing from other servers."""
    return (BUILD / "index.html").exists()


def graphiql_page(*, introspection: bool, dashboard: bool) -> HTMLResponse:
    """The built page or, without a build, one that loads its scripts from a CDN.

    The arguments say whether the page may ask the server for the schema, and whether there is a
    dashboard to link to.
    """
    if graphiql_is_built():
        settings = {"introspection": introspection, "dashboard": dashboard, **_examples()}
        return read_page(BUILD, settings, _POLICY)
    html = page_from_cdn()
    return HTMLResponse(html, headers={"Content-Security-Policy": policy_of(html)})


def graphiql_files() -> BuiltFiles:
    """The files of the built page; none without a build."""
    return BuiltFiles(BUILD / "graphiql")


def _examples() -> dict[str, Any]:
    examples = [
        {"query": example.document, "variables": json.dumps(example.variables, indent=2)}
        for example in EXAMPLES
    ]
    return {
        "fresh": FRESH,
        "createdLast": CREATED_LAST,
        "examples": examples,
        # A browser that has stored examples of another edition replaces them by these.
        "edition": hashlib.sha256(json.dumps(examples).encode()).hexdigest()[:8],
    }
