"""Test launches: who is let in, where they arrive, and that nothing that is not proved changes anything."""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ingest import gunicorn
from ingest.lms.login import MAX_HINTS
from standalone.lti_course import CLAIM, MEMBERSHIP
from standalone.lti_platform import LtiPlatform
from tests.ingest.conftest import ApiUnderTest
from tests.lti.conftest import Platform, path_of, rows_of
from tests.support.pages import PageReader


@pytest.fixture
def api(shared_api: ApiUnderTest) -> ApiUnderTest:
    """Give one app to all tests of this file: each connects a platform of its own."""
    return shared_api


def test_student_arrives_at_the_hand_in_page_and_then_at_their_feedback(platform: Platform) -> None:
    reader = platform.open("4")
    assert reader.page is not None
    assert (reader.page.status, reader.page.words("h1")) == (200, ["Hand in an essay"])
    chosen = reader.page.words("#assignment_id option[selected]")
    assert "My favourite place" in chosen[0]

    handed_in = reader.post(
        "/essays/new", title="The lake", text="I like the lake.", key="k",
        assignment_id=reader.page.attributes("#assignment_id option[selected]", "value")[0],
    )  # fmt: skip
    assert handed_in.status == 200
    again = platform.open("4").page
    assert again is not None
    assert "The lake" in again.words("h1")[0]


def test_teacher_arrives_at_the_desk_of_the_assignment(platform: Platform) -> None:
    platform.open("4")
    page = platform.open("2").page
    assert page is not None
    assert (page.status, page.words("h1")) == (200, ["My favourite place"])


def test_a_second_launch_adds_nobody_and_no_course(platform: Platform) -> None:
    platform.open("4")
    before = rows_of(platform.api)
    platform.open("4")
    after = rows_of(platform.api)
    assert {name: after[name] - before[name] for name in after} == {
        **dict.fromkeys(after, 0), "sessions": 1, "spent_launches": 1, "analytics": 1,
    }  # fmt: skip


@pytest.mark.parametrize(("characters", "status"), [(MAX_HINTS - 1, 303), (MAX_HINTS, 401)])
def test_hints_come_back_whole_or_the_login_is_refused(platform: Platform, characters: int, status: int) -> None:
    hint, reader = secrets.token_urlsafe(characters)[:characters], PageReader(platform.api.app)
    asked = {"iss": platform.lms.url, "login_hint": "4", "lti_message_hint": hint}
    begun = reader.client.post(f"/lti/login/{platform.id}", data=asked)
    assert begun.status_code == status
    if status == 303:
        assert len(f"GET {begun.location} HTTP/1.1") < gunicorn.limit_request_line
        sent_on = parse_qs(urlsplit(reader.client.get(begun.location).location).query)
        assert sent_on["lti_message_hint"] == [hint]


def test_pages_of_a_launch_may_be_framed_by_the_platform_only(platform: Platform) -> None:
    page = platform.open("4").page
    assert page is not None
    assert f"frame-ancestors {platform.lms.url};" in page.answer.headers["Content-Security-Policy"] + ";"


@pytest.mark.parametrize(
    ("return_url", "site"),
    [
        ("https://school.127.0.0.1/course", None), ("https://another.example/", None), ("javascript:alert(1)", None), ("https://[x", None), (7, None),
    ],
)  # fmt: skip
def test_no_other_site_gets_into_the_frame_by_a_launch(platform: Platform, return_url: object, site: None) -> None:
    platform.lms.claims[CLAIM + "launch_presentation"] = {"return_url": return_url}
    page = platform.open("4").page
    assert page is not None
    assert f"frame-ancestors {platform.lms.url};" in page.answer.headers["Content-Security-Policy"] + ";"


def test_school_of_a_hosted_lms_may_frame_the_pages_of_its_launch(api: ApiUnderTest, platform: Platform) -> None:
    api.database.sql("update platforms set issuer = 'https://canvas.lms.example' returning 1")
    platform.lms.claims |= {
        "iss": "https://canvas.lms.example",
        CLAIM + "launch_presentation": {"return_url": "https://school.lms.example/c"},
    }
    reader, issuer = PageReader(api.app), quote_plus("https://canvas.lms.example")
    begun = platform.lms.login_address("4").replace(quote_plus(platform.lms.url), issuer, 1)
    page = platform.send(reader, platform.go_on(reader, path_of(begun)))
    policy = page.answer.headers["Content-Security-Policy"]
    assert f"frame-ancestors {platform.lms.url} https://school.lms.example" in policy


def test_over_tls_the_cookies_are_for_frames_of_one_site(platform: Platform) -> None:
    app = platform.api.make_app(ESSAYCOACH_PROXIES="1")
    client = app.test_client()
    tls = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    begun = client.get(
        f"/lti/login/{platform.id}", query_string={"iss": platform.lms.url, "login_hint": "4"}, headers=tls
    )
    cookie = begun.headers["Set-Cookie"]
    assert cookie.startswith("__Host-essaycoach-browser=")
    for part in ("Secure", "HttpOnly", "Path=/", "SameSite=None", "Partitioned"):
        assert part in cookie.split("; ")


