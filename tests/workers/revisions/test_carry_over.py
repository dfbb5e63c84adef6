"""Test comments across drafts, from the hint to the student's progress, with PostgreSQL, the real SDK and a scripted vendor."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest

from models import db, essays, feedback, lineage
from models.essays import Draft, Receipt
from models.users import data_key
from tests.conftest import Become
from tests.support.local_engine import shared_provider
from tests.support.schools import School, session_of
from tests.support.servers import Database
from workers.job.leases import Leases
from workers.job.run_pass import PassRunner
from workers.providers.choice import ProviderChooser
from workers.settings import ProviderSettings

WRONG = ("distracts", "alot", "becuase", "gooder", "informations", "childs", "runned", "thinked", "mouses", "foots")
FIRST = (
    "Phones distracts us in class. We look at them alot. This is becuase they buzz.\n\n"
    "A lesson without them is gooder. We get informations from books. All childs like books.\n\n"
    "Once my friend runned home for his phone. He thinked it was lost. Two mouses sat on it.\n\n"
    "So keep your foots on the ground. Put the phone away."
)
# Four mistakes are fixed, two are deleted with their sentences, four stay; only paragraphs one and three change.
SECOND = (
    "Phones distract us in class. We look at them a lot. This is because they buzz.\n\n"
    "A lesson without them is gooder. We get informations from books. All childs like books.\n\n"
    "Once my friend ran home for his phone.\n\n"
    "So keep your foots on the ground. Put the phone away."
)


class ScriptedVendor:
    """A vendor that quotes every wrong word it is sent and gives the set verdict on each earlier comment."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.verdict = "addressed"
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                """Log nothing."""

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                reply = json.dumps(vendor.answer(body)).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        blocks = [block["text"] for block in body["system"]]
        content = body["messages"][0]["content"]
        tail = content if isinstance(content, str) else "".join(block["text"] for block in content)
        self.prompts.append("\n".join([*blocks, tail]))
        essay = blocks[-1]
        grammar = "grammar" in tail.split(".")[0]
        found = [word for word in WRONG if re.search(rf"\b{word}\b", essay)] if grammar else []
        comments = [
            {
                "type": "spelling", "kind": "issue", "severity": "minor", "place": {"quote": word, "prefix": "", "suffix": ""}, "also": [],
                "message": f"Look at this word once more ({number}).", "next_step": "Try a dictionary.", "suggestions": [],
                "criterion": "", "confidence": 0.8,
            }
            for number, word in enumerate(found)
        ]  # fmt: skip
        doubtful = len(re.findall(r'"next_step"', tail))
        reported = {
            "comments": comments, "picks": [], "strengths": [], "next_steps": [], "not_checked": [],
            "verdicts": [{"comment": number, "fate": self.verdict} for number in range(doubtful)],
        }  # fmt: skip
        return {
            "id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "stop_reason": "end_turn",
            "content": [{"type": "text", "text": json.dumps(reported)}], "usage": {"input_tokens": 100, "output_tokens": 50},
        }  # fmt: skip


@pytest.fixture
def vendor() -> Iterator[ScriptedVendor]:
    """Give a running scripted vendor."""
    with ScriptedVendor() as vendor:
        yield vendor


@pytest.fixture
def runner(vendor: ScriptedVendor) -> Iterator[PassRunner]:
    """Give a pass runner whose Claude provider calls the scripted vendor."""
    settings = ProviderSettings(name="anthropic", api_key="sk-test", base_url=vendor.base_url, model=None)
    chooser = ProviderChooser(settings, timeout_seconds=10, local=shared_provider())
    leases = Leases(lease_seconds=12, longest_seconds=60)
    yield PassRunner(choose_provider=chooser, leases=leases, lease_seconds=12, use_ensemble=False)
    chooser("anthropic").close()  # type: ignore[attr-defined]  # Claude's provider has connections to close


def read(text: str, runner: PassRunner, school: School, become: Become) -> Receipt:
    become("ec_ingest")
    with session_of(school, "alice"):
        receipt = essays.receive(
            school.alice, Draft(title="Phones", text=text, source="app", assignment=school.assignment), org=school.org
        )
    become("ec_worker")
    for hint in receipt.hints:
        runner.run(hint)
    become("ec_ingest")
    return receipt


