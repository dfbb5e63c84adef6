"""Test when we ask a platform to take scores, and what we believe about where it takes them."""

from __future__ import annotations

from typing import Any

import pytest

from standalone.lti_course import CHOOSE, LINK, NAMES_AND_ROLES
from standalone.lti_gradebook import ENDPOINT, SCOPE
from standalone.lti_platform import LtiPlatform
from tests.ingest.conftest import ApiUnderTest, check_refused
from tests.lti.conftest import Platform, connect
from tests.support.pages import PageReader


@pytest.fixture
def api(shared_api: ApiUnderTest) -> ApiUnderTest:
    """Give one app to all tests of this file: each connects a platform of its own."""
    return shared_api


@pytest.fixture
def platform(api: ApiUnderTest, lms: LtiPlatform) -> Platform:
    """Give an LMS that gets scores."""
    return connect(api, lms, scores="handed_in")


def line_items(platform: Platform) -> list[tuple[str, str]]:
    """Return the titles of the platform's assignments that it takes scores of, and where it does."""
    found = platform.api.database.sql(
        "select a.title, p.line_item_url from platform_assignments as p join assignments as a on a.id = p.assignment_id "
        "where p.source_id = %s order by 1", platform.id,
    )  # fmt: skip
    return [(title, url) for title, url in found]


def choose(platform: Platform, title: str) -> dict[str, Any]:
    """Let a teacher make an assignment, and return the link that the LMS got."""
    reader = platform.open("2", CHOOSE)
    assert reader.page is not None
    platform.lms.take_choice(reader.post("/lti/choose", choice=reader.page.hidden("choice"), title=title).hidden("JWT"))
    return platform.lms.links[-1]


def test_off_unless_an_admin_wants_scores(api: ApiUnderTest, lms: LtiPlatform) -> None:
    platform = connect(api, lms)
    assert api.client.get(f"/v1/platforms/{platform.id}", headers=api.signed_in("ada")).json["scores"] == "none"
    assert SCOPE not in lms.tool["scope"].split()
    platform.open("4")
    assert "lineItem" not in choose(platform, "A letter")
    assert line_items(platform) == []


def test_platform_is_asked_for_the_right_and_for_a_line_item(platform: Platform) -> None:
    assert SCOPE in platform.lms.tool["scope"].split()
    link = choose(platform, "A letter")
    assert link["lineItem"] == {"scoreMaximum": 1, "label": "A letter"}
    platform.open("4", link["id"])
    assert line_items(platform) == [("A letter", f"{platform.lms.url}/lineitems/{link['id']}/lineitem?type_id=1")]


def test_newest_launch_says_where_scores_go(platform: Platform) -> None:
    platform.open("4")
    assert line_items(platform) == [(LINK["title"], f"{platform.lms.url}/lineitems/link-1/lineitem?type_id=1")]
    moved = f"{platform.lms.url}/lineitems/9/lineitem?type_id=1"
    platform.lms.claims[ENDPOINT] = {"scope": [SCOPE], "lineitem": moved}
    platform.open("5")
    assert line_items(platform) == [(LINK["title"], moved)]
    platform.lms.claims[ENDPOINT] = None
    platform.open("4")
    assert line_items(platform) == [(LINK["title"], moved)]


NO_SCORE_GOES_TO = (
    {"scope": [SCOPE], "lineitem": "https://elsewhere.example/lineitems/1"},
    {"scope": [SCOPE], "lineitem": "ftp://127.0.0.1/lineitems/1"},
    {"scope": [SCOPE], "lineitem": "http://u:p@127.0.0.1/lineitems/1"},
    {"scope": [SCOPE], "lineitem": "https://127.0.0.1/\x00"},
    {"scope": [SCOPE], "lineitem": f"http://127.0.0.1/{'x' * 2048}"},
    {"scope": [SCOPE], "lineitem": 7},
    {"scope": [SCOPE], "lineitems": "http://127.0.0.1/lineitems"},
    {"scope": SCOPE, "lineitem": "http://127.0.0.1/lineitems/1"},
    {"scope": [SCOPE + ".readonly"], "lineitem": "http://127.0.0.1/lineitems/1"},
    {"lineitem": "http://127.0.0.1/lineitems/1"},
    "http://127.0.0.1/lineitems/1",
)


def test_address_that_gets_no_score_is_not_kept(platform: Platform) -> None:
    for endpoint in NO_SCORE_GOES_TO:
        platform.lms.claims[ENDPOINT] = endpoint
        page = platform.open("4").page
        assert page is not None
        assert (page.status, line_items(platform)) == (200, []), endpoint


def test_line_item_may_be_at_a_site_that_the_admin_has_named(platform: Platform) -> None:
    ada = platform.api.signed_in("ada")
    changed = {"frame_origins": ["https://school.example"]}
    assert platform.api.client.patch(f"/v1/platforms/{platform.id}", json=changed, headers=ada).status_code == 200
    address = "https://school.example/learn/api/lti/lineitems/1"
    platform.lms.claims[ENDPOINT] = {"scope": [SCOPE], "lineitem": address}
    platform.open("4")
    assert line_items(platform) == [(LINK["title"], address)]


def test_deep_linking_itself_names_no_line_item(platform: Platform) -> None:
    platform.lms.claims[ENDPOINT] = {"scope": [SCOPE], "lineitem": f"{platform.lms.url}/lineitems/1"}
    platform.open("2", CHOOSE)
    assert line_items(platform) == []


def test_admin_turns_scores_on_and_off(api: ApiUnderTest, lms: LtiPlatform) -> None:
    platform, ada = connect(api, lms), api.signed_in("ada")
    for scores in ("handed_in", "none"):
        changed = api.client.patch(f"/v1/platforms/{platform.id}", json={"scores": scores}, headers=ada)
        assert changed.json["scores"] == scores
    check_refused(
        api.client.patch(f"/v1/platforms/{platform.id}", json={"scores": "all"}, headers=ada), 422, "invalid-payload"
    )
    check_refused(
        api.client.post("/v1/platforms", json={"name": "x", "scores": None}, headers=ada), 422, "invalid-payload"
    )
    noted = api.database.sql(
        "select detail from audit_log where entity_id = %s and action = 'changed' order by id desc limit 1",
        platform.id,
    )
    assert "scores" in str(noted)


def test_admin_page_says_what_scores_give(api: ApiUnderTest, lms: LtiPlatform) -> None:
    platform, admin = connect(api, lms), PageReader(api.app)
    admin.sign_in(api.school, "ada")
    path = f"/admin/platforms/{platform.id}"
    page = admin.get(path)
    assert "gets 1 of 1" in page.words("#scores-hint")[0]
    assert page.attributes("#scores", "checked") == []
    kept = {"name": "Moodle", "deployments": "1", "frame_origins": lms.url}
    assert admin.post(path, **kept, scores="handed_in").attributes("#scores", "checked") == [""]
    assert admin.post(path, **kept).attributes("#scores", "checked") == []
    assert admin.post(path, **kept, scores="all").status == 422


def test_people_are_fetched_with_a_token_for_that_only(platform: Platform) -> None:
    platform.open("2")
    [(course,)] = platform.api.database.sql("select course_id from platform_courses where source_id = %s", platform.id)
    ada = platform.api.signed_in("ada")
    fetched = platform.api.client.post(f"/v1/platforms/{platform.id}/courses/{course}/members", headers=ada)
    assert fetched.status_code == 200, (fetched.text, NAMES_AND_ROLES)
    assert all(SCOPE not in scope for scope in platform.lms.access_tokens.values())
