"""The trace that a request belongs to (W3C Trace Context): the client's, if its `traceparent` is valid, otherwise a new one.

Every log line of the request, the submission's row and every log line of its passes have the same trace id.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

# Version 00 has exactly these four fields; a later one may have more behind them.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A trace id of 32 hex digits, and the id of this request's part of the trace. `flags` are the client's."""

    trace_id: str
    span_id: str
    flags: str = "00"

    @property
    def header(self) -> str:
        """Return the value of `traceresponse`, which tells the client under which trace id its request was logged."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def trace_for(traceparent: str) -> Trace:
    """Return the trace of a request that sent this header; a new trace when the header is missing or not valid."""
    found = _TRACEPARENT.fullmatch(traceparent.strip())
    span_id = secrets.token_hex(8)
    if found is None or (found[1] == "00" and found[4]):
        return Trace(trace_id=secrets.token_hex(16), span_id=span_id)
    return Trace(trace_id=found[2], span_id=span_id, flags="01" if int(found[3], 16) & 1 else "00")
