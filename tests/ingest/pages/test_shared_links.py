"""Test links to one essay: who makes them, what they show, when they are over, and which sites may frame them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from flask_jwt_extended import create_access_token
from werkzeug.test import TestResponse

from ingest.web import link_token, metrics
from ingest.web.identity import key_id
from models import connections, db
from tests.ingest.conftest import ApiUnderTest, Headers, Refused
from tests.ingest.pages.conftest import SignedIn
from tests.support.hostile_texts import HOSTILE_TEXTS
from tests.support.pages import Page
from tests.support.schools import JWT_SECRET, PEPPER

PASSES = ("grammar", "structure", "content")
OVER = "This link is over. Open the essay again from your school's platform."
LMS = "https://lms.example:8443"


def ask_link(api: ApiUnderTest, essay: str, who: Headers | None = None, **body: Any) -> TestResponse:
    return api.client.post(f"/v1/essays/{essay}/links", json=body, headers=who or api.with_key())


def make_link(api: ApiUnderTest, essay: str, who: Headers | None = None, **body: Any) -> str:
    """Return the path of a new link to this essay."""
    answer = ask_link(api, essay, who, **body)
    assert answer.status_code == 201, answer.text
    return urlsplit(answer.json["url"]).path


def sign(api: ApiUnderTest, essay: str, *, student: UUID, **changes: Any) -> str:
    """Return the path of a link with what a caller of the API cannot choose."""
    values = {"org": api.school.org, "expires_at": datetime.now(UTC) + timedelta(minutes=1), **changes}
    with api.app.app_context():
        return f"/shared/{link_token.sign(link_token.Link(essay=UUID(essay), student=student, **values))}"


def show(api: ApiUnderTest, path: str, **headers: str) -> Page:
    return Page(api.client.get(path, headers=headers))


def read_essay(api: ApiUnderTest, who: str = "zoe", *, quote: str = "was", **changes: Any) -> str:
    """Return the id of an essay of this student that was read."""
    receipt = api.hand_in(who, **changes)
    for name in PASSES:
        api.worker.finish(receipt["id"], name, quote=quote)
    return str(receipt["essay_id"])


def name_sites(api: ApiUnderTest, *origins: str) -> None:
    answer = api.client.patch("/v1/org", json={"embed_origins": origins}, headers=api.signed_in("ada"))
    assert answer.status_code == 200, answer.text


def policy(page: Page) -> list[str]:
    return page.answer.headers["Content-Security-Policy"].split("; ")


def refused_credentials() -> float:
    """Return how often this process refused a credential."""
    return metrics.REGISTRY.get_sample_value("essaycoach_security_events_total", {"event": "credential_refused"}) or 0.0


def is_over(page: Page) -> bool:
    return page.status == 404 and " ".join(page.words("main > *")) == OVER


def test_link_shows_the_essay_with_its_feedback_and_nothing_to_change(shared_api: ApiUnderTest) -> None:
    essay = read_essay(shared_api, title="Phones at school")
    page = show(shared_api, make_link(shared_api, essay))
    assert page.status == 200
    assert page.words("h1") == ["Phones at school"]
    assert page.words(".state") == ["Read"]
    assert len(page.all(".comment")) == 6
    assert len(page.all("mark")) == 1
    assert page.words(".summary h2")[0] == "Start here"
    assert (
        page.all("form, input, button, textarea, select, nav, header, footer, iframe, [data-events], [hx-post]") == []
    )
    assert {address[0] for address in page.attributes("body a", "href")} == {"#"}


def test_link_to_an_essay_that_waits_says_so_and_leads_to_itself(shared_api: ApiUnderTest) -> None:
    receipt = shared_api.hand_in("zoe")
    shared_api.worker.finish(receipt["id"], "grammar")
    page = show(shared_api, make_link(shared_api, receipt["essay_id"]))
    assert page.words(".passes .done") == ["Grammar done"]
    assert page.words('a[href=""]') == ["Load this page again to see what is new."]
    assert len(page.all(".comment")) == 2


def test_link_shows_the_newest_draft(shared_api: ApiUnderTest) -> None:
    essay = read_essay(shared_api, text="The first draft was short.")
    path = make_link(shared_api, essay)
    shared_api.hand_in("zoe", essay_id=essay, text="The second draft was longer.")
    assert "The second draft was longer." in show(shared_api, path).words(".words")


def test_answer_says_where_and_until_when(shared_api: ApiUnderTest) -> None:
    essay = shared_api.hand_in("zoe")["essay_id"]
    for body, minutes in (({}, 10), ({"minutes": 60}, 60)):
        before = datetime.now(UTC).replace(microsecond=0)
        answer = ask_link(shared_api, essay, **body)
        assert answer.json["url"].startswith("http://localhost/shared/")
        until = datetime.fromisoformat(answer.json["expires_at"])
        assert before <= until - timedelta(minutes=minutes) <= datetime.now(UTC)
    with shared_api.app.app_context():
        assert link_token.read(answer.json["url"].rsplit("/", 1)[1]).expires_at == until


@pytest.mark.parametrize("minutes", [0, 61, "10", 1.5, None, True])
def test_other_times_are_refused(shared_api: ApiUnderTest, refused: Refused, minutes: Any) -> None:
    essay = shared_api.hand_in("zoe")["essay_id"]
    document = refused(ask_link(shared_api, essay, minutes=minutes), 422, "invalid-payload")
    assert document["errors"][0]["pointer"] == "/minutes"


@pytest.mark.parametrize(("who", "status"), [("ed", 201), ("ada", 201), ("nell", 404), ("alice", 403), ("bob", 403)])
def test_staff_of_the_essay_make_links_and_students_do_not(shared_api: ApiUnderTest, who: str, status: int) -> None:
    essay = shared_api.hand_in("alice", assignment_id=str(shared_api.school.assignment))["essay_id"]
    assert ask_link(shared_api, essay, shared_api.signed_in(who)).status_code == status


def test_key_of_another_school_and_key_without_the_scope_make_no_link(
    shared_api: ApiUnderTest, refused: Refused
) -> None:
    essay = shared_api.hand_in("zoe")["essay_id"]
    refused(ask_link(shared_api, essay, shared_api.with_key(shared_api.other)), 404, "not-found")
    with db.session(org=shared_api.school.org, role="ec_admin"):
        _, key = connections.add_api_key(
            "In", org=shared_api.school.org, pepper=base64.b64decode(PEPPER), scopes=("submit",)
        )
    refused(ask_link(shared_api, essay, {"Authorization": f"Bearer {key}"}), 403, "forbidden")


def test_making_a_link_is_in_the_audit_trail_and_opening_it_is_no_view(shared_api: ApiUnderTest) -> None:
    essay = read_essay(shared_api)
    for who in (shared_api.with_key(), shared_api.signed_in("ada")):
        show(shared_api, make_link(shared_api, essay, who, minutes=5))
    assert shared_api.database.sql(
        "select actor_id, actor_role, detail from audit_log where action = 'link_made' and entity_id = %s order by id",
        essay,
    ) == [
        (actor, role, {"user_id": str(shared_api.school.zoe), "minutes": 5})
        for actor, role in ((shared_api.school.api_key_id, "lms"), (shared_api.school.ada, "admin"))
    ]
    assert shared_api.database.sql("select 1 from analytics where essay_id = %s and event like 'f%%'", essay) == []


def test_held_feedback_is_not_shown_until_it_is_released(shared_api: ApiUnderTest) -> None:
    essay = read_essay(shared_api, "alice", assignment_id=str(shared_api.school.reviewed_assignment))
    path = make_link(shared_api, essay)
    page = show(shared_api, path)
    assert page.all(".comment, .summary, mark") == []
    assert "Your teacher looks at the comments first." in page.text
    [(newest,)] = shared_api.database.sql("select newest_submission_id from essays where id = %s", essay)
    release = f"/v1/submissions/{newest}/release"
    assert shared_api.client.post(release, headers=shared_api.signed_in("ed")).status_code == 200
    assert len(show(shared_api, path).all(".comment")) == 6


def test_expired_link_says_so_where_the_link_was_shown(shared_api: ApiUnderTest) -> None:
    essay = read_essay(shared_api)
    name_sites(shared_api, LMS)
    now = datetime.now(UTC)
    page = show(shared_api, sign(shared_api, essay, student=shared_api.school.zoe, expires_at=now))
    name_sites(shared_api)
    assert is_over(page)
    assert page.all("form, nav, .words") == []
    assert f"frame-ancestors {LMS}" in policy(page)


def test_changed_token_and_token_of_another_kind_show_nothing(shared_api: ApiUnderTest, signed_in: SignedIn) -> None:
    essay = read_essay(shared_api)
    path = make_link(shared_api, essay)
    head, claims, signature = path.removeprefix("/shared/").split(".")
    padded = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    longer = base64.urlsafe_b64encode(json.dumps({**padded, "exp": padded["exp"] + 60}).encode()).rstrip(b"=").decode()
    cookie = signed_in("zoe").client.get_cookie("essaycoach")
    assert cookie is not None
    pair = shared_api.sign_in("zoe")
    with shared_api.app.app_context():
        names = {"kid": key_id(JWT_SECRET)}
        # Everything that a link says, under another type.
        paged = create_access_token(
            padded["sub"], additional_claims={**padded, "type": "page"}, additional_headers=names
        )
    unsigned = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    tokens = (
        f"{head}.{longer}.{signature}", f"{head}.{claims}.", f"{unsigned}.{claims}.", f"{head}.{claims}.{signature[::-1]}",
        paged, cookie.value, pair["access_token"], pair["refresh_token"], "x", "a.b.c", "ec_live_key",
    )  # fmt: skip
    before = refused_credentials()
    for token in tokens:
        page = show(shared_api, f"/shared/{token}")
        assert is_over(page), token
        assert "frame-ancestors 'none'" in policy(page)
    assert refused_credentials() - before == len(tokens)


def test_link_signs_nobody_in(shared_api: ApiUnderTest, refused: Refused) -> None:
    token = make_link(shared_api, read_essay(shared_api)).removeprefix("/shared/")
    bearer = {"Authorization": f"Bearer {token}"}
    refused(shared_api.client.get("/v1/essays", headers=bearer), 401, "invalid-token")
    refused(shared_api.client.post("/v1/auth/refresh", headers=bearer), 401, "invalid-token")
    browser_with_it = shared_api.client
    browser_with_it.set_cookie("essaycoach", token)
    answer = browser_with_it.get("/essays")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?next=/essays")


def test_link_shows_only_what_its_student_may_see(shared_api: ApiUnderTest) -> None:
    essay = read_essay(shared_api)
    school, other = shared_api.school, shared_api.other
    assert is_over(show(shared_api, sign(shared_api, essay, student=school.bob)))
    assert is_over(show(shared_api, sign(shared_api, essay, student=school.ada)))
    assert is_over(show(shared_api, sign(shared_api, essay, student=school.zoe, org=other.org)))
    assert is_over(show(shared_api, sign(shared_api, essay, student=other.zoe, org=other.org)))


def test_hostile_texts_are_shown_as_text(shared_api: ApiUnderTest) -> None:
    text = "\n".join(HOSTILE_TEXTS)
    essay = read_essay(shared_api, title=HOSTILE_TEXTS[0], text=text, quote=HOSTILE_TEXTS[0])
    page = show(shared_api, make_link(shared_api, essay))
    assert page.all("h1")[0].to_text(separator="", strip=False) == HOSTILE_TEXTS[0]
    assert [one.to_text(separator="", strip=False) for one in page.all(".words mark")] == [HOSTILE_TEXTS[0]]
    assert page.all("body script, body style, body img, body svg, body iframe, body object") == []
    assert not {name for one in page.all("*") for name in one.attrs if name.startswith("on")}


def test_headers_let_only_the_named_sites_frame_the_page(shared_api: ApiUnderTest) -> None:
    path = make_link(shared_api, read_essay(shared_api))
    page = show(shared_api, path)
    assert "frame-ancestors 'none'" in policy(page)
    name_sites(shared_api, LMS, "https://moodle.example")
    page = show(shared_api, path)
    name_sites(shared_api)
    assert f"frame-ancestors {LMS} https://moodle.example" in policy(page)
    assert "script-src 'self'" in policy(page)
    headers = page.answer.headers
    assert (headers["Referrer-Policy"], headers["Cache-Control"]) == ("no-referrer", "no-store")
    assert not {"Set-Cookie", "X-Frame-Options"} & set(headers.keys())


def test_other_pages_are_framed_by_nobody(shared_api: ApiUnderTest, signed_in: SignedIn) -> None:
    essay = read_essay(shared_api)
    name_sites(shared_api, LMS)
    page = signed_in("zoe").get(f"/essays/{essay}")
    name_sites(shared_api)
    assert "frame-ancestors 'none'" in policy(page)


def test_cookies_are_not_read(shared_api: ApiUnderTest, signed_in: SignedIn) -> None:
    path = make_link(shared_api, read_essay(shared_api))
    reader = signed_in("ada")
    reader.client.set_cookie("essaycoach-language", "de")
    page = reader.get(path)
    assert page.attributes("html", "lang") == ["en"]
    assert page.all("header, nav") == []
    assert show(shared_api, path, **{"Accept-Language": "de"}).attributes("html", "lang") == ["de"]


def test_admins_name_the_sites_once_each(shared_api: ApiUnderTest, refused: Refused) -> None:
    ada = shared_api.signed_in("ada")
    changed = shared_api.client.patch("/v1/org", json={"embed_origins": [LMS, LMS]}, headers=ada)
    assert changed.json["embed_origins"] == [LMS]
    [newest] = shared_api.database.sql("select detail from audit_log where entity = 'org' order by id desc limit 1")
    assert newest[0]["changed"] == ["embed_origins"]
    name_sites(shared_api)
    wrong = (
        "http://lms.example", "https://*.example", "https://lms.example/", "https://LMS.example", "lms.example", "*", "'self'",
        "https://a.example https://b.example", "https://a.example; script-src *", "https://a.example\n", "https://[::1]", "", 7, None,
    )  # fmt: skip
    for origin in wrong:
        document = refused(
            shared_api.client.patch("/v1/org", json={"embed_origins": [origin]}, headers=ada), 422, "invalid-payload"
        )
        assert document["errors"][0]["pointer"] == "/embed_origins/0", origin
    many = [f"https://lms{number}.example" for number in range(21)]
    refused(shared_api.client.patch("/v1/org", json={"embed_origins": many}, headers=ada), 422, "invalid-payload")
    ed = shared_api.signed_in("ed")
    refused(shared_api.client.patch("/v1/org", json={"embed_origins": [LMS]}, headers=ed), 403, "forbidden")