def test_a_browser_that_keeps_no_cookie_is_offered_a_new_tab(platform: Platform) -> None:
    begun = platform.api.client.get(platform.lms.login_address("4").removeprefix("http://localhost"))
    blocked = PageReader(platform.api.app).get(begun.location)
    assert blocked.words("h1") == ["Open in a new tab"]
    [address] = blocked.attributes("a.button", "href")
    tab = PageReader(platform.api.app)
    sent_on = tab.client.get(tab.client.get(address).location)
    assert sent_on.location.startswith(f"{platform.lms.url}/authorize?")
    still_none = platform.api.client.get(address)
    assert PageReader(platform.api.app).get(still_none.location).words("h1") == ["Your browser keeps no cookies"]


def _other_key(lms: LtiPlatform) -> None:
    lms.signing_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _claims(**changes: Any) -> Callable[[LtiPlatform], None]:
    return lambda lms: lms.claims.update(changes)


FORGED = {
    "wrong key": _other_key,
    "unknown key": lambda lms: setattr(lms, "kid", "k2"),
    "wrong azp": _claims(azp="another"),
    "several audiences without azp": None,
    "wrong audience": _claims(aud="another"),
    "wrong issuer": _claims(iss="https://another.example"),
    "foreign deployment": _claims(**{CLAIM + "deployment_id": "2"}),
    "no deployment": _claims(**{CLAIM + "deployment_id": None}),
    "another nonce": _claims(nonce="x"),
    "nonce of another type": _claims(nonce=7),
    "too old": _claims(iat=1, exp=2),
    "made in the future": _claims(iat=4_000_000_000, exp=4_000_000_100),
    "no end": _claims(exp=None),
    "nobody": _claims(sub=None),
    "another version": _claims(**{CLAIM + "version": "1.1"}),
    "another message": _claims(**{CLAIM + "message_type": "LtiSubmissionReviewRequest"}),
    "no link": _claims(**{CLAIM + "resource_link": None}),
    "a link of another type": _claims(**{CLAIM + "resource_link": "link-1"}),
}


@pytest.mark.parametrize("case", FORGED)
def test_forged_launch_is_refused_and_nothing_is_stored(platform: Platform, case: str) -> None:
    before = rows_of(platform.api)
    forge = FORGED[case] or _claims(aud=[platform.lms.client_id, "another"], azp=None)
    forge(platform.lms)
    page = platform.open("4").page
    assert page is not None
    assert page.status == 401
    assert rows_of(platform.api) == before


def test_token_with_a_deep_header_is_refused(platform: Platform) -> None:
    reader = PageReader(platform.api.app)
    message = platform.message(reader, "4")
    deep = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    assert platform.send(reader, {**message, "id_token": f"{deep}.e30.e30"}).status == 401


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_token_that_our_own_public_facts_could_sign_is_refused(platform: Platform, algorithm: str) -> None:

    reader = PageReader(platform.api.app)
    message = platform.message(reader, "4")
    claims = jwt.decode(message["id_token"], options={"verify_signature": False})
    key = None if algorithm == "none" else "x" * 32
    token = jwt.encode(claims, key, algorithm=algorithm, headers={"kid": "k1"})
    assert platform.send(reader, {**message, "id_token": token}).status == 401


def test_replayed_launch_is_refused_and_nothing_is_stored(platform: Platform) -> None:
    reader = PageReader(platform.api.app)
    message = platform.message(reader, "4")
    assert platform.send(reader, message).status == 200
    before = rows_of(platform.api)
    assert platform.send(reader, message).status == 401
    assert rows_of(platform.api) == before


def test_state_in_another_spelling_is_spent_too(platform: Platform) -> None:
    """The last letter of a signature has bits that no check looks at."""
    reader = PageReader(platform.api.app)
    message = platform.message(reader, "4")
    assert platform.send(reader, message).status == 200
    before = rows_of(platform.api)
    for letter in string.ascii_letters + string.digits + "-_":
        assert platform.send(reader, {**message, "state": message["state"][:-1] + letter}).status == 401
    assert rows_of(platform.api) == before


def test_teacher_gets_into_no_course_but_that_of_the_launch(platform: Platform) -> None:
    """Where teachers write the parameters of a link, it could name an assignment of a colleague's course."""
    platform.open("4")
    [(theirs,)] = platform.api.database.sql("select id from assignments where source_id = %s", platform.id)
    link = {"id": "link-of-a-sandbox", "title": "Mine", "custom": {"assignment": str(theirs)}}
    platform.lms.links.append(link)
    platform.lms.claims[CLAIM + "context"] = {"id": "sandbox", "title": "A sandbox of my own"}
    page = platform.open("2", link["id"]).page
    assert page is not None
    assert page.status == 200
    taught = platform.api.database.sql(
        "select c.name from enrollments as e join courses as c on c.id = e.course_id"
        " where e.role = 'educator' and c.source_id = %s",
        platform.id,
    )
    assert taught == [("A sandbox of my own",)]


