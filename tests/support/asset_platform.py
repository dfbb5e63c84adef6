"""An LMS with an Asset Processor: it takes orders for notices, sends them, has documents in a store, and keeps reports.

It follows the specification as Canvas writes it down: of two reports of one type the newer one stays, and an older one is refused.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from standalone.lti_answers import Handler
from standalone.lti_course import CLAIM, COURSE, DEEP, DEPLOYMENT, TOOL
from standalone.lti_platform import LtiPlatform

SCOPE = "https://purl.imsglobal.org/spec/lti/scope/"
NOTICE = "LtiAssetProcessorSubmissionNotice"
ACTIVITY = {"id": "activity-1", "title": "My favourite place"}
# Of `lti_message_hint`.
ATTACH, SETTINGS, REVIEW, EULA = "attach", "settings", "review", "eula"
MESSAGES = {
    ATTACH: "LtiDeepLinkingRequest", SETTINGS: "LtiAssetProcessorSettingsRequest", REVIEW: "LtiReportReviewRequest",
    EULA: "LtiEulaRequest",
}  # fmt: skip


# What the scope of a token must name.
NEEDS = {"/assets": "asset.readonly", "/reports": "report", "/notice-handlers": "noticehandlers"}


class AssetPlatform(LtiPlatform):
    """The LMS. `assets` are its documents, `reports` the newest of each type, and `seen` what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = _AssetHandler
        self.store = _Store()
        self.forget()

    def forget(self) -> None:
        """Be as at the beginning, but for the tool that is registered."""
        self.store.headers_seen.clear()
        self.assets: dict[str, bytes] = {}
        self.reports: dict[tuple[str, str], dict[str, Any]] = {}
        self.taken_reports: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []
        self.scopes: list[str] = []
        self.tokens_given: list[str] = []
        self.claims = {}
        # What a test scripts: statuses to answer next, by path, and whether documents are elsewhere.
        self.answers: dict[str, list[int]] = {}
        self.redirects = False
        # While it is cleared, a report that was taken gets no answer.
        self.answers_reports = threading.Event()
        self.answers_reports.set()
        self.reviewed = "submission-1"

    def give_token(self, asked: dict[str, str]) -> dict[str, Any]:
        """Return an access token, and remember for what."""
        answer = super().give_token(asked)
        self.scopes.append(asked["scope"])
        self.tokens_given.append(answer["access_token"])
        return answer

    def asset(self, content: bytes, **changes: Any) -> dict[str, Any]:
        """Put a document into the store and return what a notice says of it; a change of None leaves a member out."""
        name = uuid4().hex
        self.assets[name] = content
        found = {
            "asset_id": name, "url": f"{self.url}/assets/{name}", "size": len(content), "content_type": "text/html",
            "sha256_checksum": base64.b64encode(hashlib.sha256(content).digest()).decode(), "title": "Mia's essay",
            "timestamp": "2026-11-29T12:00:00Z", **changes,
        }  # fmt: skip
        return {member: value for member, value in found.items() if value is not None}

    def notice(
        self,
        *assets: dict[str, Any],
        submission: str = "submission-1",
        subject: str = "4",
        id: str | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """Return the claims of a notice as Canvas writes them."""
        return {
            **self.notice_of(NOTICE, id=id),
            CLAIM + "context": COURSE, CLAIM + "for_user": {"user_id": subject}, CLAIM + "activity": ACTIVITY,
            CLAIM + "submission": {"id": submission},
            CLAIM + "assetservice": {"scope": [SCOPE + "asset.readonly"], "assets": list(assets)},
            CLAIM + "assetreport": {"scope": [SCOPE + "report"], "report_url": f"{self.url}/reports"},
            **changes,
        }  # fmt: skip

    def notice_of(self, kind: str, *, id: str | None = None) -> dict[str, Any]:
        """Return the claims that every notice has."""
        now = int(time.time())
        return {
            "iss": self.url, "aud": self.client_id, "iat": now, "exp": now + 300, "nonce": uuid4().hex,
            CLAIM + "version": "1.3.0", CLAIM + "deployment_id": DEPLOYMENT,
            CLAIM + "notice": {"id": id or uuid4().hex, "type": kind, "timestamp": datetime.now(UTC).isoformat()},
        }  # fmt: skip

    def batch(self, *notices: dict[str, Any]) -> dict[str, Any]:
        """Return the body that holds these notices, signed."""
        return {"notices": [{"jwt": self.sign(claims)} for claims in notices]}

    def take_report(self, report: dict[str, Any]) -> int:
        """Keep a report, and return the status of the answer."""
        place = report["assetId"], report["type"]
        if report["assetId"] not in self.assets:
            return 404
        known = self.reports.get(place)
        if known is not None and known["timestamp"] > report["timestamp"]:
            return 409
        self.reports[place] = report
        self.taken_reports.append(report)
        return 201

    def next_status(self, path: str) -> int | None:
        """Return what is scripted for the next request to this path."""
        scripted = self.answers.get(path)
        return scripted.pop(0) if scripted else None

    def _target(self, link: str) -> str:
        return str(self.tool[TOOL]["target_link_uri"]) if link in MESSAGES else super()._target(link)

    def _claims(self, asked: dict[str, str]) -> dict[str, Any]:
        hint = asked.get("lti_message_hint", "")
        if hint not in MESSAGES:
            return super()._claims(asked)
        claims = super()._claims({**asked, "lti_message_hint": self.links[0]["id"]})
        claims |= {
            CLAIM + "message_type": MESSAGES[hint], CLAIM + "resource_link": None, CLAIM + "activity": ACTIVITY,
            CLAIM + "target_link_uri": self._target(hint), CLAIM + "platformnotificationservice": self.notice_service(),
        }  # fmt: skip
        if hint == ATTACH:
            claims[DEEP + "deep_linking_settings"] = {
                "deep_link_return_url": f"{self.url}/chosen", "accept_types": ["ltiAssetProcessor"], "data": "kept",
            }  # fmt: skip
        if hint == REVIEW:
            claims |= {
                CLAIM + "submission": {"id": self.reviewed}, CLAIM + "assetreport_type": "essaycoach",
                CLAIM + "for_user": {"user_id": asked["login_hint"]}, CLAIM + "asset": {"id": "a"},
            }  # fmt: skip
        return claims

    def notice_service(self) -> dict[str, Any]:
        """Return the claim with which notices can be ordered."""
        return {
            "service_versions": ["1.0"], "platform_notification_service_url": f"{self.url}/notice-handlers",
            "scope": [SCOPE + "noticehandlers"], "notice_types_supported": ["LtiHelloWorldNotice", NOTICE],
        }  # fmt: skip


class _AssetHandler(Handler):
    server: AssetPlatform

    def do_GET(self) -> None:
        """Give a document, or send to the store that has it."""
        if not self.path.startswith("/assets/"):
            super().do_GET()
            return
        lms, name = self.server, self.path.rpartition("/")[2]
        if self._is_refused("/assets"):
            return
        if lms.redirects:
            self._send(
                b"", "text/plain", status=302, headers={"Location": lms.store.address_of(name, lms.assets[name])}
            )
        else:
            self._send(lms.assets[name], "application/octet-stream", status=200, headers={})

    def do_POST(self) -> None:
        """Take a report."""
        if self.path != "/reports":
            super().do_POST()
            return
        report = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._is_refused("/reports"):
            status = self.server.take_report(report)
            self.server.answers_reports.wait(60)
            self._json(report, status=status)

    def do_PUT(self) -> None:
        """Take an order for notices."""
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._is_refused("/notice-handlers"):
            self.server.orders.append(order)
            self._json(order)

    def _is_refused(self, path: str) -> bool:
        allowed = self.server.access_tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "), "")
        status = self.server.next_status(path) or (None if NEEDS[path] in allowed else 401)
        if status is not None:
            self._json({"error": "refused"}, status=status)
        return status is not None


class _Store(ThreadingHTTPServer):
    """Where the documents are: another server, which must see no token of the LMS."""

    daemon_threads = True

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.headers_seen: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", 0), _StoreHandler)

    def address_of(self, name: str, content: bytes) -> str:
        """Take a document in and return its address here."""
        self.content[name] = content
        return f"http://127.0.0.1:{self.server_port}/{name}?signature=s"


class _StoreHandler(BaseHTTPRequestHandler):
    server: _Store

    def do_GET(self) -> None:
        """Give a document."""
        self.server.headers_seen.append(dict(self.headers))
        content = self.server.content[self.path.partition("?")[0].removeprefix("/")]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing about requests."""


@contextmanager
def run_asset_platform() -> Iterator[AssetPlatform]:
    """Yield the LMS and its store while they run on this machine."""
    lms = AssetPlatform()
    servers = (lms, lms.store)
    threads = [
        threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True) for one in servers
    ]
    for thread in threads:
        thread.start()
    try:
        yield lms
    finally:
        for one in servers:
            one.shutdown()
            one.server_close()
        for thread in threads:
            thread.join()
