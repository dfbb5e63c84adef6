"""Test passkeys with real signatures: added, used in place of a code and as a proof, refused, removed, and reset by an admin."""

from __future__ import annotations

import html
import itertools
import json
import re
import time
from typing import Any

import cbor2
import pyotp
import pytest
import time_machine
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from ingest.__main__ import main
from models import db, passkeys, second_factors
from models.errors import Undecipherable
from models.passkeys import MOST, Credential
from tests.support.authenticator import PRESENT, Authenticator
from tests.support.commands import run_command
from tests.support.races import together
from tests.support.schools import PASSWORD, reconnect

OFFERED = re.compile(r'data-options="([^"]*)"')


@pytest.fixture(autouse=True)
def codes(api) -> pyotp.TOTP:
    """Switch the codes of Ed on, and give his app."""
    with db.session(org=api.school.org, role="ec_auth", actor=api.school.ed):
        app = pyotp.TOTP(second_factors.begin(api.school.ed, org=api.school.org))
        assert second_factors.confirm(api.school.ed, app.now(), org=api.school.org)
    return app


@pytest.fixture
def browser(api):
    """Give a browser that keeps cookies."""
    return api.app.test_client()


@pytest.fixture
def signed_in(api, codes):
    """Give another browser, in which Ed is signed in with a code of the next half minute."""
    browser = api.app.test_client()
    type_password(browser)
    assert browser.post("/sign-in/code", data={"code": codes.at(time.time() + 30)}).status_code == 303
    return browser


@pytest.fixture
def device(signed_in) -> Authenticator:
    """Give a device that holds a passkey of Ed."""
    own = Authenticator()
    assert add(signed_in, own).headers["Location"] == "/second-factor"
    return own


def type_password(browser, name="ed", **more):
    form = {"org": "northside", "email": f"{name}@northside.example", "password": PASSWORD, **more}
    return browser.post("/sign-in", data=form)


def offered(answer) -> dict[str, Any]:
    return json.loads(html.unescape(OFFERED.search(answer.text).group(1)))


def csrf_of(answer) -> str:
    return re.search(r'name="csrf" value="([^"]*)"', answer.text).group(1)


def add(browser, device: Authenticator, name="My phone"):
    page = browser.get("/second-factor/passkeys/new")
    form = {"csrf": csrf_of(page), "name": name, "credential": device.create(offered(page))}
    return browser.post("/second-factor/passkeys", data=form)


def use(browser, device: Authenticator):
    """Type the password and use the passkey, and return the answer."""
    type_password(browser)
    return browser.post("/sign-in/passkey", data={"credential": device.get(offered(browser.get("/sign-in/code")))})


def stored(api) -> list[tuple[Any, ...]]:
    return api.database.sql("select id, sign_count, last_used_at from passkeys order by id")


def security_events(capsys) -> list[str]:
    lines = [line for line in capsys.readouterr().err.splitlines() if '"stream": "security"' in line]
    return [json.loads(line)["event"] for line in lines]


def test_passkey_takes_the_place_of_the_code(api, device, capsys):
    browser = api.app.test_client()
    capsys.readouterr()
    type_password(browser, next="/second-factor")
    page = browser.get("/sign-in/code")
    assert 'name="code"' in page.text
    asked = offered(page)
    assert (asked["rpId"], asked["userVerification"], len(asked["allowCredentials"])) == ("localhost", "required", 1)
    answer = browser.post("/sign-in/passkey", data={"credential": device.get(asked)})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/second-factor")
    assert "My phone" in browser.get("/second-factor").text
    assert security_events(capsys) == ["sign_in_succeeded"]
    assert browser.get_cookie("essaycoach-challenge") is None


def test_people_without_a_passkey_see_the_code_only(browser):
    type_password(browser)
    assert "data-passkey" not in browser.get("/sign-in/code").text


def test_request_for_a_new_passkey_names_those_that_are_known(signed_in, device):
    asked = offered(signed_in.get("/second-factor/passkeys/new"))
    assert [one["id"] for one in asked["excludeCredentials"]] == [json.loads(device.create(asked))["id"]]
    assert asked["attestation"] == "none"
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["authenticatorSelection"]["residentKey"] == "preferred"