def test_launch_of_another_browser_is_refused(platform: Platform) -> None:
    message = platform.message(PageReader(platform.api.app), "4")
    before = rows_of(platform.api)
    assert platform.send(PageReader(platform.api.app), message).status == 401
    assert rows_of(platform.api) == before


def test_state_that_we_did_not_make_is_refused(platform: Platform) -> None:
    reader = PageReader(platform.api.app)
    message = platform.message(reader, "4")
    state = message["state"]
    forged = state[:-2] + ("yy" if state.endswith("xx") else "xx")
    assert platform.send(reader, {**message, "state": forged}).status == 401
    assert platform.send(reader, {"id_token": message["id_token"]}).status == 401


def test_platform_that_is_switched_off_launches_no_more(platform: Platform) -> None:
    reader = PageReader(platform.api.app)
    message = platform.message(reader, "4")
    admin = platform.api.signed_in("ada")
    assert platform.api.client.delete(f"/v1/platforms/{platform.id}", headers=admin).status_code == 204
    assert platform.send(reader, message).status == 404


def test_administrator_of_the_lms_is_nobody_here(platform: Platform) -> None:
    platform.lms.claims[CLAIM + "roles"] = ["http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator"]
    before = rows_of(platform.api)
    page = platform.open("4").page
    assert page is not None
    assert page.status == 403
    assert rows_of(platform.api) == before


@pytest.mark.parametrize(
    ("roles", "place"),
    [
        (["Learner"], "Hand in an essay"),
        ([MEMBERSHIP.replace("membership#", "membership/Instructor#") + "TeachingAssistant"], "My favourite place"),
        ([MEMBERSHIP + "Administrator", MEMBERSHIP + "Instructor"], "My favourite place"),
        ([MEMBERSHIP + "ContentDeveloper"], "My favourite place"),
    ],
)
def test_roles_of_the_course_decide(platform: Platform, roles: list[str], place: str) -> None:
    platform.lms.claims[CLAIM + "roles"] = roles
    page = platform.open("4").page
    assert page is not None
    assert page.words("h1") == [place]


@pytest.mark.parametrize(
    "hostile", ["<img src=x onerror=alert(1)>\u202e\n'\"", "<script>alert(1)</script>", "\x00", "{{ 7 * 7 }}"]
)
def test_claims_are_text_and_never_markup(platform: Platform, hostile: str) -> None:
    platform.lms.members["4"] = replace(platform.lms.members["4"], name=hostile)
    platform.lms.claims |= {
        CLAIM + "resource_link": {"id": "link-1", "title": hostile},
        CLAIM + "context": {"id": "c", "title": hostile},
    }
    for subject in ("4", "2"):
        page = platform.open(subject).page
        assert page is not None
        assert page.status == 200
        assert page.all("main img, main script") == []
        assert "49" not in page.text


def test_launch_without_context_or_title_works(platform: Platform) -> None:
    platform.lms.claims |= {CLAIM + "context": None, CLAIM + "resource_link": {"id": "link-1"}, "name": None}
    page = platform.open("4").page
    assert page is not None
    assert page.words("h1") == ["Hand in an essay"]


def test_platform_that_may_not_add_courses_is_told_so(api: ApiUnderTest, platform: Platform) -> None:
    admin = api.signed_in("ada")
    api.client.patch(f"/v1/platforms/{platform.id}", json={"creates_courses": False}, headers=admin)
    before = rows_of(api)
    page = platform.open("4").page
    assert page is not None
    assert page.status == 404
    assert "may not add courses" in page.text
    assert rows_of(api) == before


def test_launched_is_counted(platform: Platform) -> None:
    counted = rows_of(platform.api)["analytics"]
    platform.open("4")
    assert rows_of(platform.api)["analytics"] == counted + 1


def test_keys_are_fetched_once_for_many_launches(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    client = platform.api.app.extensions["essaycoach.client"]
    send = client.send
    monkeypatch.setattr(client, "send", lambda *what, **how: asked.append(what[1]) or send(*what, **how))
    for subject in ("4", "5", "2", "4"):
        platform.open(subject)
    platform.lms.kid = "k2"
    for _ in range(3):
        platform.open("4")
    assert len(asked) == 1


def test_teachers_of_the_lms_teach_its_own_courses_only(api: ApiUnderTest, platform: Platform) -> None:
    api.database.sql("update courses set external_id = 'course-7' where id = %s returning 1", api.school.course)
    page = platform.open("2").page
    assert page is not None
    assert page.status == 404
    taught = api.database.sql(
        "select count(*) from enrollments where course_id = %s and role = 'educator'", api.school.course
    )
    assert taught == [(1,)]
