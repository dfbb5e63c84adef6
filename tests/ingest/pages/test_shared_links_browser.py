"""Test links to one essay in a real browser: which sites may frame them, and that the page is accessible."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.ingest.conftest import ApiUnderTest
from tests.ingest.pages.test_shared_links import make_link, read_essay, sign
from tests.support.gunicorn_server import run_gunicorn
from tests.support.walker import DESKTOP, PHONE, browser, needs_browser, walk


@contextmanager
def platform(address: str) -> Iterator[int]:
    """Serve a page with this address in a frame, with the attributes that its own query names, and yield its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            attribute = self.path.partition("?")[2]
            self.wfile.write(
                f"<!doctype html><iframe src='{address}' {attribute} width='800' height='800'></iframe>".encode()
            )

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.slow(reason="starts a server and a browser")
@needs_browser
def test_browser_shows_the_frame_on_named_sites_only(shared_api: ApiUnderTest, tmp_path: Path) -> None:
    path = make_link(shared_api, read_essay(shared_api, title="In a frame"))
    with (
        run_gunicorn(shared_api.environment, log_file=tmp_path / "log") as server,
        platform(f"http://127.0.0.1:{server.port}{path}") as port,
        browser() as started,
    ):
        # Another name for the same machine is another site to a browser.
        site = f"http://localhost:{port}"
        for allowed in ("{}", "{https://lms.example}", f"{{https://lms.example,{site}}}"):
            shared_api.database.sql("update orgs set embed_origins = %s returning 1", allowed)
            tab = started.new_page()
            shown = tab.frame_locator("iframe").get_by_role("heading", name="In a frame")
            if site in allowed:
                said: list[str] = []
                tab.on("console", lambda line, said=said: said.append(line.text))
                tab.goto(site)
                assert shown.inner_text() == "In a frame"
                assert tab.frame_locator("iframe").locator(".comment").count() == 6
                assert tab.context.cookies() == []
                assert said == []
                tab.goto(f"{site}?sandbox=allow-same-origin")
                assert "system-ui" in shown.evaluate("heading => getComputedStyle(heading).fontFamily")
            else:
                with tab.expect_console_message(lambda line: "frame-ancestors" in line.text):
                    tab.goto(site)
                assert shown.count() == 0
            tab.close()
    shared_api.database.sql("update orgs set embed_origins = '{}' returning 1")
    assert path.removeprefix("/shared/")[:40] not in (tmp_path / "log").read_text()


@pytest.mark.slow(reason="starts a server and a browser")
@needs_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_page_of_a_link_is_accessible(shared_api: ApiUnderTest, tmp_path: Path, size: tuple[int, int]) -> None:
    essay = read_essay(shared_api)
    over = sign(shared_api, essay, student=shared_api.school.zoe, expires_at=datetime.now(UTC))
    with (
        run_gunicorn(shared_api.environment, log_file=tmp_path / "log") as server,
        browser() as started,
        walk(started, f"http://127.0.0.1:{server.port}", size=size) as walker,
    ):
        walker.goto(make_link(shared_api, essay))
        assert walker.findings() == []
        assert walker.is_as_wide_as_the_screen()
        walker.goto(over)
        assert walker.findings() == []
        # The browser names the status of the page that says so.
        assert [one for one in walker.errors if "404" not in one] == []
        walker.errors.clear()
