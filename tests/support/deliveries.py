"""Endpoints, deliveries and their worker for the tests."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from email.headerregistry import Address
from pathlib import Path
from uuid import UUID

from models import db, endpoint_deliveries, endpoints, passes
from models.crypto import Ciphertext
from models.endpoints import EVENTS
from models.essays import Receipt
from models.jobs import RowHint, RowTable
from outgoing.client import Client
from outgoing.settings import MailSettings
from tests.support.schools import School, session_of
from workers.deliveries.emails import DisabledEmails, EmailSender
from workers.deliveries.endpoints import EndpointWork
from workers.deliveries.runner import RowRunner
from workers.job.leases import Leases

THIS_MACHINE = (ipaddress.ip_network("127.0.0.0/8"),)


@dataclass(frozen=True)
class Hooked:
    """An endpoint of a school: its id, its first secret, and the hint that lets a worker look at it."""

    school: School
    id: UUID
    secret: str

    @property
    def hint(self) -> RowHint:
        return RowHint(org_id=self.school.org, lane_id=self.id, table=RowTable.DELIVERIES)


def hook(school: School, url: str, *events: endpoints.Event) -> Hooked:
    """Let the school's admin create an endpoint for these events, or for all. The process must be logged in as ec_ingest."""
    with session_of(school, "ada"):
        endpoint, secret = endpoints.add_endpoint("LMS", org=school.org, url=url, events=events or EVENTS)
    return Hooked(school, endpoint, secret)


def ping(hooked: Hooked, count: int = 1) -> list[UUID]:
    """Let the school's admin send test events. The process must be logged in as ec_ingest."""
    with session_of(hooked.school, "ada"):
        return [endpoint_deliveries.add_ping(hooked.id, org=hooked.school.org) for _ in range(count)]


def make_runner(
    *, leases: Leases | None = None, lease_seconds: float = 60.0, mail: Path | str | None = None, seconds: float = 60.0,
    most_of_org: int | None = None,
) -> RowRunner:  # fmt: skip
    """Return what a worker runs rows with. With `mail`, e-mails go to that folder or URL; otherwise none is sent."""
    sender = Address(display_name="EssayCoach", addr_spec="post@essaycoach.example")
    settings = MailSettings(url=mail if isinstance(mail, str) else f"file:{mail}", sender=sender) if mail else None
    work = EndpointWork(Client(allowed=THIS_MACHINE, seconds=seconds), emails=DisabledEmails(EmailSender(settings)))
    return RowRunner(
        {RowTable.DELIVERIES: work},
        leases=leases or Leases(lease_seconds=lease_seconds, longest_seconds=60.0),
        lease_seconds=lease_seconds,
        most_of_org=most_of_org,
    )


def read(receipt: Receipt, *, failed_passes: int = 0) -> None:
    """End the passes of a version as a worker does: the last `failed_passes` of them without a result. Log in as ec_worker first."""
    for number, hint in enumerate(receipt.hints):
        with db.session(org=hint.org_id):
            claim = passes.claim(hint.pass_id, org=hint.org_id, lease_seconds=60)
            assert claim is not None
            if number >= len(receipt.hints) - failed_passes:
                passes.give_up(claim, error="refused")
            else:
                passes.finish(claim, provider="local", model="rules", comments=0, summary=Ciphertext(b"sealed"))
