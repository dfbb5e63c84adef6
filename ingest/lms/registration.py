"""Dynamic registration: an admin gives the platform one address, and the two programs tell each other the rest."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from flask import url_for

from ingest.lms.calls import fetch
from ingest.lms.launch_claims import DEEP_LINKING_REQUEST, MAX_ID
from ingest.lms.login import is_neighbour, origin_of
from ingest.lms.services import NAMES_AND_ROLES
from models.platforms import Platform, Registration
from outgoing.client import Client, NoAnswer, url_objection

TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
ADDRESSES = ("authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint")


def register(
    invited: Platform, *, configuration_url: str, token: str | None, client: Client
) -> tuple[Registration, list[str]]:
    """Register us at the platform and return how it is reached, with its deployments. Raises NoAnswer.

    `token` is what the platform gave the browser for this; it goes into a header, and is not stored.
    """
    _, configuration = fetch(client, "GET", configuration_url)
    _check(configuration, configuration_url, allow_local=client.allows_local)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        _, answer = fetch(
            client, "POST", configuration["registration_endpoint"], headers=headers, body=json.dumps(about_us(invited)).encode()
        )  # fmt: skip
    except ValueError:
        raise NoAnswer("its registration token cannot be sent") from None
    client_id, audience = answer.get("client_id"), configuration.get("authorization_server")
    if not isinstance(client_id, str) or not 0 < len(client_id) <= MAX_ID:
        raise NoAnswer("it gave no client_id")
    tool = answer.get(TOOL)
    deployment = tool.get("deployment_id") if isinstance(tool, dict) else None
    audience = audience if isinstance(audience, str) and audience else None
    if audience is not None and not is_neighbour(audience, configuration["token_endpoint"]):
        raise NoAnswer("its authorization_server is another site than its token_endpoint")
    known = Registration(
        issuer=configuration["issuer"], client_id=client_id, authorization_url=configuration["authorization_endpoint"],
        token_url=configuration["token_endpoint"], jwks_url=configuration["jwks_uri"],
        token_audience=audience,
    )  # fmt: skip
    return known, [deployment] if isinstance(deployment, str) and 0 < len(deployment) <= MAX_ID else []


def about_us(platform: Platform) -> dict[str, Any]:
    """Return what a platform must know about us."""
    launch_url = url_for("lti_pages.launch", _external=True)
    return {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "initiate_login_uri": url_for("lti_pages.login", platform_id=platform.id, _external=True),
        "redirect_uris": [launch_url],
        "client_name": "EssayCoach",
        "jwks_uri": url_for("lti_pages.our_keys", _external=True),
        "token_endpoint_auth_method": "private_key_jwt",
        "id_token_signed_response_alg": "RS256",
        "scope": NAMES_AND_ROLES,
        TOOL: {
            "domain": urlsplit(launch_url).netloc,
            "target_link_uri": launch_url,
            "claims": ["iss", "sub", "name"],
            "messages": [{"type": DEEP_LINKING_REQUEST, "target_link_uri": launch_url, "label": "EssayCoach"}],
        },
    }


def _check(configuration: dict[str, Any], url: str, *, allow_local: bool) -> None:
    """Check what a platform says about itself. Raises NoAnswer."""
    issuer = configuration.get("issuer")
    if not isinstance(issuer, str) or url_objection(issuer, allow_local=allow_local) is not None:
        raise NoAnswer("it names no issuer")
    # Else a page that an admin was led to could register as somebody else's platform.
    if origin_of(issuer) != origin_of(url):
        raise NoAnswer("its issuer has another address than its configuration")
    for name in ADDRESSES:
        found = configuration.get(name)
        if not isinstance(found, str) or url_objection(found, allow_local=allow_local) is not None:
            raise NoAnswer(f"it names no {name}")
