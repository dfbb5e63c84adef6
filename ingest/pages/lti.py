"""LTI 1.3: an LMS opens our pages (docs/adr/0172-launches-without-passwords.md). Everything that comes in here was made by others."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, jsonify, request, url_for

from ingest.lms import asset_claims, id_token, launch_claims, opening, registration, tickets
from ingest.lms import login as logins
from ingest.lms.asset_claims import AssetLaunch
from ingest.lms.id_token import NotProved
from ingest.lms.launch_claims import EULA_REQUEST, REPORT_REVIEW_REQUEST, Launch
from ingest.pages import asset_processor, session
from ingest.pages.deep_linking import show_choice
from ingest.pages.rendering import page, page_blueprint, see, with_retry_after
from ingest.web import key_sets, outgoing, rate_limits, security_log, system_log
from ingest.web.body import check_encoding, check_text, read_bytes
from ingest.web.marking import _n
from ingest.web.problems import PROBLEM_TYPES, Problem, from_domain, to_response
from models import db, essays, events, lti_keys, platform_use, platforms
from models.errors import DomainError, Unauthorised
from models.essay_filters import EssayFilter
from models.platforms import Platform
from models.sessions import Family
from outgoing.client import NoAnswer
from outgoing.sites import same_site_origin

blueprint: Blueprint = page_blueprint("lti_pages")

NOT_PROVED = _n("Your LMS did not prove who you are. Open the assignment there again.")
NO_ANSWER = _n("Your LMS did not answer us. Try again in a few minutes.")
NO_TERMS = _n("EssayCoach has no terms that students accept here. Close this page, and hand in as usual.")
KEYS_FOR = "public, max-age=3600"


@blueprint.route("/lti/login", methods=["GET", "POST"], defaults={"platform_id": None})
@blueprint.route("/lti/login/<uuid:platform_id>", methods=["GET", "POST"])
def login(platform_id: UUID | None) -> Response:
    """Begin a launch: give the browser a value, and see in the next step whether it keeps it."""
    asked = _sent()
    platform = _platform_of(platform_id, asked)
    session.allow_frames(platform.frame_origins)
    if asked.get("iss") != platform.issuer or asked.get("client_id", platform.client_id) != platform.client_id:
        _refuse(platform, "the login is for another platform")
    if logins.are_too_long(asked):
        _refuse(platform, "the hints of the login are too long")
    browser = tickets.browser_value()
    ticket = logins.ticket(platform, asked, browser=browser, in_new_tab="new_tab" in asked)
    return tickets.bind(see(url_for("lti_pages.go_on", ticket=ticket)), browser)


@blueprint.get("/lti/go")
def go_on() -> Response:
    """Send the browser on to the platform. One that has not kept our cookie needs a tab of its own."""
    rate_limits.count_address()
    known = tickets.read("ticket", request.args.get("ticket", ""))
    if known is None:
        raise Problem("unauthorized", NOT_PROVED)
    platform = _active(UUID(known["platform"]))
    session.allow_frames(platform.frame_origins)
    if tickets.is_same_browser(known["browser"]):
        return see(logins.platform_address(platform, known, redirect_uri=launch_address()))
    again = {"iss": platform.issuer, "new_tab": "1", **{name: known[name] for name in logins.HINTS if name in known}}
    address = url_for("lti_pages.login", platform_id=platform.id)
    return page("launch_blocked.html", address=f"{address}?{urlencode(again)}", is_tab=known["tab"])


@blueprint.post("/lti/launch")
def launch() -> Response:
    """Open the page that a platform's signed message is about, for the person whom it names."""
    sent = _sent()
    known = tickets.read("state", sent.get("state", ""))
    if known is None or not tickets.is_same_browser(known["browser"]):
        raise Problem("unauthorized", NOT_PROVED)
    platform = _active(UUID(known["platform"]))
    session.allow_frames(platform.frame_origins)
    security_log.acts(platform.org)
    rate_limits.count(f"platform:{platform.id}")
    launched, asset = _checked(sent.get("id_token", ""), platform, nonce=known["nonce"])
    platform = _with_site_of(launched, platform)
    session.allow_frames(platform.frame_origins)
    if launched.message == EULA_REQUEST:
        raise Problem("not-found", NO_TERMS)
    try:
        opened = opening.carry_out(launched, platform, nonce=known["nonce"], allow_local=outgoing.client().allows_local)
    except Unauthorised:
        _refuse(platform, "the launch was used before", is_signed=True)
    except DomainError as error:
        system_log.keep("launch refused", org=platform.org, platform_id=platform.id, reason=type(error).__name__)
        raise from_domain(error) from None
    with db.session(org=platform.org, user=opened.family.user, role=f"ec_{opened.family.role}"):  # type: ignore[arg-type]
        events.note("launched")
    if launched.message == REPORT_REVIEW_REQUEST:
        return _enter(opened.family, platform, address=asset_processor.address_of_report(opened, asset, platform))
    if not launched.is_for_teachers:
        return _enter(opened.family, platform, address=_first_page(opened, platform))
    _enter_here(opened.family, platform)
    if launched.is_about_documents:
        return asset_processor.show(platform, launched, asset)
    return show_choice(platform, launched, course=opened.course)


@blueprint.get("/lti/jwks/<uuid:platform_id>")
def our_keys(platform_id: UUID) -> Response:
    """Return the public keys with which the platform checks what we send."""
    rate_limits.count_address()
    with db.session(role="ec_auth"):
        found = lti_keys.public_keys(platform_id)
    response = jsonify(keys=found)
    response.headers["Cache-Control"] = KEYS_FOR
    return response


