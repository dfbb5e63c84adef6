"""An engine process that does what the essay says: `python -m tests.support.stub_engine DESCRIPTOR`."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from workers.passes.feedback import PassAnswer
from workers.passes.request import PassRequest
from workers.providers.contract import Reply
from workers.providers.local import engine_process


class StubProvider:
    """Hangs, dies, breaks or waits, and names its process in every answer."""

    def warm_up(self) -> None:
        """Load nothing."""

    def ask(self, request: PassRequest) -> Reply:
        """Do what the first word of the essay says."""
        word, _, rest = request.text.partition(" ")
        match word:
            case "HANG":
                threading.Event().wait()
            case "DIE":
                os.kill(os.getpid(), 9)
            case "BREAK":
                raise ValueError(request.text)
            case "WAIT":  # until there is a file of this name
                while not Path(rest).exists():
                    time.sleep(0.01)
        answer = PassAnswer(notes=(str(os.getpid()), *sorted(os.environ)), strengths=(request.text,))
        return Reply(answer=answer, raw="{}", model="stub", stop_reason="end")


if __name__ == "__main__":
    vars(engine_process)["LocalProvider"] = StubProvider
    engine_process.main()
