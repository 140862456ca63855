"""GraphiQL, with the example in it."""

import json

from strawberry.http.ides import get_graphql_ide_html

from ..schema.example import EXAMPLE_OPERATION, EXAMPLE_VARIABLES

# Strawberry's page reads `q` and `variables` from its own address into this object.
_PARAMETERS = "const parameters = {};"


def graphiql_page() -> str:
    """Strawberry's page, which shows the example where its address names no other operation."""
    page = get_graphql_ide_html()
    parameters = {"q": EXAMPLE_OPERATION, "variables": json.dumps(EXAMPLE_VARIABLES, indent=2)}
    # JSON is JavaScript; only `</script>` could end the element that it stands in.
    script = json.dumps(parameters).replace("<", "\\u003c")
    before, after = page.split(_PARAMETERS)
    return f"{before}const parameters = {script};{after}"
