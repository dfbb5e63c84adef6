"""Serve `/.well-known/security.txt` (RFC 9116): whom to tell about a hole in this installation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Flask, Response

# RFC 9116 recommends less than a year. The date is counted from each answer, for as long as the contact is configured.
VALID = timedelta(days=180)


def register(app: Flask, *, contact: str | None) -> None:
    """Serve the contact, an https: or mailto: URI. Without one the path does not exist."""
    if contact is None:
        return

    def security_txt() -> Response:
        expires = (datetime.now(UTC) + VALID).strftime("%Y-%m-%dT00:00:00Z")
        text = f"Contact: {contact}\nExpires: {expires}\nPreferred-Languages: en\n"
        return Response(text, content_type="text/plain; charset=utf-8")

    app.add_url_rule("/.well-known/security.txt", "security_txt", security_txt, methods=["GET"])
