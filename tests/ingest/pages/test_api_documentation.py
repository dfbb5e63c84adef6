"""Tests of the page that shows the API, and of the files of other projects that the pages hold."""

from __future__ import annotations

import gzip
import hashlib
import json

from tests.ingest.conftest import ApiUnderTest
from tests.support.pages import PageReader
from tests.support.servers import ROOT

STATIC = ROOT / "ingest" / "pages" / "static"


def test_page_asks_only_for_files_of_its_own_that_a_browser_keeps(shared_api: ApiUnderTest) -> None:
    page = PageReader(shared_api.app).get("/docs")
    assert page.status == 200
    assert page.answer.content_type == "text/html; charset=utf-8"
    files = page.attributes("link", "href") + page.attributes("script", "src")
    assert len(files) == 5
    for address in files:
        answer = shared_api.client.get(address, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200, address
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert gzip.decompress(answer.data)


def test_policy_of_the_page_allows_no_inline_script_or_style(shared_api: ApiUnderTest) -> None:
    policy = shared_api.client.get("/docs").headers["Content-Security-Policy"]
    assert dict(part.split(" ", 1) for part in policy.split("; ")) == {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
        "connect-src": "'self'", "form-action": "'none'", "base-uri": "'none'", "frame-ancestors": "'none'",
    }  # fmt: skip


def test_files_of_other_projects_are_as_recorded() -> None:
    """A minified file has lines that nobody has written by hand."""
    record = json.loads((ROOT / "ingest" / "pages" / "browser-files.cdx.json").read_text(encoding="utf-8"))
    recorded = {}
    for component in record["components"]:
        assert component["purl"] == f"pkg:npm/{component['name']}@{component['version']}"
        assert component["licenses"]
        for file in component["components"]:
            recorded[file["name"]] = file["hashes"][0]["content"]
    for name, digest in recorded.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest, name
    minified = {path.name for path in STATIC.iterdir() if max(map(len, path.read_bytes().splitlines())) > 1000}
    assert minified <= set(recorded)
    assert len(recorded) >= 4
