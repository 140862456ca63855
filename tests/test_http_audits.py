"""The official audits of GraphQL over HTTP, of the npm package `graphql-http`, on a live server."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

AUDITS = Path(__file__).parent / "http_audits"


@pytest.mark.skipif(
    shutil.which("node") is None and "CI" not in os.environ,
    reason="Node is needed, which CI has",
)
def test_every_audit_passes(server_url: str) -> None:
    command = ["node", "audits.js", f"{server_url}/graphql"]

    done = subprocess.run(  # noqa: S603  # the project's own script
        command, cwd=AUDITS, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert len(results) >= 61
    assert [result for result in results if result["status"] != "ok"] == []
