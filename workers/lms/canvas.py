"""Call a Canvas site's REST API with a token, and fetch the files of hand-ins.

The token travels in the Authorization header of requests to the site itself and to nobody else. Canvas keeps files on other
hosts and redirects there; each step of that way is a request of its own to a checked address.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urljoin

from documents.convert import MAX_FILE_BYTES
from outgoing.client import Answer, Client
from outgoing.sites import origin_of
from workers.lms.answers import read_json
from workers.lms.errors import BUSY, LmsError, Trouble, wait_asked_by
from workers.lms.sending import CALL_SECONDS, FILE_SECONDS, FORM, REDIRECTS, send

MAX_ANSWER_BYTES = 4 * 1024 * 1024
# All calls for one row together: a thread that takes much longer counts as hanging (workers/job/watch.py).
TOTAL_SECONDS = 90.0
MOST_REDIRECTS = 3
MOST_PAGES = 200
# Canvas throttles with 403, and says so in the body.
THROTTLED = b"Rate Limit Exceeded"
MISSING_SCOPE = b"Insufficient scopes"
_NEXT = re.compile(r'<([^<>]+)>;\s*rel="next"')

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """A Canvas site as a token sees it, for TOTAL_SECONDS from now. `site` is its address without a slash at the end."""

    client: Client
    site: str
    token: str = field(repr=False)
    ends_at: float = field(default_factory=lambda: time.monotonic() + TOTAL_SECONDS, repr=False)

    def get(self, path: str, query: Fields = (), *, about: str) -> Any:
        """Return the JSON at this path of the API. Raises LmsError."""
        return self._call("GET", path + (f"?{urlencode(query)}" if query else ""), None, about=about)

    def pages(self, path: str, query: Fields, *, about: str) -> Iterator[Any]:
        """Yield the JSON of each page of a list. Raises LmsError, TOO_LARGE for a list without an end."""
        url = f"{self.site}{path}?{urlencode(query)}"
        for _ in range(MOST_PAGES):
            answer = self._send("GET", url, None, about=about, seconds=CALL_SECONDS, max_bytes=MAX_ANSWER_BYTES)
            _check(answer, about=about)
            yield read_json(answer, about=about)
            following = _NEXT.search(answer.headers.get("link", ""))
            if following is None:
                return
            url = following[1]
            if not _is_of(url, self.site):
                raise LmsError(Trouble.ADDRESS_REFUSED, about)
        raise LmsError(Trouble.TOO_LARGE, about)

    def put(self, path: str, fields: Fields, *, about: str) -> Any:
        """Return the answer to this form. Raises LmsError."""
        return self._call("PUT", path, fields, about=about)

    def post(self, path: str, fields: Fields, *, about: str) -> Any:
        """Return the answer to this form. Raises LmsError."""
        return self._call("POST", path, fields, about=about)

    def fetch_file(self, url: str, *, size: int) -> bytes:
        """Return the file of a hand-in that has this many bytes, from wherever the site redirects to. Raises LmsError."""
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._send("GET", url, None, about="file", seconds=FILE_SECONDS, max_bytes=MAX_FILE_BYTES)
            if answer.status not in REDIRECTS:
                _check(answer, about="file")
                if len(answer.body) != size:
                    raise LmsError(Trouble.FILE_INCOMPLETE, "file")
                return answer.body
            try:
                url = urljoin(url, answer.headers.get("location", ""))
            except ValueError:
                break
        raise LmsError(Trouble.ADDRESS_REFUSED, "file")

    def _call(self, method: str, path: str, fields: Fields | None, *, about: str) -> Any:
        answer = self._send(
            method, self.site + path, fields, about=about, seconds=CALL_SECONDS, max_bytes=MAX_ANSWER_BYTES
        )
        _check(answer, about=about)
        return read_json(answer, about=about)

    def _send(
        self, method: str, url: str, fields: Fields | None, *, about: str, seconds: float, max_bytes: int
    ) -> Answer:  # fmt: skip
        return send(
            self.client,
            method,
            url,
            about=about,
            headers={**self._headers(url), **({} if fields is None else FORM)},
            body=None if fields is None else urlencode(fields).encode(),
            seconds=seconds,
            ends_at=self.ends_at,
            max_bytes=max_bytes,
        )

    def _headers(self, url: str) -> Mapping[str, str]:
        """Return the headers for this address: with the token only where it belongs."""
        if not _is_of(url, self.site):
            return {}
        # Ask for ids as text: they have 64 bits, and a number could be rounded.
        return {"Authorization": f"Bearer {self.token}", "Accept": "application/json+canvas-string-ids"}


def _check(answer: Answer, *, about: str) -> None:
    """Raise LmsError unless this is an answer to what was asked."""
    if answer.status in (HTTPStatus.OK, HTTPStatus.CREATED):
        return
    is_throttled = answer.status == HTTPStatus.FORBIDDEN and THROTTLED in answer.body
    if answer.status in BUSY or is_throttled:
        raise LmsError(Trouble.BUSY, about, wait_asked_by(answer))
    raise LmsError(_trouble_of(answer), about)


def _trouble_of(answer: Answer) -> Trouble:
    """Return what an error means. Only a 401 with WWW-Authenticate is about the token: others lack a right."""
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        if MISSING_SCOPE in answer.body:
            return Trouble.SCOPE_MISSING
        is_about_token = answer.status == HTTPStatus.UNAUTHORIZED and "www-authenticate" in answer.headers
        return Trouble.TOKEN_REFUSED if is_about_token else Trouble.RIGHTS_MISSING
    if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return Trouble.GONE
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Trouble.FAILED
    return Trouble.REQUEST_REFUSED if answer.status >= HTTPStatus.BAD_REQUEST else Trouble.UNREADABLE


def _is_of(url: str, site: str) -> bool:
    try:
        return origin_of(url) == origin_of(site)
    except ValueError:
        return False
