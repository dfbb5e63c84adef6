"""The part of the demo in which an LMS opens our pages: it registers, an admin approves it, and a student launches."""

from __future__ import annotations

import html
import re
import urllib.request
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode

from standalone.client import Answer, ask
from standalone.lti_platform import LtiPlatform

_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
_ACTION = re.compile(r'<form id="go" method="post" action="([^"]*)">')
_HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)


def register(lms: LtiPlatform, api: str, admin: dict[str, str]) -> list[Answer]:
    """Let the LMS register itself with the address that an admin has made, and approve it; return the three answers."""
    made = ask("POST", f"{api}/v1/platforms", body={"name": "The demo's own LMS"}, headers=admin)
    if made.status != 201:
        return [made]
    registered = ask("GET", lms.registration_address(made.body["registration_url"]))
    approved = ask("PATCH", f"{api}/v1/platforms/{made.body['id']}", body={"state": "active"}, headers=admin)
    return [made, registered, approved]


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
