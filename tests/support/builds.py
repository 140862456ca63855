"""Pages as Vite builds them, with the smallest files that a server can send."""

import gzip
import hashlib
import json
from pathlib import Path

SCRIPT = "console.log('page')"
# Only the name of the first one says that it is compressed.
COMPRESSED = {"br": b"as brotli would have it", "gzip": gzip.compress(SCRIPT.encode())}


def write_build(folder: Path, name: str, settings: str = "") -> Path:
    """Writes a page with one script, `{name}/page-1a2b.js`, into a new folder.

    `settings` is the text in the element in which the server writes its settings.
    """
    (folder / name).mkdir(parents=True)
    (folder / "index.html").write_text(
        f'<script id="server" type="application/json">{settings}</script>'
        f'<script src="./{name}/page-1a2b.js">'
    )
    (folder / name / "page-1a2b.js").write_text(SCRIPT)
    (folder / name / "page-1a2b.js.br").write_bytes(COMPRESSED["br"])
    (folder / name / "page-1a2b.js.gz").write_bytes(COMPRESSED["gzip"])
    (folder / "LICENSES.md").write_text("# Licenses\n")
    return folder


def write_dashboard(folder: Path, *documents: str) -> Path:
    """Writes a dashboard that sends these documents into a new folder."""
    write_build(folder, "dashboard", "{}")
    texts = {document_id(text): text for text in documents}
    (folder / "documents.json").write_text(json.dumps(texts))
    return folder


def document_id(text: str) -> str:
    """The id that the dashboard sends instead of a document."""
    return hashlib.sha256(text.encode()).hexdigest()
