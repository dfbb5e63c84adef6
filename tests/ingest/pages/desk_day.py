"""A school day as the educator's desk shows it, and a browser without scripts that reads the desk's pages."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from models import users
from models.crypto import AssociatedData
from models.db import new_ids
from tests.ingest.conftest import ApiUnderTest
from tests.support.schools import PASSWORD, session_of

RAW = '{"comments": [{"message": "raw <b>words</b> of the model"}]}'
PASSES = ("grammar", "structure", "content")
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass
class Browser:
    """A person at a browser without scripts. `answer` is the last page."""

    client: FlaskClient
    csrf: str = field(default="", repr=False)

    def get(self, address: str, *, status: int = 200) -> str:
        """Return a page as text."""
        answer = self.client.get(address)
        assert answer.status_code == status, (address, answer.status_code, answer.text[:500])
        self.csrf = next(iter(_CSRF.findall(answer.text)), self.csrf)
        return answer.text

    def send(self, address: str, **fields: str) -> TestResponse:
        """Send a form with the token of the last page."""
        return self.client.post(address, data={"csrf": self.csrf, **fields})

    def go(self, address: str, **fields: str) -> str:
        """Send a form whose work is done, and return the page that it leads to."""
        answer = self.send(address, **fields)
        assert answer.status_code == 303, (address, answer.status_code, answer.text[:2000])
        return self.get(answer.headers["Location"])


@dataclass(frozen=True)
class Day:
    """Alice's released essay, and Bob's that is held. Alice disagrees with a comment of the grammar pass on hers."""

    api: ApiUnderTest
    released: dict[str, Any]
    held: dict[str, Any]

    def sign_in(self, name: str) -> Browser:
        """Return a browser in which this person is signed in."""
        browser, school = Browser(self.api.client), self.api.school
        browser.get("/sign-in")
        form = {"org": school.slug, "email": school.email(name), "password": PASSWORD}
        answer = browser.send("/sign-in", **form)
        assert answer.status_code == 303, answer.text
        page = browser.client.get(answer.headers["Location"]).text
        browser.csrf = _CSRF.findall(page)[0]
        return browser

    def comments(self, receipt: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the comments on a version as the API gives them to Ed."""
        answer = self.api.client.get(receipt["links"]["feedback"], headers=self.api.signed_in("ed"))
        assert answer.status_code == 200, answer.text
        return list(answer.json["comments"])

    def comment(self, receipt: dict[str, Any], name: str = "grammar") -> dict[str, Any]:
        """Return the comment of a pass that has a place in the text."""
        return next(one for one in self.comments(receipt) if one["pass"] == name and one["span"]["match"] == "exact")

    def reads(self) -> int:
        """Return how many audit entries say that staff read something."""
        return self.count("audit_log where action = 'read'")

    def count(self, table: str) -> int:
        """Return the number of rows of a table."""
        [(found,)] = self.api.database.sql(f"select count(*) from {table}")
        assert isinstance(found, int)
        return found


def read(api: ApiUnderTest, who: str, **changes: Any) -> dict[str, Any]:
    """Hand in an essay, let all passes read it, and return its receipt. An answer is on record for the grammar pass."""
    receipt = api.hand_in(who, **changes)
    record_answer(api, receipt["id"], who)
    for name in PASSES:
        api.worker.finish(receipt["id"], name)
    return receipt


def record_answer(api: ApiUnderTest, submission: str, who: str, *, prompt: str = "prompt-77") -> None:
    """Store a call as a worker does before it stores the comments."""
    school = api.school
    author: UUID = getattr(school, who)
    with session_of(school, "ada"):
        key, call = users.data_key(author, org=school.org), new_ids(1)[0]
    sealed = key.seal(RAW, place=AssociatedData("ai_responses", "raw", school.org, call))
    api.database.sql(
        """
        insert into ai_responses (id, org_id, submission_id, user_id, pass, attempt, provider, model, prompt_version, request_sha256,
            outcome, raw, input_tokens, output_tokens, cost_micros, latency_ms, completed_at)
        values (%s, %s, %s, %s, 'grammar', 1, 'local', 'rules', %s, '\\x00', 'ok', %s, 1200, 300, 4500, 2100, now())
        """,
        call, school.org, submission, author, prompt, bytes(sealed),
    )  # fmt: skip


def make_day(api: ApiUnderTest) -> Day:
    """Make the school day."""
    school = api.school
    day = Day(
        api,
        released=read(api, "alice", assignment_id=str(school.assignment)),
        held=read(api, "bob", assignment_id=str(school.reviewed_assignment)),
    )
    reaction = {"reaction": "disagree", "note": "It is right like this."}
    api.client.put(
        f"/v1/feedback/{day.comment(day.released)['id']}/reaction", json=reaction, headers=api.signed_in("alice")
    )
    return day


def text_of(page: str) -> str:
    """Return the words of a page without its tags, with single spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
