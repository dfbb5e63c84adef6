"""A sign-in provider that forges: it answers over HTTP as OpenID Connect says, but for what a test wants to be wrong."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

ALGORITHMS = ["RS256", "HS256"]


class Forger(ThreadingHTTPServer):
    """The provider. A test changes its claims, its key, its answers, and what it remembers of the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.key: Any = RSAKey.generate_key(2048, {"kid": "k1"})
        self.signing_key: Any = self.key
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "k1"}
        self.claims: dict[str, Any] = {}
        self.nonce = ""
        self.token: str | None = None
        self.access_token = "a"
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.sent: list[str] = []
        # Seconds between the bytes of an answer.
        self.drip_seconds = 0.0

    def metadata(self) -> dict[str, Any]:
        """Return what the provider says about itself."""
        pages = {name: f"{self.issuer}/{name}" for name in ("authorize", "token", "keys", "userinfo")}
        return {
            "issuer": self.issuer, "authorization_endpoint": pages["authorize"], "token_endpoint": pages["token"],
            "jwks_uri": pages["keys"], "userinfo_endpoint": pages["userinfo"],
        }  # fmt: skip

    def id_token(self) -> str:
        """Return the ID token: right in everything but in what the test has changed; a claim of None is left out."""
        now = int(time.time())
        right = {
            "iss": self.issuer, "aud": "essaycoach", "sub": "s-1", "exp": now + 300, "iat": now, "nonce": self.nonce,
            "email": "alice@northside.example", "email_verified": True,
        }  # fmt: skip
        claims = {name: value for name, value in {**right, **self.claims}.items() if value is not None}
        return jwt.encode(self.header, claims, self.signing_key, algorithms=ALGORITHMS)

    def use_shared_secret(self, secret: str) -> None:
        """Sign with a secret that client and provider share, as a forger would who knows it."""
        self.signing_key, self.header = OctKey.import_key(secret), {"alg": "HS256"}

    def answer_to(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the answer."""
        if path in self.answers:
            return self.answers[path]
        found: Any = {
            "/.well-known/openid-configuration": self.metadata,
            "/keys": lambda: {"keys": [self.key.as_dict(private=False)]},
            "/token": lambda: {
                "access_token": self.access_token,
                "token_type": "Bearer",
                "id_token": self.token or self.id_token(),
            },
        }.get(path)
        return (200, {}, json.dumps(found()).encode()) if found else (404, {}, b"{}")


class _Handler(BaseHTTPRequestHandler):
    server: Forger

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.server.sent.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._answer()

    def _answer(self) -> None:
        if self.server.drip_seconds:
            with suppress(OSError):
                for byte in b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 1000:
                    self.wfile.write(bytes([byte]))
                    time.sleep(self.server.drip_seconds)
            return
        status, headers, body = self.server.answer_to(self.path.partition("?")[0])
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def run_forger() -> Iterator[Forger]:
    """Run the provider in a thread."""
    with Forger() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
