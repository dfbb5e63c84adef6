"""Test the pages of the second factor: asked for after the password, set up where the school requires it, and proved again."""

from __future__ import annotations

import re
import time

import pyotp
import pytest
import time_machine

from models import db, second_factors
from tests.support.schools import PASSWORD


@pytest.fixture(autouse=True)
def middle_of_a_half_minute():
    """Let the time of this process stand still ten seconds after a code changed, so that it does not change during a test."""
    with time_machine.travel(time.time() // 30 * 30 + 10.25, tick=False):
        yield


@pytest.fixture
def browser(api):
    """Give a browser that keeps cookies."""
    return api.app.test_client()


@pytest.fixture
def app(api):
    """Give the authenticator app of Ed, whose code of one minute ago switched his second factor on."""
    with db.session(org=api.school.org, role="ec_auth", actor=api.school.ed):
        secret = pyotp.TOTP(second_factors.begin(api.school.ed, org=api.school.org))
        assert second_factors.confirm(api.school.ed, secret.at(time.time() - 30), org=api.school.org)
    return secret


def sign_in(browser, name="ed", **more):
    form = {"org": "northside", "email": f"{name}@northside.example", "password": PASSWORD, **more}
    return browser.post("/sign-in", data=form)


def csrf_of(answer):
    return re.search(r'name="csrf" value="([^"]*)"', answer.text).group(1)


def session_cookie(browser):
    return browser.get_cookie("essaycoach")


def test_password_leads_to_the_code_and_the_code_into_the_session(browser, app):
    answer = sign_in(browser, next="/second-factor")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in/code")
    assert session_cookie(browser) is None
    assert browser.get("/second-factor").status_code == 303
    assert "authenticator app" in browser.get("/sign-in/code").text
    answer = browser.post("/sign-in/code", data={"code": app.now()})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/second-factor")
    assert "10 recovery codes are left" in browser.get("/second-factor").text
    assert browser.get_cookie("essaycoach-pending") is None


def test_outdated_hash_is_replaced_although_the_code_comes_later(api, app):
    of_ed = "select password_hash from users where id = %s"
    [(before,)] = api.database.sql(of_ed, api.school.ed)
    browser = api.make_app(ESSAYCOACH_PASSWORD_ROUNDS="1500").test_client()
    sign_in(browser)
    [(after,)] = api.database.sql(of_ed, api.school.ed)
    assert before != after
    assert browser.post("/sign-in/code", data={"code": app.now()}).status_code == 303


def test_wrong_code_shows_the_form_again_and_signs_nobody_in(browser, app):
    sign_in(browser)
    answer = browser.post("/sign-in/code", data={"code": "000000"})
    assert answer.status_code == 401
    assert "That code is wrong" in answer.text
    assert session_cookie(browser) is None
    assert browser.post("/sign-in/code", data={"code": app.now()}).status_code == 303


def test_code_without_the_password_leads_to_the_sign_in_page(api, browser, app):
    answer = browser.post("/sign-in/code", data={"code": app.now()})
    assert answer.headers["Location"] == "/sign-in"
    assert session_cookie(browser) is None


def test_right_password_of_somebody_else_does_not_take_this_code(api, browser, app):
    """Nell knows her own password and sees Ed's code: she becomes neither."""
    with db.session(org=api.school.org, role="ec_auth", actor=api.school.nell):
        own = pyotp.TOTP(second_factors.begin(api.school.nell, org=api.school.org))
        second_factors.confirm(api.school.nell, own.at(time.time() - 30), org=api.school.org)
    sign_in(browser, "nell")
    assert browser.post("/sign-in/code", data={"code": app.now()}).status_code == 401
    assert session_cookie(browser) is None


def test_step_between_ends_with_the_password_or_the_account(api, browser, app):
    sign_in(browser)
    api.database.sql("update users set token_version = token_version + 1 where id = %s returning 1", api.school.ed)
    assert browser.post("/sign-in/code", data={"code": app.now()}).headers["Location"] == "/sign-in"
    sign_in(browser)
    api.database.sql("update users set disabled_at = now() where id = %s returning 1", api.school.ed)
    assert browser.get("/sign-in/code").status_code == 303
    assert session_cookie(browser) is None


def test_step_between_is_over_after_ten_minutes(browser, app):
    sign_in(browser)
    pending = browser.get_cookie("essaycoach-pending").value
    with time_machine.travel(time.time() + 601, tick=True):
        browser.set_cookie("essaycoach-pending", pending)
        assert browser.get("/sign-in/code").headers["Location"] == "/sign-in"


def test_form_from_another_site_is_refused(browser, app):
    sign_in(browser)
    answer = browser.post("/sign-in/code", data={"code": app.now()}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert session_cookie(browser) is None


def test_session_is_a_new_one_after_the_code(browser, app):
    """What an attacker planted in the browser before is not the session afterwards."""
    browser.set_cookie("essaycoach", "planted")
    sign_in(browser)
    browser.post("/sign-in/code", data={"code": app.now()})
    assert session_cookie(browser).value not in ("", "planted")


def test_school_that_requires_one_lets_staff_set_it_up_at_sign_in(api, browser):
    api.database.sql("update orgs set second_factor_required = true where id = %s returning 1", api.school.org)
    assert sign_in(browser, "alice").headers["Location"] == "/essays"
    browser = api.app.test_client()
    assert sign_in(browser).headers["Location"] == "/sign-in/enrol"
    shown = browser.get("/sign-in/enrol")
    assert "<svg" in shown.text
    assert "style=" not in shown.text
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", shown.text).group(1).replace(" ", "")
    wrong = browser.post("/sign-in/enrol", data={"code": "000000"})
    assert wrong.status_code == 422
    assert session_cookie(browser) is None
    newer = re.search(r"<code>([A-Z2-7 ]+)</code>", wrong.text).group(1).replace(" ", "")
    assert newer != secret
    done = browser.post("/sign-in/enrol", data={"code": pyotp.TOTP(newer).now()})
    assert done.status_code == 200
    assert len(re.findall(r"<code>[a-z2-7]{4}(-[a-z2-7]{4}){3}</code>", done.text)) == 10
    assert browser.get("/second-factor").status_code == 200
    # The next sign-in asks for a code, and the page of a new secret is closed.
    other = api.app.test_client()
    assert sign_in(other).headers["Location"] == "/sign-in/code"
    assert other.get("/sign-in/enrol").headers["Location"] == "/sign-in"


def test_enrolment_page_is_closed_to_those_who_need_none(api, browser, app):
    sign_in(browser)
    assert browser.get("/sign-in/enrol").headers["Location"] == "/sign-in"
    answer = browser.post("/sign-in/enrol", data={"code": "000000"})
    assert answer.headers["Location"] == "/sign-in"


def test_staff_set_one_up_and_remove_it_on_their_page(api, browser):
    sign_in(browser)
    page = browser.get("/second-factor")
    assert browser.post("/second-factor/new", data={"csrf": "wrong"}).status_code == 403
    made = browser.post("/second-factor/new", data={"csrf": csrf_of(page)})
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", made.text).group(1).replace(" ", "")
    done = browser.post("/second-factor/confirm", data={"csrf": csrf_of(page), "code": pyotp.TOTP(secret).now()})
    assert "shown again" in done.text
    assert sign_in(api.app.test_client()).headers["Location"] == "/sign-in/code"
    browser.post("/second-factor/remove", data={"csrf": csrf_of(page)})
    assert sign_in(api.app.test_client()).headers["Location"] == "/desk"


def test_students_have_no_such_page(browser):
    sign_in(browser, "alice")
    assert browser.get("/second-factor").status_code == 404


def test_old_session_proves_itself_and_goes_on(api, browser, app):
    sign_in(browser)
    browser.post("/sign-in/code", data={"code": app.now()})
    page = browser.get("/second-factor")
    api.database.sql("update sessions set created_at = now() - interval '16 minutes' returning 1")
    answer = browser.post("/second-factor/remove", data={"csrf": csrf_of(page)})
    assert (answer.status_code, answer.headers["Location"]) == (307, "/prove/form?next=/second-factor/remove")
    asked = browser.post(answer.headers["Location"], data={"csrf": csrf_of(page)})
    assert 'name="code"' in asked.text
    assert 'name="password"' not in asked.text
    form = {"csrf": csrf_of(asked), "next": "/second-factor/remove", "sent": ""}
    assert browser.post("/prove", data={**form, "code": "000000"}).status_code == 401
    # The code of the sign-in was used; that of the next half minute is new.
    proved = browser.post("/prove", data={**form, "code": app.at(time.time() + 30)})
    assert (proved.status_code, 'action="/second-factor/remove"' in proved.text) == (200, True)
    assert browser.post("/second-factor/remove", data={"csrf": csrf_of(page)}).status_code == 303
    assert "It is off" in browser.get("/second-factor").text


def test_person_without_password_and_code_is_sent_to_the_sign_in(api, browser):
    sign_in(browser)
    api.database.sql("update orgs set password_roles = '{admin}' where id = %s returning 1", api.school.org)
    asked = browser.get("/prove?next=/second-factor")
    assert 'name="password"' not in asked.text
    assert "/sign-in?next=/second-factor" in asked.text
    answer = browser.post("/prove", data={"csrf": csrf_of(asked), "password": PASSWORD})
    assert answer.status_code == 401


def test_password_proves_where_there_is_no_second_factor(api, browser):
    sign_in(browser)
    api.database.sql("update sessions set created_at = now() - interval '16 minutes' returning 1")
    asked = browser.get("/prove?next=https://evil.example/")
    form = {"csrf": csrf_of(asked), "next": "//evil.example/"}
    assert browser.post("/prove", data={**form, "password": "wrong"}).status_code == 401
    assert browser.post("/prove", data={**form, "csrf": "x", "password": PASSWORD}).status_code == 403
    proved = browser.post("/prove", data={**form, "password": PASSWORD})
    assert proved.headers["Location"] == "/"
    page = browser.get("/second-factor")
    assert browser.post("/second-factor/new", data={"csrf": csrf_of(page)}).status_code == 200
