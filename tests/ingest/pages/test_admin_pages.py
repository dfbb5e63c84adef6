"""Test who may see the admin's pages, that forged forms change nothing, and that what others wrote shows as text."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from werkzeug.routing import Rule

from models import connections, courses, endpoint_deliveries, endpoints, platforms, users
from models.endpoints import EVENTS
from tests.ingest.conftest import ApiUnderTest
from tests.ingest.pages.conftest import SignedIn
from tests.support.hostile_texts import HOSTILE_TEXTS
from tests.support.pages import PageReader
from tests.support.schools import session_of

Ids = dict[str, str | UUID]

MAPPING = {"signature": {"header": "X-Signature"}, "members": {"text": "/text", "student/external_id": "/student"}}

# What the page of a form needs in its address.
QUERIES = {"/admin/approvals/ask": "?action=remove_org"}
# Whatever a forged form could change.
KNOWN_TAGS = (
    "nav", "details", "summary", "fieldset", "legend", "textarea", "ul", "ol", "li", "code", "pre", "bdi", "strong", "time", "section", "h2",
    "meter", "dl", "dt", "dd", "div", "span", "p", "select", "option",
)  # fmt: skip
TABLES = (
    "users", "user_keys", "courses", "enrollments", "sources", "platforms", "api_keys", "orgs", "approvals", "passes", "sessions", "one_time_tokens", "audit_log",
    "endpoints", "deliveries",
)  # fmt: skip


@pytest.fixture(scope="module")
def ids(shared_api: ApiUnderTest) -> Ids:
    """Give one thing of each kind, so that every page of the school has something to show."""
    api = shared_api
    receipt = api.hand_in("alice")
    api.worker.give_up(receipt["id"], "grammar")
    refused = api.lms.deliver({"title": "T", "text": "", "student": {"external_id": "sam-sis"}})
    assert refused.status_code == 422
    [(delivery,)] = api.database.sql("select id from inbound_events where outcome = 'refused'")
    asked = api.client.post("/v1/approvals", json={"action": "remove_org"}, headers=api.signed_in("ada")).json
    with session_of(api.school, "ada"):
        platform, _ = platforms.invite("LMS", org=api.school.org, creates_courses=True)
        custom, _ = connections.add_source("Own form", org=api.school.org, kind="custom", mapping=MAPPING)
        endpoint, _ = endpoints.add_endpoint("LMS", org=api.school.org, url="https://lms.example/", events=EVENTS)
        sent = endpoint_deliveries.add_ping(endpoint, org=api.school.org)
    return {
        "user_id": api.school.alice, "course_id": api.school.course, "source_id": api.school.source, "delivery_id": delivery,
        "platform_id": platform, "key_id": api.school.api_key_id, "approval_id": asked["id"], "submission_id": receipt["id"],
        "custom_id": custom, "endpoint_id": endpoint, "sent_id": sent,
    }  # fmt: skip


def routes(api: ApiUnderTest, method: str) -> Iterator[Rule]:
    """Yield every route of the admin's pages for this method."""
    found = [rule for rule in api.app.url_map.iter_rules() if rule.endpoint.startswith("admin_")]
    yield from (rule for rule in found if method in (rule.methods or ()))


def address(rule: Rule, ids: Ids) -> str:
    path = rule.rule
    for name in rule.arguments:
        path = path.replace(f"<uuid:{name}>", str(ids[name]))
    return path + QUERIES.get(path, "")


def state(api: ApiUnderTest) -> list[str]:
    """Return a digest of each table."""
    return [
        str(api.database.sql(f"select md5(string_agg(t::text, '|' order by t::text)) from {name} as t")[0][0])
        for name in TABLES
    ]


def test_every_page_shows_for_an_admin_and_for_nobody_else(
    shared_api: ApiUnderTest, ids: Ids, signed_in: SignedIn
) -> None:
    pages = [address(rule, ids) for rule in routes(shared_api, "GET")]
    assert len(pages) >= 20
    ada, stranger = signed_in("ada"), PageReader(shared_api.app)
    for path in pages:
        page = ada.get(path)
        assert page.status == 200, (path, page.text)
        assert page.answer.headers["Cache-Control"] == "no-store", path
        assert page.all("h1"), path
        assert stranger.get(path).answer.request.path == "/sign-in", path
    for name in ("alice", "ed"):
        other = signed_in(name)
        assert [path for path in pages if other.get(path).status != 404] == []


def test_no_form_is_carried_out_for_anybody_but_an_admin(
    shared_api: ApiUnderTest, ids: Ids, signed_in: SignedIn
) -> None:
    before = None
    for name in ("alice", "ed"):
        reader = signed_in(name)
        csrf = reader.get("/sign-in").answer.text  # no page of theirs leads to these forms
        before = state(shared_api)
        for rule in routes(shared_api, "POST"):
            page = reader.post(address(rule, ids), csrf=csrf, role="admin", name="x", sure="1")
            assert page.status == 404, (name, rule.rule, page.text)
        assert state(shared_api) == before


