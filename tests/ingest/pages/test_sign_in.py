"""Test signing in and out by a page: the cookie, the secret of forms, other sites, and passwords by letter."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
import time_machine

from ingest.web.metrics import REQUESTS
from tests.ingest.conftest import ApiUnderTest
from tests.ingest.pages.conftest import SignedIn
from tests.support.pages import PageReader
from tests.support.races import eventually
from tests.support.schools import PASSWORD

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


@pytest.fixture
def reader(shared_api: ApiUnderTest) -> PageReader:
    return PageReader(shared_api.app)


def test_first_page_leads_a_stranger_to_sign_in_and_then_back(shared_api: ApiUnderTest, reader: PageReader) -> None:
    page = reader.get("/essays/new")
    assert page.answer.request.path == "/sign-in"
    page = reader.post(
        "/sign-in", org="northside", email=shared_api.school.email("alice"), password=PASSWORD, next=page.hidden("next")
    )
    assert page.answer.request.path == "/essays/new"


def test_cookie_is_kept_from_scripts_and_other_sites_and_forgotten_with_the_browser(
    shared_api: ApiUnderTest, reader: PageReader
) -> None:
    form = {"org": "northside", "email": shared_api.school.email("alice"), "password": PASSWORD}
    answer = reader.client.post("/sign-in", data=form)
    assert re.fullmatch(r"essaycoach=[\w.-]+; HttpOnly; Path=/; SameSite=Lax", answer.headers["Set-Cookie"])
    answer = reader.client.post("/sign-in", data=form, base_url="https://coach.example")
    assert re.fullmatch(
        r"__Host-essaycoach=[\w.-]+; Secure; HttpOnly; Path=/; SameSite=Lax", answer.headers["Set-Cookie"]
    )


@pytest.mark.parametrize(
    "changed", [{"password": "wrong"}, {"email": "nobody@north.example"}, {"org": "nowhere"}, {"org": "southside"}]
)
def test_wrong_credentials_say_the_same_whatever_is_wrong(
    shared_api: ApiUnderTest, reader: PageReader, changed: dict[str, str]
) -> None:
    right = {"org": "northside", "email": shared_api.school.email("alice"), "password": PASSWORD}
    page = reader.post("/sign-in", **(right | changed))
    assert page.status == 401
    assert page.words(".notice") == ["The org, e-mail or password is wrong."]
    assert "Set-Cookie" not in page.answer.headers
    assert PASSWORD not in page.answer.text


def test_token_of_a_page_is_no_bearer_and_token_of_the_api_is_no_cookie(
    shared_api: ApiUnderTest, signed_in: SignedIn, refused: object
) -> None:
    reader = signed_in("alice")
    cookie = reader.client.get_cookie("essaycoach")
    assert cookie is not None
    answer = shared_api.client.get("/v1/me", headers={"Authorization": f"Bearer {cookie.value}"})
    assert answer.status_code == 401
    assert reader.client.get("/v1/me").status_code == 401
    stranger = PageReader(shared_api.app)
    stranger.client.set_cookie("essaycoach", shared_api.sign_in("alice")["access_token"])
    assert stranger.get("/essays").answer.request.path == "/sign-in"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_form_from_another_site_is_refused(signed_in: SignedIn, site: str) -> None:
    reader = signed_in("alice")
    reader.get("/essays/new")
    assert reader.post("/sign-out", headers={"Sec-Fetch-Site": site}).status == 403
    assert reader.get("/essays").words("h1") == ["My essays"]


def test_form_with_another_origin_is_refused_where_the_browser_sends_no_site(
    shared_api: ApiUnderTest, reader: PageReader
) -> None:
    form = {"org": "northside", "email": shared_api.school.email("alice"), "password": PASSWORD}
    assert reader.client.post("/sign-in", data=form, headers={"Origin": "https://evil.example"}).status_code == 403
    assert reader.client.post("/sign-in", data=form, headers={"Origin": "http://localhost"}).status_code == 303


@pytest.mark.parametrize("secret", ["", "x", "\u00e9"])
def test_form_without_the_secret_of_the_page_changes_nothing(signed_in: SignedIn, secret: str) -> None:
    reader = signed_in("alice")
    assert reader.post("/sign-out", csrf=secret).status == 403
    assert reader.get("/essays").words("h1") == ["My essays"]


def test_signing_out_ends_the_session(shared_api: ApiUnderTest, signed_in: SignedIn) -> None:
    reader = signed_in("alice")
    kept = reader.client.get_cookie("essaycoach")
    assert kept is not None
    assert reader.post("/sign-out").answer.request.path == "/sign-in"
    assert reader.client.get_cookie("essaycoach") is None
    reader.client.set_cookie("essaycoach", kept.value)
    assert reader.get("/essays").answer.request.path == "/sign-in"


def test_text_is_given_back_when_the_session_has_ended(signed_in: SignedIn) -> None:
    reader = signed_in("alice")
    form = reader.get("/essays/new")
    fields = {"csrf": form.hidden("csrf"), "key": form.hidden("key")}
    reader.post("/sign-out")
    page = reader.post("/essays/new", title="T", text="Two hours of work & <more>.", **fields)
    assert page.status == 401
    assert page.words("textarea") == ["Two hours of work & <more>."]


@pytest.mark.parametrize(("name", "days", "stays"), [("alice", 20, True), ("ed", 2, False)])
def test_students_stay_signed_in_and_staff_do_not(signed_in: SignedIn, name: str, days: int, stays: bool) -> None:
    reader = signed_in(name)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=days)):
        page = reader.get("/")
    assert (page.answer.request.path != "/sign-in") is stays


def test_session_in_use_gets_a_new_cookie_and_is_noted_as_used(shared_api: ApiUnderTest, signed_in: SignedIn) -> None:
    reader = signed_in("bob")
    [(family,)] = shared_api.database.sql(
        "update sessions set rotated_at = now() - interval '1 hour' where id = (select id from sessions order by id desc limit 1) returning id"
    )
    before = reader.client.get_cookie("essaycoach")
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11)):
        reader.get("/essays")
    after = reader.client.get_cookie("essaycoach")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert shared_api.database.sql(
        "select rotated_at > now() - interval '1 minute' from sessions where id = %s", family
    ) == [(True,)]


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "evil"]
)
def test_sign_in_leads_to_no_other_site(shared_api: ApiUnderTest, reader: PageReader, wanted: str) -> None:
    assert not reader.get(f"/sign-in?{urlencode({'next': wanted})}").all('main input[name="next"]')
    form = {"org": "northside", "email": shared_api.school.email("alice"), "password": PASSWORD, "next": wanted}
    assert reader.client.post("/sign-in", data=form).headers["Location"] == "/essays"


def test_pages_allow_no_foreign_content_and_are_not_kept(reader: PageReader) -> None:
    answer = reader.client.get("/sign-in")
    assert answer.headers["Content-Security-Policy"] == PAGE_POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_styles_and_scripts_may_be_kept_for_ever_and_change_their_address(reader: PageReader) -> None:
    page = reader.get("/sign-in")
    [address] = page.attributes('link[rel="stylesheet"]', "href")
    plain, packed = reader.client.get(address), reader.client.get(address, headers={"Accept-Encoding": "gzip"})
    assert plain.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data) / 2
    assert reader.client.get(address.replace("app.css", "other.css")).status_code == 404
    assert reader.client.get(address.replace("/app.css", "/..%2fsession.py")).status_code == 404


def test_forgotten_password_is_chosen_anew_by_the_letter(api: ApiUnderTest, tmp_path: Path) -> None:
    app = api.make_app(ESSAYCOACH_MAIL=f"file:{tmp_path}", ESSAYCOACH_LINK="https://coach.example/choose-password")
    reader = PageReader(app)
    reader.get("/forgot-password")
    page = reader.post("/forgot-password", org="northside", email=api.school.email("alice"))
    assert "a letter is on its way" in page.text
    eventually(lambda: list(tmp_path.glob("*.eml")))
    [letter] = tmp_path.glob("*.eml")
    found = re.search(r"https://coach\.example/choose-password#org=northside&token=([\w-]+)", letter.read_text())
    assert found is not None
    page = reader.get("/choose-password")
    refused = reader.post("/choose-password", org="northside", token=found[1], password="password")
    assert refused.status == 422
    assert refused.attributes("#token", "value") == [found[1]]
    new = "correct horse battery staple"
    page = reader.post("/choose-password", org="northside", token=found[1], password=new)
    assert "Your new password is set" in page.text
    assert reader.sign_in(api.school, "alice", password=new).answer.request.path == "/essays"


def test_language_is_the_browsers_until_the_reader_chooses(reader: PageReader) -> None:
    assert reader.get("/sign-in", **{"Accept-Language": "de-AT,de;q=0.9"}).attributes("html", "lang") == ["de"]
    page = reader.get("/sign-in", **{"Accept-Language": "ar"})
    assert (page.attributes("html", "lang"), page.attributes("html", "dir")) == (["ar"], ["rtl"])
    page = reader.post("/language", language="es", next="/sign-in")
    assert page.attributes("html", "lang") == ["es"]
    assert reader.post("/language", language="xx", next="/sign-in").attributes("html", "lang") == ["es"]


def test_disabled_person_is_signed_out_at_once(api: ApiUnderTest) -> None:
    reader = PageReader(api.app)
    reader.sign_in(api.school, "alice")
    api.database.sql("update users set disabled_at = now() where id = %s returning id", api.school.alice)
    assert reader.get("/essays").answer.request.path == "/sign-in"


def test_password_fields_are_masked_and_open_to_password_managers(reader: PageReader) -> None:
    for path, kind in (("/sign-in", "current-password"), ("/choose-password", "new-password")):
        [field] = reader.get(path).all("#password")
        assert (field.attrs["type"], field.attrs["autocomplete"]) == ("password", kind)
        assert "onpaste" not in field.attrs


def test_unknown_address_is_a_page_for_people_and_a_problem_document_for_programs(reader: PageReader) -> None:
    page = reader.get("/esays", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert (page.status, page.words("main p")[0]) == (404, "There is nothing at this address.")
    for path, accept in (("/esays", "*/*"), ("/esays", "application/json"), ("/v1/esays", "text/html")):
        assert reader.get(path, Accept=accept).answer.content_type == "application/problem+json"


def test_pages_of_a_subject_are_one_series_of_the_metrics(reader: PageReader) -> None:
    def counted() -> dict[str, float]:
        return {
            sample.labels["route"]: sample.value
            for metric in REQUESTS.collect()
            for sample in metric.samples
            if sample.name.endswith("_total") and (sample.labels["method"], sample.labels["status"]) == ("GET", "200")
        }

    reader.get("/sign-in")
    before = counted()
    reader.get("/forgot-password")
    assert counted()["account_pages"] == before["account_pages"] + 1
    assert not [route for route in counted() if "password" in route and not route.startswith("/v1")]
