"""A small LMS for the demo and the tests: it opens EssayCoach in a frame, as an LTI 1.3 platform does. It keeps nothing.

It registers a tool, sends people to it, takes links that a teacher has chosen, and gives tokens and the members of its course.
"""

from __future__ import annotations

import html
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
DEEP = "https://purl.imsglobal.org/spec/lti-dl/claim/"
NAMES_AND_ROLES = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership#"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEPLOYMENT = "1"
COURSE = {"id": "course-7", "label": "ENG 7", "title": "English 7"}
LINK = {"id": "link-1", "title": "My favourite place"}
# Of `lti_message_hint`: a teacher chooses what a link leads to.
CHOOSE = "choose"


@dataclass(frozen=True, kw_only=True)
class Member:
    """Somebody in the course of this LMS."""

    subject: str
    name: str
    role: str
    sis_id: str | None = None


MEMBERS = (
    Member(subject="4", name="Mia Moss", role="Learner"),
    Member(subject="5", name="Noah Nash", role="Learner"),
    Member(subject="2", name="Tara Teach", role="Instructor"),
)


class LtiPlatform(ThreadingHTTPServer):
    """The LMS. It has one course with one link, and what teachers have chosen since."""

    daemon_threads = True

    def __init__(self, *, port: int = 0, members: tuple[Member, ...] = MEMBERS) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.members = {member.subject: member for member in members}
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.registration_token = uuid4().hex
        self.tool: dict[str, Any] = {}
        self.client_id = "not registered"
        self.links: list[dict[str, Any]] = [dict(LINK)]
        self.access_tokens: set[str] = set()
        self.page_size = 100
        self.next_site = self.url
        self.fetch: Callable[[str], Any] = _fetch
        # What a test wants to be otherwise in the messages.
        self.claims: dict[str, Any] = {}
        self.signing_key: Any = self.key
        self.kid = "k1"

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
        token = uuid4().hex
        self.access_tokens.add(token)
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
        return {**common, **custom, CLAIM + "message_type": "LtiResourceLinkRequest", CLAIM + "resource_link": shown}

    def _link(self, link: str) -> dict[str, Any]:
        return next(one for one in self.links if one["id"] == link)

    def _target(self, link: str) -> str:
        address: str = self.tool[TOOL]["target_link_uri"]
        return address if link == CHOOSE else str(self._link(link).get("url", address))

    def _from_tool(self, token: str, *, issuer: str, audience: str) -> dict[str, Any]:
        keys = jwt.PyJWKSet.from_dict(self.fetch(self.tool["jwks_uri"]))
        key = keys[jwt.get_unverified_header(token)["kid"]]
        return dict(jwt.decode(token, key, algorithms=["RS256"], issuer=issuer, audience=audience))


class _Handler(BaseHTTPRequestHandler):
    server: LtiPlatform

    def do_GET(self) -> None:
        """Answer a request."""
        lms, parts = self.server, urlsplit(self.path)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/configuration":
            self._json(lms.configuration)
        elif parts.path == "/keys":
            public: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(lms.key.public_key(), as_dict=True)
            self._json({"keys": [{**public, "kid": "k1", "use": "sig", "alg": "RS256"}]})
        elif parts.path == "/authorize":
            self._authorize(asked)
        elif parts.path == "/members":
            self._members(int(asked.get("from", "0")))
        elif parts.path == "/open":
            frame = f'<iframe src="{html.escape(lms.login_address(asked["who"], asked["link"]))}" width="100%" height="900"></iframe>'
            self._page(f'<p><a href="/">My LMS</a></p>{frame}')
        else:
            self._page(self._course())

    def do_POST(self) -> None:
        """Answer a form or a JSON body."""
        lms, body = self.server, self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/register":
            if self.headers.get("Authorization") != f"Bearer {lms.registration_token}":
                self._json({"error": "invalid_token"}, status=401)
                return
            self._json(lms.register(json.loads(body)), status=201)
            return
        asked = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
        try:
            if self.path == "/token":
                self._json(lms.give_token(asked))
            elif self.path == "/chosen":
                lms.take_choice(asked["JWT"])
                self._page('<p id="chosen">Put into the course.</p><p><a href="/" target="_top">My LMS</a></p>')
            else:
                self._authorize(asked)
        except (jwt.PyJWTError, KeyError, ValueError) as error:
            self._json({"error": "invalid_request", "reason": type(error).__name__}, status=400)

    def log_message(self, *_: object) -> None:
        """Say nothing about requests."""

    def _authorize(self, asked: dict[str, str]) -> None:
        try:
            message = self.server.message(asked)
        except (KeyError, ValueError, StopIteration):
            self._json({"error": "invalid_request"}, status=400)
            return
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{html.escape(message[name])}">'
            for name in ("id_token", "state")
        )
        form = (
            f'<form id="go" method="post" action="{html.escape(message["to"])}">{hidden}<button>Go on</button></form>'
        )
        self._page(f'{form}<script>document.getElementById("go").submit()</script>')

    def _members(self, first: int) -> None:
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.server.access_tokens:
            self._json({"error": "invalid_token"}, status=401)
            return
        found, more = self.server.list_members(first)
        link = {} if more is None else {"Link": f'<{self.server.next_site}/members?from={more}>; rel="next"'}
        self._json(found, headers=link)

    def _course(self) -> str:
        lms = self.server
        if not lms.tool:
            return "<h1>My LMS</h1><p>No tool is registered.</p>"
        rows = "".join(
            f'<li>{html.escape(link["title"])}: {self._people(link["id"])}</li>' for link in lms.links
        )  # fmt: skip
        teachers = " ".join(
            f'<a href="/open?who={one.subject}&amp;link={CHOOSE}">{html.escape(one.name)}</a>'
            for one in lms.members.values() if one.role == "Instructor"
        )  # fmt: skip
        return f"<h1>{html.escape(COURSE['title'])}</h1><ul>{rows}</ul><p>Add a link: {teachers}</p>"

    def _people(self, link: str) -> str:
        return " ".join(
            f'<a href="/open?who={one.subject}&amp;link={link}">{html.escape(one.name)}</a>'
            for one in self.server.members.values()
        )  # fmt: skip

    def _json(self, answer: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(answer).encode(), "application/json", status=status, headers=headers or {})

    def _page(self, body: str) -> None:
        self._send(
            f"<!doctype html><html lang=en><title>My LMS</title>{body}".encode(), "text/html; charset=utf-8", status=200, headers={}
        )  # fmt: skip

    def _send(self, body: bytes, content_type: str, *, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


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
