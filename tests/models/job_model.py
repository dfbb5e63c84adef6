"""What ought to happen to a pass, in plain Python: the model the state machine holds PostgreSQL against.

Nothing here looks at the database or at SQL. Every method says what one verb should answer, and changes the model as the
verb should change the rows. A claim is current as long as its pass runs under its fence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from models.jobs import PassName, Queue
from models.passes import Claim

MAX_ATTEMPTS = 8
MAX_CRASHES = 3

OPEN = ("queued", "running")


@dataclass(eq=False)
class Essay:
    """What one student wrote under one name; `newest` is the version it points at."""

    id: UUID
    student: UUID
    external_id: str
    versions: int = 0
    newest: Version | None = None
    newest_is_late: bool = False


@dataclass(eq=False)
class Version:
    """One handed-in text with its passes."""

    id: UUID
    org: UUID
    essay: Essay
    status: str
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
    """One reading of one version. `effect` says which fence wrote how many comments."""

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
        """It is queued again: its time came, or will, after its last hint."""
        self.state, self.due, self.hinted, self.expired, self.error = "queued", due, False, False, error

    def end(self, state: str, *, error: str | None = None) -> None:
        self.state, self.expired, self.error = state, False, error
        self.version.close_if_over()


def verdict(states: list[str]) -> str:
    """The final status of a version whose passes ended like this."""
    if "cancelled" in states:
        return "superseded"
    if all(one == "done" for one in states):
        return "completed"
    return "partial" if "done" in states else "failed"


class JobModel:
    """All the passes there are, and what each verb does to them."""

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
        """A version came. One older than the newest is superseded at once; a newer one leaves the older's passes alone."""
        self.essays[essay.student, essay.external_id] = essay
        overtaken = essay.newest is not None and late and not essay.newest_is_late
        new = Version(id=version, org=org, essay=essay, status="superseded" if overtaken else "queued")
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
        """The passes that are due; a suspect only while no other suspect runs."""
        suspect_runs = any(one.poison_suspect for one in self.in_state("running"))
        return [one for one in self.in_state("queued") if one.due and not (one.poison_suspect and suspect_runs)]

    def turns(self, hinted: UUID) -> dict[Queue, set[UUID]]:
        """The passes that may be offered, by queue: those of the orgs with the fewest running.

        The hinted one is offered whenever its org is chosen; among equal orgs chance chooses.
        """
        running = Counter(one.version.org for one in self.in_state("running"))
        offers = {}
        for queue in Queue:
            due = [one for one in self.claimable() if one.queue == queue]
            fewest = min((running[one.version.org] for one in due), default=0)
            first = {one.id for one in due if running[one.version.org] == fewest}
            mine = self.passes.get(hinted)
            if mine is not None and hinted in first:
                first = {one for one in first if one == hinted or self.passes[one].version.org != mine.version.org}
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
        """The pass this claim still has the right to, or None when it was overtaken, ended or erased."""
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
        """Every lease that ran out is a worker lost; the third ends the pass, others lie on what else of the text waits."""
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
        """Due passes not hinted since they became due, and with a starved queue all of its due ones again."""
        hinted = [one for one in self.in_state("queued") if one.due and (not one.hinted or one.queue in starved)]
        for one in hinted:
            one.hinted = True
        return {one.id for one in hinted}

    def give_up_ancient(self) -> int:
        """What was tried, and is still not over after days, ends for its last reason; what nobody tried goes on waiting."""
        ancient = [one for one in self.in_state("queued") if one.ancient and one.tried]
        for one in ancient:
            one.end("gave_up", error=one.error or "waited_too_long")
        return len(ancient)

    def failed_passes(self, org: UUID, *, discarded: bool = False) -> set[UUID]:
        found = [one for one in self.in_state("gave_up") if one.version.org == org]
        return {one.id for one in found if discarded or not one.discarded}

    def replay(self, wanted: list[UUID], *, org: UUID, queue: Queue) -> set[UUID]:
        """What gave up goes round again from the start, unless a newer version has come; a closed version is open again."""
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
