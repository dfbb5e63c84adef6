"""Invite, list, approve, change and switch off the platforms of an org (LTI 1.3). Admins only."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, url_for

from ingest.lms import rosters, schemas
from ingest.web import outgoing, pagination
from ingest.web.body import read_body
from ingest.web.identity import Identity, admin
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from ingest.web.problems import Problem
from ingest.web.responses import CREATED, json_response
from ingest.web.step_up import require_step_up
from models import platforms
from models.platforms import PlatformCard, Registration
from outgoing.client import url_objection
from outgoing.sites import is_same_site, origin_of

blueprint = Blueprint("platforms", __name__)

# The browser of a person opens the first ones, and we call the others.
OPENED, CALLED = ("issuer", "authorization_url"), ("token_url", "jwks_url")


@blueprint.get("/v1/platforms")
@operation(
    "List platforms",
    answers={200: schemas.Platforms},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_all() -> Response:
    """Return the LMSs that open our pages by LTI 1.3, newest first, one page per request. Admins only."""
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = platforms.list_platforms(org=who.org, limit=limit + 1, before=before)
    return page_of(schemas.Platforms, found, limit=limit, show=_to_schema, key=lambda card: card.platform.id)


@blueprint.post("/v1/platforms")
@operation(
    "Add a platform",
    answers={201: schemas.NewPlatform},
    body=schemas.PlatformDraft,
    problems=("forbidden", "sign-in-again", "conflict"),
    headers=CREATED,
)
def make() -> Response:
    """Add an LMS. Without `values` the answer has an address for the LMS to register itself with; approve it after that.

    With `values`, which its own page shows, it launches at once. Admins only.
    """
    who = admin()
    payload = read_body(schemas.PlatformDraft)
    card, token = add_as(who, payload)
    answer = schemas.NewPlatform(**_members(card), registration_url=registration_url(token))
    return json_response(answer, status=201, at=f"/v1/platforms/{card.platform.id}")


@blueprint.get("/v1/platforms/<uuid:platform_id>")
@operation("Get a platform", answers={200: schemas.Platform}, problems=("forbidden",))
def one_platform(platform_id: UUID) -> Response:
    """Return a platform. Admins only."""
    who = admin()
    with who.session():
        found = platforms.fetch_platform(platform_id, org=who.org)
    return json_response(_to_schema(found))


@blueprint.patch("/v1/platforms/<uuid:platform_id>")
@operation(
    "Approve or change a platform",
    answers={200: schemas.Platform},
    body=schemas.PlatformChanges,
    problems=("forbidden", "sign-in-again", "conflict"),
)
def change(platform_id: UUID) -> Response:
    """Approve a platform that has registered, switch it off or on again, or change it, from the next launch on. Admins only.

    Switching it off signs out whom it has named. One that does not register itself gets its `values` here once it has our addresses,
    and launches at once.
    """
    return json_response(_to_schema(change_as(admin(), platform_id, read_body(schemas.PlatformChanges))))


@blueprint.delete("/v1/platforms/<uuid:platform_id>")
@operation("Switch a platform off", answers={204: None}, problems=("forbidden", "sign-in-again"))
def switch_off(platform_id: UUID) -> tuple[str, int]:
    """Refuse launches from the next one on, and sign out whom the platform has named. Courses, people and essays stay. Admins only."""
    change_as(admin(), platform_id, schemas.PlatformChanges(state="off"))
    return "", 204


@blueprint.post("/v1/platforms/<uuid:platform_id>/courses/<uuid:course_id>/members")
@operation(
    "Fetch the people of a course",
    answers={200: schemas.FetchedMembers},
    problems=("forbidden", "temporarily-unavailable"),
)
def fetch_members(platform_id: UUID, course_id: UUID) -> Response:
    """Enrol whom the LMS lists in the course (LTI Names and Roles), before their first launch. Nobody is removed. Admins only.

    The LMS says where its list is when somebody launches from the course. A repeat adds nobody twice.
    """
    done = rosters.fetch_as(admin(), platform_id, course_id, client=outgoing.client())
    return json_response(schemas.FetchedMembers(enrolled=done.enrolled, left_out=done.left_out))


def add_as(who: Identity, payload: schemas.PlatformDraft) -> tuple[PlatformCard, str | None]:
    """Store a platform and return it, with the token for registering when it is to do so itself. Raises Problem."""
    token: str | None = None
    if payload.values is not None:
        _check_addresses(payload.values)
    with who.session():
        require_step_up(who)
        if payload.values is None:
            platform, token = platforms.invite(
                payload.name, org=who.org, creates_courses=payload.creates_courses, scores=payload.scores
            )
        else:
            platform = platforms.add(
                payload.name, org=who.org, creates_courses=payload.creates_courses, scores=payload.scores, **_facts(payload.values)
            )  # fmt: skip
        return platforms.fetch_platform(platform, org=who.org), token


def change_as(who: Identity, platform_id: UUID, payload: schemas.PlatformChanges) -> PlatformCard:
    """Change a platform and return it. Raises Problem."""
    if payload.values is not None:
        _check_addresses(payload.values)
    with who.session():
        require_step_up(who)
        if payload.values is not None:
            platforms.enter(platform_id, org=who.org, **_facts(payload.values))
        changes = payload.model_dump(exclude_unset=True, exclude={"values"})
        return platforms.change_platform(platform_id, org=who.org, changes=changes)


def registration_url(token: str | None) -> str | None:
    """Return the address that a platform registers itself with."""
    return None if token is None else url_for("lti_pages.register", token=token, _external=True)


def addresses_of(platform: UUID) -> dict[str, str]:
    """Return the addresses that a platform must know."""
    return {
        "login_url": url_for("lti_pages.login", platform_id=platform, _external=True),
        "launch_url": url_for("lti_pages.launch", _external=True),
        "jwks_of_ours_url": url_for("lti_pages.our_keys", platform_id=platform, _external=True),
    }


def _check_addresses(values: schemas.Values) -> None:
    client = outgoing.client()
    found = [(name, url_objection(getattr(values, name), allow_local=client.allows_local)) for name in OPENED]
    found += [(name, client.objection(getattr(values, name))) for name in CALLED]
    if values.token_audience is not None and not is_same_site(values.token_audience, values.token_url):
        found.append(("token_audience", "must be an address of the same site as token_url"))
    wrong = [{"pointer": f"/values/{name}", "detail": objection} for name, objection in found if objection is not None]
    if wrong:
        raise Problem("invalid-payload", f"{wrong[0]['pointer'][8:]} {wrong[0]['detail']}.", errors=wrong)


def _facts(values: schemas.Values) -> dict[str, Any]:
    return {
        "known": Registration(**values.model_dump(exclude={"deployments"})), "deployments": values.deployments,
        "frame_origins": list(dict.fromkeys(map(origin_of, (values.issuer, values.authorization_url)))),
    }  # fmt: skip


def _to_schema(card: PlatformCard) -> schemas.Platform:
    return schemas.Platform(**_members(card))


def _members(card: PlatformCard) -> dict[str, Any]:
    facts = {name: value for name, value in asdict(card.platform).items() if name != "org"}
    return {**facts, "name": card.name, "creates_courses": card.creates_courses, **addresses_of(card.platform.id)}
