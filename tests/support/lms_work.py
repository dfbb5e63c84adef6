"""A school with an LMS that is a source, and a worker for the rows of LMSs."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from models import db, passes
from models.feedback import seal_summary
from models.jobs import RowHint, RowTable
from models.users import data_key
from outgoing.client import Client
from tests.support.deliveries import THIS_MACHINE
from tests.support.schools import School
from tests.support.servers import Database
from workers.deliveries.arrivals import ArrivalWork
from workers.deliveries.moodle_sites import MoodleSiteWork
from workers.deliveries.returns import ReturnWork
from workers.deliveries.runner import RowRunner
from workers.job.leases import Leases

LMS_TABLES = (RowTable.MOODLE_SITES, RowTable.ARRIVALS, RowTable.RETURNS)
# Where people reach the pages, unless a site names another address.
OUR_URL = "https://ours.example"


@dataclass(frozen=True)
class Connected:
    """A school and the source that is its LMS."""

    school: School
    source: UUID

    def hint(self, table: RowTable) -> RowHint:
        return RowHint(org_id=self.school.org, lane_id=self.source, table=table)


def make_lms_runner(*, leases: Leases | None = None, lease_seconds: float = 60.0, seconds: float = 60.0) -> RowRunner:
    """Return what a worker runs the rows of LMSs with."""
    client = Client(allowed=THIS_MACHINE, seconds=seconds)
    return RowRunner(
        {
            RowTable.MOODLE_SITES: MoodleSiteWork(client),
            RowTable.ARRIVALS: ArrivalWork(client),
            RowTable.RETURNS: ReturnWork(client, url=OUR_URL),
        },
        leases=leases or Leases(lease_seconds=lease_seconds, longest_seconds=60.0),
        lease_seconds=lease_seconds,
    )


def run_all(runner: RowRunner, hint: RowHint) -> None:
    """Carry out what is due, also where that takes longer than one turn of a worker lasts."""
    while not runner.run(hint):
        pass


def make_due(database: Database) -> None:
    """Let everything that waits be due now."""
    for table in LMS_TABLES:
        database.sql(f"update {table} set next_at = now() where state = 'queued'")


def ended(database: Database, table: RowTable) -> dict[object, object]:
    """Return how many rows of this table were counted as ended, by outcome."""
    counted = "select labels[2], sum(count)::integer from tally_entries where name = 'lms_ended' and labels[1] = %s group by 1"
    return dict(database.sql(counted, table))


def read_open_passes(database: Database, org: UUID, *, failing: int = 0) -> None:
    """End the open passes as a worker does, the last `failing` of them without a result."""
    open_passes = database.sql("select id, user_id from passes where state = 'queued' order by name")
    for number, (found, user) in enumerate(open_passes):
        with db.session(org=org):
            claim = passes.claim(found, org=org, lease_seconds=60)
            assert claim is not None
            if number >= len(open_passes) - failing:
                passes.give_up(claim, error="refused")
                continue
            summary = seal_summary(
                claim, key=data_key(user, org=org), strengths=("A clear start.",), next_steps=(f"Fix <b>{claim.name}</b>.",),
                not_checked=(),
            )  # fmt: skip
            passes.finish(claim, provider="local", model="rules", comments=0, summary=summary)
