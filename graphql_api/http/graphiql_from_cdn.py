"""The GraphiQL that Strawberry brings, for a server whose own one is not built."""

import base64
import hashlib
import json
import re

from strawberry.http.ides import get_graphql_ide_html

from ..schema.examples import EXAMPLES

# Strawberry's page reads `q` and `variables` from its own address into this object.
_PARAMETERS = "const parameters = {};"


def page_from_cdn() -> str:
    """Strawberry's page, which shows an example where its address names no other operation."""
    page = get_graphql_ide_html()
    example = EXAMPLES[0]
    parameters = {"q": example.document, "variables": json.dumps(example.variables, indent=2)}
    # JSON is JavaScript; only `</script>` could end the element that it stands in.
    script = json.dumps(parameters).replace("<", "\\u003c")
    before, after = page.split(_PARAMETERS)
    return f"{before}const parameters = {script};{after}"


def policy_of(page: str) -> str:
    """The page's Content-Security-Policy: the scripts and styles that it names, and its server.

    The editor writes style elements while it runs, so those cannot be told from others.
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
