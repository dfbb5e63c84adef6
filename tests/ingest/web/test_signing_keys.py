"""Tests of the secrets that sign tokens: rotation, the `kid` header and forged tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ingest.web.identity import key_id
from models.errors import SettingsError
from tests.support.schools import JWT_SECRET

OLD, NEW, FOREIGN = JWT_SECRET, "the-second-signing-secret-of-the-tests-012345678", "f" * 48


@pytest.fixture(scope="module")
def rotating_app(shared_api):
    """Give the app during a rotation: the new secret signs, and the old one still verifies."""
    return shared_api.make_app(ESSAYCOACH_JWT_SECRET=f"{NEW}, {OLD}")


@pytest.fixture(scope="module")
def tokens(shared_api):
    """Give Alice's token pair from before the rotation."""
    return shared_api.sign_in("alice")


def ask(app, token: str):
    return app.test_client().get("/v1/me", headers={"Authorization": f"Bearer {token}"})


def refresh(app, token: str):
    return app.test_client().post("/v1/auth/refresh", headers={"Authorization": f"Bearer {token}"})


def claims_of(token: str, secret: str = OLD) -> dict:
    return jwt.decode(token, secret, algorithms=["HS256"], audience="essaycoach-api")


def make_token(header: dict, claims: dict, key: bytes) -> str:
    """Make a token without the library, which refuses most of these."""
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims))
    signature = hmac.new(key, head + b"." + body, hashlib.sha256).digest()
    return b".".join([head, body, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def test_token_has_the_key_id_and_all_required_claims(tokens):
    for kind in ("access", "refresh"):
        token = tokens[f"{kind}_token"]
        header = jwt.get_unverified_header(token)
        assert (header["alg"], header["kid"]) == ("HS256", key_id(OLD))
        claims = claims_of(token)
        assert {"jti", "iss", "aud", "type", "sub", "sid", "org", "iat", "nbf", "exp"} <= set(claims)
        assert claims["type"] == kind
        assert ("tv" in claims) == (kind == "access")


def test_token_ids_are_unique(shared_api):
    ids = {
        claims_of(shared_api.sign_in("bob")[f"{kind}_token"])["jti"] for kind in ("access", "refresh") for _ in range(5)
    }
    assert len(ids) == 10


def test_during_rotation_old_tokens_work_and_new_ones_use_the_new_key(rotating_app, tokens):
    assert ask(rotating_app, tokens["access_token"]).status_code == 200
    newer = refresh(rotating_app, tokens["refresh_token"])
    assert newer.status_code == 200
    for token in (newer.json["access_token"], newer.json["refresh_token"]):
        assert jwt.get_unverified_header(token)["kid"] == key_id(NEW)
    assert ask(rotating_app, newer.json["access_token"]).status_code == 200


def test_tokens_of_a_removed_secret_are_refused(shared_api, rotating_app, refused):
    tokens = shared_api.sign_in("bob")
    for app in (shared_api.app, rotating_app):
        assert ask(app, tokens["access_token"]).status_code == 200
    after = shared_api.make_app(ESSAYCOACH_JWT_SECRET=NEW)
    refused(ask(after, tokens["access_token"]), 401, "invalid-token")
    refused(refresh(after, tokens["refresh_token"]), 401, "invalid-token")
    newer = refresh(rotating_app, tokens["refresh_token"]).json
    assert ask(after, newer["access_token"]).status_code == 200
    refused(ask(shared_api.app, newer["access_token"]), 401, "invalid-token")


def test_accepted_token_is_refused_after_it_expires(shared_api, refused):
    token = shared_api.sign_in("bob")["access_token"]
    assert ask(shared_api.app, token).status_code == 200
    with time_machine.travel(timedelta(minutes=15, seconds=1)):
        refused(ask(shared_api.app, token), 401, "token-expired")


def test_token_signed_with_a_key_other_than_its_kid_is_refused(rotating_app, tokens, refused):
    claims = claims_of(tokens["access_token"])
    for key, kid in ((FOREIGN, key_id(OLD)), (FOREIGN, key_id(FOREIGN)), (OLD, key_id(NEW)), (NEW, key_id(OLD))):
        refused(ask(rotating_app, jwt.encode(claims, key, headers={"kid": kid})), 401, "invalid-token")
    assert ask(rotating_app, jwt.encode(claims, OLD, headers={"kid": key_id(OLD)})).status_code == 200


@pytest.mark.parametrize(
    "kid",
    [None, "", " ", "0", key_id(OLD).upper(), key_id(OLD)[:8], key_id(OLD) + "0", f" {key_id(OLD)}", "../../../dev/null", "/dev/null",
     "file:///etc/passwd", "http://evil.example/keys", "' or '1'='1", "'; drop table sessions; --", "x' union select 'secret", "%s",
     "\u0000", "\ud83d\ude00", "x" * 5000, 7, 1.5, True, [], [key_id(OLD)], {"kid": key_id(OLD)}],
    ids=lambda kid: ascii(kid)[:24],
)  # fmt: skip
def test_token_with_an_unknown_kid_is_invalid(shared_api, tokens, refused, kid):
    """The token is signed with the right secret, and with values that a lookup of an unknown kid could return."""
    claims = claims_of(tokens["access_token"])
    for key in (OLD.encode(), b"", b"secret"):
        refused(
            ask(shared_api.app, make_token({"alg": "HS256", "typ": "JWT", "kid": kid}, claims, key)),
            401,
            "invalid-token",
        )


def test_signing_secret_opens_no_session_but_the_one_of_the_token(shared_api, refused):
    """Whoever holds the secret and a session of their own cannot exchange one claim for that of somebody else."""
    own = {kind: claims_of(shared_api.sign_in("alice")[f"{kind}_token"]) for kind in ("access", "refresh")}
    foreign = claims_of(shared_api.sign_in("ada", shared_api.other)["access_token"])
    teacher = claims_of(shared_api.sign_in("ed")["access_token"])

    def signed(kind: str, **changes: str | int) -> str:
        return jwt.encode({**own[kind], **changes}, OLD, headers={"kid": key_id(OLD)})

    assert ask(shared_api.app, signed("access")).status_code == 200
    for changes in (
        {"org": foreign["org"]}, {"org": foreign["org"], "sub": foreign["sub"], "role": "admin"}, {"sub": teacher["sub"]},
        {"sub": teacher["sub"], "role": "educator"}, {"sid": teacher["sid"]}, {"sid": foreign["sid"], "org": foreign["org"]},
        {"role": "educator"}, {"role": "admin"}, {"tv": own["access"]["tv"] + 1},
    ):  # fmt: skip
        refused(ask(shared_api.app, signed("access", **changes)), 401, "invalid-token")
    for changes in ({"org": foreign["org"]}, {"sub": teacher["sub"]}, {"sid": teacher["sid"]}, {"sid": foreign["sid"]}):
        refused(refresh(shared_api.app, signed("refresh", **changes)), 401, "invalid-token")
    assert refresh(shared_api.app, signed("refresh")).status_code == 200


def test_token_without_a_kid_is_invalid(shared_api, tokens, refused):
    claims = claims_of(tokens["access_token"])
    refused(ask(shared_api.app, jwt.encode(claims, OLD)), 401, "invalid-token")


def test_key_or_key_url_inside_a_token_is_not_used(shared_api, tokens, refused):
    claims = claims_of(tokens["access_token"])
    own = base64.urlsafe_b64encode(FOREIGN.encode()).rstrip(b"=").decode()
    for extra in (
        {"jwk": {"kty": "oct", "k": own}}, {"jku": "http://evil.example/jwks.json"}, {"x5u": "http://evil.example/x"}, {"x5c": [own]},
    ):  # fmt: skip
        header = {"alg": "HS256", "typ": "JWT", "kid": key_id(OLD), **extra}
        refused(ask(shared_api.app, make_token(header, claims, FOREIGN.encode())), 401, "invalid-token")


def test_algorithm_confusion_is_refused(shared_api, tokens, refused):
    """The text of a public key is no secret here, and a signature of another algorithm with our kid is refused."""
    claims = claims_of(tokens["access_token"])
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    header = {"alg": "HS256", "typ": "JWT", "kid": key_id(OLD)}
    refused(ask(shared_api.app, make_token(header, claims, public)), 401, "invalid-token")
    for algorithm in ("RS256", "PS256"):
        refused(
            ask(shared_api.app, jwt.encode(claims, private, algorithm=algorithm, headers={"kid": key_id(OLD)})),
            401,
            "invalid-token",
        )
    for algorithm in ("none", "None", "NONE", "", "hs256", "HS384", "RS256", None, 256):
        refused(
            ask(shared_api.app, make_token({**header, "alg": algorithm}, claims, OLD.encode())), 401, "invalid-token"
        )


@pytest.mark.parametrize("change", ["payload", "header", "signature", "no signature", "two tokens in one"])
def test_tampered_token_is_invalid(shared_api, tokens, refused, change):
    head, body, signature = tokens["access_token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    promoted = base64.urlsafe_b64encode(json.dumps({**claims, "role": "admin"}).encode()).rstrip(b"=").decode()
    swapped = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": key_id(OLD)}).encode()).rstrip(b"=").decode()
    other = tokens["refresh_token"].split(".")
    token = {
        "payload": f"{head}.{promoted}.{signature}", "header": f"{swapped}.{body}.{signature}",
        "signature": f"{head}.{body}.{other[2]}", "no signature": f"{head}.{body}.", "two tokens in one": f"{head}.{other[1]}.{signature}",
    }[change]  # fmt: skip
    refused(ask(shared_api.app, token), 401, "invalid-token")


def test_token_without_the_access_type_is_invalid(shared_api, tokens, refused):
    """The JWT library takes a token without a type for an access token."""
    claims = claims_of(tokens["access_token"])
    del claims["type"]
    refused(ask(shared_api.app, jwt.encode(claims, OLD, headers={"kid": key_id(OLD)})), 401, "invalid-token")
    for kind in ("refresh", "", "Access", "id", None, ["access"]):
        token = jwt.encode({**claims, "type": kind}, OLD, headers={"kid": key_id(OLD)})
        refused(ask(shared_api.app, token), 401, "invalid-token")


@pytest.mark.parametrize("moment", ["exp", "nbf", "iat"])
def test_invalid_time_claim_is_no_server_error(shared_api, tokens, refused, moment):
    claims = claims_of(tokens["access_token"])
    for value in (-1e300, 1e300, 10**400, "now", [], {}, None, True, str(int(time.time()) + 900)):
        token = make_token({"alg": "HS256", "kid": key_id(OLD)}, {**claims, moment: value}, OLD.encode())
        answer = ask(shared_api.app, token)
        if answer.status_code != 200:  # any time before now is valid, however unusual
            refused(answer, 401, "token-expired" if answer.json["type"].endswith("expired") else "invalid-token")


@pytest.mark.parametrize(
    "value", ["x" * 31, f"{NEW},{'x' * 31}", f"{NEW},", f",{NEW}", f"{NEW},,{OLD}", f"{NEW},{NEW}", ",".join("abcdefgh" * 5)],
    ids=["short", "one short", "ends in a comma", "begins with one", "two commas", "twice", "commas only"],
)  # fmt: skip
def test_invalid_signing_secret_setting_stops_the_program(shared_api, value):
    with pytest.raises(SettingsError, match="ESSAYCOACH_JWT_SECRET") as stopped:
        shared_api.make_app(ESSAYCOACH_JWT_SECRET=value)
    assert value not in str(stopped.value)


def test_settings_repr_shows_no_secret(shared_api):
    shown = repr(shared_api.make_app(ESSAYCOACH_MAIL="smtp://u:hunter22@127.0.0.1?tls=starttls".replace("?tls=starttls", ""),
                                   ESSAYCOACH_MAIL_FROM="post@school.example").extensions["essaycoach.settings"])  # fmt: skip
    assert OLD not in shown
    assert "hunter22" not in shown
