"""Sign hand-ins to EssayCoach and verify its webhooks (Standard Webhooks). Needs Python 3.9 or newer, and no package.

SECRET=whsec_… python3 webhooks.py hand-in https://…/v1/webhooks/SOURCE EVENT_ID < event.json
SECRETS="whsec_new whsec_old" python3 webhooks.py verify ID TIMESTAMP SIGNATURES < body
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import sys
import time
import urllib.error
import urllib.request


def sign(secret: str, event_id: str, timestamp: str, body: bytes) -> str:
    """Return the signature of these bytes, as it stands in webhook-signature."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    if len(key) < 24:
        raise ValueError("The secret is missing or too short.")
    digest = hmac.new(key, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def hand_in(url: str, secret: str, event_id: str, body: bytes) -> tuple[int, str]:
    """Send an event and return the status and the answer. Repeat with the same `event_id`: nothing is stored twice."""
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(secret, event_id, timestamp, body),
    }
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()


def verify(secrets: list[str], event_id: str, timestamp: str, signatures: str, body: bytes) -> None:
    """Raise ValueError unless one of `secrets` signed these bytes within the last five minutes.

    `body` is the body as it came, before anything parsed it. The others are the three webhook- headers, "" if missing.
    """
    if not re.fullmatch("[0-9]{1,12}", timestamp) or abs(time.time() - int(timestamp)) > 300:
        raise ValueError("The timestamp is not within five minutes of this computer's time.")
    expected = [sign(secret, event_id, timestamp, body) for secret in secrets]
    # compare_digest takes as long for a wrong signature as for a nearly right one.
    matches = [hmac.compare_digest(ours.encode(), one.encode()) for ours in expected for one in signatures.split(" ")]
    if not any(matches):
        raise ValueError("No signature matches these bytes.")


def main() -> int:
    """Run the command line."""
    command, *arguments = sys.argv[1:]
    body = sys.stdin.buffer.read()
    if command == "hand-in":
        status, answer = hand_in(arguments[0], os.environ["SECRET"], arguments[1], body)
        print(status, answer, sep="\n")
        return 0 if status < 300 else 1
    event_id, timestamp, signatures = arguments
    try:
        verify(os.environ["SECRETS"].split(), event_id, timestamp, signatures, body)
    except ValueError as refusal:
        print(refusal)
        return 1
    print("verified")
    return 0


if __name__ == "__main__":
    sys.exit(main())
