"""The provider at which the people of an org sign in with their school's account (OpenID Connect). Admins only."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from flask import Blueprint, Response, url_for
from pydantic import BaseModel, Field, StrictStr, StringConstraints

from ingest.accounts.openid import issuer_objection
from ingest.web import outgoing
from ingest.web.body import invalid_member, read_body
from ingest.web.identity import admin
from ingest.web.openapi import operation
from ingest.web.responses import json_response
from ingest.web.schemas import RequestBody, Short
from ingest.web.step_up import require_step_up
from models import sign_in_providers
from models.sign_in_providers import FindBy, Provider
from models.users import PersonRole, fetch_person

EVERY_ROLE: tuple[PersonRole, ...] = ("student", "educator", "admin")

blueprint = Blueprint("sign_in_provider", __name__)

Text = Annotated[StrictStr, StringConstraints(min_length=1, max_length=500, pattern=r"^[!-~]+$")]
Find = Annotated[
    FindBy,
    Field(
        description="email: by the address that the provider has verified; subject: the first time by the address, then by the "
        "provider's own id of that person only"
    ),
]
Roles = Annotated[list[PersonRole], Field(max_length=3, description="who may sign in this way")]


class SignInProvider(BaseModel):
    """Where people sign in with their school's account."""

    name: Annotated[str, Field(description="what the button on the sign-in page says")]
    issuer: str
    client_id: str
    find_by: Find
    roles: Roles
    redirect_uri: Annotated[str, Field(description="the address to register at the provider")]


class SignInProviderDraft(RequestBody):
    """The provider as it is to be. Unknown people are refused: nobody makes an account by signing in."""

    name: Short
    issuer: Annotated[Text, Field(description="as the provider calls itself, for example https://accounts.google.com")]
    client_id: Text
    client_secret: Annotated[Text | None, Field(description="left out: the stored one stays")] = None
    find_by: Find = "subject"
    roles: Annotated[Roles, Field(default_factory=lambda: list(EVERY_ROLE))]


@blueprint.get("/v1/org/sign-in-provider")
@operation("Get the sign-in provider", answers={200: SignInProvider}, problems=("forbidden", "not-found"))
def read() -> Response:
    """Return where the people of your org sign in with their school's account. The client secret is never shown. Admins only."""
    who = admin()
    with who.session():
        found = sign_in_providers.fetch(org=who.org)
    return _answer(found)


@blueprint.put("/v1/org/sign-in-provider")
@operation(
    "Name the sign-in provider",
    answers={200: SignInProvider},
    body=SignInProviderDraft,
    problems=("forbidden", "sign-in-again"),
)
def store() -> Response:
    """Let the people of your org sign in at this OpenID Connect provider, in place of an earlier one. Admins only.

    With another issuer or client id nobody's account is linked any more. Refused when no admin could sign in any more.
    """
    who = admin()
    payload = read_body(SignInProviderDraft)
    objection = issuer_objection(payload.issuer, client=outgoing.client())
    if objection is not None:
        raise invalid_member("/issuer", objection)
    with who.session():
        require_step_up(who)
        found = sign_in_providers.store(org=who.org, **payload.model_dump())
    return _answer(found)


@blueprint.delete("/v1/org/sign-in-provider")
@operation(
    "Remove the sign-in provider",
    answers={204: None},
    problems=("forbidden", "not-found", "sign-in-again", "invalid-payload"),
)
def remove() -> tuple[str, int]:
    """Let nobody sign in at the provider any more. Sessions that are open go on. Refused when no admin could sign in any more.

    Admins only.
    """
    who = admin()
    with who.session():
        require_step_up(who)
        sign_in_providers.remove(org=who.org)
    return "", 204


@blueprint.delete("/v1/users/<uuid:user_id>/linked-account")
@operation("Unlink a person's school account", answers={204: None}, problems=("forbidden",))
def unlink(user_id: UUID) -> tuple[str, int]:
    """Forget which account of the provider belongs to this person; their next sign-in links one again. Admins only."""
    who = admin()
    with who.session():
        fetch_person(user_id, org=who.org)
        sign_in_providers.unlink(user_id, org=who.org)
    return "", 204


def _answer(found: Provider) -> Response:
    facts = {name: value for name, value in asdict(found).items() if name != "id"}
    return json_response(
        SignInProvider(**facts, redirect_uri=url_for("school_sign_in_pages.come_back", _external=True))
    )
