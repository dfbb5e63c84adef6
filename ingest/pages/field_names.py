"""What the fields of a form are called where a form was refused: the names that the page shows, not the members of the API."""

from __future__ import annotations

from collections.abc import Mapping

from flask import request

from ingest.pages import mapping_form
from ingest.pages.admin_parts import Refusal, as_problem
from ingest.pages.wording import gettext
from ingest.web.problems import Problem


def of_source() -> dict[str, str]:
    """Return the fields of the forms for sources by the pointers that the API has for them."""
    token = gettext("Token")
    secret = gettext("Secret of the plugin") if "site" in request.form else gettext("Secret of your LMS")
    return {
        **mapping_form.names(), "/name": gettext("Name"), "/networks": gettext("Networks"), "/secret": secret, "/token": token,
        "/courses": gettext("Courses"), "/returns": gettext("What goes back"),
        "/pages_url": gettext("Where your students open EssayCoach"), "/root_account_uuid": gettext("Account whose events count"),
        "/interval_seconds": gettext("Seconds between two looks"),
        "/moodle/site": gettext("Address of the Moodle"), "/moodle/token": token,
        "/canvas/site": gettext("Address of the Canvas"), "/canvas/token": token,
    }  # fmt: skip


def of_endpoint() -> dict[str, str]:
    """Return the fields of the forms for endpoints by the pointers that the API has for them."""
    return {
        "/name": gettext("Name"), "/url": gettext("Address"), "/events": gettext("What it hears of"),
        "/since": gettext("Send again what was not delivered since"),
    }  # fmt: skip


def of_key() -> dict[str, str]:
    """Return the fields of the form for API keys by the pointers that the API has for them."""
    return {
        "/name": gettext("Name"), "/scopes": gettext("What it may do"), "/expires_at": gettext("Last day"),
        "/networks": gettext("Networks"),
    }  # fmt: skip


def of_platform() -> dict[str, str]:
    """Return the fields of the forms for platforms by the pointers that the API has for them."""
    return {
        "/name": gettext("Name"), "/deployments": gettext("Deployments"),
        "/frame_origins": gettext("Sites that may show EssayCoach in a frame"),
        "/values": gettext("The values of the LMS"), "/values/deployments": gettext("Deployments"), "/values/issuer": gettext("Issuer"),
        "/values/client_id": gettext("Client id"), "/values/authorization_url": gettext("Address to sign people in"),
        "/values/token_url": gettext("Address for tokens"), "/values/jwks_url": gettext("Address of its public keys"),
        "/values/token_audience": gettext("Audience of requests for tokens"),
    }  # fmt: skip


def in_words(refusal: Refusal | None, names: Mapping[str, str]) -> Problem | None:
    """Return why a form was refused with the names of its fields in place of pointers."""
    if refusal is None:
        return None
    problem = as_problem(refusal)
    named = [{**error, "pointer": _name_of(error["pointer"], names)} for error in problem.errors or []]
    if not any(error["pointer"].endswith(":") for error in named):
        return problem
    one = f"{named[0]['pointer']} {named[0]['detail']}"
    return Problem(problem.slug, one if len(named) == 1 else gettext("Some fields are not acceptable"), errors=named)


def _name_of(pointer: str, names: Mapping[str, str]) -> str:
    """Return the name of the field and a colon; the pointer where it leads to none. A line of a field has its number."""
    if pointer in names:
        return f"{names[pointer]}:"
    field, _, line = pointer.rpartition("/")
    return f"{names[field]} {int(line) + 1}:" if field in names and line.isdecimal() else pointer