def test_answer_counts_once_even_where_the_device_does_not_count(api, signed_in):
    device = Authenticator(counts=False)
    add(signed_in, device)
    first = api.app.test_client()
    type_password(first)
    answer = device.get(offered(first.get("/sign-in/code")))
    kept = {name: first.get_cookie(f"essaycoach-{name}").value for name in ("pending", "challenge")}
    assert first.post("/sign-in/passkey", data={"credential": answer}).status_code == 303
    again = api.app.test_client()
    for name, value in kept.items():
        again.set_cookie(f"essaycoach-{name}", value)
    refused = again.post("/sign-in/passkey", data={"credential": answer})
    assert refused.status_code == 401
    assert again.get_cookie("essaycoach") is None
    assert use(api.app.test_client(), device).status_code == 303


def test_of_two_requests_with_one_answer_one_signs_in(api, signed_in):
    device = Authenticator(counts=False)
    add(signed_in, device)
    first = api.app.test_client()
    type_password(first)
    answer = device.get(offered(first.get("/sign-in/code")))
    kept = {name: first.get_cookie(f"essaycoach-{name}").value for name in ("pending", "challenge")}

    def send(_: int) -> int:
        browser = api.app.test_client()
        for name, value in kept.items():
            browser.set_cookie(f"essaycoach-{name}", value)
        return browser.post("/sign-in/passkey", data={"credential": answer}).status_code

    assert sorted(together(3, send)) == [303, 401, 401]


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "https://localhost.evil.example"},
        {"origin": "http://localhost:8080"},
        {"site": "evil.example"},
        {"flags": PRESENT},
        {"key": Authenticator().key},
        {"credential_id": b"x" * 32},
        {"sign_count": -1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_wrong_signature_is_refused_and_changes_nothing(api, device, capsys, change):
    assert use(api.app.test_client(), device).status_code == 303
    before, browser = stored(api), api.app.test_client()
    capsys.readouterr()
    for name, value in change.items():
        setattr(device, name, value if name != "sign_count" else device.sign_count + value)
    answer = use(browser, device)
    assert answer.status_code == 401
    assert "passkey was not accepted" in answer.text
    assert browser.get_cookie("essaycoach") is None
    assert stored(api) == before
    assert security_events(capsys) == ["sign_in_failed"]


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"id": "x", "rawId": "x", "type": "public-key", "response": {}}', "\N{SNOWMAN}", "[" * 19_000],
)
def test_malformed_answer_is_refused(api, signed_in, device, text):
    browser = api.app.test_client()
    type_password(browser)
    browser.get("/sign-in/code")
    assert browser.post("/sign-in/passkey", data={"credential": text}).status_code == 401
    form = {"csrf": csrf_of(signed_in.get("/second-factor/passkeys/new")), "name": "x", "credential": text}
    assert signed_in.post("/second-factor/passkeys", data=form).status_code == 422
    assert len(stored(api)) == 1


KINDS = ("android-key", "android-safetynet", "apple", "fido-u2f", "packed", "tpm", "invented")
STATEMENTS = ({}, {"x5c": []}, {"x5c": "no", "sig": 1, "response": 3, "alg": -7})


def test_attestation_that_nobody_asked_for_and_that_says_nothing_is_refused(signed_in, api):
    for kind, statement in itertools.product(KINDS, STATEMENTS):
        page = signed_in.get("/second-factor/passkeys/new")
        answer = json.loads(Authenticator().create(offered(page)))
        made = cbor2.loads(base64url_to_bytes(answer["response"]["attestationObject"]))
        changed = cbor2.dumps({**made, "fmt": kind, "attStmt": statement})
        answer["response"]["attestationObject"] = bytes_to_base64url(changed)
        form = {"csrf": csrf_of(page), "name": "x", "credential": json.dumps(answer)}
        assert signed_in.post("/second-factor/passkeys", data=form).status_code == 422, (kind, statement)
        assert stored(api) == []


def test_challenge_of_another_step_or_browser_or_an_old_one_is_refused(api, signed_in, device):
    asked = offered(signed_in.get("/prove"))
    other = api.app.test_client()
    type_password(other)
    own = offered(other.get("/sign-in/code"))
    of_proof = signed_in.get_cookie("essaycoach-challenge").value
    assert other.post("/sign-in/passkey", data={"credential": device.get(asked)}).status_code == 401
    other.set_cookie("essaycoach-challenge", of_proof)
    assert other.post("/sign-in/passkey", data={"credential": device.get(asked)}).status_code == 401
    other.delete_cookie("essaycoach-challenge")
    assert other.post("/sign-in/passkey", data={"credential": device.get(own)}).status_code == 401
    type_password(other)
    asked = offered(other.get("/sign-in/code"))
    challenge = other.get_cookie("essaycoach-challenge").value
    with time_machine.travel(time.time() + 601, tick=True):
        type_password(other)
        other.set_cookie("essaycoach-challenge", challenge)
        assert other.post("/sign-in/passkey", data={"credential": device.get(asked)}).status_code == 401
    assert other.get_cookie("essaycoach") is None


