"""Answer grammar passes in a process of its own: `python -m workers.providers.local.engine_process DESCRIPTOR`.

`engine_pool` starts it, with no secret in its environment. It holds the only grammar engines of a worker. It writes nothing:
no log, no file, no core dump, because what an engine says when it breaks may quote the essay.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from pydantic import TypeAdapter

from workers.passes.request import PassRequest
from workers.providers.contract import Reply
from workers.providers.local.provider import LocalProvider

REQUEST = TypeAdapter(PassRequest)
REPLY = TypeAdapter(Reply)
# The other programs of the machine go first, so that reading never holds them up.
NICENESS = 5
# Harper asks for 30 GB on some texts. A request that cannot be met ends the process instead of the machine.
MOST_BYTES = 4 * 2**30
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Load the engines, then answer one request after the other until the connection closes."""
    connection = Connection(int(sys.argv[1]))
    _confine()
    provider = LocalProvider()
    provider.warm_up()
    while True:
        try:
            request = REQUEST.validate_json(connection.recv_bytes())
        except EOFError:
            return
        try:
            answer = REPLY.dump_json(provider.ask(request))
        except Exception as error:  # noqa: BLE001 - the worker reports it
            answer = _place_of(error)
        connection.send_bytes(answer)


def _place_of(error: Exception) -> bytes:
    """Return what went wrong and where, without a word of the essay."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno} {last.name}".encode()


def _confine() -> None:
    """End with the worker, on Linux at once, and only then: whoever stops a worker may signal all its processes."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICENESS)


if __name__ == "__main__":
    main()
