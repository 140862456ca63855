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
from .media import takes

BUILD = Path(__file__).parent / "graphiql_build"

# Where the page reads what it is to know of this server.
_PLACE = '<script id="server" type="application/json">'

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
    """Whether there is a page of the build, which loads nothing from elsewhere."""
    return (BUILD / "index.html").exists()


def graphiql_page(*, introspection: bool) -> Page:
    """The page of the build, else one that loads its scripts from a CDN."""
    if not is_built():
        html = page_from_cdn()
        return Page(html, policy_of(html))
    html = (BUILD / "index.html").read_text("utf-8")
    before, after = html.split(_PLACE)
    known = _what_the_page_knows(introspection=introspection)
    return Page(f"{before}{_PLACE}{known}{after}", _POLICY)


def _what_the_page_knows(*, introspection: bool) -> str:
    examples = [
        {"query": example.document, "variables": json.dumps(example.variables, indent=2)}
        for example in EXAMPLES
    ]
    known = {
        "introspection": introspection,
        "fresh": FRESH,
        "createdLast": CREATED_LAST,
        "examples": examples,
        # A browser that has kept other examples shows these instead.
        "edition": hashlib.sha256(json.dumps(examples).encode()).hexdigest()[:8],
    }
    # Only `</script>` could end the element that this stands in.
    return json.dumps(known).replace("<", "\\u003c")


class GraphiQLFiles:
    """The scripts, styles, fonts and images of the build, compressed when it was made."""

    def __init__(self) -> None:
        # No path is made from what a client sends.
        self._paths = {path.name: path for path in (BUILD / "graphiql").glob("*")}
        self.names = frozenset(self._paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One of them; its name has the hash of its content, so it never changes."""
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
            if takes(accepted, encoding):
                path = self._paths[name + suffix]
                headers["Content-Encoding"] = encoding
                break
        # Who asks for a part gets the whole, as RFC 9110, 14.2 allows.
        asked = {**scope, "headers": [h for h in scope["headers"] if h[0] != b"range"]}
        await FileResponse(path, headers=headers)(asked, receive, send)
