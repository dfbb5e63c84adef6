"""What a fault of the drill is, and what it works with."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psutil

from tests.chaos.lms import Lms
from tests.chaos.system import EssayCoach
from tests.support.races import eventually
from tests.support.vendor import FakeVendor

LOAD_PER_SECOND = 1.0


@dataclass
class Drill:
    """The running system, a class that hands in essays, and the provider."""

    system: EssayCoach
    lms: Lms
    vendor: FakeVendor

    def sql(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser."""
        return self.system.sql(statement, *params)

    def ask(self, method: str, path: str, *, body: Any = None, token: str = "") -> tuple[int, Any]:
        """Send one request to web and return the status and the body; status 0 is no answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.system.machine.port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                text = response.read()
                return response.status, json.loads(text) if "json" in response.headers["Content-Type"] else text
        except urllib.error.HTTPError as error:
            return error.code, None
        except OSError:
            return 0, None

    def sign_in(self, role: str) -> str:
        """Return an access token of the demo org's person with this role."""
        person = self.system.machine.demo[role]
        body = {"org": self.system.machine.demo["org"], "email": person["email"], "password": person["password"]}
        status, answer = self.ask("POST", "/v1/auth/login", body=body)
        assert status == 200, f"{role} could not sign in: {status}"
        return str(answer["access_token"])

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Stop every process of these programs with SIGSTOP, and let them go on at the end."""
        processes = [one for name in names for one in self._processes(name)]
        try:
            for one in processes:
                one.send_signal(signal.SIGSTOP)
            yield
        finally:
            for one in reversed(processes):
                with suppress(psutil.NoSuchProcess):
                    one.send_signal(signal.SIGCONT)

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """Stop a program for good, and start it again at the end."""
        self.system.stop(name)
        try:
            yield
        finally:
            self.system.start(name)

    @contextmanager
    def without_load(self) -> Iterator[None]:
        """Let nobody hand in meanwhile."""
        self.lms.stop_load()
        try:
            yield
        finally:
            self.lms.start_load(per_second=LOAD_PER_SECOND)

    @contextmanager
    def answering(self, step: Any) -> Iterator[None]:
        """Let the provider answer every call so."""
        self.vendor.always(step)
        try:
            yield
        finally:
            self.vendor.forget_script()

    def wait_until(self, condition: Callable[[], object], *, what: str, within_seconds: float = 30.0) -> None:
        """Wait until the condition is true. Raises AssertionError when that takes too long."""
        eventually(condition, what=what, within_seconds=within_seconds)

    def _processes(self, name: str) -> list[psutil.Process]:
        first = psutil.Process(self.system.machine.supervisor.pids()[name])
        return [first, *first.children(recursive=True)]


@dataclass(frozen=True)
class Fault:
    """One fault: what is done, the alerts that it must raise, and how long each side may take."""

    name: str
    title: str
    alerts: tuple[str, ...]
    provoke: Callable[[Drill], AbstractContextManager[None]]
    fires_within: float = 60.0
    resolves_within: float = 120.0