def test_passkey_without_the_password_is_refused(api, browser, device):
    asked = {"rpId": "localhost", "challenge": "AAAA"}
    answer = browser.post("/sign-in/passkey", data={"credential": device.get(asked)})
    assert answer.headers["Location"] == "/sign-in"


def test_disabled_person_is_refused(api, browser, device):
    type_password(browser)
    asked = offered(browser.get("/sign-in/code"))
    api.database.sql("update users set disabled_at = now() where id = %s returning 1", api.school.ed)
    assert browser.post("/sign-in/passkey", data={"credential": device.get(asked)}).headers["Location"] == "/sign-in"
    assert browser.get_cookie("essaycoach") is None


def test_passkey_of_another_person_or_org_does_not_count(api, browser, device):
    """Nell of this school, and Ed of another, hold Ed's device: it has no passkey of theirs."""
    public = Credential(credential_id=b"other", public_key=b"", sign_count=0)
    for school, person in ((api.school, api.school.nell), (api.other, api.other.ed)):
        with db.session(org=school.org, role="ec_auth", actor=person):
            app = pyotp.TOTP(second_factors.begin(person, org=school.org))
            second_factors.confirm(person, app.now(), org=school.org)
            passkeys.add(person, public, name="x", org=school.org)
        client = api.app.test_client()
        name = "nell" if person == api.school.nell else "ed"
        client.post("/sign-in", data={"org": school.slug, "email": school.email(name), "password": PASSWORD})
        asked = offered(client.get("/sign-in/code"))
        assert client.post("/sign-in/passkey", data={"credential": device.get(asked)}).status_code == 401
        assert client.get_cookie("essaycoach") is None


def test_row_that_is_moved_to_another_person_does_not_open(api, device):
    api.database.sql("update passkeys set user_id = %s returning 1", api.school.nell)
    with (
        db.session(org=api.school.org, role="ec_auth", actor=api.school.nell),
        pytest.raises(Undecipherable),
    ):
        passkeys.list_passkeys(api.school.nell, org=api.school.org)


@pytest.mark.parametrize("change", [{"origin": "https://evil.example"}, {"site": "evil.example"}, {"flags": PRESENT}])
def test_new_passkey_that_is_not_for_this_site_is_not_stored(api, signed_in, capsys, change):
    capsys.readouterr()
    assert add(signed_in, Authenticator(**change)).status_code == 422
    assert stored(api) == []
    assert security_events(capsys) == ["credential_refused"]


def test_new_passkey_needs_the_challenge_of_this_session(api, signed_in, codes):
    other = api.app.test_client()
    type_password(other)
    with time_machine.travel(time.time() + 60, tick=True):
        other.post("/sign-in/code", data={"code": codes.now()})
        page = other.get("/second-factor/passkeys/new")
        signed_in.set_cookie("essaycoach-challenge", other.get_cookie("essaycoach-challenge").value)
        form = {"csrf": csrf_of(signed_in.get("/second-factor")), "name": "x"}
        form["credential"] = Authenticator().create(offered(page))
        assert signed_in.post("/second-factor/passkeys", data=form).status_code == 422
    assert stored(api) == []


def test_old_session_adds_and_removes_only_after_a_passkey_proved_it(api, signed_in, device):
    [(passkey, *_)] = stored(api)
    api.database.sql("update sessions set created_at = now() - interval '16 minutes' returning 1")
    asked = signed_in.get("/second-factor/passkeys/new")
    assert asked.headers["Location"] == "/prove?next=/second-factor/passkeys/new"
    form = {"csrf": csrf_of(signed_in.get("/second-factor"))}
    removal = f"/second-factor/passkeys/{passkey}/remove"
    assert signed_in.post(removal, data=form).headers["Location"].startswith("/prove")
    page = signed_in.get(asked.headers["Location"])
    form |= {"next": "/second-factor/passkeys/new", "credential": device.get(offered(page))}
    wrong = signed_in.post("/prove/passkey", data={**form, "credential": "{}"})
    assert (wrong.status_code, "passkey was not accepted" in wrong.text) == (401, True)
    form["credential"] = device.get(offered(wrong))
    proved = signed_in.post("/prove/passkey", data=form)
    assert (proved.status_code, proved.headers["Location"]) == (303, "/second-factor/passkeys/new")
    assert signed_in.post(removal, data=form).headers["Location"] == "/second-factor"
    assert stored(api) == []


