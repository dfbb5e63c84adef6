"""Secrets with which webhooks are signed, in the form of Standard Webhooks."""

from __future__ import annotations

import base64
import secrets


def new_secret() -> str:
    """Return a new secret (whsec_…)."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
