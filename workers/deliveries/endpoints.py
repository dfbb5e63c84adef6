"""Deliver an event to an endpoint of a school, as Standard Webhooks describes it.

The id stays the same for all attempts, the time of sending and the signatures are made for each. Only 2xx means that it arrived.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from models import endpoint_deliveries, endpoints, leased_rows, passes
from models.db import session
from models.endpoint_deliveries import Outgoing
from models.leased_rows import HeldRow
from models.log import logger
from outgoing.client import Answer, Client, NoAnswer, Refused
from outgoing.signature import sign
from workers.deliveries.emails import DisabledEmails
from workers.deliveries.retry_policy import wait_of
from workers.job.retry_policy import retry_while_database_away

log = logger(__name__)

# Standard Webhooks advises 15 to 30 seconds. A receiver that takes longer should answer first and work afterwards.
ANSWER_SECONDS = 15.0
# The body says nothing. So much of it is taken in, so that the receiver can send it to the end.
MAX_ANSWER_BYTES = 64 * 1024
GONE = 410


@dataclass(frozen=True, kw_only=True)
class _Result:
    """What came of one attempt: the answer, or a word that says why there was none."""

    answer: Answer | None = None
    error: str | None = None

    @property
    def arrived(self) -> bool:
        return self.answer is not None and 200 <= self.answer.status < 300


class EndpointWork:
    """Carries out deliveries with one client. The admins of a school whose endpoint was disabled get an e-mail."""

    def __init__(self, client: Client, *, emails: DisabledEmails) -> None:
        self._client = client
        self._emails = emails

    def carry_out(self, held: HeldRow) -> None:
        """Send the delivery and store what came of it. Raises FenceLost and DatabaseAway."""
        with session(org=held.org):
            outgoing = endpoint_deliveries.load(held)
            if outgoing.is_off and outgoing.event != "endpoint.disabled":
                leased_rows.end(held, state="gave_up", error="endpoint_disabled")
                return
        if outgoing.event == "endpoint.disabled":
            self._emails.carry_out(held, outgoing)
            return
        result = self._send(held, outgoing)
        retry_while_database_away(_store, held, result)

    def _send(self, held: HeldRow, outgoing: Outgoing) -> _Result:
        body, sent_at = to_body(outgoing), int(time.time())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": str(held.id),
            "webhook-timestamp": str(sent_at),
            "webhook-signature": " ".join(
                sign(secret, event_id=str(held.id), timestamp=sent_at, body=body) for secret in outgoing.secrets
            ),
        }
        try:
            return _Result(
                answer=self._client.send(
                    "POST",
                    outgoing.url,
                    headers=headers,
                    body=body,
                    seconds=ANSWER_SECONDS,
                    max_bytes=MAX_ANSWER_BYTES,
                    status_is_enough=True,
                )
            )
        except Refused as refusal:
            log.warning("delivery not sent", attempt=held.attempt, reason=str(refusal))
            return _Result(error="address_refused")
        except NoAnswer as failure:
            log.warning("delivery without an answer", attempt=held.attempt, reason=str(failure))
            return _Result(error="no_answer")


def to_body(outgoing: Outgoing) -> bytes:
    """Return the body of a delivery: what happened, when, and the ids of what it happened to."""
    event = {"type": outgoing.event, "timestamp": outgoing.created_at.isoformat(), "data": outgoing.data}
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def _store(held: HeldRow, result: _Result) -> None:
    """Store what came of the attempt, for the delivery and for its endpoint. Raises FenceLost and DatabaseAway."""
    status = result.answer.status if result.answer else None
    facts = {"http_status": status}
    with session(org=held.org):
        if result.arrived:
            leased_rows.end(held, state="done", facts=facts)
            endpoints.note_success(held.lane, org=held.org)
            outcome = "delivered"
        elif status == GONE:
            leased_rows.end(held, state="gave_up", error="gone", facts=facts)
            endpoints.disable(held.lane, org=held.org, reason="gone")
            outcome = "gave_up"
        else:
            again = leased_rows.put_off(
                held,
                error=result.error or "not_accepted",
                retry_in_seconds=wait_of(held, headers=result.answer.headers if result.answer else None),
                facts=facts,
            )
            endpoints.note_failure(held.lane, org=held.org)
            if not again:
                endpoints.disable_failing(held.lane, org=held.org)
            outcome = "put_off" if again else "gave_up"
        passes.add_to_tally("endpoint_deliveries", 1, labels=[outcome])
    log.info("delivery ended", outcome=outcome, attempt=held.attempt, http_status=status)
