"""What the request threads of this process do, for its heartbeat."""

from __future__ import annotations

from models.heartbeats import Activity

REQUESTS = Activity()
