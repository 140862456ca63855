"""The official audits of GraphQL over HTTP, of the npm package `graphql-http`, on a live server."""

from ..support.node import needs_node, run_script


@needs_node
def test_every_audit_passes(server_url: str) -> None:
    results = run_script("http/audits/audits.js", f"{server_url}/graphql")

    assert len(results) >= 61
    assert [result for result in results if result["status"] != "ok"] == []
