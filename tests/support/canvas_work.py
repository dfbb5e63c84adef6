"""A school with a Canvas, and a worker that fetches what its events name and brings feedback back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models import arrivals, canvas_sites, db
from models.canvas_sites import Attempt
from models.jobs import RowTable
from tests.support.canvas import ANA, TOKEN, CanvasSite
from tests.support.lms_work import Connected
from tests.support.schools import School, session_of
from tests.support.servers import Database
from workers.deliveries.runner import RowRunner


@dataclass(frozen=True)
class ConnectedCanvas(Connected):
    """A school and the source that is its Canvas."""

    def hear(self, event: dict[str, Any], *, course: bool = True) -> UUID:
        """Store the arrival of an event, as the webhook route does. The process must be logged in as ec_worker."""
        about, found = event["metadata"], event["body"]
        ids = {
            name: canvas_sites.own_id(found[f"{name}_id"], root_account=about["root_account_id"])
            for name in ("submission", "assignment", "user", "group") if found[f"{name}_id"]
        }  # fmt: skip
        attempt = Attempt(
            root_account=about["root_account_uuid"], attempt=found["attempt"], submitted_at=datetime.fromisoformat(found["submitted_at"]),
            course=canvas_sites.own_id(about["context_id"], root_account=about["root_account_id"]) if course else None,
            **{"group": None, **ids},
        )  # fmt: skip
        with db.session(org=self.school.org, role="ec_lms", actor=self.source):
            return arrivals.note(self.source, attempt.to_arrival(), org=self.school.org)[0]


def connect_canvas(school: School, site: CanvasSite, **settings: Any) -> ConnectedCanvas:
    """Let the school's admin add the site. The process must be logged in as ec_ingest."""
    with session_of(school, "ada"):
        source = canvas_sites.add_site("Canvas", org=school.org, site=site.url, token=TOKEN, **settings)
    return ConnectedCanvas(school, source)


def run(connected: ConnectedCanvas, runner: RowRunner, database: Database, table: RowTable = RowTable.ARRIVALS) -> None:
    """Let a worker carry out what waits now."""
    database.sql(f"update {table} set next_at = now() where state = 'queued'")
    runner.run(connected.hint(table))


def take(connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, database: Database, **hand_in: Any) -> None:
    """Let Ana hand in, and take it."""
    connected.hear(site.hand_in(ANA, **hand_in))
    run(connected, runner, database)


def comments(site: CanvasSite) -> list[str]:
    """Return the comments on all hand-ins."""
    return [one["comment"] for of_one in site.submissions.values() for one in of_one.comments]
