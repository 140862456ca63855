"""The dashboard's code, which the manual shows as the model of a typed client."""

import re
import shutil
import subprocess
from pathlib import Path

from ..support.node import needs_node, run_script
from ..support.paths import ROOT

DASHBOARD = ROOT / "web" / "dashboard"


@needs_node
def test_a_client_that_lacks_a_part_of_the_schema_does_not_compile(tmp_path: Path) -> None:
    copy = tmp_path / "web" / "dashboard"
    shutil.copytree(DASHBOARD, copy, ignore=shutil.ignore_patterns("node_modules", "generated"))
    (copy / "node_modules").symlink_to(DASHBOARD / "node_modules")
    additions = {
        "| IdempotencyConflict": "| IdempotencyConflict | Postponed",
        "| EmailTakenError": "| EmailTakenError | BlockedError",
        "  phoneNumber: PhoneNumber @": "  faxNumber: String\n  phoneNumber: PhoneNumber @",
        "  PHONE_NUMBER\n": "  PHONE_NUMBER\n  FAX_NUMBER\n",
        "type EmailTakenError ": "type Postponed { until: DateTime! }\n"
        "type BlockedError implements FieldError "
        "{ field: CustomerField! path: [String!]! message: String! }\n"
        "type EmailTakenError ",
    }
    schema = (ROOT / "schema.graphql").read_text("utf-8")
    for old, new in additions.items():
        assert old in schema
        schema = schema.replace(old, new)
    (tmp_path / "schema.graphql").write_text(schema, "utf-8")

    done = subprocess.run(
        ["npm", "run", "check"],  # noqa: S607  # the one that installed it
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode != 0
    assert re.findall(
        r"^src/([\w/]+)\.tsx?.*?(Postponed|BlockedError|faxNumber)", done.stdout, re.M
    ) == [
        ("api/outcomes", "Postponed"),
        ("form/fields", "faxNumber"),
    ]


@needs_node
def test_the_development_server_has_the_page_and_forwards_requests(server_url: str) -> None:
    answers = run_script("clients/dev_server.mjs", server_url)

    assert '<div id="root">' in answers["page"]
    assert answers["data"] == {"data": {"__typename": "Query"}}