def progress(receipt: Receipt, school: School, who: str = "alice") -> dict[str, Any]:
    with session_of(school, who):
        return lineage.fetch_progress(receipt.essay, org=school.org, released_only=who == "alice")


def comments(receipt: Receipt, school: School) -> list[dict[str, Any]]:
    with session_of(school, "alice"):
        return list(feedback.fetch(receipt.submission, org=school.org, released_only=True)["comments"])


def test_ten_comments_become_four_addressed_two_moot_four_persisting(
    vendor: ScriptedVendor, runner: PassRunner, school: School, become: Become
) -> None:
    first = read(FIRST, runner, school, become)
    assert [one["span"]["quote"] for one in comments(first, school)] == list(WRONG)
    calls_before = len(vendor.prompts)

    second = read(SECOND, runner, school, become)

    found = progress(second, school)
    assert found["counts"] == {"addressed": 4, "moot": 2, "persisting": 4, "open": 0}
    assert {one["span"]["quote"]: one["resolution"] for one in found["comments"]} == {
        **dict.fromkeys(("distracts", "alot", "becuase", "runned"), "addressed"),
        **dict.fromkeys(("thinked", "mouses"), "moot"),
        **dict.fromkeys(("gooder", "informations", "childs", "foots"), "persisting"),
    }
    assert found["new_comments"] == 0
    for one in found["comments"]:
        assert FIRST[one["span"]["start"] : one["span"]["end"]] == one["span"]["quote"]
        if one["now"]:
            span = one["now"]["span"]
            assert SECOND[span["start"] : span["end"]] == span["quote"] == one["span"]["quote"]
    now = comments(second, school)
    assert [one["span"]["quote"] for one in now] == ["gooder", "informations", "childs", "foots"]
    assert all(one["resolution"] == "persisting" and one["carried_from"] for one in now)
    # Unchanged paragraphs were not sent again in any of the three passes.
    for prompt in vendor.prompts[calls_before:]:
        assert "informations from books" not in prompt
        assert "foots" not in prompt
        assert "Once my friend ran home" in prompt


def test_comment_is_followed_through_three_drafts(
    vendor: ScriptedVendor, runner: PassRunner, school: School, become: Become
) -> None:
    read(FIRST, runner, school, become)
    read(SECOND, runner, school, become)
    third = read(SECOND.replace("gooder", "better").replace("All childs like books.", ""), runner, school, become)

    found = progress(third, school)

    resolutions = {one["span"]["quote"]: (one["resolution"], one["decided_in_version"]) for one in found["comments"]}
    assert len(resolutions) == len(found["comments"]) == 10, "a carried comment is listed once"
    assert resolutions["gooder"] == ("addressed", 3)
    assert resolutions["childs"] == ("moot", 3)
    assert resolutions["distracts"] == ("addressed", 2)
    assert resolutions["foots"] == ("persisting", 3)


def test_identical_draft_makes_no_call_and_keeps_every_comment(
    vendor: ScriptedVendor, runner: PassRunner, school: School, become: Become, database: Database
) -> None:
    read(FIRST, runner, school, become)
    calls_before = len(vendor.prompts)

    again = read(FIRST, runner, school, become)

    assert len(vendor.prompts) == calls_before
    assert [one["span"]["quote"] for one in comments(again, school)] == list(WRONG)
    assert progress(again, school)["counts"]["persisting"] == 10
    assert database.sql("select status from submissions where id = %s", again.submission) == [("completed",)]


