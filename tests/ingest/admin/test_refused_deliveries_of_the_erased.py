"""Attack an erasure: after it, nothing that an LMS sent about the student may be readable with the keys of the installation."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace
from urllib.parse import unquote_plus, urlencode
from uuid import UUID, uuid4
from zipfile import ZipFile

import pytest

from models import deliveries
from models.crypto import AssociatedData, keyring
from models.errors import Undecipherable
from outgoing.signature import sign

MARKER = "xylophonic marmalade"


@pytest.fixture
def student():
    """Give a student with a new external id and email."""
    name = uuid4().hex
    return {"external_id": f"kim-{name}", "name": "Kim Marker", "email": f"kim-{name}@northside.example"}


@pytest.fixture
def lms(shared_api):
    """Give an LMS with a new source."""
    made = shared_api.client.post("/v1/sources", json={"name": "LMS"}, headers=shared_api.signed_in("ada")).json
    return replace(shared_api.lms, source=made["id"], secret=made["secret"])


@pytest.fixture
def kim(shared_api, lms, draft, student):
    """Give the id of the student, who has handed in once."""
    receipt = lms.deliver(draft(student=student)).json
    return UUID(shared_api.client.get(receipt["links"]["essay"], headers=shared_api.with_key()).json["student_id"])


def readable(api, lms):
    """Return what a holder of the master key reads in the deliveries of the source, those of erased people included."""
    found = api.database.sql("select id, body, problem from inbound_events where source_id = %s", lms.source)
    texts = []
    for delivery, *sealed in found:
        for column, value in zip(("body", "problem"), sealed, strict=True):
            place = AssociatedData("inbound_events", column, api.school.org, delivery)
            try:
                texts += [keyring().open(bytes(value), place=place)] if value is not None else []
            except Undecipherable:
                continue
    return unquote_plus("\n".join(texts)).replace("\0", "")


def owners(api, lms):
    return [
        owner for (owner,) in api.database.sql(
            "select user_id from inbound_events where source_id = %s and outcome <> 'accepted' order by id", lms.source
        )
    ]  # fmt: skip


def erase(api, user):
    answer = api.client.post(f"/v1/users/{user}/erase", headers=api.signed_in("ada"))
    assert answer.status_code == 202, answer.text


def exported(api, user):
    answer = api.client.get(f"/v1/users/{user}/export", headers=api.signed_in("ada"))
    with ZipFile(io.BytesIO(answer.data)) as archive:
        names = [name for name in archive.namelist() if name.startswith("inbound_events")]
        return [one for name in names for one in json.loads(archive.read(name))]


def refused_bodies(student, draft):
    """Return bodies that are refused or ignored, each of which names the student in its own way."""
    text = f"My {MARKER}."
    whole = {"type": "submission.created", "data": draft(student=student, text=text, title=" ")}
    by_mail = {"email": student["email"].upper(), "name": student["name"]}
    return {
        "invalid": json.dumps(whole),
        "broken off": json.dumps(whole)[:-9],
        "twice the same member": json.dumps(whole)[:-1] + ', "type": "submission.created"}',
        "with a byte order mark": "\ufeff" + json.dumps(whole),
        "in UTF-16": json.dumps(whole).encode("utf-16-le"),
        "other event": json.dumps({**whole, "type": "student.renamed"}),
        "id as text": json.dumps({"type": "submission.created", "data": {"student": student["external_id"], "text": text}}),
        "e-mail only": json.dumps({"type": "submission.created", "data": {"student": by_mail, "text": text}}),
        "other shape": json.dumps({"type": "submission.created", "user_id": student["external_id"], "body": text}),
        "list of people": json.dumps({"type": "x", "data": {"Students": [{"sisId": student["external_id"]}], "text": text}}),
        "JSON in a string": json.dumps({"type": "submission.created", "data": json.dumps(whole["data"])}),
        "a form": urlencode({"student[email]": student["email"], "text": text}),
        "XML": f"<hand-in><student mail='{student['email']}'/><text>{text}</text></hand-in>",
        "not UTF-8": b"\xff" + json.dumps(whole).encode(),
        "too deep": json.dumps(whole)[:-1] + ', "more": ' + "[" * 3000 + "]" * 3000 + "}",
        "surrogate": json.dumps({**whole, "author": "\ud800"}),
    }  # fmt: skip


WAYS = tuple(refused_bodies({"external_id": "x", "email": "x", "name": "x"}, lambda **data: data))


def send(lms, body):
    raw = body.encode() if isinstance(body, str) else body
    event, now = f"msg_{uuid4().hex}", int(time.time())
    signature = sign(lms.secret, event_id=event, timestamp=now, body=raw)
    headers = {"webhook-id": event, "webhook-timestamp": str(now), "webhook-signature": signature}
    return lms.client.post(
        f"/v1/webhooks/{lms.source}", data=raw, headers={**headers, "Content-Type": "application/json"}
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("known", ["before", "after"])
def test_refused_delivery_is_unreadable_once_its_student_is_erased(shared_api, lms, draft, student, way, known):
    """Whether the student was known when it came, or was added afterwards."""
    body = refused_bodies(student, draft)[way]
    sent = [] if known == "before" else [send(lms, body)]
    receipt = lms.deliver(draft(student=student)).json
    essay = shared_api.client.get(receipt["links"]["essay"], headers=shared_api.with_key()).json
    sent = sent or [send(lms, body)]
    assert sent[0].status_code in (200, 400, 415, 422), sent[0].text
    assert (MARKER in readable(shared_api, lms)) is (known == "after")

    erase(shared_api, essay["student_id"])

    left = readable(shared_api, lms)
    assert [word for word in (MARKER, student["email"], student["external_id"], "Kim Marker") if word in left] == []


def test_refused_delivery_is_in_the_copy_of_its_student_with_the_reason(shared_api, lms, draft, student):
    send(lms, json.dumps({"type": "submission.created", "data": draft(student=student, text=" ")}))
    kim = lms.deliver(draft(student=student)).json
    user = shared_api.client.get(kim["links"]["essay"], headers=shared_api.with_key()).json["student_id"]

    refused_one, accepted = exported(shared_api, user)

    assert (refused_one["outcome"], refused_one["reason"]) == ("refused", "essay-empty")
    assert refused_one["problem"]["detail"]
    assert student["email"] in refused_one["body"]
    assert accepted["problem"] is None


def test_admin_still_sees_why_the_delivery_of_a_known_student_was_refused(shared_api, lms, draft, student, kim):
    answer = lms.deliver(draft(student=student, text=" "), event="msg_known")
    path = f"/v1/sources/{lms.source}/deliveries"
    ada = shared_api.signed_in("ada")

    [listed] = shared_api.client.get(path, query_string={"outcome": "refused"}, headers=ada).json["items"]
    one = shared_api.client.get(f"{path}/{listed['id']}", headers=ada).json

    assert (listed["detail"], listed["body"]) == (answer.json["detail"], None)
    assert json.loads(one["body"])["data"]["student"] == student
    again = shared_api.client.post(f"{path}/{listed['id']}/replay", headers=ada)
    assert again.json["detail"] == answer.json["detail"]
    erase(shared_api, kim)
    [gone] = shared_api.client.get(path, query_string={"outcome": "refused"}, headers=ada).json["items"]
    assert (gone["body"], gone["errors"]) == (None, None)
    assert shared_api.client.get(f"{path}/{listed['id']}", headers=ada).status_code == 404


def test_delivery_of_another_student_stays_theirs(shared_api, lms, draft, student, kim):
    """Kim's address in a friend's essay, and Kim's id as the id of a course, give Kim nothing and take nothing away."""
    friend = {"external_id": f"fay-{uuid4().hex}", "email": f"fay-{uuid4().hex}@northside.example"}
    essay = draft(student=friend, text=f"Write to {student['email']}. {MARKER}", title=" ")
    course = {"course": {"external_id": student["external_id"]}, "grade": student["external_id"]}
    send(lms, json.dumps({"type": "submission.created", "data": {**essay, **course}}))
    with_copy = {"type": "submission.created", "data": {**essay, "cc": student["email"]}}
    send(lms, json.dumps(with_copy))
    lms.deliver(draft(student=friend))

    assert [one for one in exported(shared_api, kim) if one["outcome"] != "accepted"] == []
    erase(shared_api, kim)

    kim_and_fay = owners(shared_api, lms)
    assert kim_and_fay[0] is None, "kept until it is old"
    assert kim_and_fay[1] not in (None, kim), "it names both: it is the essay of the one in the student's place"


