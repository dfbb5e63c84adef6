"""A worker whose provider does to its thread what the essay says: `dramatiq tests.support.stubborn_worker:boot`."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from models.broker import HintBroker
from models.hint_queue import HintQueue
from models.jobs import PassName
from workers import boot as real
from workers.job import watch
from workers.passes.feedback import PassAnswer
from workers.passes.request import PassRequest
from workers.providers.contract import Repair, Reply
from workers.providers.local.provider import LocalProvider
from workers.settings import ProviderSettings

LINE_SECONDS = 0.25
LONG_CALL_SECONDS = 60.0


class StubbornProvider:
    """Hangs, waits in line, computes or breaks its thread. It says the word `local`, which no prices are known for."""

    name = "local"
    remote = False
    in_batches = False
    model = "stubborn-1"

    def __init__(self, chosen: ProviderSettings, *, timeout_seconds: float, local: LocalProvider) -> None:
        """Take the settings of the real choice, and use none of them."""
        self._line = threading.Lock()
        self._engine = ThreadPoolExecutor(1)

    def __call__(self, ai_policy: str) -> StubbornProvider:
        """Return itself for every policy."""
        return self

    def warm_up(self) -> None:
        """Load nothing."""

    def prompt_version(self, pass_name: PassName) -> str:
        """Return a fixed version."""
        return "0" * 16

    def expected_cost_micros(self, request: PassRequest) -> int:
        """Return 0."""
        return 0

    def submit(self, request: PassRequest) -> str:
        """Raise NotImplementedError: there are no batches."""
        raise NotImplementedError

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        """Raise NotImplementedError: there are no batches."""
        raise NotImplementedError

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
        """Do what the first word of the essay says, and return an empty answer."""
        thread: Any = threading.current_thread()
        match request.text.split()[0]:
            case "HANG":
                threading.Event().wait()
            case "COMPUTE":  # `re` lets no other thread run meanwhile
                re.match(r"(a+)+$", "a" * 64 + "b")
            case "ENGINE":
                self._engine.submit(threading.Event().wait)
            case "DIE":
                thread.work_queue = None
            case "DEAF":
                HintQueue.fetch = lambda *_, **__: threading.Event().wait()  # type: ignore[method-assign,assignment,return-value]
            case "LONG":
                time.sleep(LONG_CALL_SECONDS)
            case "LINE":
                # As httpcore's pool of connections takes its lock: an exception thrown in here would leave it locked.
                self._line.acquire()
                try:
                    time.sleep(LINE_SECONDS)
                finally:
                    self._line.release()
        return Reply(answer=PassAnswer(), raw="{}", model=self.model, stop_reason="end")


def boot() -> HintBroker:
    """Return the real worker's broker, with this provider in the place of the real ones."""
    vars(real)["ProviderChooser"] = StubbornProvider
    vars(watch)["LONGEST_SILENCE_SECONDS"] = 3.0
    return real.boot()
