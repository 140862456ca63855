"""Strawberry's GraphiQL page, for a server whose own page is not built."""

import base64
import hashlib
import json
import re

from strawberry.http.ides import get_graphql_ide_html

from ..schema.examples import EXAMPLES

# What Strawberry's page shows until its scripts are loaded.
_LOADING = ">Loading...<"
_WITHOUT_INTERNET = (
    "GraphiQL loads its scripts from unpkg.com. If nothing else appears here, this browser cannot "
    "reach them. Connect the browser to the Internet, or build a page that needs no Internet: "
    "install Node 20.19 or newer on the server's machine and start the server with `make run`. The "
    "API itself works without this page."
)

# The code in Strawberry's page that reads the page's own address, and the code after it.
_READING = ("const parameters = {};", "function updateURL(data)")
_READ = """\
const parameters = Object.fromEntries(new URLSearchParams(window.location.search));
      parameters.q ||= parameters.query;
      delete parameters.query;
      if (!parameters.q) Object.assign(parameters, %s);

      """


def page_from_cdn() -> str:
    """Strawberry's page. It shows an example, unless its address has an operation."""
    example = EXAMPLES[0]
    parameters = {"q": example.document, "variables": json.dumps(example.variables, indent=2)}
    # JSON is JavaScript. This text is inside a `<script>`, which only `</script>` ends.
    script = _READ % json.dumps(parameters).replace("<", "\\u003c")
    before_text, after_text = get_graphql_ide_html().split(_LOADING)
    page = f"{before_text}>{_WITHOUT_INTERNET}<{after_text}"
    start, end = _READING
    before, rest = page.split(start)
    return before + script + end + rest.split(end)[1]


def policy_of(page: str) -> str:
    """The page's Content-Security-Policy: its own scripts and styles, and requests to its server.

    Any style is allowed inside the page, because the editor writes style elements while it runs.
    """
    own = re.findall("<script>(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()) for script in own]
    hashes = [f"'sha256-{digest.decode()}'" for digest in digests]
    scripts = re.findall('src="(https:[^"]+)"', page)
    styles = re.findall('href="(https:[^"]+)"', page)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join([*hashes, *scripts])}",
            f"style-src 'unsafe-inline' {' '.join(styles)}",
            "img-src data:",
            "font-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
