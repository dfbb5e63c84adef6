"""Dynamic registration: an admin gives the platform one address, and the two programs tell each other the rest."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from flask import url_for

from ingest.lms.asset_claims import ASSET_SCOPE, HANDLERS_SCOPE, MAX_SCOPE, REPORT_SCOPE
from ingest.lms.claim_values import MAX_ID, object_of, texts_of
from ingest.lms.launch_claims import (
    DEEP_LINKING_REQUEST,
    REPORT_REVIEW_REQUEST,
    SETTINGS_REQUEST,
)
from ingest.lms.names_and_roles import MEMBERS_SCOPE
from models.platforms import Platform, Registration
from outgoing import score
from outgoing.client import Client, NoAnswer, url_objection
from outgoing.lti import fetch_json
from outgoing.sites import is_same_site, origin_of, same_site_origin

TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
PLATFORM = "https://purl.imsglobal.org/spec/lti-platform-configuration"
ASSET_PLACEMENT = "ActivityAssetProcessor"
# The issuer of Canvas in the cloud, for every school. Each school has another host.
HOSTED_CANVAS = re.compile(r"https://canvas\.(?:(?:beta|test)\.)?instructure\.com")
HOSTED_CANVAS_SITES = (".instructure.com", ".canvaslms.com")
ADDRESSES = ("authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint")


def register(
    invited: Platform, *, configuration_url: str, token: str | None, client: Client
) -> tuple[Registration, list[str]]:
    """Register us at the platform and return how it is reached, with its deployments. Raises NoAnswer.

    `token` is what the platform gave the browser for this; it goes into a header, and is not stored.
    """
    # Canvas shows its configuration only to those who have the token.
    proof = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        _, configuration = fetch_json(client, "GET", configuration_url, headers=proof)
        check_configuration(configuration, configuration_url, allow_local=client.allows_local)
        body = json.dumps(about_us(invited, configuration)).encode()
        headers = {"Content-Type": "application/json", **proof}
        _, answer = fetch_json(client, "POST", configuration["registration_endpoint"], headers=headers, body=body)
    except ValueError:
        raise NoAnswer("its registration token cannot be sent") from None
    client_id = answer.get("client_id")
    if not isinstance(client_id, str) or not 0 < len(client_id) <= MAX_ID:
        raise NoAnswer("it gave no client_id")
    tool = answer.get(TOOL)
    deployment = tool.get("deployment_id") if isinstance(tool, dict) else None
    known = Registration(
        issuer=configuration["issuer"], client_id=client_id, authorization_url=configuration["authorization_endpoint"],
        token_url=configuration["token_endpoint"], jwks_url=configuration["jwks_uri"],
        token_audience=audience_of(configuration),
    )  # fmt: skip
    return known, [deployment] if isinstance(deployment, str) and 0 < len(deployment) <= MAX_ID else []


def frame_origins(known: Registration, *, referrer: str | None) -> list[str]:
    """Return the sites that may show our pages: the issuer's, and the one from which the admin came, if it is of the same site.

    A hosted Canvas has one issuer for all schools, and a name for each school.
    """
    beside = same_site_origin(referrer, known.issuer)
    return list(dict.fromkeys([origin_of(known.issuer), *([beside] if beside else [])]))


def about_us(platform: Platform, configuration: dict[str, Any]) -> dict[str, Any]:
    """Return what a platform must know about us. Some refuse whoever names a scope or message that they do not list."""
    launch_url = url_for("lti_pages.launch", _external=True)
    return {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "initiate_login_uri": url_for("lti_pages.login", platform_id=platform.id, _external=True),
        "redirect_uris": [launch_url],
        "client_name": "EssayCoach",
        "jwks_uri": url_for("lti_pages.our_keys", platform_id=platform.id, _external=True),
        "token_endpoint_auth_method": "private_key_jwt",
        "id_token_signed_response_alg": "RS256",
        "scope": " ".join((MEMBERS_SCOPE, *_score_scopes(platform), *_asset_scopes(configuration))),
        TOOL: {
            "domain": urlsplit(launch_url).netloc,
            "target_link_uri": launch_url,
            "claims": ["iss", "sub", "name"],
            "messages": [
                {**message, "target_link_uri": launch_url, "label": "EssayCoach"}
                for message in _messages(configuration)
            ],
        },
    }


def _score_scopes(platform: Platform) -> list[str]:
    return [score.SCOPE] if platform.scores == "handed_in" else []


def _asset_scopes(configuration: dict[str, Any]) -> list[str]:
    """Return the scopes of Asset Processor and notices: those that the platform lists, in its spelling; all when it lists none."""
    listed = [one for one in texts_of(configuration.get("scopes_supported")) if "/scope/" in one]
    known = (HANDLERS_SCOPE, ASSET_SCOPE, REPORT_SCOPE)
    if not listed:
        return list(known)
    names = {one.rpartition("/scope/")[2] for one in known}
    return [one for one in listed if one.rpartition("/scope/")[2] in names and len(one) <= MAX_SCOPE]


def _messages(configuration: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the messages that we understand: of those about documents what the platform lists, or all when it lists nothing."""
    listed = object_of(configuration.get(PLATFORM)).get("messages_supported")
    attaching = {"type": DEEP_LINKING_REQUEST, "placements": [ASSET_PLACEMENT]}
    about_documents: list[dict[str, Any]] = [attaching, {"type": REPORT_REVIEW_REQUEST}, {"type": SETTINGS_REQUEST}]
    if isinstance(listed, list):
        of = {str(one.get("type")): texts_of(one.get("placements")) for one in map(object_of, listed)}
        about_documents = [
            one
            for one in about_documents
            if one["type"] in of and set(one.get("placements", ())) <= set(of[one["type"]])
        ]
    return [{"type": DEEP_LINKING_REQUEST}, *about_documents]


def check_configuration(configuration: dict[str, Any], url: str, *, allow_local: bool) -> None:
    """Check what a platform says about itself. Raises NoAnswer."""
    issuer = configuration.get("issuer")
    if not isinstance(issuer, str) or url_objection(issuer, allow_local=allow_local) is not None:
        raise NoAnswer("it names no issuer")
    # Without this check, a page that an admin was lured to could register as somebody else's platform.
    if origin_of(issuer) != origin_of(url) and not _is_hosted_canvas(configuration, url):
        raise NoAnswer("its issuer has another address than its configuration")
    for name in ADDRESSES:
        found = configuration.get(name)
        if not isinstance(found, str) or url_objection(found, allow_local=allow_local) is not None:
            raise NoAnswer(f"it names no {name}")


def _is_hosted_canvas(configuration: dict[str, Any], url: str) -> bool:
    """Return whether this is Canvas in the cloud, and every address one of its vendor's."""
    found = [url, *(str(configuration.get(name)) for name in ADDRESSES)]
    is_named_so = HOSTED_CANVAS.fullmatch(configuration["issuer"]) is not None
    return is_named_so and all((urlsplit(one).hostname or "").endswith(HOSTED_CANVAS_SITES) for one in found)


def audience_of(configuration: dict[str, Any]) -> str | None:
    """Return for whom requests for a token are, or None when they are for the address for tokens. Raises NoAnswer.

    Canvas names its host in place of an address, and takes the address for tokens.
    """
    named, token_url = configuration.get("authorization_server"), configuration["token_endpoint"]
    if not isinstance(named, str) or not named or named == urlsplit(token_url).netloc:
        return None
    if not is_same_site(named, token_url):
        raise NoAnswer("its authorization_server is another site than its token_endpoint")
    return named