def test_student_who_shares_an_address_is_not_taken_for_the_other(shared_api, lms, draft, student, kim):
    sister = {"external_id": f"kay-{uuid4().hex}", "email": student["email"]}
    send(lms, json.dumps({"type": "submission.created", "data": draft(student=sister, title=" ")}))

    assert owners(shared_api, lms) == [None]
    assert [one for one in exported(shared_api, kim) if one["outcome"] != "accepted"] == []


def test_delivery_that_names_two_students_alike_goes_when_either_is_erased(shared_api, lms, draft, student, kim):
    fay = {"external_id": f"fay-{uuid4().hex}"}
    lms.deliver(draft(student=fay))
    send(lms, json.dumps({"type": "submissions.batch", "students": [student, fay], "text": MARKER}))
    assert owners(shared_api, lms) == [None]

    erase(shared_api, kim)

    assert MARKER not in readable(shared_api, lms)


def test_search_is_bounded_and_a_damaged_delivery_stops_nothing(shared_api, lms, draft, student, monkeypatch):
    for number in range(3):
        send(lms, json.dumps({"type": "ping", "data": {"student": student, "n": number}}))
    receipt = lms.deliver(draft(student=student)).json
    user = shared_api.client.get(receipt["links"]["essay"], headers=shared_api.with_key()).json["student_id"]
    first, second, third = (
        row for (row,) in shared_api.database.sql(
            "select id from inbound_events where source_id = %s and user_id is null order by id", lms.source)
    )  # fmt: skip
    shared_api.database.sql("update inbound_events set body = 'broken' where id = %s", third)
    monkeypatch.setattr(deliveries, "SEARCHED_PAGE", 2)
    monkeypatch.setattr(deliveries, "MAX_SEARCHED", 2)

    erase(shared_api, user)

    owned = "select user_id is not null from inbound_events where id = %s"
    assert [shared_api.database.sql(owned, one) for one in (first, second, third)] == [
        [(False,)],
        [(True,)],
        [(False,)],
    ]


@pytest.mark.parametrize("kind", [f"{MARKER} by Kim Marker", "kim@northside.example", "x" * 200])
def test_type_of_an_ignored_event_is_not_stored_in_the_clear_when_it_is_no_word(shared_api, lms, kind):
    lms.deliver({}, event_type=kind)

    [(reason,)] = shared_api.database.sql("select reason from inbound_events where source_id = %s", lms.source)
    [(answer,)] = shared_api.database.sql("select answer::text from seen_events where source_id = %s", lms.source)
    assert kind not in reason + answer
    assert "not acted on" in reason