def test_removed_passkey_signs_nobody_in(api, browser, signed_in, device):
    type_password(browser)
    asked = offered(browser.get("/sign-in/code"))
    [(passkey, *_)] = stored(api)
    form = {"csrf": csrf_of(signed_in.get("/second-factor"))}
    signed_in.post(f"/second-factor/passkeys/{passkey}/remove", data=form)
    assert signed_in.post(f"/second-factor/passkeys/{passkey}/remove", data=form).status_code == 404
    assert browser.post("/sign-in/passkey", data={"credential": device.get(asked)}).status_code == 401
    trail = api.database.sql("select action from audit_log where entity = 'passkey' order by id")
    assert trail == [("created",), ("deleted",)]


def test_ten_are_the_most_and_one_is_known_once(api, signed_in, device):
    again = add(signed_in, device)
    assert (again.status_code, "known already" in again.text) == (409, True)
    for number in range(MOST - 1):
        assert add(signed_in, Authenticator(), name=f"Key {number}").status_code == 303
    assert "Add a passkey" not in signed_in.get("/second-factor").text
    assert add(signed_in, Authenticator()).status_code == 422
    assert len(stored(api)) == MOST


def test_codes_come_first_and_end_with_the_passkeys(api, browser, signed_in, device):
    page = signed_in.get("/second-factor")
    assert "Your passkeys are removed with it" in page.text
    signed_in.post("/second-factor/remove", data={"csrf": csrf_of(page)})
    assert stored(api) == []
    assert add(signed_in, Authenticator()).status_code == 422
    assert type_password(browser).headers["Location"] == "/desk"


def test_admin_takes_passkeys_away_with_the_codes(api, device):
    headers = api.signed_in("ada")
    assert api.client.delete(f"/v1/users/{api.school.ed}/second-factor", headers=headers).status_code == 204
    assert stored(api) == []


def test_operator_takes_the_passkeys_of_an_admin_away(api, device):
    api.database.sql("update users set role = 'admin' where id = %s returning 1", api.school.ed)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in api.environment.items():
            environment.setenv(name, value)
        try:
            done = run_command(main, "let-admin-in", "northside", "--email", "ed@northside.example")
        finally:
            reconnect()
    assert done.returncode == 0, done.stderr
    assert stored(api) == []


def test_students_have_no_such_pages(api, browser):
    type_password(browser, "alice")
    assert browser.get("/second-factor/passkeys/new").status_code == 404


def test_stored_row_holds_neither_name_nor_key(api, device):
    [(row,)] = api.database.sql("select passkeys::text from passkeys")
    assert b"My phone".hex() not in row
    assert device.credential_id.hex() not in row
    assert device.key.public_key().public_numbers().x.to_bytes(32, "big").hex() not in row


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://example.org/choose-password", "example.org"),
        ("https://elsewhere.org/choose", "coach.example.org"),
        ("https://ample.org/choose", "coach.example.org"),
    ],
)
def test_passkeys_belong_to_the_host_of_the_link_where_the_page_is_below_it(api, codes, link, expected):
    browser = api.make_app(ESSAYCOACH_LINK=link).test_client()
    base = {"base_url": "http://coach.example.org"}
    form = {"org": "northside", "email": "ed@northside.example", "password": PASSWORD}
    browser.post("/sign-in", data=form, **base)
    browser.post("/sign-in/code", data={"code": codes.at(time.time() + 30)}, **base)
    page = browser.get("/second-factor/passkeys/new", **base)
    assert offered(page)["rp"]["id"] == expected
    device = Authenticator(origin="http://coach.example.org")
    form = {"csrf": csrf_of(page), "name": "x", "credential": device.create(offered(page))}
    assert browser.post("/second-factor/passkeys", data=form, **base).status_code == 303
