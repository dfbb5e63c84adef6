"""Tests of the examples in docs/clients: each signs a hand-in that the app takes, and tells good webhooks from bad ones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from standardwebhooks import Webhook
from werkzeug.serving import make_server

from models.webhook_secret import new_secret
from outgoing import signature as signing
from tests.ingest.conftest import ApiUnderTest, envelope, piece
from tests.ingest.submissions.test_webhooks import sign_text
from tests.support.commands import CommandResult
from tests.support.races import promptly
from tests.support.servers import ROOT

# What runs each example, the Debian package that has it, and how the example compares signatures.
EXAMPLES = {
    "webhooks.py": ("python3", "python3", "hmac.compare_digest("),
    "webhooks.mjs": ("node", "nodejs", "timingSafeEqual("),
    "webhooks.php": ("php", "php-cli", "hash_equals("),
    "webhooks.go": ("go", "golang-go", "hmac.Equal("),
    "webhooks.sh": ("openssl", "openssl", "openssl rand -hex 64"),
}
COMMANDS = {"python3": [sys.executable], "node": ["node"], "php": ["php"], "openssl": ["bash"]}
SECRET, OLD, FOREIGN = new_secret(), new_secret(), new_secret()
EVENT = "msg_1"
BODY = json.dumps(
    {"type": "feedback.ready", "data": {"title": "  Grüße,\u2028 \ufeff日本 😀\t"}}, ensure_ascii=False, indent=1
).replace("\n", "\r\n").encode() + b" \t\r\n\n\n"  # fmt: skip

Run = Callable[..., CommandResult]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.slow(reason="builds Go's own library") if name.endswith(".go") else ())
        for name in EXAMPLES
    ],
)
def example(request: pytest.FixtureRequest) -> Path:
    """Give the file of each example whose language is installed."""
    program, package, _ = EXAMPLES[request.param]
    if shutil.which(program) is None:
        pytest.skip(f"no {program} (Debian: apt-get install {package})")
    return ROOT / "docs/clients" / request.param


@pytest.fixture(scope="module")
def run(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`run("verify", …, body=…, SECRETS=…)` runs the example's command line."""
    program = EXAMPLES[example.name][0]
    if program == "go":
        built = tmp_path_factory.mktemp("go") / "webhooks"
        subprocess.run(["go", "build", "-o", built, example], check=True)
        command = [str(built)]
    else:
        command = [*COMMANDS[program], str(example)]

    def run_example(*arguments: str, body: bytes, **environment: str) -> CommandResult:
        complete = [*command, *arguments]
        done = subprocess.run(
            complete, input=body, env={**os.environ, **environment}, capture_output=True, timeout=60, check=False
        )
        return CommandResult(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run_example


@pytest.fixture(scope="module")
def url(shared_api: ApiUnderTest) -> Iterator[str]:
    """Give the address at which the app takes webhooks of the school's source."""
    server = make_server("127.0.0.1", 0, shared_api.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/webhooks/{shared_api.school.source}"
    server.shutdown()
    thread.join()
    server.server_close()


def sign(secret: str = SECRET, *, event: str = EVENT, at: int | None = None, body: bytes = BODY) -> str:
    """Sign with the published library."""
    moment = datetime.fromtimestamp(int(time.time()) if at is None else at, UTC)
    return Webhook(secret).sign(event, moment, body.decode())


def test_app_takes_what_the_example_signed_and_stores_it_once(run: Run, url: str, shared_api: ApiUnderTest) -> None:
    text = "Grüße aus  München.\r\n\r\n\tThey was 😀 late."
    data = piece(text=text, student={"external_id": uuid4().hex, "name": "Zoë"})
    event = f"msg_{uuid4().hex}"
    # Spaces and line ends around the event, and letters as they are: the bytes count, not what they say.
    body = b"\r\n  " + json.dumps(json.loads(envelope(data)), ensure_ascii=False, indent=2).encode() + b" \n\n"
    first, again = [run("hand-in", url, event, body=body, SECRET=shared_api.school.source_secret) for _ in range(2)]
    assert first.returncode == 0, first
    status, receipt = first.stdout.split("\n", 1)
    assert status == "202"
    assert again.stdout == first.stdout
    stored = shared_api.client.get(f"/v1/submissions/{json.loads(receipt)['id']}/text", headers=shared_api.with_key())
    assert stored.json["text"] == text


def test_app_refuses_what_the_example_signed_with_another_secret(run: Run, url: str) -> None:
    refused = run("hand-in", url, "msg_2", body=envelope(piece()), SECRET=FOREIGN)
    assert refused.returncode == 1
    assert refused.stdout.startswith("401\n")
    assert "/problems/invalid-signature" in refused.stdout


def test_example_verifies_what_was_signed_with_a_live_secret(run: Run) -> None:
    now = int(time.time())
    ours = signing.sign(SECRET, event_id=EVENT, timestamp=now, body=BODY)
    assert ours == sign(at=now)
    both = f"{sign(OLD, at=now)} {ours}"
    for secrets, signatures in (
        (SECRET, ours), (f"{SECRET} {OLD}", ours), (f"{OLD} {SECRET}", ours),
        # while we change a secret, we sign with both, and the receiver has one of them or both
        (SECRET, both), (OLD, both), (f"{SECRET} {OLD}", both),
        (SECRET, f"v1a,{'A' * 86}== v2 v1, {ours} v1,AAAA"),
    ):  # fmt: skip
        done = run("verify", EVENT, str(now), signatures, body=BODY, SECRETS=secrets)
        assert (done.returncode, done.stdout.strip()) == (0, "verified"), (secrets, signatures, done)


@pytest.mark.parametrize(("seconds", "verified"), [(-295, True), (295, True), (-302, False), (310, False)])
def test_example_verifies_within_five_minutes_only(run: Run, seconds: int, verified: bool) -> None:
    def verify() -> CommandResult:
        moment = int(time.time()) + seconds
        return run("verify", EVENT, str(moment), sign(at=moment), body=BODY, SECRETS=SECRET)

    done = promptly(verify, seconds=4)
    assert done.returncode == (0 if verified else 1), done
    assert ("timestamp" in done.stdout) != verified


# How a good webhook is changed. A signature is made from the good one.
CHANGES: dict[str, dict[str, Any]] = {
    "other id": {"event": "msg_2"},
    "secret that ended": {"secrets": OLD},
    "foreign secrets": {"secrets": f"{FOREIGN} {OLD}"},
    "other body": {"body": BODY.replace(b"ready", b"gone!")},
    "white space cut off": {"body": BODY.strip()},
    "parsed and written again": {"body": json.dumps(json.loads(BODY)).encode()},
    "no body": {"body": b""},
    "no signature": {"change": lambda good: ""},
    "other scheme": {"change": lambda good: good.replace("v1,", "v2,")},
    "no scheme": {"change": lambda good: good.removeprefix("v1,")},
    "beginning of the signature": {"change": lambda good: good[:-4]},
    "more than the signature": {"change": lambda good: f"{good}A"},
    "letters of another case": {"change": lambda good: f"v1,{good[3:].swapcase()}"},
    "pattern": {"change": lambda good: "* v1,* .*"},
    "hostile": {"change": lambda good: "$(id) `id` ' \" \\ é \x7f"},
}


@pytest.mark.parametrize("what", CHANGES)
def test_example_refuses_a_webhook_that_was_changed(run: Run, what: str) -> None:
    changes = {"event": EVENT, "body": BODY, "secrets": SECRET, "change": str, **CHANGES[what]}
    now = int(time.time())
    signatures = changes["change"](sign(at=now))
    done = run("verify", changes["event"], str(now), signatures, body=changes["body"], SECRETS=changes["secrets"])
    assert (done.returncode, "no signature matches" in done.stdout.lower()) == (1, True), done


def test_example_refuses_the_signature_of_another_time(run: Run) -> None:
    now = int(time.time())
    done = run("verify", EVENT, str(now - 1), sign(at=now), body=BODY, SECRETS=SECRET)
    assert (done.returncode, "no signature matches" in done.stdout.lower()) == (1, True), done


@pytest.mark.parametrize(
    "form", ["", "now", "-1", "1e9", " {}", "{}\n", "+{}", "{}.0", "0x7fffffff", "9999999999999", "a[$(id)]", "١"], ids=ascii
)  # fmt: skip
def test_example_refuses_a_timestamp_that_is_no_number_of_seconds(run: Run, form: str) -> None:
    timestamp = form.format(int(time.time()))
    done = run(
        "verify",
        EVENT,
        timestamp,
        sign_text(SECRET, EVENT, timestamp, BODY)["webhook-signature"],
        body=BODY,
        SECRETS=SECRET,
    )
    assert (done.returncode, "timestamp" in done.stdout) == (1, True), done


@pytest.mark.parametrize("secrets", ["", "whsec_", "whsec_AAAA"])
def test_example_verifies_nothing_without_a_secret(run: Run, secrets: str) -> None:
    """Whoever guesses that the secret is empty could sign with it."""
    now = int(time.time())
    signature = signing.sign(secrets, event_id=EVENT, timestamp=now, body=BODY)
    done = run("verify", EVENT, str(now), signature, body=BODY, SECRETS=secrets)
    assert done.returncode == 1, done
    assert "verified" not in done.stdout


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_compares_in_constant_time(name: str) -> None:
    assert EXAMPLES[name][2] in (ROOT / "docs/clients" / name).read_text(encoding="utf-8")


def test_shell_example_shows_the_secret_to_no_other_program(tmp_path: Path) -> None:
    """Everybody on a machine can read the command lines of its programs."""
    log = tmp_path / "log"
    for program in ("openssl", "od", "tr", "cat", "date", "curl"):
        real = shutil.which(program)
        (tmp_path / program).write_text(f'#!/bin/sh\necho {program} "$@" >> {log}\nexec {real} "$@"\n')
        (tmp_path / program).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SECRETS": SECRET}
    now = int(time.time())
    command = ["bash", str(ROOT / "docs/clients/webhooks.sh"), "verify", EVENT, str(now), sign(at=now)]
    subprocess.run(command, input=BODY, env=environment, check=True, capture_output=True)
    shown = log.read_text()
    assert "openssl dgst -sha256 -binary" in shown
    assert SECRET.removeprefix("whsec_") not in shown
    assert signing.secret_bytes(SECRET).hex() not in shown
