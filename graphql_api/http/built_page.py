"""The pages that Vite builds from the folders of `web/`, and the files that they load."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse
from starlette.types import Receive, Scope, Send

from .media import accepts_coding

# A Content-Security-Policy: the page loads files of its own server only, sends requests to it only,
# and no other page may show it.
OWN_SERVER_ONLY = MappingProxyType(
    {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        # Style sheets hold some images.
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
)

# The element in which a page finds its settings.
_SETTINGS_START = '<script id="server" type="application/json">'
_SETTINGS_END = "</script>"

_ENCODINGS = {"br": ".br", "gzip": ".gz"}


def read_page(
    build: Path, settings: Mapping[str, Any], policy: Mapping[str, str] = OWN_SERVER_ONLY
) -> HTMLResponse:
    """The page in the folder to which Vite wrote it, with the settings in it as JSON.

    `policy` has the directives of its Content-Security-Policy.
    """
    before, rest = (build / "index.html").read_text("utf-8").split(_SETTINGS_START)
    _, end, after = rest.partition(_SETTINGS_END)
    # This text is inside a `<script>`, which only `</script>` ends.
    text = json.dumps(settings).replace("<", "\\u003c")
    directives = "; ".join(f"{name} {sources}" for name, sources in policy.items())
    return HTMLResponse(
        f"{before}{_SETTINGS_START}{text}{end}{after}",
        headers={"Content-Security-Policy": directives},
    )


class BuiltFiles:
    """The scripts, styles, fonts and images of a page, each with its compressed versions."""

    def __init__(self, folder: Path) -> None:
        # By name, so that no path is made from what a client sends.
        self._paths = {path.name: path for path in folder.glob("*")}
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
