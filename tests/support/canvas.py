"""A Canvas as a real HTTP server: its REST API, its store of files on another port, and the keys of its events.

It answers in the shapes of Instructure's documentation (developerdocs.instructure.com: Submissions, Object IDs, Throttling, OAuth2,
Live Events). No real Canvas was recorded. A test hands in, grades and comments as people do, and lets it fail as sites do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.failing_server import FailingHandler, FailingServer, Fault, serving

TOKEN = "7~0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e"
SHARD = 10**13
COURSE, ASSIGNMENT, ANA, BO, GROUP = 7, 31, 4, 5, 9
ACCOUNT = "VicYj3cu5BIFpoZhDVU4DZumnlBrWi1grgJEzADs"
KEYS = {
    kid: rsa.generate_private_key(public_exponent=65537, key_size=2048) for kid in ("this-month", "nobody-knows-it")
}
INVALID_TOKEN = (
    401,
    {"errors": [{"message": "Invalid access token."}]},
    {"WWW-Authenticate": 'Bearer realm="canvas-lms"'},
)
NOT_FOUND = (404, {"errors": [{"message": "The specified resource does not exist."}]}, {})
THROTTLED = Fault(status=403, body=b"403 Forbidden (Rate Limit Exceeded)\n", headers={"X-Rate-Limit-Remaining": "0.0"})


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One request to the Canvas or to its store of files."""

    method: str
    url: str
    headers: dict[str, str]
    fields: dict[str, str]


@dataclass
class Submission:
    """What a student has handed in: the newest attempt."""

    id: int
    user: int
    attempt: int = 0
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    text: str | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    group: int | None = None
    state: str = "submitted"
    comments: list[dict[str, Any]] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return "online_upload" if self.files and self.text is None else "online_text_entry"


