"""Launch from an LMS: it registers, an admin approves it, and people open its link in a browser."""

from __future__ import annotations

import html
import re
import urllib.request
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode

from standalone.client import ask
from standalone.demo.run import DemoRun, require_status
from standalone.lti_platform import LtiPlatform

_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
_ACTION = re.compile(r'<form id="go" method="post" action="([^"]*)">')
_HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)


def register(lms: LtiPlatform, run: DemoRun) -> None:
    """Let the LMS register itself with the address that an admin has made, and let the admin approve it. Raises DemoFailed."""
    platforms, admin = f"{run.api}/v1/platforms", run.sign_in("admin")
    made = ask("POST", platforms, body={"name": "The demo's own LMS"}, headers=admin)
    platform = require_status(made, 201, "a platform").body
    require_status(ask("GET", lms.registration_address(platform["registration_url"])), 200, "its registration")
    approved = ask("PATCH", f"{platforms}/{platform['id']}", body={"state": "active"}, headers=admin)
    require_status(approved, 200, "its approval")


def launch(lms: LtiPlatform, subject: str) -> str:
    """Open the link of the LMS as this person, in a browser without JavaScript; return the heading of the page that shows.

    Raises OSError, ValueError.
    """
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    form = _read(browser, lms.login_address(subject))
    action = _ACTION.search(form)
    if action is None:
        raise ValueError("the LMS was not asked for a message")
    fields = {name: html.unescape(value) for name, value in _HIDDEN.findall(form)}
    heading = _HEADING.search(_read(browser, html.unescape(action[1]), urlencode(fields).encode()))
    if heading is None:
        raise ValueError("the launch leads to no page")
    return html.unescape(re.sub(r"<[^>]+>", "", heading[1])).strip()


def _read(browser: Any, url: str, body: bytes | None = None) -> str:
    with browser.open(url, body, timeout=40) as answer:
        return str(answer.read().decode())
