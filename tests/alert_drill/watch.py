"""Follow which alerts fire, which of them are silenced by another, and who was told, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from tests.alert_drill.stack import Stack, get_json

POLL_SECONDS = 0.3


@dataclass
class Course:
    """What one alert did since the watch was last reset: seconds on the clock of `time.monotonic`."""

    fired_at: float
    resolved_at: float | None = None
    silenced_by: set[str] = field(default_factory=set)


class Watch:
    """Polls Prometheus and Alertmanager in a thread until the `with` block ends."""

    def __init__(self, stack: Stack, *, ignored: Collection[str] = ()) -> None:
        self._stack = stack
        self._ignored = set(ignored)
        self._lock = threading.Lock()
        self._courses: dict[str, Course] = {}
        self._polls = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def reset(self) -> None:
        """Forget what happened so far. Alerts that still fire count as fired now."""
        with self._lock:
            self._courses = {}

    def courses(self) -> dict[str, Course]:
        """Return what each alert did since the last reset."""
        with self._lock:
            return dict(self._courses)

    def firing(self) -> set[str]:
        """Return the alerts that fire now."""
        return {alert for alert, course in self.courses().items() if course.resolved_at is None}

    def notified_at(self, alert: str, *, status: str, since: float) -> tuple[float, str] | None:
        """Return when a receiver was first told this about an alert, and which."""
        for one in list(self._stack.pager.notifications):
            if one.alert == alert and one.status == status and one.at >= since:
                return one.at, one.receiver
        return None

    def wait_until_settled(self, alerts: Collection[str], *, since: float, within_seconds: float) -> set[str]:
        """Wait until each alert has fired and either a receiver was told or another alert silences it. Return those that did not."""

        def missing() -> set[str]:
            courses = self.courses()
            return {
                alert for alert in alerts
                if alert not in courses
                or (not courses[alert].silenced_by and self.notified_at(alert, status="firing", since=since) is None)
            }  # fmt: skip

        return self._wait(missing, within_seconds)

    def wait_until_quiet(self, *, within_seconds: float) -> set[str]:
        """Wait until no alert fires. Return those that still do."""
        return self._wait(self.firing, within_seconds)

    def _wait(self, remaining: Any, within_seconds: float) -> set[str]:
        deadline, seen = time.monotonic() + within_seconds, self._polls
        # Two whole polls, so that the answer is newer than the question.
        while (left := remaining()) or self._polls < seen + 2:
            if time.monotonic() > deadline:
                return set(left)
            time.sleep(0.1)
        return set()

    def _poll(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            with suppress(OSError):  # a machine that swaps; the next poll sees what this one did not
                self._look()
                self._polls += 1

    def _look(self) -> None:
        rules = get_json(f"{self._stack.prometheus}/api/v1/alerts")["data"]["alerts"]
        firing = {one["labels"]["alertname"] for one in rules if one["state"] == "firing"} - self._ignored
        known = get_json(f"{self._stack.alertmanager}/api/v2/alerts")
        names = {one["fingerprint"]: one["labels"]["alertname"] for one in known}
        now = time.monotonic()
        with self._lock:
            for alert in firing:
                course = self._courses.setdefault(alert, Course(fired_at=now))
                course.resolved_at = None
            for alert, course in self._courses.items():
                if alert not in firing and course.resolved_at is None:
                    course.resolved_at = now
            for one in known:
                if one["labels"]["alertname"] in self._courses:
                    causes = {names.get(cause, "another") for cause in one["status"]["inhibitedBy"]}
                    self._courses[one["labels"]["alertname"]].silenced_by |= causes
