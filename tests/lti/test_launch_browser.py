"""Launch in a real browser, in a frame of another site: hand-in, feedback and desk, also where third-party cookies are blocked."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import FrameLocator, Page, sync_playwright
from werkzeug.serving import make_server

from standalone.lti_course import LINK
from standalone.lti_platform import LtiPlatform
from tests.ingest.conftest import ApiUnderTest, Worker
from tests.support.browser import CHROMIUM
from tests.support.races import eventually
from tests.support.schools import load_keys
from tests.support.tls import make_certificates
from tests.support.walker import needs_browser

SECONDS = 60_000


@contextmanager
def served(api: ApiUnderTest, folder: Path) -> Iterator[str]:
    """Serve the app over TLS, without which browsers keep no cookie in a frame, and yield its address."""
    made = make_certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    server = make_server("127.0.0.1", 0, api.app, threaded=True, ssl_context=context)
    server.daemon_threads = False  # closing waits for the requests that are still being answered
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def connect_at(base: str, api: ApiUnderTest, lms: LtiPlatform) -> None:
    client, admin = api.client, api.signed_in("ada")
    made = client.post("/v1/platforms", json={"name": "LMS"}, headers=admin, base_url=base).json
    path = lms.registration_address(made["registration_url"]).removeprefix(base)
    assert client.get(path, base_url=base).status_code == 200
    approved = client.patch(f"/v1/platforms/{made['id']}", json={"state": "active"}, headers=admin, base_url=base)
    assert approved.status_code == 200


@contextmanager
def tab(folder: Path, *, blocks_third_parties: bool) -> Iterator[Page]:
    """Yield a tab of a browser with a profile of its own."""
    (folder / "Default").mkdir(parents=True)
    wanted = {
        "profile": {
            "cookie_controls_mode": int(blocks_third_parties),
            "block_third_party_cookies": blocks_third_parties,
        }
    }
    (folder / "Default" / "Preferences").write_text(json.dumps(wanted), encoding="utf-8")
    with sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            folder, executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"], ignore_https_errors=True
        )  # fmt: skip
        context.set_default_timeout(SECONDS)
        try:
            yield context.new_page()
        finally:
            context.close()


def open_in_frame(page: Page, lms: LtiPlatform, who: str) -> FrameLocator:
    page.goto(f"{lms.url}/open?who={who}&link={LINK['id']}")
    return page.frame_locator("iframe")


def give_feedback(api: ApiUnderTest) -> None:
    """Read the essay as a worker does, in a process of its own: this one answers the page meanwhile."""
    [(submission,)] = api.database.sql("select id from submissions")
    child = get_context("spawn").Process(target=_finish_passes, args=(api.worker, str(submission)))
    child.start()
    child.join(60)  # a busy machine needs many seconds to start a process
    assert child.exitcode == 0


def _finish_passes(worker: Worker, submission: str) -> None:
    load_keys()
    for name in ("grammar", "structure", "content"):
        worker.finish(submission, name, quote="like")


@pytest.mark.slow(reason="starts a browser twice")
@needs_browser
@pytest.mark.parametrize("blocks_third_parties", [False, True])
def test_launch_in_a_frame_of_another_site(
    api: ApiUnderTest, lms: LtiPlatform, tmp_path: Path, blocks_third_parties: bool
) -> None:
    with (
        served(api, tmp_path / "tls") as base,
        tab(tmp_path / "profile", blocks_third_parties=blocks_third_parties) as page,
    ):
        connect_at(base, api, lms)
        frame = open_in_frame(page, lms, "4")
        frame.get_by_role("heading", name="Hand in an essay").wait_for()
        frame.locator("#title").fill("The lake")
        frame.locator("#text").fill("I like the lake.")
        frame.get_by_role("button", name="Hand in").click()
        frame.get_by_role("heading", name="The lake").wait_for()
        give_feedback(api)
        frame.get_by_text("One subject, one verb.").first.wait_for()
        frame.get_by_role("button", name="Helpful", exact=True).first.click()
        eventually(lambda: api.database.sql("select reaction from feedback_reactions") == [("helpful",)])
        assert page.url.startswith(lms.url)
        open_in_frame(page, lms, "2").get_by_role("heading", name=LINK["title"]).wait_for()


@pytest.mark.slow(reason="starts a browser")
@needs_browser
def test_launch_in_a_new_tab_where_no_cookie_is_kept_in_frames(
    api: ApiUnderTest, lms: LtiPlatform, tmp_path: Path
) -> None:
    """The frame comes to the second step without the value that the first one gave, as where nothing is kept."""
    with served(api, tmp_path / "tls") as base, tab(tmp_path / "profile", blocks_third_parties=True) as page:
        connect_at(base, api, lms)
        begun = api.client.get(lms.login_address("4").removeprefix(base), base_url=base)
        page.goto(lms.url)
        address = base + begun.location.removeprefix(base)
        page.evaluate(
            "address => document.body.append(Object.assign(document.createElement('iframe'), {src: address}))", address
        )
        with page.context.expect_page() as opened:
            page.frame_locator("iframe").get_by_role("link", name="Open in a new tab").click()
        opened.value.get_by_role("heading", name="Hand in an essay").wait_for()
        assert opened.value.url.startswith(f"{base}/essays/new")