class CanvasSite(FailingServer):
    """The site. What is in it is plain data, which a test may change. For what its faults are about see `_about`."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.store_url = ""
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a Canvas in which nothing was handed in."""
        self.people: dict[int, dict[str, Any]] = {
            user: {
                "id": user,
                "name": name,
                "sortable_name": name,
                "short_name": name,
                "created_at": "2026-01-01T00:00:00Z",
            }
            for user, name in ((ANA, "Ana Alder"), (BO, "Bo Birch"))
        }
        self.submissions: dict[int, Submission] = {}
        self.stored: dict[str, bytes] = {}
        self.hops = 1
        self.token = TOKEN
        self.sent: list[Sent] = []
        self.faults.clear()

    def hand_in(
        self, user: int, text: str | None = "They was late.", *, files: Mapping[str, bytes] | None = None, group: int | None = None
    ) -> dict[str, Any]:  # fmt: skip
        """Hand in as a student does, again as the next attempt; return the event."""
        with self.lock:
            known = self.submissions.setdefault(user, Submission(id=100 + user, user=user))
            known.attempt += 1
            known.text, known.files, known.group, known.state = text, dict(files or {}), group, "submitted"
            known.at = datetime.now(UTC)
        return self.event("submission_created" if known.attempt == 1 else "submission_updated", user)

    def grade(self, user: int) -> dict[str, Any]:
        """Grade as a teacher does; return the event."""
        self.submissions[user].state = "graded"
        return self.event("submission_updated", user)

    def event(self, name: str, user: int, *, metadata: Mapping[str, Any] | None = None, **body: Any) -> dict[str, Any]:
        """Return an event about what this student has handed in, with some members changed."""
        found = self.submissions[user]
        return {
            "metadata": {
                "event_name": name, "event_time": datetime.now(UTC).isoformat(), "producer": "canvas", "hostname": "127.0.0.1",
                "root_account_id": str(SHARD + 1), "root_account_uuid": ACCOUNT, "root_account_lti_guid": f"{ACCOUNT}.example",
                "context_type": "Course", "context_id": str(SHARD + COURSE), "context_role": "StudentEnrollment",
                "user_id": str(SHARD + user), "user_login": "ana@school.example", "client_ip": "192.0.2.7", "user_agent": "Mozilla",
                **(metadata or {}),
            },
            "body": {
                "submission_id": str(SHARD + found.id), "assignment_id": str(SHARD + ASSIGNMENT), "user_id": str(SHARD + user),
                "lti_user_id": "a1b2c3", "lti_assignment_id": "d4e5f6", "attempt": found.attempt, "submission_type": found.kind,
                "body": "They was cut here…", "url": None, "submitted_at": found.at.isoformat(), "updated_at": found.at.isoformat(),
                "graded_at": None, "score": None, "grade": None, "workflow_state": found.state, "late": False, "missing": False,
                "group_id": None if found.group is None else str(SHARD + found.group), **body,
            },
        }  # fmt: skip

    def sign(self, event: Any, *, kid: str = "this-month", **claims: Any) -> bytes:
        """Return the body in which Canvas delivers the event."""
        return jwt.encode({**event, **claims}, KEYS["this-month"], algorithm="RS256", headers={"kid": kid}).encode()

    def answer(self, about: str, sent: Sent) -> tuple[int, Any, Mapping[str, str]]:
        """Return the answer to a request: status, JSON or bytes, and headers."""
        if about == "jwks":
            public = jwt.algorithms.RSAAlgorithm.to_jwk(KEYS["this-month"].public_key(), as_dict=True)
            return 200, {"keys": [{**public, "kid": "this-month", "use": "sig", "alg": "RS256"}]}, {}
        if sent.headers.get("authorization") != f"Bearer {self.token}":
            return INVALID_TOKEN
        if about == "file":
            return 302, b"", {"Location": f"{self.store_url}/hop/{self.hops}{urlsplit(sent.url).path}?signature=s3cret"}
        found = _ROUTES.get(about)
        return NOT_FOUND if found is None else found(self, sent)

    def graphql(self, sent: Sent) -> tuple[int, Any, Mapping[str, str]]:
        """The course of an assignment."""
        known = sent.fields["variables[id]"] in (str(ASSIGNMENT), str(SHARD + ASSIGNMENT))
        return 200, {"data": {"assignment": {"course": {"_id": str(COURSE)}} if known else None}}, {}

    def assignment(self, _sent: Sent) -> tuple[int, Any, Mapping[str, str]]:
        """GET an assignment."""
        return 200, {
            "id": ASSIGNMENT, "name": "Essay one", "course_id": COURSE, "submission_types": ["online_text_entry", "online_upload"],
            "workflow_state": "published", "points_possible": 10.0, "group_category_id": None,
        }, {}  # fmt: skip

    def submission(self, sent: Sent) -> tuple[int, Any, Mapping[str, str]]:
        """GET a submission, or PUT a comment on it."""
        found = self.submissions.get(_local(urlsplit(sent.url).path.rsplit("/", 1)[1]))
        if found is None:
            return NOT_FOUND
        include = parse_qs(urlsplit(sent.url).query).get("include[]", [])
        if sent.method == "PUT":
            if int(sent.fields.get("comment[attempt]", 0)) > found.attempt:
                return (
                    400,
                    {"errors": [{"message": "attempt must not be larger than number of submission attempts"}]},
                    {},
                )
            with self.lock:
                comment = {
                    "id": 1 + sum(len(one.comments) for one in self.submissions.values()), "comment": sent.fields["comment[text_comment]"],
                    "author_id": 2, "author_name": "EssayCoach", "created_at": "2026-11-29T12:00:00Z", "attempt": found.attempt,
                }  # fmt: skip
                found.comments.append(comment)
            include = ["submission_comments"]
        return 200, self._shown(found, include), {}

    def list_submissions(self, sent: Sent) -> tuple[int, Any, Mapping[str, str]]:
        """GET what was handed in in a course, by pages of one."""
        asked = parse_qs(urlsplit(sent.url).query)
        since, page = datetime.fromisoformat(asked["submitted_since"][0]), int(asked.get("page", ["1"])[0])
        found = [one for one in self.submissions.values() if one.at > since][page - 1 : page + 1]
        shown = [
            {
                name: value
                for name, value in self._shown(one, []).items()
                if name not in asked["exclude_response_fields[]"]
            }
            | {"group": {"id": one.group, "name": None}}
            for one in found[:1]
        ]
        query = urlencode(
            {**{name: values for name, values in asked.items() if name != "page"}, "page": page + 1}, doseq=True
        )
        following = f'<{self.url}{urlsplit(sent.url).path}?{query}>; rel="next"'
        return 200, shown, {"Link": following} if len(found) > 1 else {}

    def _shown(self, found: Submission, include: list[str]) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": found.id, "user_id": found.user, "assignment_id": ASSIGNMENT, "attempt": found.attempt or None, "body": found.text,
            "submission_type": found.kind, "submitted_at": found.at.isoformat().replace("+00:00", "Z"), "workflow_state": found.state,
            "grade": None, "score": None, "late": False, "missing": False, "url": None,
        }  # fmt: skip
        if found.files:
            shown["attachments"] = [self._attachment(found, name, content) for name, content in found.files.items()]
        if "user" in include:
            shown["user"] = self.people[found.user]
        if "course" in include:
            shown["course"] = {"id": COURSE, "name": "Writing 101", "course_code": "W101"}
        if "submission_comments" in include:
            shown["submission_comments"] = found.comments
        return shown

    def _attachment(self, found: Submission, name: str, content: bytes) -> dict[str, Any]:
        path = f"/files/{found.id}-{found.attempt}-{name}/download"
        self.stored[path] = content
        return {
            "id": 1, "uuid": "u", "display_name": name, "filename": name, "content-type": "application/octet-stream",
            "url": f"{self.url}{path}?download_frd=1", "size": len(content), "locked": False,
        }  # fmt: skip


