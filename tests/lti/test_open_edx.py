"""Launch and deep-link from the LTI platform of Open edX (`lti-consumer-xblock`), and get tokens of it."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.test.utils import override_settings
from werkzeug.serving import make_server

from ingest.lms import names_and_roles
from ingest.web import outgoing
from models import db, platforms
from models.lti_keys import signing_key
from outgoing.lti import access_token
from outgoing.score import SCOPE
from tests.ingest.conftest import ApiUnderTest
from tests.support.pages import Page, PageReader

pytest.importorskip("lti_consumer", reason="lti-consumer-xblock is not installed (test extra)")
with warnings.catch_warnings():
    # It uses modules of Python and of Open edX that will go.
    warnings.simplefilter("ignore")
    if not settings.configured:
        settings.configure()
    from lti_consumer.data import Lti1p3LaunchData
    from lti_consumer.lti_1p3.consumer import LtiAdvantageConsumer

MEMBERSHIPS = names_and_roles.MEMBERS_SCOPE


class _OpenEdx(ThreadingHTTPServer):
    """The addresses of Open edX that we call: its keys, and its tokens."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.consumer: Any = None


class _Handler(BaseHTTPRequestHandler):
    server: _OpenEdx

    def do_GET(self) -> None:
        self._send(self.server.consumer.get_public_keyset())

    def do_POST(self) -> None:
        asked = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self._send(self.server.consumer.access_token(asked))

    def log_message(self, *_: object) -> None: ...

    def _send(self, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@dataclass(frozen=True)
class OpenEdx:
    """Open edX with our tool in a course, as one person after another opens it."""

    api: ApiUnderTest
    consumer: Any
    platform: dict[str, Any]

    def open(self, user: str, role: str, **launch: Any) -> Page:
        """Launch as this person; `launch` is more of what Open edX says."""
        data = Lti1p3LaunchData(user_id=user, user_role=role, config_id="1", resource_link_id="block-1", **launch)
        self.consumer.set_user_data(user, role)
        self.consumer.set_resource_link_claim("block-1", title="Essay of week 3")
        reader = PageReader(self.api.app)
        begun = reader.client.get(_local(self.consumer.prepare_preflight_url(data)))
        sent_on = reader.client.get(begun.location)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(sent_on.location).query).items()}
        message = self.consumer.generate_launch_request(asked)
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}
        reader.page = Page(reader.client.post("/lti/launch", data=message, headers=headers, follow_redirects=True))
        if launch.get("message_type") == "LtiDeepLinkingRequest":
            return reader.post("/lti/choose", choice=reader.page.hidden("choice"), title="A letter")
        return reader.page


def _local(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


@pytest.fixture
def open_edx(api: ApiUnderTest) -> Iterator[OpenEdx]:
    """Give Open edX after an admin there and one here have copied each other's values."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    # It fetches our keys itself, over HTTP.
    ours = make_server("127.0.0.1", 0, api.app, threaded=True)
    edx = _OpenEdx()
    threads = [threading.Thread(target=one.serve_forever, daemon=True) for one in (ours, edx)]
    for thread in threads:
        thread.start()
    values = {
        "issuer": edx.url, "client_id": "c-1", "authorization_url": f"{edx.url}/authorize", "token_url": f"{edx.url}/token",
        "jwks_url": f"{edx.url}/keys", "deployments": ["1"],
    }  # fmt: skip
    made = api.client.post(
        "/v1/platforms", json={"name": "Open edX", "values": values}, headers=api.signed_in("ada")
    ).json
    edx.consumer = LtiAdvantageConsumer(
        iss=edx.url, lti_oidc_url=made["login_url"], lti_launch_url=made["launch_url"], client_id="c-1", deployment_id="1",
        rsa_key=key.decode(), rsa_key_id="k1", redirect_uris=[made["launch_url"]],
        tool_keyset_url=f"http://127.0.0.1:{ours.server_port}/lti/jwks/{made['id']}",
    )  # fmt: skip
    with override_settings(PLATFORM_NAME="Open edX"):
        yield OpenEdx(api, edx.consumer, made)
    for server, thread in zip((ours, edx), threads, strict=True):
        server.shutdown()
        server.server_close()
        thread.join()


def test_student_and_teacher_launch(open_edx: OpenEdx) -> None:
    student = open_edx.open("u-1", "student")
    assert (student.status, student.words("h1")) == (200, ["Hand in an essay"])
    assert student.words("#assignment_id option[selected]") == ["Essay of week 3"]
    teacher = open_edx.open("u-2", "instructor")
    assert (teacher.status, teacher.words("h1")) == (200, ["Essay of week 3"])


def test_teacher_chooses_and_students_arrive_there(open_edx: OpenEdx) -> None:
    open_edx.consumer.enable_deep_linking(open_edx.platform["launch_url"], "http://127.0.0.1:1/return")
    page = open_edx.open("u-2", "instructor", message_type="LtiDeepLinkingRequest")
    [item] = open_edx.consumer.check_and_decode_deep_linking_token(page.hidden("JWT"))
    assert item["title"] == "A letter"
    # Open edX passes on the address of the link, and no parameters.
    open_edx.consumer.set_dl_content_launch_parameters(url=item["url"])
    assert open_edx.open("u-1", "student").words("#assignment_id option[selected]") == ["A letter"]


def test_launch_says_where_scores_go_and_our_key_gets_a_token_for_them(open_edx: OpenEdx) -> None:
    line_item = f"{open_edx.platform['issuer']}/api/lti_consumer/v1/lti/1/lti-ags/1"
    open_edx.consumer.enable_ags(line_item.rpartition("/")[0], line_item)
    open_edx.open("u-1", "student")
    assert open_edx.api.database.sql("select line_item_url from platform_assignments") == [(line_item,)]
    assert open_edx.consumer.check_token(token_of(open_edx, SCOPE), [SCOPE])


def test_our_key_gets_a_token(open_edx: OpenEdx) -> None:
    assert open_edx.consumer.check_token(token_of(open_edx, MEMBERSHIPS), [MEMBERSHIPS])


def token_of(open_edx: OpenEdx, scope: str) -> str:
    """Return a token of Open edX."""
    with db.session(role="ec_auth"):
        platform = platforms.find_by_client(open_edx.platform["issuer"], "c-1")
        key = signing_key(platform.id)
    with open_edx.api.app.app_context():
        return access_token(platform, scope, key, client=outgoing.client())
