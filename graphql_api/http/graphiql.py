"""GraphiQL: the page that is built from `web/graphiql`, and the files that it loads."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from ..schema.examples import CREATED_LAST, EXAMPLES, FRESH
from .graphiql_from_cdn import page_from_cdn, policy_of
from .media import accepts_coding

BUILD = Path(__file__).parent / "graphiql_build"

# The element in which the page finds its settings.
_SETTINGS_ELEMENT = '<script id="server" type="application/json">'

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # The editor writes style elements and attributes while it runs.
        "style-src 'self' 'unsafe-inline'",
        # The editor's style sheet holds some images.
        "img-src 'self' data:",
        "font-src 'self'",
        "worker-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

_ENCODINGS = {"br": ".br", "gzip": ".gz"}


@dataclass(frozen=True)
class Page:
    """A page, and the Content-Security-Policy that it needs."""

    html: str
    policy: str


def is_built() -> bool:
    """Whether the page is built. Such a page loads nothing from other servers."""
    return (BUILD / "index.html").exists()


def graphiql_page(*, introspection: bool) -> Page:
    """The built page or, without a build, one that loads its scripts from a CDN.

    `introspection` says whether the page may ask the server for the schema.
    """
    if not is_built():
        html = page_from_cdn()
        return Page(html, policy_of(html))
    html = (BUILD / "index.html").read_text("utf-8")
    before, after = html.split(_SETTINGS_ELEMENT)
    settings = _page_settings(introspection=introspection)
    return Page(f"{before}{_SETTINGS_ELEMENT}{settings}{after}", _POLICY)


def _page_settings(*, introspection: bool) -> str:
    examples = [
        {"query": example.document, "variables": json.dumps(example.variables, indent=2)}
        for example in EXAMPLES
    ]
    settings = {
        "introspection": introspection,
        "fresh": FRESH,
        "createdLast": CREATED_LAST,
        "examples": examples,
        # A browser that has stored examples of another edition replaces them by these.
        "edition": hashlib.sha256(json.dumps(examples).encode()).hexdigest()[:8],
    }
    # This text is inside a `<script>`, which only `</script>` ends.
    return json.dumps(settings).replace("<", "\\u003c")


class GraphiQLFiles:
    """The built scripts, styles, fonts and images, each with its compressed versions."""

    def __init__(self) -> None:
        # By name, so that no path is made from what a client sends.
        self._paths = {path.name: path for path in (BUILD / "graphiql").glob("*")}
        self.names = frozenset(self._paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends one file. Its name has a hash of its content, so browsers may store it for ever.

        Raises `HTTPException` for an unknown name.
        """
        name = scope["path_params"]["name"]
        path = self._paths.get(name)
        if path is None or path.suffix in _ENCODINGS.values():
            raise HTTPException(404)
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
            "Accept-Ranges": "none",
        }
        accepted = Headers(scope=scope).get("accept-encoding", "")
        for encoding, suffix in _ENCODINGS.items():
            if accepts_coding(accepted, encoding):
                path = self._paths[name + suffix]
                headers["Content-Encoding"] = encoding
                break
        # A request for a range gets the whole file, as RFC 9110, 14.2 allows.
        asked = {**scope, "headers": [h for h in scope["headers"] if h[0] != b"range"]}
        await FileResponse(path, headers=headers)(asked, receive, send)