@pytest.mark.parametrize("verdict", ["addressed", "persisting", "moot"])
def test_model_decides_when_only_the_surrounding_sentence_changed(
    verdict: str, vendor: ScriptedVendor, runner: PassRunner, school: School, become: Become
) -> None:
    read(FIRST, runner, school, become)
    vendor.verdict = verdict
    # The vendor no longer comments on this word, so only its verdict decides.
    text = FIRST.replace("We look at them alot.", "We look at them alot, says my aunt.")
    words = tuple(word for word in WRONG if word != "alot")
    vendor.answer = _without(vendor, "alot")  # type: ignore[method-assign]

    second = read(text, runner, school, become)

    resolutions = {one["span"]["quote"]: one["resolution"] for one in progress(second, school)["comments"]}
    assert resolutions.pop("alot") == verdict
    assert resolutions == dict.fromkeys(words, "persisting")


def _without(vendor: ScriptedVendor, word: str) -> Any:
    known = vendor.answer

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        reply = known(body)
        reported = json.loads(reply["content"][0]["text"])
        reported["comments"] = [one for one in reported["comments"] if one["place"]["quote"] != word]
        reply["content"][0]["text"] = json.dumps(reported)
        return reply

    return answer


def test_changed_rubric_sends_the_whole_essay_again(
    vendor: ScriptedVendor, runner: PassRunner, school: School, become: Become, database: Database
) -> None:
    read(FIRST, runner, school, become)
    database.sql("update assignments set rubric_id = null where id = %s", school.assignment)
    calls_before = len(vendor.prompts)

    second = read(SECOND, runner, school, become)

    assert all("informations from books" in prompt for prompt in vendor.prompts[calls_before:])
    assert progress(second, school)["counts"] == {"addressed": 4, "moot": 2, "persisting": 4, "open": 0}


def test_rejected_comment_is_not_repeated_and_edited_comment_stays(
    vendor: ScriptedVendor, runner: PassRunner, school: School, become: Become, database: Database
) -> None:
    first = read(FIRST, runner, school, become)
    ids = {one["span"]["quote"]: one["id"] for one in comments(first, school)}
    with db.session(org=school.org, user=school.ed, role="ec_educator"):
        key = data_key(school.alice, org=school.org)
        review = db.new_ids(1)[0]
        edited = key.seal(
            json.dumps({"message": "Two words.", "next_step": "Split it.", "suggestions": []}),
            place=lineage.AssociatedData("feedback_reviews", "body", school.org, review),
        )
    for quote, decision, review_id, body in (
        ("foots", "rejected", db.new_ids(1)[0], None),
        ("childs", "edited", review, edited),
    ):
        database.sql(
            "insert into feedback_reviews (id, org_id, feedback_id, submission_id, user_id, audience_id, educator_id, decision, body)"
            " select %s, org_id, id, submission_id, user_id, audience_id, %s, %s, %s from feedback where id = %s",
            review_id, school.ed, decision, bytes(body) if body else None, ids[quote],
        )  # fmt: skip
    # Another rubric sends the whole essay again, so the vendor repeats both comments.
    database.sql("update assignments set rubric_id = null where id = %s", school.assignment)

    second = read(SECOND, runner, school, become)

    now = {one["span"]["quote"]: one["message"] for one in comments(second, school)}
    assert "foots" not in now
    assert now["childs"] == "Two words."


def test_rerun_supersedes_comments_and_keeps_the_lineage(
    vendor: ScriptedVendor, runner: PassRunner, school: School, become: Become, database: Database
) -> None:
    read(FIRST, runner, school, become)
    second = read(SECOND, runner, school, become)
    before = comments(second, school)
    with db.session(org=school.org, user=school.ed, role="ec_educator"):
        again = db.rows("select * from rerun_passes(%s::uuid[], 'interactive')", ([second.submission],))
    assert len(again) == 3
    assert [one["id"] for one in comments(second, school)] == [one["id"] for one in before], (
        "old comments stay readable until the rerun ends"
    )

    become("ec_worker")
    for hint in second.hints:
        runner.run(hint)
    become("ec_ingest")

    after = comments(second, school)
    assert [one["span"]["quote"] for one in after] == [one["span"]["quote"] for one in before]
    assert not {one["id"] for one in after} & {one["id"] for one in before}
    assert progress(second, school)["counts"] == {"addressed": 4, "moot": 2, "persisting": 4, "open": 0}
    assert database.sql("select count(*) from feedback where superseded_at is not null") == [(len(before),)]
