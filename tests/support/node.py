"""Runs the tests' own Node scripts, where `make install` found a Node for them."""

import json
import os
import shutil
import subprocess
from typing import Any

import pytest

from .paths import ROOT

# Debian's smaller Chromium, which has no windows, takes half of the CPU time of the other one.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")


def skipped_without(found: object, what: str) -> pytest.MarkDecorator:
    """Skips a test if a program was not found, but never if `CI` is set."""
    return pytest.mark.skipif(not found and "CI" not in os.environ, reason=f"{what} is needed")


needs_node = skipped_without((ROOT / "tests/http/audits/node_modules").is_dir(), "Node 20.19")
needs_chromium = skipped_without(
    CHROMIUM and (ROOT / "tests/clients/browser/node_modules").is_dir(),
    "Chromium, with Node 20.19,",
)


def run_script(script: str, *arguments: str) -> Any:  # pragma: no cover  # where Node is missing
    """The parsed JSON that a script below `tests/` prints."""
    done = subprocess.run(  # noqa: S603  # the project's own script
        ["node", ROOT / "tests" / script, *arguments],  # noqa: S607  # the one that npm ran on
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "CHROMIUM": CHROMIUM or ""},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
