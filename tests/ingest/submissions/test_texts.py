"""Tests of reading the text of a version: it is what comments quote, and who read it is on record."""

from __future__ import annotations

from typing import Any

import pytest

from models import rights
from tests.ingest.conftest import ApiUnderTest, Refused
from tests.support.schools import session_of

TEXT = "\ufeffPhones 😀 e\u0301 was loud.\r\nThey was 👩\u200d👩\u200d👧 there, <3 <twice>."


@pytest.fixture(scope="module")
def essay(shared_api: ApiUnderTest) -> dict[str, Any]:
    """Give the receipt of an essay of Alice's in Ed's course; one pass is done and no test changes it."""
    receipt = shared_api.hand_in("alice", assignment_id=str(shared_api.school.assignment), text=TEXT, language="en-GB")
    shared_api.worker.finish(receipt["id"], "grammar", quote="was 👩\u200d👩\u200d👧")
    return receipt


def reads(api: ApiUnderTest, submission: str) -> list[tuple[str, str, str]]:
    """Return role, actor and person of each recorded reading of this submission, oldest first."""
    found = api.database.sql(
        "select actor_role, actor_id::text, detail ->> 'user_id' from audit_log"
        " where entity = 'submission' and action = 'read' and entity_id = %s order by id", submission,
    )  # fmt: skip
    return [(str(role), str(actor), str(person)) for role, actor, person in found]


def test_text_is_exactly_what_the_spans_of_comments_refer_to(shared_api: ApiUnderTest, essay: dict[str, Any]) -> None:
    alice = shared_api.signed_in("alice")
    answer = shared_api.client.get(essay["links"]["text"], headers=alice)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json
    assert body == {
        "title": "Phones", "text": TEXT, "language": "en-GB", "format": "plain", "pictures_left_out": 0, "file": None,
        "characters": len(TEXT), "words": len(TEXT.split()),
    }  # fmt: skip
    comments = shared_api.client.get(essay["links"]["feedback"], headers=alice).json["comments"]
    span = next(one["span"] for one in comments if one["span"]["match"] == "exact")
    assert body["text"][span["start"] : span["end"]] == span["quote"] == "was 👩\u200d👩\u200d👧"


def test_every_receipt_links_to_the_text(shared_api: ApiUnderTest, essay: dict[str, Any], draft: Any) -> None:
    delivered = shared_api.lms.deliver(draft(student={"external_id": "links-to-the-text"})).json
    by_key = shared_api.client.post(
        "/v1/submissions", json=draft(student={"external_id": "links-to-the-text"}), headers=shared_api.with_key()
    ).json
    for receipt in (essay, delivered, by_key):
        assert receipt["links"]["text"] == f"/v1/submissions/{receipt['id']}/text"
        found = shared_api.client.get(receipt["links"]["text"], headers=shared_api.with_key())
        assert found.status_code == 200


def test_superseded_version_stays_readable(shared_api: ApiUnderTest) -> None:
    ed = shared_api.signed_in("ed")
    first = shared_api.hand_in("bob", assignment_id=str(shared_api.school.reviewed_assignment), text="Draft one.")
    second = shared_api.hand_in("bob", assignment_id=str(shared_api.school.reviewed_assignment), text="Draft two.")
    older = shared_api.hand_in_by_lms(
        "bob",
        assignment_id=str(shared_api.school.reviewed_assignment),
        text="Late.",
        submitted_at="2020-01-01T00:00:00Z",
    )
    assert older["status"] == "superseded"
    texts = [shared_api.client.get(one["links"]["text"], headers=ed).json["text"] for one in (first, second, older)]
    assert texts == ["Draft one.", "Draft two.", "Late."]


def test_readings_by_staff_and_api_keys_are_recorded_and_by_the_author_not(
    shared_api: ApiUnderTest, essay: dict[str, Any]
) -> None:
    school, at = shared_api.school, essay["links"]["text"]
    before = reads(shared_api, essay["id"])
    for who in ("alice", "bob", "zoe", "nell"):
        shared_api.client.get(at, headers=shared_api.signed_in(who))
    for headers in (shared_api.signed_in("ada", shared_api.other), shared_api.with_key(shared_api.other)):
        assert shared_api.client.get(at, headers=headers).status_code == 404
    assert reads(shared_api, essay["id"]) == before
    for headers in (shared_api.signed_in("ed"), shared_api.signed_in("ada"), shared_api.with_key()):
        assert shared_api.client.get(at, headers=headers).status_code == 200
    alice = str(school.alice)
    assert reads(shared_api, essay["id"])[len(before) :] == [
        ("educator", str(school.ed), alice), ("admin", str(school.ada), alice), ("lms", str(school.api_key_id), alice),
    ]  # fmt: skip


def test_key_without_the_scope_reads_no_text(shared_api: ApiUnderTest, essay: dict[str, Any], refused: Refused) -> None:
    ada = shared_api.signed_in("ada")
    key = shared_api.client.post("/v1/api-keys", json={"name": "Submit", "scopes": ["submit"]}, headers=ada).json["key"]
    answer = shared_api.client.get(essay["links"]["text"], headers={"Authorization": f"Bearer {key}"})
    refused(answer, 403, "forbidden")


@pytest.mark.parametrize("role", ["ec_educator", "ec_admin", "ec_lms"])
def test_text_is_not_read_when_the_reading_cannot_be_recorded(api: ApiUnderTest, role: str) -> None:
    receipt = api.hand_in("alice", assignment_id=str(api.school.assignment), text="Nobody reads this unseen.")
    headers = {"ec_educator": api.signed_in("ed"), "ec_admin": api.signed_in("ada"), "ec_lms": api.with_key()}[role]
    api.database.sql(f"revoke execute on function audit_write from {role}")
    answer = api.client.get(receipt["links"]["text"], headers=headers)
    assert answer.status_code >= 500
    assert "unseen" not in answer.text
    assert api.client.get(receipt["links"]["text"], headers=api.signed_in("alice")).status_code == 200


def test_text_of_an_erased_author_is_not_found(api: ApiUnderTest, refused: Refused) -> None:
    receipt = api.hand_in("bob", assignment_id=str(api.school.assignment))
    with session_of(api.school, "ada"):
        rights.request_erasure(api.school.bob, org=api.school.org)
    for headers in (api.signed_in("ed"), api.signed_in("ada"), api.with_key()):
        refused(api.client.get(receipt["links"]["text"], headers=headers), 404, "not-found")
