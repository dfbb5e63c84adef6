"""Tests of OWASP ASVS requirements that no other test covers (docs/security.md)."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import re
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from models import one_time_tokens
from models.db import session
from models.log import logger
from models.passwords import LEAST_CHARACTERS, Passwords
from tests.support.servers import ROOT

SOURCES = [
    path
    for folder in ("ingest", "models", "workers", "documents", "monitoring", "migrations", "outgoing", "standalone")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
YEAR = 365 * 24 * 3600


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def calls_in(path: Path) -> list[tuple[str, ast.Call]]:
    """Return every call in a file with its dotted name."""
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [(ast.unparse(node.func), node) for node in tree if isinstance(node, ast.Call)]


@cache
def imports_of(path: Path) -> set[str]:
    """Return every module that a file imports and every name it imports from one, dotted."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{one.name}" for one in node.names}
    return found


@pytest.fixture(scope="module")
def document(shared_api):
    """Give the OpenAPI document."""
    return shared_api.client.get("/openapi.json").json


@pytest.fixture(scope="module")
def answers(shared_api, document):
    """Give the responses of every operation and page, once without credentials and once as an admin."""
    ada = {"Authorization": f"Bearer {shared_api.sign_in('ada')['access_token']}"}
    asked = [("GET", path) for path in ("/docs", "/openapi.json", "/problems/not-found", "/nowhere", "/static/x.js")]
    asked += [("TRACE", "/healthz"), ("OPTIONS", "/v1/me"), ("HEAD", "/healthz"), ("PUT", "/v1/me")]
    asked += [
        (method.upper(), re.sub(r"\{\w+\}", lambda _: str(uuid4()), path))
        for path, item in document["paths"].items()
        for method in item
        if not path.endswith("/logout")
    ]
    return [
        (f"{method} {path}", shared_api.client.open(path, method=method, headers=headers, data=data, content_type=kind))
        for method, path in asked
        for headers in ({}, ada)
        for data, kind in (((b"{", "application/json") if method in ("POST", "PUT", "PATCH") else (None, None)),)
    ]


def test_no_response_sets_a_cookie_or_a_cors_header(answers):
    assert len(answers) > 40
    for name, answer in answers:
        assert "Set-Cookie" not in answer.headers, name
        assert not [header for header, _ in answer.headers if header.startswith("Access-Control-")], name


def test_cross_site_form_post_is_refused(shared_api, refused):
    """A browser sends these content types to another site without a preflight request."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        body = b'{"org": "northside", "email": "alice@northside.example", "password": "x"}'
        answer = shared_api.client.post(
            "/v1/auth/login", data=body, content_type=kind, headers={"Origin": "https://evil.example"}
        )
        refused(answer, 415, "unsupported-media-type")


def test_response_body_matches_its_content_type(answers):
    for name, answer in answers:
        if not answer.data:
            continue
        kind, _, parameters = answer.content_type.partition(";")
        if kind in ("application/json", "application/problem+json"):
            json.loads(answer.data.decode("utf-8"))
        else:
            assert kind in ("text/html", "text/plain", "text/event-stream"), name
            assert parameters.strip() == "charset=utf-8", name


def test_every_response_has_strict_security_headers(answers):
    for name, answer in answers:
        policy = {
            part.split()[0]: part.split()[1:]
            for part in answer.headers["Content-Security-Policy"].split(";")
            if part.strip()
        }
        assert policy["default-src"] == ["'none'"], name
        assert policy["frame-ancestors"] == ["'none'"], name
        assert policy["base-uri"] == ["'none'"], name
        assert not any("unsafe" in source or "*" in source for sources in policy.values() for source in sources), name
        assert set(policy) <= {"default-src", "frame-ancestors", "base-uri", "form-action"} or name == "GET /docs", name
        assert answer.headers["X-Content-Type-Options"] == "nosniff", name
        assert answer.headers["Referrer-Policy"] == "no-referrer", name
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin", name
        assert answer.headers["Cache-Control"] == "no-store", name


def test_https_responses_have_hsts_for_a_year(shared_api):
    client = shared_api.make_app(ESSAYCOACH_PROXIES="1").test_client()
    for path in ("/healthz", "/docs", "/openapi.json", "/v1/me", "/nowhere"):
        answer = client.get(path, headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"})
        reported = answer.headers["Strict-Transport-Security"]
        assert int(re.fullmatch(r"max-age=(\d+)(; .*)?", reported)[1]) >= YEAR
        assert "includeSubDomains" in reported


def test_no_safe_method_changes_a_row(shared_api, document):
    """A read may add audit and analytics rows and notes of reports only. Requests use real ids, as an admin and as the author."""
    school, receipt = shared_api.school, shared_api.hand_in("alice", assignment_id=str(shared_api.school.assignment))
    real = {
        "submission_id": receipt["id"], "essay_id": receipt["essay_id"], "user_id": school.alice, "course_id": school.course, "student_id": school.alice,
        "assignment_id": school.assignment, "rubric_id": school.rubric, "source_id": school.source, "key_id": school.api_key_id,
    }  # fmt: skip
    people = [shared_api.signed_in("ada"), shared_api.signed_in("alice")]
    read_log_tables = ("audit_log", "audit_heads", "analytics", "reports")
    listed = shared_api.database.sql(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition"
    )

    def rows() -> dict[object, object]:
        return {
            name: shared_api.database.sql(
                f"select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {name} as t"
            )
            for (name,) in listed
            if name not in read_log_tables
        }

    before, answered = rows(), []
    for path in document["paths"]:
        address = re.sub(r"\{(\w+)\}", lambda found: str(real.get(found[1], uuid4())), path)
        for method in ("GET", "HEAD", "OPTIONS"):
            for headers in people:
                answer = shared_api.client.open(address, method=method, headers=headers, buffered=False)
                answered.append(answer.status_code)
                answer.close()
    assert answered.count(200) > 30
    assert max(answered) < 500
    assert rows() == before


def test_urls_carry_no_name_email_or_secret(document):
    """Every proxy logs the URLs of requests. The LMS's ids of `/v1/essays` name nobody outside the LMS."""
    allowed = {
        "limit", "cursor", "status", "role", "pass", "reason", "queue", "course_id", "assignment_id", "user_id", "student_id",
        "entity_id", "actor_id", "archived", "from", "to", "state", "sort", "level", "program", "since", "external_id",
        "student_external_id", "outcome",
    }  # fmt: skip
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query":
                    assert parameter["name"] in allowed, f"{method} {path}?{parameter['name']}"
                if parameter["in"] == "path":
                    assert parameter["schema"]["format"] == "uuid", path


