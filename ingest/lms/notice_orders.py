"""Order notices from a platform: it is told once for each deployment where to send them (LTI Platform Notification Service)."""

from __future__ import annotations

import json

from ingest.lms.asset_claims import SUBMISSION_NOTICE, NoticeService
from models import notice_handlers
from models.db import session
from models.lti_keys import signing_key
from models.notice_handlers import NoticeHandler
from models.platforms import Platform
from outgoing.client import Client, NoAnswer
from outgoing.lti import access_token, fetch_json, is_own_site


def order(platform: Platform, service: NoticeService | None, *, deployment: str, handler: str, client: Client) -> None:
    """Let the deployment send notices about hand-ins to `handler`, unless it has confirmed just that within a day. Raises NoAnswer."""
    if service is None or SUBMISSION_NOTICE not in service.types:
        raise NoAnswer("it does not tell other programs what is handed in")
    wanted = NoticeHandler(
        deployment=deployment, notice_type=SUBMISSION_NOTICE, service_url=service.url, handler=handler
    )
    with session(org=platform.org, role="ec_lms", actor=platform.id):
        if notice_handlers.is_registered(wanted, org=platform.org, platform=platform.id):
            return
    if not is_own_site(platform, service.url):
        raise NoAnswer("it takes orders for notices at another site than its own")
    with session(role="ec_auth"):
        key = signing_key(platform.id)
    token = access_token(platform, " ".join(service.scopes), key, client=client)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps({"notice_type": wanted.notice_type, "handler": handler}).encode()
    fetch_json(client, "PUT", service.url, headers=headers, body=body)
    with session(org=platform.org, role="ec_lms", actor=platform.id):
        notice_handlers.store(wanted, org=platform.org, platform=platform.id)
