"""One local engine for all tests of a process.

Both grammar engines keep about 500 MB for every thread that has called them, so every call goes through one thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

from workers.passes.request import PassRequest
from workers.providers.contract import Reply
from workers.providers.local.engines import Engines
from workers.providers.local.provider import LocalProvider

THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engines")


def engines_on_thread(**factories: Callable[[], Any]) -> Engines:
    """Return engines that use the shared thread; `factories` replace one of them."""
    engines = Engines(**factories)
    engines._threads = dict.fromkeys(engines._factories, THREAD)
    return engines


@cache
def shared_engines() -> Engines:
    """Return the engines of this process, which are loaded at the first text."""
    return engines_on_thread()


def begun(ask: Callable[[PassRequest], Reply], request: PassRequest) -> Future[Reply]:
    """Ask in a thread of its own, and return the reply to come."""
    reply: Future[Reply] = Future()
    reply.set_running_or_notify_cancel()

    def answer() -> None:
        try:
            reply.set_result(ask(request))
        except BaseException as error:
            reply.set_exception(error)

    threading.Thread(target=answer, daemon=True).start()
    return reply


class BackgroundLocal(LocalProvider):
    """The local provider in this process, which can also answer in the background."""

    def begin(self, request: PassRequest) -> Future[Reply]:
        """Begin to answer, and return the reply to come."""
        return begun(self.ask, request)


@cache
def shared_provider() -> BackgroundLocal:
    """Return a provider with the shared engines."""
    return BackgroundLocal(shared_engines())


class OnThread:
    """An engine whose methods run on the shared thread."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._on_thread = THREAD.submit(make).result()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._on_thread, name)
        if not callable(found):
            return found
        return lambda *args, **kwargs: THREAD.submit(found, *args, **kwargs).result()
