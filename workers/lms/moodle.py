"""Call a Moodle site's web services with a token, and fetch the files of hand-ins.

Moodle answers 200 to nearly everything: an error is an object with `exception`. The token travels in the body of a POST, because
addresses are written into logs, and only to the site that it belongs to.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from documents.convert import MAX_FILE_BYTES
from outgoing.client import Answer, Client
from workers.lms.answers import read_json
from workers.lms.errors import BUSY, LmsError, Trouble, wait_asked_by
from workers.lms.moodle_errors import trouble_of
from workers.lms.sending import CALL_SECONDS, FILE_SECONDS, FORM, send

REST = "/webservice/rest/server.php"
FILES = "/webservice/pluginfile.php/"
MAX_ANSWER_BYTES = 8 * 1024 * 1024
# An error that Moodle sends in place of a file is never larger.
MAX_ERROR_BYTES = 64 * 1024
# All calls for one row together: a thread that takes much longer counts as hanging (workers/job/watch.py).
TOTAL_SECONDS = 90.0

Value = str | int


@dataclass(frozen=True, kw_only=True)
class Moodle:
    """A Moodle site as a token sees it, for TOTAL_SECONDS from now. `site` is its address without a slash at the end."""

    client: Client
    site: str
    token: str = field(repr=False)
    ends_at: float = field(default_factory=lambda: time.monotonic() + TOTAL_SECONDS, repr=False)

    @property
    def has_time(self) -> bool:
        """Return whether there is time for one more call, however slow."""
        return self.ends_at - time.monotonic() > CALL_SECONDS

    def call(self, function: str, parameters: Mapping[str, Value] | None = None) -> Any:
        """Return the answer of a web service function. Raises LmsError, also for an error in an answer of 200."""
        fields = {
            **(parameters or {}), "wstoken": self.token, "wsfunction": function, "moodlewsrestformat": "json",
        }  # fmt: skip
        answer = self._post(self.site + REST, fields, about=function, seconds=CALL_SECONDS, max_bytes=MAX_ANSWER_BYTES)
        found = read_json(answer, about=function)
        if isinstance(found, dict) and "exception" in found:
            raise LmsError(trouble_of(found.get("errorcode")), function)
        return found

    def fetch_file(self, url: str, *, size: int) -> bytes:
        """Return the file of a hand-in that has this many bytes. Raises LmsError."""
        if not self._is_own_file(url):
            raise LmsError(Trouble.ADDRESS_REFUSED, "file")
        answer = self._post(url, {"token": self.token}, about="file", seconds=FILE_SECONDS, max_bytes=MAX_FILE_BYTES)
        if len(answer.body) != size:
            raise LmsError(_file_trouble(answer), "file")
        return answer.body

    def _is_own_file(self, url: str) -> bool:
        """Return whether the token may go to this address of a file: to this site's files and nowhere else."""
        own, other = urlsplit(self.site), urlsplit(url)
        is_same_host = (own.scheme, own.netloc.lower()) == (other.scheme, other.netloc.lower())
        return is_same_host and other.path.startswith(own.path + FILES) and "/.." not in other.path

    def _post(
        self, url: str, fields: Mapping[str, Value], *, about: str, seconds: float, max_bytes: int
    ) -> Answer:  # fmt: skip
        answer = send(
            self.client, "POST", url, about=about, headers=FORM, body=urlencode(fields).encode(), seconds=seconds,
            ends_at=self.ends_at, max_bytes=max_bytes,
        )  # fmt: skip
        if answer.status in BUSY:
            raise LmsError(Trouble.BUSY, about, wait_asked_by(answer))
        if answer.status == 403:
            # Moodle answers 403 while web services or their REST protocol are switched off.
            raise LmsError(Trouble.SERVICE_OFF, about)
        if answer.status >= 500:
            raise LmsError(Trouble.FAILED, about)
        if answer.status != 200:
            raise LmsError(Trouble.UNREADABLE, about)
        return answer


def _file_trouble(answer: Answer) -> Trouble:
    """Return why this is not the file: an error in place of it, or only a part of it."""
    if len(answer.body) > MAX_ERROR_BYTES:
        return Trouble.FILE_INCOMPLETE
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return Trouble.FILE_INCOMPLETE
    return (
        trouble_of(found["errorcode"]) if isinstance(found, dict) and "errorcode" in found else Trouble.FILE_INCOMPLETE
    )
