"""Test sign-in with the school's account against `oidc-provider-mock`, and against a provider that forges."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from oidc_provider_mock import run_server_in_thread

from ingest.accounts import openid
from models import db, sign_in_providers
from tests.support.sign_in_provider import run_forger

CLIENT = {"client_id": "essaycoach", "client_secret": "a-secret-of-the-school-0123"}


@pytest.fixture(scope="module")
def mock():
    """Give the address of a real provider."""
    with run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def forger():
    """Give a provider that forges what a test wants."""
    with run_forger() as server:
        yield server


@pytest.fixture
def named(api):
    """`named(issuer)` names the provider of the school, and `named(issuer, roles=["student"])` says more."""

    def name(issuer, *, of=None, **more):
        body = {"name": "Northside ID", "issuer": issuer, **CLIENT, **more}
        answer = api.client.put("/v1/org/sign-in-provider", json=body, headers=api.signed_in("ada", of))
        assert answer.status_code == 200, answer.text
        return answer.json

    return name


@pytest.fixture
def browser(api):
    """Give a browser that keeps cookies."""
    return api.app.test_client()


@pytest.fixture
def sessions(api):
    """`sessions()` returns how many sessions there are."""
    return lambda: api.database.sql("select count(*) from sessions")[0][0]


class Way:
    """One sign-in at the mock: the address it sends the browser to, and the address the browser comes back to."""

    def __init__(self, browser, school="northside", query=""):
        self.begun = browser.get(f"/sign-in/school?school={school}{query}")
        self.address = self.begun.headers.get("Location", "")
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(self.address).query).items()}

    def back(self, subject, **claims):
        """Sign in at the mock as this subject with these claims, and return where it sends the browser."""
        provider = "{0.scheme}://{0.netloc}".format(urlsplit(self.address))
        put = urllib.request.Request(
            f"{provider}/users/{quote(subject)}", json.dumps(claims).encode(), {"Content-Type": "application/json"}, method="PUT"
        )  # fmt: skip
        urllib.request.urlopen(put).close()
        form = urllib.request.Request(self.address, f"sub={quote(subject)}".encode(), method="POST")
        try:
            urllib.request.build_opener(_Stay).open(form)
        except urllib.error.HTTPError as redirect:
            with redirect:
                found = urlsplit(redirect.headers["Location"])
                return f"{found.path}?{found.query}"
        raise AssertionError("the provider sent the browser nowhere")


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def verified(name, school="northside"):
    return {"email": f"{name}@{school}.example", "email_verified": True}


def is_refused(answer):
    assert answer.status_code == 401, answer.text[:300]
    assert "does not lead to an account here" in answer.text
    return True


def test_button_is_on_the_page_of_a_school_that_has_a_provider(api, browser, mock, named):
    assert "Sign in with" not in browser.get("/sign-in?school=northside").text
    assert named(mock)["redirect_uri"].endswith("/sign-in/school/back")
    shown = browser.get("/sign-in?school=northside&next=/essays/new").text
    assert "Sign in with Northside ID" in shown
    assert "/sign-in/school?school=northside&amp;next=/essays/new" in shown
    assert "Northside ID" not in browser.get("/sign-in?school=southside").text
    assert "Northside ID" not in browser.get("/sign-in").text


def test_good_sign_in_opens_a_session_and_goes_where_the_reader_wanted(api, browser, mock, named, sessions):
    named(mock)
    before = sessions()
    way = Way(browser, query="&next=/essays/new")
    assert way.begun.status_code == 303
    assert way.asked["code_challenge_method"] == "S256"
    assert {"state", "nonce", "code_challenge"} <= set(way.asked)
    answer = browser.get(way.back("alice-1", **verified("alice")))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/essays/new")
    assert browser.get("/essays").status_code == 200
    assert sessions() == before + 1


def test_cookie_between_the_steps_cannot_be_read_by_scripts_and_goes_at_the_end(browser, mock, named):
    named(mock)
    way = Way(browser)
    cookie = way.begun.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age=600" in cookie
    browser.get(way.back("alice-2", **verified("alice")))
    assert browser.get_cookie("essaycoach-school") is None


def test_answer_counts_once_and_only_in_the_browser_that_asked(api, browser, mock, named, sessions):
    named(mock)
    way = Way(browser)
    address = way.back("alice-3", **verified("alice"))
    stranger = api.app.test_client()
    assert is_refused(stranger.get(address))
    before = sessions()
    assert browser.get(address).status_code == 303
    assert is_refused(browser.get(address))
    assert sessions() == before + 1


def test_state_of_another_sign_in_is_refused(api, browser, mock, named, sessions):
    named(mock)
    victim = api.app.test_client()
    # The attacker begins, signs in as themselves, and lets the victim's browser open the way back.
    address = Way(browser).back("bob-1", **verified("bob"))
    Way(victim)
    before = sessions()
    assert is_refused(victim.get(address))
    assert sessions() == before


def test_changed_or_old_cookie_is_refused(browser, mock, named, sessions):
    named(mock)
    way = Way(browser)
    address = way.back("alice-4", **verified("alice"))
    right = browser.get_cookie("essaycoach-school").value
    browser.set_cookie("essaycoach-school", right[:-3] + "abc")
    before = sessions()
    assert is_refused(browser.get(address))
    assert sessions() == before


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "nobody@northside.example", "email_verified": True},
        {"email": "alice@northside.example", "email_verified": False},
        {"email": "alice@northside.example"},
        {"email": "alice@northside.example", "email_verified": "true"},
        {"email": "alice@southside.example", "email_verified": True},
        {"email_verified": True},
        {"email": ["alice@northside.example"], "email_verified": True},
        {"email": "ａlice@northside.example", "email_verified": True},
    ],
)
def test_whom_the_school_does_not_know_is_refused(browser, mock, named, sessions, claims, capsys):
    named(mock)
    before = sessions()
    capsys.readouterr()
    assert is_refused(browser.get(Way(browser).back("stranger", **claims)))
    assert sessions() == before
    assert '"event": "sign_in_failed"' in capsys.readouterr().err
    assert browser.get("/essays").status_code == 303


def test_disabled_person_and_excluded_role_are_refused(api, browser, mock, named, sessions):
    named(mock, roles=["student", "admin"])
    api.database.sql("update users set disabled_at = now() where id = %s returning 1", api.school.bob)
    before = sessions()
    assert is_refused(browser.get(Way(browser).back("bob-2", **verified("bob"))))
    assert is_refused(browser.get(Way(browser).back("ed-1", **verified("ed"))))
    assert sessions() == before


def test_admin_is_refused_from_outside_the_networks_of_the_school(api, browser, mock, named, sessions):
    named(mock)
    api.database.sql("update orgs set admin_networks = '{10.0.0.0/8}' where id = %s returning 1", api.school.org)
    before = sessions()
    assert is_refused(browser.get(Way(browser).back("ada-1", **verified("ada"))))
    assert sessions() == before


def test_address_that_only_an_lms_named_leads_to_nobody(api, browser, mock, named):
    named(mock)
    api.database.sql(
        "update users set address_confirmed_at = null, password_hash = null where id = %s returning 1", api.school.bob
    )
    assert is_refused(browser.get(Way(browser).back("bob-3", **verified("bob"))))


def test_people_of_other_orgs_are_not_reached_through_the_provider_of_this_one(api, browser, mock, named, sessions):
    """The admin of another school names a provider that says anything, to become somebody here."""
    named(mock, of=api.other)
    before = sessions()
    address = Way(browser, school="southside").back("forged", **verified("alice", "northside"))
    assert is_refused(browser.get(address))
    assert sessions() == before
    # Nor is the answer for one school taken for another one.
    named(mock)
    begun_there = Way(browser, school="southside").back("alice-5", **verified("alice", "southside"))
    Way(browser, school="northside")
    assert is_refused(browser.get(begun_there))


def test_linked_account_leads_to_its_person_when_the_address_changes(api, browser, mock, named):
    named(mock, find_by="subject")
    assert browser.get(Way(browser).back("alice-6", **verified("alice"))).status_code == 303
    # The provider gives her another address.
    assert (
        browser.get(Way(browser).back("alice-6", email="new@northside.example", email_verified=True)).status_code == 303
    )
    # Her old address goes to somebody else, who is not her.
    assert is_refused(browser.get(Way(browser).back("alice-7", **verified("alice"))))
    [(digest,)] = api.database.sql("select subject_digest from linked_accounts where user_id = %s", api.school.alice)
    assert b"alice-6" not in bytes(digest)
    unlink = f"/v1/users/{api.school.alice}/linked-account"
    assert api.client.delete(unlink, headers=api.signed_in("ada")).status_code == 204
    assert browser.get(Way(browser).back("alice-7", **verified("alice"))).status_code == 303


def test_another_client_id_forgets_all_links(api, browser, mock, named):
    named(mock, find_by="subject")
    browser.get(Way(browser).back("alice-8", **verified("alice")))
    named(mock, find_by="subject", client_id="another")
    assert api.database.sql("select 1 from linked_accounts") == []


def test_person_who_says_no_at_the_provider_is_not_signed_in(browser, mock, named, sessions):
    named(mock)
    before, state = sessions(), Way(browser).asked["state"]
    assert is_refused(browser.get(f"/sign-in/school/back?error=access_denied&state={state}"))
    assert sessions() == before


FORGED = {
    "wrong audience": {"aud": "another-client"},
    "several audiences, for another one": {"aud": ["essaycoach", "other"], "azp": "other"},
    "several audiences, for nobody": {"aud": ["essaycoach", "other"]},
    "authorized party is another one": {"azp": "other"},
    "another issuer": {"iss": "https://accounts.example"},
    "foreign nonce": {"nonce": "of-another-browser"},
    "no nonce": {"nonce": None},
    "expired": {"exp": int(time.time()) - 3600, "iat": int(time.time()) - 7200},
    "no end": {"exp": None},
    "issued tomorrow": {"iat": int(time.time()) + 86_400, "exp": int(time.time()) + 90_000},
    "no subject": {"sub": None},
    "subject is no text": {"sub": 7},
    "empty subject": {"sub": ""},
}


def come_back(browser, forger):
    """Begin a sign-in, and come back with a code for which the provider gives its token."""
    way = Way(browser)
    forger.nonce = forger.nonce or way.asked["nonce"]
    return browser.get(f"/sign-in/school/back?code=c&state={way.asked['state']}")


@pytest.mark.parametrize("claims", FORGED.values(), ids=FORGED)
def test_token_with_a_wrong_claim_is_refused(browser, forger, named, sessions, claims):
    named(forger.issuer)
    before = sessions()
    forger.claims = claims
    assert is_refused(come_back(browser, forger))
    assert sessions() == before
    forger.claims, forger.nonce = {}, ""
    assert come_back(browser, forger).status_code == 303


def test_token_with_a_wrong_signature_is_refused(browser, forger, named, sessions):
    named(forger.issuer)
    before = sessions()
    forger.use_shared_secret(CLIENT["client_secret"])
    assert is_refused(come_back(browser, forger))
    header, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "none"}, {})
    )
    forger.token = f"{header}.{body}."
    assert is_refused(come_back(browser, forger))
    for nonsense in ("", "a.b.c", "x" * 5000, "..", "null"):
        forger.token = nonsense
        assert is_refused(come_back(browser, forger))
    assert sessions() == before


def test_token_request_proves_that_the_browser_is_the_one_that_began(browser, forger, named):
    named(forger.issuer)
    assert come_back(browser, forger).status_code == 303
    [sent] = forger.sent
    assert parse_qs(sent)["code_verifier"]
    assert CLIENT["client_secret"] not in sent


def test_address_comes_from_the_user_info_where_the_token_has_none(browser, forger, named):
    named(forger.issuer)
    forger.claims = {"email": None, "email_verified": None}
    body = {"sub": "s-1", "email": "alice@northside.example", "email_verified": True}
    forger.answers["/userinfo"] = (200, {}, json.dumps({**body, "sub": "s-2"}).encode())
    assert is_refused(come_back(browser, forger))
    forger.nonce = ""
    forger.answers["/userinfo"] = (200, {}, json.dumps(body).encode())
    assert come_back(browser, forger).status_code == 303


WELL_KNOWN = "/.well-known/openid-configuration"


@pytest.mark.parametrize(
    "answer",
    [
        (302, {"Location": "http://127.0.0.1:1/"}, b""),
        (200, {}, b"x" * 300_000),
        (200, {}, b'{"issuer": "https://another.example"}'),
        (200, {}, b"[]"),
        (200, {}, b"no JSON"),
        (500, {}, b"{}"),
    ],
    ids=("redirect", "too large", "another issuer", "a list", "no JSON", "an error"),
)
def test_provider_that_answers_nonsense_sends_the_browser_nowhere(browser, forger, named, answer):
    named(forger.issuer)
    forger.answers[WELL_KNOWN] = answer
    shown = browser.get("/sign-in/school?school=northside")
    assert shown.status_code == 503
    assert "did not answer" in shown.text


def test_provider_that_answers_byte_by_byte_is_left(browser, forger, named, monkeypatch):
    monkeypatch.setattr(openid, "SECONDS", 0.3)
    named(forger.issuer)
    forger.drip_seconds = 0.05
    assert browser.get("/sign-in/school?school=northside").status_code == 503


def test_admin_reads_why_a_sign_in_was_refused(api, browser, forger, mock, named):
    named(forger.issuer)
    forger.claims = {"aud": "another"}
    # A line is kept when the answer is closed.
    come_back(browser, forger).close()
    forger.answers[WELL_KNOWN] = (500, {}, b"")
    browser.get("/sign-in/school?school=northside").close()
    lines = api.client.get("/v1/logs", headers=api.signed_in("ada")).json["items"]
    assert {one["event"]: one["context"]["reason"] for one in lines} == {
        "school sign-in refused": "ID token: InvalidClaimError",
        "sign-in provider gave no answer": "status 500",
    }
    assert api.client.get("/v1/logs", headers=api.signed_in("ada", api.other)).json["items"] == []


def test_provider_inside_the_network_of_the_operator_is_not_called(api, forger, named):
    """Only an operator allows addresses that are not public; an admin of an org cannot."""
    named(f"https://127.0.0.1:{urlsplit(forger.issuer).port}")
    app = api.make_app(ESSAYCOACH_OUTGOING_NETWORKS="")
    app.test_client().get("/sign-in/school?school=northside").close()
    [line] = api.client.get("/v1/logs", headers=api.signed_in("ada")).json["items"]
    assert line["context"]["reason"] == "this address is in a network that is never called"
    body = {"name": "ID", "issuer": forger.issuer, **CLIENT}
    assert app.test_client().put("/v1/org/sign-in-provider", json=body, headers=api.signed_in("ada")).status_code == 422


def test_token_that_is_no_header_signs_nobody_in(api, browser, forger, named):
    named(forger.issuer)
    forger.claims = {"email": None, "email_verified": None}
    forger.access_token = "a\r\nX-Other: b"
    assert come_back(browser, forger).status_code == 503


def test_endpoint_without_tls_elsewhere_is_not_used(browser, forger, named):
    named(forger.issuer)
    forger.answers[WELL_KNOWN] = (
        200, {}, json.dumps({**forger.metadata(), "token_endpoint": "http://id.example/token"}).encode()
    )  # fmt: skip
    assert browser.get("/sign-in/school?school=northside").status_code == 503


@pytest.mark.parametrize(
    "issuer",
    ["http://id.example", "ftp://localhost", "https://user@id.example", "https://id.example/#a", "https://id.example/?a", "//x", "x", "https://"],
)  # fmt: skip
def test_issuer_must_be_an_address_with_tls(api, refused, issuer):
    body = {"name": "ID", "issuer": issuer, **CLIENT}
    answer = api.client.put("/v1/org/sign-in-provider", json=body, headers=api.signed_in("ada"))
    assert refused(answer, 422, "invalid-payload")["errors"][0]["pointer"] == "/issuer"


def test_secret_is_never_shown_and_stays_when_it_is_left_out(api, named, mock):
    shown = named(mock)
    assert "client_secret" not in shown
    body = {"name": "ID", "issuer": mock, "client_id": CLIENT["client_id"]}
    answer = api.client.put("/v1/org/sign-in-provider", json=body, headers=api.signed_in("ada"))
    assert answer.status_code == 200
    with db.session(org=api.school.org, role="ec_auth"):
        provider = sign_in_providers.fetch(org=api.school.org)
        assert sign_in_providers.fetch_secret(provider, org=api.school.org) == CLIENT["client_secret"]
    [(stored,)] = api.database.sql("select client_secret from sign_in_providers")
    assert CLIENT["client_secret"].encode() not in bytes(stored)


def test_first_provider_needs_its_secret(api, refused, mock):
    body = {"name": "ID", "issuer": mock, "client_id": "c"}
    answer = api.client.put("/v1/org/sign-in-provider", json=body, headers=api.signed_in("ada"))
    refused(answer, 422, "invalid-payload")


def test_only_admins_of_the_school_see_and_change_its_provider(api, refused, named, mock):
    named(mock)
    for name in ("ed", "alice"):
        refused(api.client.get("/v1/org/sign-in-provider", headers=api.signed_in(name)), 403, "forbidden")
        refused(api.client.delete("/v1/org/sign-in-provider", headers=api.signed_in(name)), 403, "forbidden")
    there = api.signed_in("ada", api.other)
    refused(api.client.get("/v1/org/sign-in-provider", headers=there), 404, "not-found")
    refused(api.client.delete("/v1/org/sign-in-provider", headers=there), 404, "not-found")
    assert api.client.delete("/v1/org/sign-in-provider", headers=api.signed_in("ada")).status_code == 204
    refused(api.client.get("/v1/org/sign-in-provider", headers=api.signed_in("ada")), 404, "not-found")


def test_school_without_passwords_keeps_a_way_in_for_its_admins(api, refused, browser, named, mock):
    ada = api.signed_in("ada")
    named(mock)
    assert api.client.patch("/v1/org", json={"password_roles": []}, headers=ada).status_code == 200
    refused(api.client.delete("/v1/org/sign-in-provider", headers=ada), 422, "invalid-payload")
    body = {"name": "ID", "issuer": mock, **CLIENT, "roles": ["student"]}
    refused(api.client.put("/v1/org/sign-in-provider", json=body, headers=ada), 422, "invalid-payload")
    assert browser.get(Way(browser).back("ada-2", **verified("ada"))).status_code == 303


def test_unknown_school_leads_back_to_the_form(browser):
    answer = browser.get("/sign-in/school?school=nowhere")
    assert answer.headers["Location"] == "/sign-in?school=nowhere"
    assert browser.get("/sign-in/school").headers["Location"] == "/sign-in"


def test_other_site_cannot_begin_a_sign_in(browser, mock, named):
    named(mock)
    answer = browser.get("/sign-in/school?school=northside", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.headers["Location"] == "/sign-in?school=northside"
    assert browser.get_cookie("essaycoach-school") is None


def test_next_never_leads_to_another_server(browser, mock, named):
    named(mock)
    way = Way(browser, query="&next=https://evil.example/")
    assert browser.get(way.back("alice-9", **verified("alice"))).headers["Location"] == "/"
