"""The pages of the small LMS, and the services that a tool calls."""

from __future__ import annotations

import html
import json
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import jwt

from standalone.lti_course import CHOOSE, COURSE, Reply
from standalone.lti_gradebook import SCOPE, SCORE_TYPE

if TYPE_CHECKING:
    from standalone.lti_platform import LtiPlatform


class Handler(BaseHTTPRequestHandler):
    """Answers for the LMS."""

    server: LtiPlatform

    def do_GET(self) -> None:
        """Answer a request."""
        lms, parts = self.server, urlsplit(self.path)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/configuration" and self._has_registration_token():
            self._json(lms.configuration)
        elif parts.path == "/configuration":
            self._json({"error": "invalid_token"}, status=401)
        elif parts.path == "/keys":
            self._json({"keys": [lms.public_key]})
        elif parts.path == "/authorize":
            self._authorize(asked)
        elif parts.path == "/members":
            self._members(int(asked.get("from", "0")))
        elif parts.path == "/open":
            frame = f'<iframe src="{html.escape(lms.login_address(asked["who"], asked["link"]))}" width="100%" height="900"></iframe>'
            self._page(f'<p><a href="/">My LMS</a></p>{frame}')
        else:
            self._page(self._course())

    def _has_registration_token(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.server.registration_token}"

    def do_POST(self) -> None:
        """Answer a form or a JSON body."""
        lms, body = self.server, self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/register":
            if not self._has_registration_token():
                self._json({"error": "invalid_token"}, status=401)
                return
            self._json(lms.register(json.loads(body)), status=201)
            return
        if self.path.startswith("/lineitems/"):
            self._score(body)
            return
        asked = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
        try:
            if self.path == "/token":
                self._json(lms.give_token(asked))
            elif self.path == "/chosen":
                lms.take_choice(asked["JWT"])
                self._page('<p id="chosen">Put into the course.</p><p><a href="/" target="_top">My LMS</a></p>')
            else:
                self._authorize(asked)
        except (jwt.PyJWTError, KeyError, ValueError) as error:
            self._json({"error": "invalid_request", "reason": type(error).__name__}, status=400)

    def log_message(self, *_: object) -> None:
        """Say nothing about requests."""

    def _authorize(self, asked: dict[str, str]) -> None:
        try:
            message = self.server.message(asked)
        except (KeyError, ValueError, StopIteration):
            self._json({"error": "invalid_request"}, status=400)
            return
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{html.escape(message[name])}">'
            for name in ("id_token", "state")
        )
        form = (
            f'<form id="go" method="post" action="{html.escape(message["to"])}">{hidden}<button>Go on</button></form>'
        )
        self._page(f'{form}<script>document.getElementById("go").submit()</script>')

    def _members(self, first: int) -> None:
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.server.access_tokens:
            self._json({"error": "invalid_token"}, status=401)
            return
        found, more = self.server.list_members(first)
        link = {} if more is None else {"Link": f'<{self.server.next_site}/members?from={more}>; rel="next"'}
        self._json(found, headers=link)

    def _score(self, body: bytes) -> None:
        lms, token = self.server, self.headers.get("Authorization", "").removeprefix("Bearer ")
        if lms.access_tokens.get(token) != SCOPE or self.headers.get("Content-Type") != SCORE_TYPE:
            self._json({"error": "invalid_token"}, status=401)
            return
        self._json({}, status=lms.gradebook.take(self.path, body, members=set(lms.members)))

    def _course(self) -> str:
        lms = self.server
        if not lms.tool:
            return "<h1>My LMS</h1><p>No tool is registered.</p>"
        rows = "".join(
            f'<li>{html.escape(link["title"])}: {self._people(link["id"])}</li>' for link in lms.links
        )  # fmt: skip
        teachers = " ".join(
            f'<a href="/open?who={one.subject}&amp;link={CHOOSE}">{html.escape(one.name)}</a>'
            for one in lms.members.values() if one.role == "Instructor"
        )  # fmt: skip
        return f"<h1>{html.escape(COURSE['title'])}</h1><ul>{rows}</ul><p>Add a link: {teachers}</p>"

    def _people(self, link: str) -> str:
        return " ".join(
            f'<a href="/open?who={one.subject}&amp;link={link}">{html.escape(one.name)}</a>'
            for one in self.server.members.values()
        )  # fmt: skip

    def _json(self, answer: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(answer).encode(), "application/json", status=status, headers=headers or {})

    def _page(self, body: str) -> None:
        self._send(
            f"<!doctype html><html lang=en><title>My LMS</title>{body}".encode(), "text/html; charset=utf-8", status=200, headers={}
        )  # fmt: skip

    def _send(self, body: bytes, content_type: str, *, status: int, headers: dict[str, str]) -> None:
        reply = self.server.reply(self.path, Reply(status, {"Content-Type": content_type, **headers}, body))
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)
