"""A small LMS for the demo and the tests: it opens EssayCoach in a frame, as an LTI 1.3 platform does. It keeps nothing.

It registers a tool, sends people to it, takes links that a teacher has chosen, gives tokens and the members of its course, and
takes scores.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from standalone.lti_answers import Handler
from standalone.lti_course import (
    ASSERTION,
    CHOOSE,
    CLAIM,
    COURSE,
    DEEP,
    DEPLOYMENT,
    LINK,
    MEMBERS,
    MEMBERSHIP,
    NAMES_AND_ROLES,
    TOOL,
    Member,
    Reply,
)
from standalone.lti_gradebook import ENDPOINT, SCOPE, Gradebook


class LtiPlatform(ThreadingHTTPServer):
    """The LMS. It has one course with one link, and what teachers have chosen since."""

    daemon_threads = True

    def __init__(self, *, port: int = 0, members: tuple[Member, ...] = MEMBERS) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.members = {member.subject: member for member in members}
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.registration_token = uuid4().hex
        self.tool: dict[str, Any] = {}
        self.client_id = "not registered"
        self.links: list[dict[str, Any]] = [dict(LINK)]
        self.access_tokens: dict[str, str] = {}
        self.gradebook = Gradebook()
        self.page_size = 100
        self.next_site = self.url
        self.fetch: Callable[[str], Any] = _fetch
        # Claims that a test adds to the messages, or puts in place of the usual ones.
        self.claims: dict[str, Any] = {}
        self.signing_key: Any = self.key
        self.kid = "k1"
        # Lets a test change an answer: it is given the path of the request and the usual answer.
        self.reply: Callable[[str, Reply], Reply] = lambda _, usual: usual

    @property
    def configuration(self) -> dict[str, Any]:
        """Return what this LMS says about itself."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "registration_endpoint": f"{self.url}/register",
            "scopes_supported": ["openid"],
            "response_types_supported": ["id_token"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "subject_types_supported": ["public"],
            "claims_supported": ["iss", "sub", "name"],
        }

    @property
    def public_key(self) -> dict[str, Any]:
        """Return the key with which its messages can be checked."""
        found: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {**found, "kid": "k1", "use": "sig", "alg": "RS256"}

    def registration_address(self, tool_address: str) -> str:
        """Return the address that the browser of an admin loads after the tool's address was pasted in."""
        asked = {"openid_configuration": f"{self.url}/configuration", "registration_token": self.registration_token}
        return f"{tool_address}?{urlencode(asked)}"

    def register(self, tool: dict[str, Any]) -> dict[str, Any]:
        """Take a tool in and return what it must know."""
        self.tool, self.client_id = tool, uuid4().hex
        return {**tool, "client_id": self.client_id, TOOL: {**tool[TOOL], "deployment_id": DEPLOYMENT}}

    def login_address(self, subject: str, link: str = LINK["id"]) -> str:
        """Return the address of the tool at which this person's launch begins."""
        asked = {
            "iss": self.url, "client_id": self.client_id, "lti_deployment_id": DEPLOYMENT, "login_hint": subject,
            "lti_message_hint": link, "target_link_uri": self._target(link),
        }  # fmt: skip
        return f"{self.tool['initiate_login_uri']}?{urlencode(asked)}"

    def message(self, asked: dict[str, str]) -> dict[str, str]:
        """Return the form that the browser sends to the tool. Raises ValueError when the tool asks wrongly."""
        if asked.get("client_id") != self.client_id or asked.get("redirect_uri") not in self.tool["redirect_uris"]:
            raise ValueError("unknown tool or address")
        if asked.get("scope") != "openid" or asked.get("response_mode") != "form_post" or not asked.get("nonce"):
            raise ValueError("not what OpenID Connect asks for")
        token = self.sign(self._claims(asked))
        return {"id_token": token, "state": asked["state"], "to": asked["redirect_uri"]}

    def sign(self, claims: dict[str, Any]) -> str:
        """Return these claims as a signed token; a claim of None is left out."""
        left = {name: value for name, value in {**claims, **self.claims}.items() if value is not None}
        return jwt.encode(left, self.signing_key, algorithm="RS256", headers={"kid": self.kid})

    def take_choice(self, token: str) -> None:
        """Put what a teacher has chosen into the course. Raises jwt.PyJWTError when the tool did not sign it."""
        claims = self._from_tool(token, issuer=self.client_id, audience=self.url)
        for item in claims[DEEP + "content_items"]:
            self.links.append({"id": f"link-{len(self.links) + 1}", **item})

    def give_token(self, asked: dict[str, str]) -> dict[str, Any]:
        """Return an access token for a tool that proves itself. Raises jwt.PyJWTError, KeyError, ValueError."""
        if asked["grant_type"] != "client_credentials" or asked["client_assertion_type"] != ASSERTION:
            raise ValueError("not the grant of LTI")
        self._from_tool(asked["client_assertion"], issuer=self.client_id, audience=f"{self.url}/token")
        if not self._allows(asked["scope"]):
            raise ValueError("the tool did not register for this")
        token = uuid4().hex
        self.access_tokens[token] = asked["scope"]
        return {"access_token": token, "token_type": "bearer", "expires_in": 3600, "scope": asked["scope"]}

    def list_members(self, first: int) -> tuple[dict[str, Any], int | None]:
        """Return a page of the members of the course, and where the next one begins."""
        found = list(self.members.values())[first : first + self.page_size]
        listed = [
            {"user_id": one.subject, "name": one.name, "roles": [one.role], "status": "Active", "lis_person_sourcedid": one.sis_id}
            for one in found
        ]  # fmt: skip
        more = first + self.page_size
        return {"id": f"{self.url}/members", "context": COURSE, "members": listed}, more if more < len(
            self.members
        ) else None

    def _claims(self, asked: dict[str, str]) -> dict[str, Any]:
        member, hint, now = self.members[asked["login_hint"]], asked.get("lti_message_hint", ""), int(time.time())
        common = {
            "iss": self.url, "aud": self.client_id, "azp": self.client_id, "sub": member.subject, "name": member.name,
            "iat": now, "exp": now + 60, "nonce": asked["nonce"],
            CLAIM + "version": "1.3.0", CLAIM + "deployment_id": DEPLOYMENT, CLAIM + "context": COURSE,
            CLAIM + "roles": [MEMBERSHIP + member.role], CLAIM + "target_link_uri": self._target(hint),
            CLAIM + "lis": {"person_sourcedid": member.sis_id} if member.sis_id else None,
            NAMES_AND_ROLES: {"context_memberships_url": f"{self.url}/members", "service_versions": ["2.0"]},
        }  # fmt: skip
        if hint == CHOOSE:
            asks = {
                "deep_link_return_url": f"{self.url}/chosen", "accept_types": ["ltiResourceLink"], "data": "kept",
                "accept_presentation_document_targets": ["iframe", "window"],
            }  # fmt: skip
            return {**common, CLAIM + "message_type": "LtiDeepLinkingRequest", DEEP + "deep_linking_settings": asks}
        link = self._link(hint)
        shown = {"id": link["id"], "title": link["title"]}
        custom = {CLAIM + "custom": link["custom"]} if "custom" in link else {}
        if self._allows(SCOPE) and (hint == LINK["id"] or "lineItem" in link):
            common[ENDPOINT] = {"scope": [SCOPE], "lineitem": self.gradebook.line_item_url(self.url, hint)}
        return {**common, **custom, CLAIM + "message_type": "LtiResourceLinkRequest", CLAIM + "resource_link": shown}

    def _allows(self, scope: str) -> bool:
        # A tool whose values were copied by hand may do all.
        return scope in self.tool.get("scope", scope).split()

    def _link(self, link: str) -> dict[str, Any]:
        return next(one for one in self.links if one["id"] == link)

    def _target(self, link: str) -> str:
        address: str = self.tool[TOOL]["target_link_uri"]
        return address if link == CHOOSE else str(self._link(link).get("url", address))

    def _from_tool(self, token: str, *, issuer: str, audience: str) -> dict[str, Any]:
        keys = jwt.PyJWKSet.from_dict(self.fetch(self.tool["jwks_uri"]))
        key = keys[jwt.get_unverified_header(token)["kid"]]
        return dict(jwt.decode(token, key, algorithms=["RS256"], issuer=issuer, audience=audience))


@contextmanager
def run_lti_platform(**how: Any) -> Iterator[LtiPlatform]:
    """Yield the LMS while it runs on this machine."""
    lms = LtiPlatform(**how)
    thread = threading.Thread(target=lms.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield lms
    finally:
        lms.shutdown()
        lms.server_close()
        thread.join()


def _fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - an address of the demo's own
        return json.load(answer)
