"""Fetch documents from an LTI platform and send reports about them (Asset Processor), with a token of the platform.

The token goes to the platform's own site only. A document may be somewhere else: the platform then sends us there, without the token.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from documents.convert import MAX_FILE_BYTES
from models.errors import FileRefused
from models.lti_keys import SigningKey
from models.platforms import Platform
from outgoing.client import Answer, Client, url_objection
from outgoing.lti import is_own_site
from outgoing.sites import origin_of
from workers.lms.errors import BUSY, LmsError, Trouble, wait_asked_by
from workers.lms.lti_token import fetch_token
from workers.lms.sending import CALL_SECONDS, FILE_SECONDS, REDIRECTS, send

MAX_REDIRECTS = 3
# All calls for one row together: a thread that takes much longer counts as hanging (workers/job/watch.py).
TOTAL_SECONDS = 60.0
# Telling that a hand-in is refused comes after fetching it, in the same row.
TELLING_SECONDS = 20.0
_TROUBLE = {
    401: Trouble.ACCESS_REFUSED, 403: Trouble.ACCESS_REFUSED, 404: Trouble.GONE, 410: Trouble.GONE, 400: Trouble.REQUEST_REFUSED,
    422: Trouble.REQUEST_REFUSED,
}  # fmt: skip


class NotCalled(Exception):
    """The platform names an address that is never called, or that is not its own."""


class OlderThanKnown(Exception):
    """The platform has a newer report about this document."""


@dataclass(kw_only=True)
class AssetServices:
    """What a platform offers for its documents, for TOTAL_SECONDS from now."""

    client: Client
    platform: Platform
    key: SigningKey
    ends_at: float = field(default_factory=lambda: time.monotonic() + TOTAL_SECONDS, repr=False)
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)

    def fetch(self, url: str, *, scopes: list[str], size: int | None, sha256: str | None) -> bytes:
        """Return the document. Raises LmsError, NotCalled, and FileRefused when it is too large."""
        headers, origin = self._headers(url, scopes), origin_of(url)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._send("GET", url, headers, about="asset", seconds=FILE_SECONDS)
            if answer.status not in REDIRECTS:
                return _checked(answer, size=size, sha256=sha256)
            url = _next_address(url, answer)
            if origin_of(url) != origin:
                headers.pop("Authorization", None)
        raise LmsError(Trouble.UNREADABLE, "asset")

    def report(self, url: str, report: Mapping[str, Any], *, scopes: list[str]) -> None:
        """Send a report about a document; one that is there already is replaced. Raises LmsError, NotCalled, OlderThanKnown."""
        headers = {**self._headers(url, scopes), "Content-Type": "application/json"}
        try:
            answer = self._send(
                "POST", url, headers, about="report", seconds=CALL_SECONDS, body=json.dumps(report).encode()
            )
        except FileRefused:
            raise LmsError(Trouble.TOO_LARGE, "report") from None
        if answer.status == 409:
            raise OlderThanKnown
        if answer.status == 403:
            raise LmsError(Trouble.REQUEST_REFUSED, "report")
        if not 200 <= answer.status < 300:
            raise _error(answer, about="report")

    def _headers(self, url: str, scopes: list[str]) -> dict[str, str]:
        if url_objection(url, allow_local=self.client.allows_local) is not None or not is_own_site(self.platform, url):
            raise NotCalled
        asked = " ".join(scopes)
        if asked not in self._tokens:
            self._tokens[asked] = fetch_token(self.platform, asked, self.key, client=self.client)
        return {"Authorization": f"Bearer {self._tokens[asked]}", "Accept": "*/*"}

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        about: str,
        seconds: float,
        body: bytes | None = None,
    ) -> Answer:
        try:
            return send(
                self.client, method, url, about=about, headers=headers, body=body, seconds=seconds, ends_at=self.ends_at,
                max_bytes=MAX_FILE_BYTES,
            )  # fmt: skip
        except LmsError as error:
            if error.trouble is Trouble.ADDRESS_REFUSED:
                raise NotCalled from None
            if error.trouble is Trouble.TOO_LARGE:
                raise FileRefused("too-large", "The document is too large.") from None
            raise


def _next_address(url: str, answer: Answer) -> str:
    """Return where a redirect leads. Raises NotCalled when that is no address."""
    try:
        found = urljoin(url, answer.headers.get("location", ""))
        origin_of(found)
    except ValueError:
        raise NotCalled from None
    return found


def _checked(answer: Answer, *, size: int | None, sha256: str | None) -> bytes:
    """Return the document if it is whole. Raises LmsError."""
    if answer.status != 200:
        raise _error(answer, about="asset")
    is_other_size = size is not None and len(answer.body) != size
    if is_other_size or (sha256 is not None and hashlib.sha256(answer.body).hexdigest() != sha256):
        raise LmsError(Trouble.FILE_INCOMPLETE, "asset")
    return answer.body


def _error(answer: Answer, *, about: str) -> LmsError:
    if answer.status in BUSY:
        return LmsError(Trouble.BUSY, about, wait_asked_by(answer))
    if answer.status >= 500:
        return LmsError(Trouble.FAILED, about)
    return LmsError(_TROUBLE.get(answer.status, Trouble.UNREADABLE), about)
