"""A Moodle site as a real HTTP server. It answers in the shapes of the recorded exchanges with Moodle 4.5.6.

A test hands in, edits, comments and takes rights away as people do in a Moodle, and lets the site fail as sites do.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.failing_server import FailingHandler, FailingServer, Fault, serving

RECORDED = json.loads(Path(__file__).with_name("recordings").joinpath("moodle-4.5.6.json").read_text("utf-8"))
RECORDED_SITE = "http://127.0.0.1:8088"
TOKEN = "0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e"
# The ids of the recorded site.
COURSE, MODULE, ASSIGNMENT, ANA, BO = 2, 2, 1, 4, 5
COMMENTS_PER_PAGE = 15
ERROR = RECORDED["comment-unknown-submission"]["body"]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One request to the site."""

    path: str
    function: str
    fields: dict[str, str]


class MoodleSite(FailingServer):
    """The site. Its hand-ins and comments are plain lists and dictionaries, which a test may change.

    Its faults are about a function, or about "file".
    """

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.courses: list[dict[str, Any]] = self._recorded("assignments")["courses"]
        self.submissions: list[dict[str, Any]] = []
        self.people: list[dict[str, Any]] = self._recorded("participants")
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.files: dict[str, bytes] = {}
        self.closed_assignments: set[int] = set()
        self.missing_functions: set[str] = set()
        self.sent: list[Sent] = []

    def hand_in(self, user: int, text: str, *, at: int, files: dict[str, bytes] | None = None, attempt: int = 0) -> int:
        """Hand in as a student does; return the id. The same attempt again is an edit: only text, files and time change."""
        with self.lock:
            found = next((s for s in self.submissions if (s["userid"], s["attemptnumber"]) == (user, attempt)), None)
            if found is None:
                found = copy.deepcopy(self._recorded("submissions")["assignments"][0]["submissions"][0])
                found.update(
                    id=len(self.submissions) + 1,
                    userid=user,
                    attemptnumber=attempt,
                    timecreated=at,
                    assignment=ASSIGNMENT,
                )
                self.submissions.append(found)
            found.update(timemodified=at, status="submitted")
            plugins = {one["type"]: one for one in found["plugins"]}
            plugins["onlinetext"]["editorfields"][0]["text"] = text
            plugins["file"]["fileareas"][0]["files"] = [
                self._keep_file(found["id"], name, content, at) for name, content in (files or {}).items()
            ]
            return int(found["id"])

    def _recorded(self, name: str) -> Any:
        text = json.dumps(RECORDED[name]["body"]).replace(RECORDED_SITE, self.url)
        return json.loads(text)

    def _keep_file(self, submission: int, name: str, content: bytes, at: int) -> dict[str, Any]:
        path = f"/webservice/pluginfile.php/16/assignsubmission_file/submission_files/{submission}/{name}"
        self.files[path] = content
        return {
            "filename": name, "filepath": "/", "filesize": len(content), "fileurl": self.url + path, "timemodified": at,
            "mimetype": "application/octet-stream", "isexternalfile": False, "icon": "f/unknown",
        }  # fmt: skip

    def answer(self, path: str, fields: dict[str, str]) -> Any:
        """Return the answer to a request: JSON, or the bytes of a file."""
        if path in self.files:
            return self.files[path] if fields.get("token") == TOKEN else {**ERROR, "errorcode": "invalidtoken"}
        if fields.get("wstoken") != TOKEN:
            return {
                "exception": "core\\exception\\moodle_exception",
                "errorcode": "invalidtoken",
                "message": "Invalid token",
            }
        function = fields.get("wsfunction", "")
        if function in self.missing_functions or function not in _FUNCTIONS:
            return RECORDED["function-not-allowed"]["body"]
        with self.lock:
            return _FUNCTIONS[function](self, fields)

    def site_info(self, _fields: dict[str, str]) -> Any:
        """core_webservice_get_site_info."""
        return self._recorded("site-info")

    def list_assignments(self, fields: dict[str, str]) -> Any:
        """mod_assign_get_assignments."""
        wanted = [int(value) for name, value in fields.items() if name.startswith("courseids[")]
        return {"courses": [one for one in self.courses if not wanted or one["id"] in wanted], "warnings": []}

    def list_submissions(self, fields: dict[str, str]) -> Any:
        """mod_assign_get_submissions."""
        found: dict[str, list[Any]] = {"assignments": [], "warnings": []}
        since, before = int(fields.get("since", 0)), int(fields.get("before", 0)) or 2**40
        for wanted in [int(value) for name, value in fields.items() if name.startswith("assignmentids[")]:
            if wanted in self.closed_assignments:
                no_right = RECORDED["submissions-no-right"]["body"]["warnings"][0]
                found["warnings"].append({**no_right, "itemid": wanted})
                continue
            listed = [
                {name: value for name, value in one.items() if name != "assignment"} for one in self.submissions
                if one["assignment"] == wanted and since <= one["timemodified"] <= before
                and fields.get("status", one["status"]) == one["status"]
            ]  # fmt: skip
            found["assignments"].append({"assignmentid": wanted, "submissions": listed})
            if not listed:
                nothing = RECORDED["submissions-none-since"]["body"]["warnings"][0]
                found["warnings"].append({**nothing, "itemid": wanted})
        return found

    def find_people(self, fields: dict[str, str]) -> Any:
        """core_user_get_users_by_field."""
        return [one for one in self.people if str(one[fields["field"]]) == fields["values[0]"]]

    def list_comments(self, fields: dict[str, str]) -> Any:
        """core_comment_get_comments: newest first, by pages."""
        newest_first = self.comments.get(int(fields["itemid"]), [])[::-1]
        start = int(fields.get("page", 0)) * COMMENTS_PER_PAGE
        page = newest_first[start : start + COMMENTS_PER_PAGE]
        return {
            "comments": page, "count": len(newest_first), "perpage": COMMENTS_PER_PAGE, "canpost": True, "warnings": [],
        }  # fmt: skip

    def add_comment(self, fields: dict[str, str]) -> Any:
        """core_comment_add_comments."""
        item = int(fields["comments[0][itemid]"])
        if not any(one["id"] == item for one in self.submissions):
            return ERROR
        written = copy.deepcopy(RECORDED["comment-added"]["body"][0])
        written["id"] = 1 + sum(map(len, self.comments.values()))
        content = fields["comments[0][content]"].replace("\n", "<br />")
        written["content"] = f'<div class="no-overflow"><div class="text_to_html">{content}</div></div>'
        self.comments.setdefault(item, []).append(written)
        return [written]


_FUNCTIONS: dict[str, Callable[[MoodleSite, dict[str, str]], Any]] = {
    "core_webservice_get_site_info": MoodleSite.site_info,
    "mod_assign_get_assignments": MoodleSite.list_assignments,
    "mod_assign_get_submissions": MoodleSite.list_submissions,
    "core_user_get_users_by_field": MoodleSite.find_people,
    "core_comment_get_comments": MoodleSite.list_comments,
    "core_comment_add_comments": MoodleSite.add_comment,
}


class _Handler(FailingHandler):
    server: MoodleSite

    def serve(self, fields: dict[str, str]) -> None:
        function = fields.get("wsfunction", "file")
        self.server.sent.append(Sent(path=self.path, function=function, fields=fields))
        fault = self.server.next_fault(function)
        found = b"" if fault and fault.prevents_work else self.server.answer(self.path, fields)
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.write(200, body, {}, fault or Fault())


@contextmanager
def running_moodle() -> Iterator[MoodleSite]:
    """Yield a Moodle site that answers until the block ends."""
    site = MoodleSite()
    with serving(site):
        yield site
