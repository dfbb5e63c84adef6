"""Test passkeys in a real browser with a device of its own: one is added, signs in, and the pages are accessible."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlsplit

import pyotp
import pytest

from models import db, second_factors
from tests.ingest.conftest import ApiUnderTest
from tests.support.gunicorn_server import run_gunicorn
from tests.support.schools import PASSWORD
from tests.support.walker import PHONE, browser, needs_browser, walk

DEVICE = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.mark.slow(reason="starts a server and a browser")
@needs_browser
def test_browser_adds_a_passkey_and_signs_in_with_it(api: ApiUnderTest, tmp_path: Path) -> None:
    school = api.school
    with db.session(org=school.org, role="ec_auth", actor=school.ed):
        app = pyotp.TOTP(second_factors.begin(school.ed, org=school.org))
        second_factors.confirm(school.ed, app.now(), org=school.org)
    who = {"email": school.email("ed"), "password": PASSWORD}
    with (
        run_gunicorn(api.environment, log_file=tmp_path / "log") as server,
        browser() as started,
        walk(started, f"http://localhost:{server.port}") as walker,
    ):
        page = walker.page
        protocol = page.context.new_cdp_session(page)
        protocol.send("WebAuthn.enable")
        device = protocol.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})["authenticatorId"]
        walker.sign_in(school.slug, who)
        assert page.locator("[data-passkey]").count() == 0
        page.fill("#code", app.at(time.time() + 30))
        page.click("main form button")
        walker.goto("/second-factor")
        page.get_by_role("link", name="Add a passkey").click()
        assert walker.findings() == []
        page.fill("#name", "This laptop")
        page.get_by_role("button", name="Add a passkey").click()
        page.wait_for_url("**/second-factor")
        page.get_by_text("This laptop").wait_for()
        assert walker.findings() == []
        page.get_by_role("button", name="Sign out").click()
        walker.sign_in(school.slug, who)
        assert walker.findings() == []
        protocol.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
        page.get_by_role("button", name="Use a passkey").click()
        page.get_by_text("That did not work").wait_for()
        protocol.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url("**/desk")
        walker.goto("/prove?next=/second-factor")
        page.get_by_role("button", name="Use a passkey").click()
        # The address of before ends in the same words.
        page.wait_for_url(lambda url: urlsplit(url).path == "/second-factor")
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        assert walker.is_as_wide_as_the_screen()