def test_token_in_query_string_or_cookie_is_refused(shared_api, refused):
    token = shared_api.sign_in("alice")["access_token"]
    for name in ("access_token", "token", "jwt", "authorization"):
        refused(shared_api.client.get("/v1/me", query_string={name: token}), 401, "unauthorized")
    shared_api.client.set_cookie("access_token_cookie", token)
    refused(shared_api.client.get("/v1/me"), 401, "unauthorized")


def test_response_schemas_have_no_internal_fields(document):
    internal = {
        "password",
        "password_hash",
        "digest",
        "email_digest",
        "wrapped",
        "master_key_id",
        "token_version",
        "pepper",
    }
    answered = set()
    for item in document["paths"].values():
        for operation in item.values():
            for answer in operation["responses"].values():
                answered |= set(re.findall(r"#/components/schemas/(\w+)", json.dumps(answer)))
    schemas = document["components"]["schemas"]
    while (
        more := {
            name for one in answered for name in re.findall(r"#/components/schemas/(\w+)", json.dumps(schemas[one]))
        }
        - answered
    ):
        answered |= more
    assert len(answered) > 10
    for name in answered:
        assert not set(schemas[name].get("properties", {})) & internal, name


def test_no_field_or_column_for_secret_questions_or_password_expiry(document, database):
    fields = {name for schema in document["components"]["schemas"].values() for name in schema.get("properties", {})}
    columns = {
        row[0]
        for row in database.sql(
            "select column_name from information_schema.columns where table_name in ('users', 'sessions')"
        )
    }
    assert not {name for name in fields | columns if re.search(r"question|password_(hint|expires|changed)", name)}


def test_new_database_has_no_account_key_or_source(database):
    for table in ("orgs", "users", "api_keys", "sources", "sessions", "one_time_tokens"):
        assert database.sql(f"select count(*) from {table}") == [(0,)], table
    superusers = database.sql("select rolname from pg_roles where rolname like 'ec\\_%' and rolsuper")
    assert superusers == []


