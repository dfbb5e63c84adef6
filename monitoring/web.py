"""Ask web from outside, as a load balancer does: does /readyz answer 200 in time?"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from prometheus_client.core import GaugeMetricFamily, Metric

PROBE_SECONDS = 2.0
PATH = "/readyz"


@dataclass(eq=False)
class _Question:
    """One GET of /readyz, in a thread that nobody has to wait for: a name server may hang, and a server may send drop by drop."""

    url: str
    is_ready: bool = False
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._ask, name="probe-readyz", daemon=True)
        self.thread.start()

    def _ask(self) -> None:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=PROBE_SECONDS)
        try:
            connection.request("GET", parts.path.rstrip("/") + PATH, headers={"Connection": "close"})
            self.is_ready = connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            self.is_ready = False
        finally:
            connection.close()


class WebProbe:
    """The probe of one or several addresses of web. All are asked at the same time."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls
        self._hanging: list[_Question] = []

    def read(self) -> list[Metric]:
        """Return whether every address answered 200 within PROBE_SECONDS, and how long the last answer took."""
        started = time.monotonic()
        # An address that still owes an earlier answer is not asked again, so that threads do not pile up.
        self._hanging = [one for one in self._hanging if one.thread.is_alive()]
        silent = {one.url for one in self._hanging}
        asked = [_Question(url) for url in self._urls if url not in silent]
        for one in asked:
            one.thread.join(max(0.0, started + PROBE_SECONDS - time.monotonic()))
        late = [one for one in asked if one.thread.is_alive()]
        self._hanging += late
        is_ready = not self._hanging and all(one.is_ready for one in asked)
        took = PROBE_SECONDS if self._hanging else time.monotonic() - started
        return [
            GaugeMetricFamily("essaycoach_web_ready", "1 when every address of web answered /readyz with 200 in time.", int(is_ready)),
            GaugeMetricFamily("essaycoach_web_probe_seconds", "Time until web had answered /readyz; 2: it did not.", took),
        ]  # fmt: skip