def test_another_schools_things_are_not_found(shared_api: ApiUnderTest, ids: Ids, signed_in: SignedIn) -> None:
    other = signed_in("ada", of="other")
    csrf = other.get("/admin").hidden("csrf")
    before = state(shared_api)
    for method in ("GET", "POST"):
        for rule in routes(shared_api, method):
            if rule.arguments:
                path = address(rule, ids)
                sent = {"csrf": csrf, "role": "admin", "email": "a@b.example", "name": "Mine", "external_id": "x"}
                page = other.get(path) if method == "GET" else other.post(path, **sent)
                assert page.status == 404, (method, path, page.text)
    assert state(shared_api) == before


@pytest.mark.parametrize("csrf", ["", "wrong"])
def test_a_form_without_our_secret_changes_nothing(
    shared_api: ApiUnderTest, ids: Ids, signed_in: SignedIn, csrf: str
) -> None:
    ada = signed_in("ada")
    before = state(shared_api)
    for rule in routes(shared_api, "POST"):
        sent = {"name": "Forged", "role": "admin", "email": "forged@evil.example", "action": "remove_org", "sure": "1"}
        page = ada.post(address(rule, ids), csrf=csrf, **sent)
        expected = 415 if rule.rule == "/admin/roster" else 403  # a form without files is not the form of that page
        assert page.status == expected, (rule.rule, page.text)
    assert state(shared_api) == before


def test_a_form_from_another_site_changes_nothing(shared_api: ApiUnderTest, ids: Ids, signed_in: SignedIn) -> None:
    ada = signed_in("ada")
    csrf = ada.get("/admin").hidden("csrf")
    before = state(shared_api)
    for rule in routes(shared_api, "POST"):
        page = ada.post(address(rule, ids), csrf=csrf, name="Forged", headers={"Sec-Fetch-Site": "cross-site"})
        assert page.status in (403, 415), rule.rule
    assert state(shared_api) == before


@pytest.mark.parametrize(
    "hostile",
    [
        HOSTILE_TEXTS[:6],
        pytest.param(
            sorted({*HOSTILE_TEXTS[6:40], *HOSTILE_TEXTS[9::9]}),
            marks=pytest.mark.slow(reason="shows hundreds of pages"),
        ),
    ],
    ids=["few", "many"],
)
def test_what_others_wrote_shows_as_text_on_every_page(
    shared_api: ApiUnderTest, ids: Ids, signed_in: SignedIn, hostile: list[str]
) -> None:
    """Names of people, courses, sources, keys and webhooks, ids, addresses, and what an LMS delivered."""
    school = shared_api.school
    paths = [address(rule, ids) for rule in routes(shared_api, "GET")]
    with session_of(school, "ada"):
        for number, text in enumerate(hostile):
            external_id = f"{len(hostile)}-{number}-{text}"
            user = users.add_user("student", org=school.org, name=text, external_id=external_id)
            course = courses.add_course(text, org=school.org, external_id=external_id)
            courses.add_member(user, org=school.org, course=course, role="student")
            source, _ = connections.add_source(text, org=school.org)
            platform, _ = platforms.invite(text, org=school.org, creates_courses=True)
            key, _ = connections.add_api_key(text, org=school.org, pepper=b"p" * 32)
            paths += [f"/admin/people/{user}", f"/admin/courses/{course}", f"/admin/sources/{source}"]
            paths += [f"/admin/keys/{key}/revoke", f"/admin/platforms/{platform}"]
            url = f"https://lms.example/{text}"
            endpoint, _ = endpoints.add_endpoint(text, org=school.org, url=url, events=EVENTS)
            endpoints.disable(endpoint, org=school.org, reason="gone")
            paths += [f"/admin/webhooks/{endpoint}"][: number % 8 == 0]  # the list shows the others
    for text in hostile:
        answer = shared_api.lms.deliver({"title": text, "text": "", "student": {"external_id": text}})
        assert answer.status_code == 422
    found = shared_api.database.sql("select id from inbound_events where outcome = 'refused'")
    paths += [f"/admin/sources/{school.source}/deliveries/{one}" for (one,) in found]
    ada = signed_in("ada")
    known = set(tags(ada, "/sign-in")) | set(KNOWN_TAGS)
    shown: set[str] = set()
    for path in paths:
        assert set(tags(ada, path)) <= known, path
        assert ada.page is not None
        handlers = [
            name for one in ada.page.all("*") for name in one.attrs if name.startswith(("on", "hx-", "style", "src"))
        ]
        assert handlers in ([], ["src"]), path  # our own script
        assert [one for one in ada.page.attributes("a", "href") if not one.startswith(("/", "#"))] == [], path
        shown |= {one.to_text() for one in ada.page.all("bdi")}
    assert [text for text in hostile if " ".join(text.split()) not in {" ".join(one.split()) for one in shown}] == []


def tags(reader: PageReader, path: str) -> set[str]:
    page = reader.get(path)
    assert page.status == 200, (path, page.text)
    return {one.name for one in page.all("body *")}


def test_a_name_that_turns_the_direction_of_writing_stays_in_its_own_element(
    shared_api: ApiUnderTest, signed_in: SignedIn
) -> None:
    school, name = shared_api.school, "Bob \u202egnp.exe"
    with session_of(school, "ada"):
        user = users.add_user("student", org=school.org, name=name, external_id="turned-sis")
    ada = signed_in("ada")
    for path in ("/admin/people", f"/admin/people/{user}"):
        assert name in ada.get(path).words("bdi"), path