def test_repository_files_are_not_served_or_copied_to_the_image(shared_api, refused):
    for path in (
        "/.git/HEAD",
        "/.git/",
        "/.env",
        "/static/",
        "/ingest/",
        "/docs/",
        "/v1/",
        "/metrics",
        "/console",
    ):
        refused(shared_api.client.get(path), 404, "not-found")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", "tests", "benchmarks"} <= set(ignored)
    copied = re.findall(r"^COPY (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert not {".", "./", "*", ".git"} & set(copied)


def test_trace_and_unknown_methods_are_refused_and_debug_is_off(shared_api, refused):
    for method in ("TRACE", "TRACK", "CONNECT", "DEBUG"):
        answer = shared_api.client.open("/healthz", method=method, headers={"X-Secret": "mulberry"})
        refused(answer, 405, "method-not-allowed")
        assert "mulberry" not in answer.text
    assert not shared_api.app.debug
    assert not shared_api.app.testing
    assert not shared_api.app.config["PROPAGATE_EXCEPTIONS"]


def test_token_with_its_own_key_or_key_url_is_refused(shared_api, refused):
    token = shared_api.sign_in("alice")["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = RSAAlgorithm.to_jwk(own.public_key(), as_dict=True)
    kid = jwt.get_unverified_header(token).get("kid")
    for header in (
        {"jwk": public},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/x"},
        {"x5c": ["MIIB"]},
    ):
        for kept in ({}, {"kid": kid} if kid else {}):
            forged = [
                jwt.encode(claims, own, algorithm="RS256", headers={**header, **kept}),
                jwt.encode(
                    claims, "another key of at least thirty-two bytes", algorithm="HS256", headers={**header, **kept}
                ),
            ]
            for one in forged:
                answer = shared_api.client.get("/v1/me", headers={"Authorization": f"Bearer {one}"})
                refused(answer, 401, "invalid-token")


def test_each_sign_in_creates_its_own_session(shared_api):
    tokens = [shared_api.sign_in("bob") for _ in range(3)]
    claims = [jwt.decode(one["access_token"], options={"verify_signature": False}) for one in tokens]
    assert len({one["sid"] for one in claims}) == len({one["jti"] for one in claims}) == 3
    assert len({one["refresh_token"] for one in tokens}) == 3


@pytest.mark.slow(reason="tries 3,000 passwords")
def test_3000_most_common_passwords_are_refused():
    """Take the most common leaked passwords that are long enough."""
    passwords = Passwords(rounds=1000)
    common = [one for one in FREQUENCY_LISTS["passwords"] if len(one) >= LEAST_CHARACTERS][:3000]
    assert len(common) == 3000
    assert [one for one in common if passwords.objection(one) is None] == []


def test_mailed_token_has_256_bits_and_is_stored_as_a_digest(shared_api):
    school = shared_api.school
    with session(org=school.org, role="ec_auth"):
        issued = [one_time_tokens.issue(school.zoe, org=school.org, purpose="password_reset") for _ in range(20)]
    drawn = {base64.urlsafe_b64decode(one + "=") for one in issued}
    assert {len(one) for one in drawn} == {32}
    assert len(drawn) == 20
    stored = shared_api.database.sql("select digest from one_time_tokens where user_id = %s", str(school.zoe))
    assert {bytes(digest) for (digest,) in stored} == {hashlib.sha256(one.encode()).digest() for one in issued}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_source_file_uses_no_eval_shell_pickle_or_xml(path):
    forbidden = {
        "eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
        "asyncio.create_subprocess_shell", "pickle.load", "pickle.loads", "marshal.loads", "yaml.load", "yaml.unsafe_load",
    }  # fmt: skip
    for name, call in calls_in(path):
        assert name not in forbidden, f"{name_of(path)}:{call.lineno}"
        assert not any(word.arg == "shell" for word in call.keywords), f"{name_of(path)}:{call.lineno}"
    modules = {one.partition(".")[0] for one in imports_of(path)}
    if name_of(path).startswith("documents/"):
        modules -= {"xml", "lxml"}  # in a child process without network, with its entities off: documents/xml_parts.py
    assert not modules & {"pickle", "shelve", "marshal", "xml", "lxml", "xmltodict", "yaml", "jinja2", "ldap", "ldap3"}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_source_file_uses_only_approved_hashes_and_ciphers(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b(md5|sha1|blake2\w*|DES|RC4|ECB|PKCS1v15)\b", text)
    assert set(re.findall(r"""\bhashlib\.(?:file_digest\(\w+, ")?(\w+)""", text)) <= {"sha256"}
    ciphers = {one for one in imports_of(path) if one.startswith(("cryptography.", "Crypto", "nacl", "rsa"))}
    assert ciphers <= {
        "cryptography.exceptions.InvalidTag", "cryptography.hazmat.primitives.ciphers.aead.AESGCM",
        # Our own keys of LTI: RSA of 2048 bits, and their form in the database.
        "cryptography.hazmat.primitives.serialization", "cryptography.hazmat.primitives.asymmetric.rsa",
        # The keys of backups: HKDF with SHA-256.
        "cryptography.hazmat.primitives.hashes", "cryptography.hazmat.primitives.kdf.hkdf.HKDF",
    }  # fmt: skip


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_random_module_is_used_only_for_jitter_and_measurement(path):
    """`random` is for jitter, for the order of work, and for one seeded measurement; secrets come from the random source of the system."""
    allowed = {"random.uniform", "random.shuffle", "random.sample"} | (
        {"random.Random"} if path.name == "compare.py" else set()
    )
    guessable = {name for name, _ in calls_in(path) if name.startswith("random.")} - allowed
    assert guessable == set()
    assert not {one for one in imports_of(path) if one.startswith("random.")}


def test_log_line_is_one_json_object_with_utc_time(shared_api, capsys):
    shared_api.make_app()
    capsys.readouterr()
    logger("asvs").warning("a fixed text", fact='line one\n{"event": "forged"}\r\x1b[31m\u2028end')
    (line,) = capsys.readouterr().err.splitlines()
    reported = json.loads(line)
    assert reported["event"] == "a fixed text"
    assert reported["fact"].startswith("line one\n")
    assert reported["level"] == "warning"
    assert datetime.fromisoformat(reported["at"]).utcoffset() == timedelta(0)
    assert "\x1b" not in line
    assert "\u2028" not in line
