"""A model of the life of passes in plain Python, with which the state machine test compares PostgreSQL.

Nothing here reads the database. Each method returns what the operation of the same name must return, and changes the model
as the operation must change the rows. A claim is current while its pass is running with the claim's fence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from models.jobs import PASS_QUEUES, PassName, Queue
from models.passes import Claim

MAX_ATTEMPTS = 8
MAX_CRASHES = 3
LAST_TURN = 15

OPEN = ("queued", "running")


@dataclass(eq=False)
class Essay:
    """An essay of one student with one external id. `newest` is the version that the essay points at."""

    id: UUID
    student: UUID
    external_id: str
    versions: int = 0
    newest: Version | None = None
    newest_is_late: bool = False


@dataclass(eq=False)
class Version:
    """One version of an essay with its passes."""

    id: UUID
    org: UUID
    essay: Essay
    status: str
    turn: int
    passes: list[Pass] = field(default_factory=list)

    @property
    def is_newest(self) -> bool:
        return self.essay.newest is self

    @property
    def is_final(self) -> bool:
        return self.status not in ("queued", "processing")

    def close_if_over(self) -> None:
        if self.is_final or any(one.state in OPEN for one in self.passes):
            return
        self.status = verdict([one.state for one in self.passes])


@dataclass(eq=False)
class Pass:
    """One pass of one version. `effect` is the fence that wrote the comments, and their number."""

    id: UUID
    version: Version
    name: PassName
    queue: Queue
    state: str = "queued"
    attempt: int = 0
    fence: int = 0
    lost: int = 0
    error: str | None = None
    discarded: bool = False
    due: bool = True
    hinted: bool = True
    expired: bool = False
    ancient: bool = False
    tried: bool = False
    effect: tuple[int, int] | None = None

    @property
    def poison_suspect(self) -> bool:
        return self.lost >= MAX_CRASHES - 1

    def wait(self, *, due: bool, error: str | None = None) -> None:
        """Queue the pass again. It has not been hinted since it became due."""
        self.state, self.due, self.hinted, self.expired, self.error = "queued", due, False, False, error

    def end(self, state: str, *, error: str | None = None) -> None:
        self.state, self.expired, self.error = state, False, error
        self.version.close_if_over()


def verdict(states: list[str]) -> str:
    """Return the final status of a version whose passes ended in these states."""
    if "cancelled" in states:
        return "superseded"
    if all(one == "done" for one in states):
        return "completed"
    return "partial" if "done" in states else "failed"


class JobModel:
    """All passes, and what each operation does to them."""

    def __init__(self) -> None:
        self.passes: dict[UUID, Pass] = {}
        self.versions: dict[UUID, Version] = {}
        self.essays: dict[tuple[UUID, str], Essay] = {}
        self.ever: list[UUID] = []
        self.erased: set[UUID] = set()
        self.leases_expired = 0

    def receive(
        self, version: UUID, *, org: UUID, essay: Essay, queue: Queue, late: bool, ids: dict[PassName, UUID]
    ) -> Version:
        """Add a version. If it is older than the newest, it is superseded at once. A newer one does not change older passes."""
        self.essays[essay.student, essay.external_id] = essay
        overtaken = essay.newest is not None and late and not essay.newest_is_late
        others = {one.version.essay.id for one in self.in_state(*OPEN) if one.version.essay.student == essay.student}
        turn = min(len(others - {essay.id}), LAST_TURN)
        new = Version(id=version, org=org, essay=essay, status="superseded" if overtaken else "queued", turn=turn)
        state = "cancelled" if overtaken else "queued"
        new.passes = [Pass(id=one, version=new, name=name, queue=queue, state=state) for name, one in ids.items()]
        if not overtaken:
            essay.newest, essay.newest_is_late = new, late
        essay.versions += 1
        self.versions[version] = new
        self.passes.update({one.id: one for one in new.passes})
        self.ever += ids.values()
        return new

    def in_state(self, *states: str) -> list[Pass]:
        return [one for one in self.passes.values() if one.state in states]

    def claimable(self) -> list[Pass]:
        """Return the passes that are due. A poison suspect is due only while no other suspect runs."""
        suspect_runs = any(one.poison_suspect for one in self.in_state("running"))
        return [one for one in self.in_state("queued") if one.due and not (one.poison_suspect and suspect_runs)]

    def turns(self, hinted: UUID) -> dict[Queue, set[UUID]]:
        """Return the passes that may be offered, by queue: those of the orgs with the fewest running passes.

        When the org of the hinted pass is chosen, the hinted pass is offered if its author has the first turn. If another
        author has it, a pass of that turn is offered, and seldom the hinted one. The choice among equal orgs is random.
        """
        running = Counter(one.version.org for one in self.in_state("running"))
        offers = {}
        for queue in PASS_QUEUES:
            due = [one for one in self.claimable() if one.queue == queue]
            fewest = min((running[one.version.org] for one in due), default=0)
            first = {one.id for one in due if running[one.version.org] == fewest}
            mine = self.passes.get(hinted)
            if mine is not None and hinted in first:
                own = [self.passes[one] for one in first if self.passes[one].version.org == mine.version.org]
                turn = min(one.version.turn for one in own)
                allowed = {hinted} | {one.id for one in own if one.version.turn == turn < mine.version.turn}
                first = {one for one in first if one in allowed or self.passes[one].version.org != mine.version.org}
            if first:
                offers[queue] = first
        return offers

    def claim(self, pass_id: UUID) -> Pass | None:
        taken = self.passes.get(pass_id)
        if taken is None or taken not in self.claimable():
            return None
        taken.state, taken.error, taken.expired = "running", None, False
        taken.attempt += 1
        taken.fence += 1
        taken.tried = True
        if taken.version.status == "queued":
            taken.version.status = "processing"
        return taken

    def held(self, claim: Claim) -> Pass | None:
        """Return the claim's pass, or None if another claim has it or it has ended or was erased."""
        found = self.passes.get(claim.id)
        return found if found is not None and (found.state, found.fence) == ("running", claim.fence) else None

    def fail(self, found: Pass, *, error: str, due: bool, counts: bool) -> bool:
        if counts and found.attempt >= MAX_ATTEMPTS:
            found.end("gave_up", error=error)
            return False
        found.attempt -= 0 if counts else 1
        found.wait(due=due, error=error)
        return True

    def finish(self, found: Pass, *, comments: int) -> None:
        found.effect = (found.fence, comments)
        found.end("done")

    def hand_back(self, found: Pass) -> None:
        found.attempt -= 1
        found.wait(due=True)

    def free_expired(self) -> int:
        """Count a crash for every expired lease. The third ends the pass. Else the version's queued passes get the count, too."""
        silent = [one for one in self.in_state("running") if one.expired]
        freed = []
        for one in silent:
            one.lost += 1
            if one.lost >= MAX_CRASHES:
                one.end("gave_up", error="worker_lost")
            else:
                one.wait(due=True, error="worker_lost")
                freed.append((one.version, one.lost))
        for version, lost in freed:
            for one in version.passes:
                if one.state == "queued":
                    one.lost = max(one.lost, lost)
        self.leases_expired += len(silent)
        return len(silent)

    def take_due(self, starved: tuple[Queue, ...]) -> set[UUID]:
        """Hint the due passes that were not hinted since they became due, and all due passes of a starved queue again."""
        hinted = [one for one in self.in_state("queued") if one.due and (not one.hinted or one.queue in starved)]
        for one in hinted:
            one.hinted = True
        return {one.id for one in hinted}

    def give_up_ancient(self) -> int:
        """Give up old passes that were tried, with their last error. A pass that was never tried stays queued."""
        ancient = [one for one in self.in_state("queued") if one.ancient and one.tried]
        for one in ancient:
            one.end("gave_up", error=one.error or "waited_too_long")
        return len(ancient)

    def failed_passes(self, org: UUID, *, discarded: bool = False) -> set[UUID]:
        found = [one for one in self.in_state("gave_up") if one.version.org == org]
        return {one.id for one in found if discarded or not one.discarded}

    def replay(self, wanted: list[UUID], *, org: UUID, queue: Queue) -> set[UUID]:
        """Queue given-up passes again from the start, unless a newer version has come. A closed version is open again."""
        found = [self.passes[one] for one in set(wanted) if one in self.passes]
        again = [one for one in found if one.state == "gave_up" and one.version.org == org and one.version.is_newest]
        for one in again:
            one.lost = MAX_CRASHES - 1 if one.error == "worker_lost" else 0
            one.wait(due=True)
            one.queue, one.attempt, one.discarded, one.ancient, one.hinted, one.tried = (
                queue,
                0,
                False,
                False,
                True,
                False,
            )
            if one.version.is_final:
                one.version.status = "processing"
        return {one.id for one in again}

    def discard(self, wanted: list[UUID], *, org: UUID) -> int:
        found = [self.passes[one] for one in set(wanted) & self.failed_passes(org)]
        for one in found:
            one.discarded = True
        return len(found)

    def erase(self, student: UUID) -> None:
        self.erased.add(student)
        self.essays = {place: one for place, one in self.essays.items() if one.student != student}
        self.versions = {one.id: one for one in self.versions.values() if one.essay.student != student}
        self.passes = {one.id: one for one in self.passes.values() if one.version.essay.student != student}
