"""Tests of the list of essays, its pages and cursors, and of an essay with its versions."""

from __future__ import annotations

import base64

import pytest


@pytest.fixture(scope="module")
def seven(shared_api):
    """Give the ids of Zoe's seven essays, oldest first. Zoe is in no course, so no other test adds essays of hers."""
    return [shared_api.hand_in("zoe", title=f"Number {number}")["essay_id"] for number in range(7)]


@pytest.fixture
def list_essays(shared_api):
    """`list_essays(name="ed", limit=2)` requests a page of essays as this person."""

    def ask(*, name: str = "zoe", **query: object):
        return shared_api.client.get("/v1/essays", query_string=query, headers=shared_api.signed_in(name))

    return ask


def all_pages(list_essays, limit: int) -> list[str]:
    """Return the ids of all essays, page by page."""
    found, cursor = [], None
    while True:
        page = list_essays(limit=limit, **({"cursor": cursor} if cursor else {})).json
        assert 0 < len(page["items"]) <= limit
        found += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8, 100])
def test_pages_list_each_essay_once_newest_first(list_essays, seven, limit):
    assert all_pages(list_essays, limit) == seven[::-1]


def test_page_without_a_limit_holds_all_seven_essays(list_essays, seven):
    page = list_essays().json
    assert [one["id"] for one in page["items"]] == seven[::-1]
    assert page["next_cursor"] is None


def test_listed_essay_has_title_version_and_status(list_essays, seven):
    newest = list_essays(limit=1).json["items"][0]
    assert newest["title"] == "Number 6"
    assert (newest["version"], newest["status"]) == (1, "queued")


def test_pages_stay_stable_while_essays_are_added(shared_api, list_essays):
    mine = [shared_api.hand_in("ed", title=f"Trial {number}")["essay_id"] for number in range(4)]
    first = list_essays(name="ed", limit=2).json
    shared_api.hand_in("ed", title="In between")
    second = list_essays(name="ed", limit=2, cursor=first["next_cursor"]).json
    assert [one["id"] for one in first["items"] + second["items"]] == mine[::-1]


def test_forged_cursor_shows_nothing_of_others(shared_api, list_essays, seven):
    theirs = shared_api.hand_in("bob")["essay_id"]
    cursor = base64.urlsafe_b64encode(bytes.fromhex("f" * 32)).decode().rstrip("=")
    assert theirs not in [one["id"] for one in list_essays(cursor=cursor, limit=100).json["items"]]
    assert [one["id"] for one in list_essays(cursor=cursor, limit=100).json["items"]] == seven[::-1]


@pytest.mark.parametrize(
    "limit", ["0", "-1", "101", "1.5", "ten", "", " 5", "\u0665", "1e1", "0x10", "99999999999999999999", "5;"]
)
def test_invalid_limit_is_refused(list_essays, refused, limit):
    document = refused(list_essays(limit=limit), 422, "invalid-payload")
    assert "limit" in document["errors"][0]["pointer"]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!",
        "AAAA",
        "A" * 23,
        "A" * 64,
        "A" * 5000,
        "\u00e9" * 22,
        "' or 1=1 --",
        "null",
        "A" * 21 + "\0",
        "=" * 22,
    ],
)
def test_invalid_cursor_is_refused(list_essays, refused, cursor):
    document = refused(list_essays(cursor=cursor), 422, "invalid-payload")
    assert "cursor" in document["errors"][0]["pointer"]


def test_essay_lists_its_versions_oldest_first(shared_api):
    first = shared_api.hand_in("bob", text="One two three.")
    second = shared_api.hand_in("bob", essay_id=first["essay_id"], text="One two three four.", title="Again")
    late = shared_api.hand_in_by_lms(
        "bob", essay_id=first["essay_id"], text="Old.", submitted_at="2020-01-01T00:00:00Z"
    )
    essay = shared_api.client.get(first["links"]["essay"], headers=shared_api.signed_in("bob")).json
    assert [one["id"] for one in essay["versions"]] == [first["id"], second["id"], late["id"]]
    assert [one["version"] for one in essay["versions"]] == [1, 2, 3]
    assert [one["words"] for one in essay["versions"]] == [3, 4, 1]
    assert [one["characters"] for one in essay["versions"]] == [14, 19, 4]
    assert essay["versions"][2]["status"] == "superseded"
    assert (essay["title"], essay["version"], essay["submission_id"]) == ("Again", 2, second["id"])
    assert (essay["student_id"], essay["course_id"], essay["assignment_id"]) == (str(shared_api.school.bob), None, None)


def test_version_whose_transaction_began_before_its_essay_is_stored(shared_api):
    """Of two concurrent first versions, the later transaction creates the essay and the earlier one waits and adds to it."""
    first = shared_api.hand_in("bob")
    shared_api.database.sql(
        "update essays set created_at = now() + interval '1 minute', updated_at = now() + interval '1 minute' where id = %s",
        first["essay_id"],
    )
    answer = shared_api.client.post(
        "/v1/submissions",
        json={"title": "t", "text": "x", "essay_id": first["essay_id"]},
        headers=shared_api.signed_in("bob"),
    )
    assert (answer.status_code, answer.json.get("version")) == (202, 2)


def test_submissions_for_one_assignment_are_one_essay(shared_api):
    receipts = [shared_api.hand_in("bob", assignment_id=str(shared_api.school.assignment)) for _ in range(2)]
    assert receipts[0]["essay_id"] == receipts[1]["essay_id"]
    essay = shared_api.client.get(receipts[0]["links"]["essay"], headers=shared_api.signed_in("ed")).json
    assert essay["category"] == "argumentative"
    assert essay["course_id"] == str(shared_api.school.course)


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
     "1969-12-31T23:59:59Z", "2016-12-31T23:59:59.999999999Z", "1900-01-01T00:00:00+00:19"],
)  # fmt: skip
def test_submission_with_an_extreme_date_is_refused_or_readable(shared_api, moment):
    headers = shared_api.signed_in("bob")
    body = {"title": "t", "text": "x", "submitted_at": moment, "student": {"external_id": "bob-sis"}}
    answer = shared_api.client.post("/v1/submissions", json=body, headers=shared_api.with_key())
    if answer.status_code == 422:
        assert answer.json["errors"][0]["pointer"] == "/submitted_at"
        return
    assert answer.status_code == 202
    essay = shared_api.client.get(answer.json["links"]["essay"], headers=headers)
    assert essay.status_code == 200
    assert len(essay.json["versions"]) == 1