class _Store(ThreadingHTTPServer):
    """The store of files: on another origin, with the permission in the query."""

    def __init__(self, site: CanvasSite) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.site = site
        site.store_url = f"http://127.0.0.1:{self.server_port}"

    def answer(self, _about: str, sent: Sent) -> tuple[int, Any, Mapping[str, str]]:
        """Redirect as often as the site says, then give the file."""
        _, _, hop, path = urlsplit(sent.url).path.split("/", 3)
        if int(hop) > 1:
            return 302, b"", {"Location": f"/hop/{int(hop) - 1}/{path}?signature=s3cret"}
        return (
            (200, self.site.stored["/" + path], {})
            if sent.url.endswith("?signature=s3cret")
            else (403, b"AccessDenied", {})
        )


_ROUTES = {
    "graphql": CanvasSite.graphql, "assignment": CanvasSite.assignment, "submission": CanvasSite.submission,
    "comment": CanvasSite.submission, "submissions": CanvasSite.list_submissions,
}  # fmt: skip


class _Handler(FailingHandler):
    def serve(self, fields: dict[str, str]) -> None:
        server: Any = self.server
        site: CanvasSite = getattr(server, "site", server)
        headers = {name.lower(): value for name, value in self.headers.items()}
        url = f"http://{self.headers['Host']}{self.path}"
        sent = Sent(method=self.command, url=url, headers=headers, fields=fields)
        site.sent.append(sent)
        about = "store" if server is not site else _about(self.command, urlsplit(self.path).path)
        fault = site.next_fault(about)
        status, found, more = (200, b"", {}) if fault and fault.prevents_work else server.answer(about, sent)
        found = _with_text_ids(found) if "string-ids" in headers.get("accept", "") else found
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.write(status, body, more, fault or Fault())


def _about(method: str, path: str) -> str:
    """Return what a request is about."""
    parts = path.strip("/").split("/")
    if "students" in parts:
        return "submissions"
    if "submissions" in parts:
        return "comment" if method == "PUT" else "submission"
    if parts[0] == "files":
        return "file"
    return "assignment" if "assignments" in parts else parts[-1]


def _local(given: str) -> int:
    return int(given) % SHARD


def _with_text_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_text_ids(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: str(one) if isinstance(one, int) and (name == "id" or name.endswith("_id")) else _with_text_ids(one)
        for name, one in value.items()
    }


@contextmanager
def running_canvas() -> Iterator[CanvasSite]:
    """Yield a Canvas that answers until the block ends."""
    site = CanvasSite()
    with serving(site, _Store(site)):
        yield site