@blueprint.get("/lti/register/<token>")
def register(token: str) -> Response:
    """Register us at the platform whose admin was given this address. It works once; an admin of the school approves it."""
    rate_limits.count_address()
    with db.session(role="ec_auth"):
        invited = platforms.find_invited(token)
    security_log.acts(invited.org)
    url, client = request.args.get("openid_configuration", ""), outgoing.client()
    try:
        known, deployments = registration.register(
            invited, configuration_url=url, token=request.args.get("registration_token"), client=client
        )  # fmt: skip
    except NoAnswer as error:
        system_log.keep("registration failed", org=invited.org, platform_id=invited.id, reason=str(error))
        raise Problem("invalid-payload", f"Your LMS could not be registered: {error}.") from None
    origins = registration.frame_origins(known, referrer=request.headers.get("Referer"))
    with db.session(org=invited.org, role="ec_auth", actor=invited.id):
        platforms.store_registration(token, org=invited.org, known=known, deployments=deployments, origins=origins)
    session.allow_frames(origins)
    return page("platform_registered.html", issuer=known.issuer)


def launch_address() -> str:
    """Return the address to which platforms send their messages."""
    return url_for("lti_pages.launch", _external=True)


@blueprint.errorhandler(Problem)
def show_problem(problem: Problem) -> Response:
    """Say what was wrong, in the frame of the LMS, without a way to pages that need a session; to a program as the API does."""
    if request.endpoint == "lti_pages.our_keys":
        return to_response(problem)
    kind = PROBLEM_TYPES[problem.slug]
    return with_retry_after(page("launch_problem.html", code=kind.status, problem=problem, kind=kind), problem)


@blueprint.errorhandler(DomainError)
def show_refusal(error: DomainError) -> Response:
    """Say why something cannot be done."""
    return show_problem(from_domain(error))


def _sent() -> dict[str, str]:
    """Return what the browser brings from the platform. Raises Problem."""
    rate_limits.count_address()
    check_encoding()
    read_bytes()
    found = (request.form if request.method == "POST" else request.args).to_dict()
    for name, value in found.items():
        check_text(value, (name,))
    return found


def _platform_of(platform_id: UUID | None, asked: dict[str, str]) -> Platform:
    with db.session(role="ec_auth"):
        if platform_id is None:
            return platforms.find_by_client(asked.get("iss", ""), asked.get("client_id"))
        return platforms.find_active(platform_id)


def _active(platform_id: UUID) -> Platform:
    with db.session(role="ec_auth"):
        return platforms.find_active(platform_id)


def _checked(token: str, platform: Platform, *, nonce: str) -> tuple[Launch, AssetLaunch]:
    """Return what the platform's token says. Raises Problem."""
    try:
        claims = id_token.check(token, platform, nonce=nonce, key_sets=key_sets.key_sets(), client=outgoing.client())
        return launch_claims.read(claims), asset_claims.read_launch(claims)
    except NotProved as error:
        _refuse(platform, str(error), is_signed=error.is_signed)
    except NoAnswer as error:
        system_log.keep("platform gave no answer", org=platform.org, platform_id=platform.id, reason=str(error))
        raise Problem("temporarily-unavailable", NO_ANSWER) from None


def _with_site_of(launched: Launch, platform: Platform) -> Platform:
    """Return the platform with the site of this launch among those that may show our pages, if it is near the issuer.

    A hosted LMS has a name for each school, which the signed message tells.
    """
    beside = same_site_origin(launched.return_url, platform.registration.issuer)
    if beside is None or beside in platform.frame_origins:
        return platform
    return replace(platform, frame_origins=[*platform.frame_origins, beside])


def _refuse(platform: Platform, reason: str, *, is_signed: bool = False) -> NoReturn:
    """Refuse a launch. What the platform itself has signed is told on its page; anybody could send the rest."""
    system_log.keep("launch refused", org=platform.org, platform_id=platform.id, reason=reason)
    if is_signed:
        with db.session(org=platform.org, role="ec_auth", actor=platform.id):
            platform_use.note_refusal(platform.id, reason, org=platform.org)
    security_log.note("sign_in_failed")
    raise Problem("unauthorized", NOT_PROVED)


def _first_page(opened: opening.Opened, platform: Platform) -> str:
    """Return the page of the assignment: of its newest essay, or to hand one in; for a teacher the desk."""
    if opened.family.role == "educator":
        return url_for("desk_pages.assignment", assignment_id=opened.assignment)
    with db.session(org=platform.org, user=opened.family.user, role="ec_student"):
        wanted = EssayFilter(assignment=opened.assignment)
        found = essays.list_essays(org=platform.org, limit=1, wanted=wanted, sort="updated")
    if found:
        return url_for("student_pages.essay", essay_id=found[0]["id"])
    return url_for("student_pages.new_essay", assignment_id=opened.assignment)


def _enter_here(family: Family, platform: Platform) -> None:
    """Let the page that answers be the first of the session: in the frame of the platform, or in a tab."""
    is_tab = request.headers.get("Sec-Fetch-Dest") == "document"
    session.enter(family, org=platform.org, frame_origins=() if is_tab else platform.frame_origins)


def _enter(family: Family, platform: Platform, *, address: str) -> Response:
    """Send the browser to its page, signed in: in the frame of the platform, or in a tab as after every sign-in."""
    if request.headers.get("Sec-Fetch-Dest") == "document":
        return session.begin(see(address), family, org=platform.org)
    session.enter(family, org=platform.org, frame_origins=platform.frame_origins)
    return session.renew_cookie(see(address))
