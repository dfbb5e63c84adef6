"""An LMS that gets scores, students who hand in from there, and a worker that sends what goes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from models.jobs import RowHint, RowTable
from standalone.lti_course import LINK
from tests.lti.conftest import Platform
from tests.support.lms_work import make_lms_runner, read_open_passes, run_all
from tests.support.pages import PageReader
from tests.support.schools import connect_as


@dataclass(frozen=True)
class Course:
    """The course of an LMS."""

    platform: Platform
    readers: dict[str, PageReader] = field(default_factory=dict)

    @property
    def hint(self) -> RowHint:
        return RowHint(org_id=self.platform.api.school.org, lane_id=UUID(self.platform.id), table=RowTable.RETURNS)

    @property
    def scores(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the scores that the LMS has, by link and person."""
        return self.platform.lms.gradebook.scores

    def hand_in(self, subject: str = "4", *, link: str = LINK["id"], title: str = "The lake") -> None:
        """Let a student open the link and hand an essay in there."""
        reader = self.readers[subject] = self.platform.open(subject, link)
        assert reader.page is not None
        assignment = reader.page.attributes("#assignment_id option[selected]", "value")[0]
        handed_in = reader.post("/essays/new", title=title, text="They was late.", key=title, assignment_id=assignment)
        assert handed_in.status == 200

    def hand_in_again(self, subject: str = "4", *, text: str = "They were late.") -> None:
        """Let the student hand in a new version of their essay."""
        [(essay,)] = self.sql(
            "select e.id from essays as e join lms_people as l on l.user_id = e.user_id where l.source_id = %s",
            self.platform.id,
        )
        assert self.readers[subject].post(f"/essays/{essay}/next", title="The lake", text=text, key=text).status == 200

    def read(self, *, failing: int = 0) -> None:
        """End the open passes, the last `failing` of them without a result."""
        with self._as_worker():
            read_open_passes(self.platform.api.database, self.platform.api.school.org, failing=failing)

    def send(self, times: int = 1) -> None:
        """Send what waits for the LMS, and what came back of it again."""
        self.know_our_keys()
        with self._as_worker():
            for _ in range(times):
                self.sql(
                    "update returns set next_at = now() where state = 'queued' and source_id = %s returning 1",
                    self.platform.id,
                )
                run_all(make_lms_runner(), self.hint)

    def know_our_keys(self) -> None:
        """Let the LMS fetch our keys now: this process is about to be the worker's, and answers it no more."""
        lms = self.platform.lms
        keys = lms.fetch(lms.tool["jwks_uri"])
        lms.fetch = lambda _: keys

    def returns(self) -> list[tuple[Any, ...]]:
        """Return what goes back to the LMS: state, error and attempts."""
        return self.sql("select state, error, attempt from returns where source_id = %s order by id", self.platform.id)

    def change(self, **changes: Any) -> None:
        """Let an admin change the platform."""
        api = self.platform.api
        answer = api.client.patch(f"/v1/platforms/{self.platform.id}", json=changes, headers=api.signed_in("ada"))
        assert answer.status_code == 200, answer.text

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self.platform.api.database.sql(statement, *values)

    @contextmanager
    def _as_worker(self) -> Iterator[None]:
        connect_as("ec_worker", self.platform.api.database)
        try:
            yield
        finally:
            connect_as("ec_ingest", self.platform.api.database)
