"""Pages to sign in and out, and to choose a password by a mailed link."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from ingest.accounts import passwords, proof, schemas
from ingest.pages import school_sign_in, second_factor, session, wording
from ingest.pages.forms import check_body, local_path, read_form
from ingest.pages.rendering import page, page_blueprint, see
from ingest.web import rate_limits
from ingest.web.problems import PROBLEM_TYPES, Problem
from models import db, sessions

blueprint: Blueprint = page_blueprint("account_pages")

HOMES = {
    "student": "student_pages.list_essays",
    "educator": "desk_pages.list_courses",
    "admin": "admin_overview.show",
}


@blueprint.get("/")
def home() -> Response:
    """Send the reader to the first page of their role."""
    return see(url_for(HOMES[_role()]))


@blueprint.get("/sign-in")
def sign_in() -> Response:
    """Show the form to sign in with. `school` in the address fills in the school, `next` says where to go then."""
    school, wanted = request.args.get("school", ""), local_path(request.args.get("next"))
    if school:
        rate_limits.count_address()
    return page("sign_in.html", school=school, next=wanted, provider=school_sign_in.provider_name(school))


@blueprint.post("/sign-in")
def open_session() -> Response:
    """Sign the browser in."""
    rate_limits.count_address()
    wanted = local_path(request.form.get("next"))
    try:
        proved = proof.check_password(read_form(schemas.Credentials))
        if proved.account.has_second_factor or proved.account.needs_second_factor:
            return second_factor.ask(proved, wanted=wanted)
        family = proof.begin_session(proved)
    except Problem as problem:
        status, school = PROBLEM_TYPES[problem.slug].status, request.form.get("org", "")
        return page("sign_in.html", code=status, problem=problem, school=school, next=wanted)
    return session.begin(see(wanted or url_for(HOMES[family.role])), family, org=proved.org)


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """End the session, in the API too."""
    who = session.reader().who
    check_body()
    assert who.live is not None
    with db.session(org=who.org, role="ec_auth", actor=who.caller):
        sessions.close_family(who.live.session, org=who.org)
    return session.end(see(url_for("account_pages.sign_in")))


@blueprint.get("/forgot-password")
def forgot() -> Response:
    """Show the form with which a person asks for a new password."""
    return page("forgot_password.html", school=request.args.get("school", ""))


@blueprint.post("/forgot-password")
def mail_reset() -> Response:
    """Mail a link to choose a new password, and say the same when there is no such account."""
    rate_limits.count_address()
    try:
        passwords.mail_reset(read_form(schemas.PasswordForgotten))
    except Problem as problem:
        status = PROBLEM_TYPES[problem.slug].status
        return page("forgot_password.html", code=status, problem=problem, school=request.form.get("org", ""))
    return page("forgot_password.html", done=True)


@blueprint.get("/choose-password")
def choose() -> Response:
    """Show the form to choose a password. The mailed link leads here and fills in the school and the code."""
    return page("choose_password.html", values={})


@blueprint.post("/choose-password")
def set_password() -> Response:
    """Set the password of the person that the link was mailed to."""
    rate_limits.count_address()
    try:
        passwords.set_by_token(read_form(schemas.PasswordReset))
    except Problem as problem:
        status = PROBLEM_TYPES[problem.slug].status
        return page("choose_password.html", code=status, problem=problem, values=request.form)
    return page("sign_in.html", school=request.form["org"], next=None, notice="password-set")


@blueprint.post("/language")
def choose_language() -> Response:
    """Remember the language that the reader chose, and show the page again."""
    check_body()
    response = see(local_path(request.form.get("next")) or url_for("account_pages.home"))
    chosen = request.form.get("language", "")
    if chosen in wording.LANGUAGES:
        response.set_cookie(
            wording.COOKIE, chosen, max_age=365 * 86_400, secure=request.is_secure, httponly=True, samesite="Lax"
        )
    return response


def _role() -> str:
    return session.reader().who.role.removeprefix("ec_")
