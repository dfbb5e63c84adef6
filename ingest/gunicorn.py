"""How gunicorn runs the app: a few processes of threads, behind a proxy that ends TLS."""

from __future__ import annotations

import os
from typing import Any

from ingest.web.metrics import forget

bind = f"{os.environ.get('ESSAYCOACH_HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_PROCESSES", "2"))
threads = int(os.environ.get("WEB_THREADS", "16"))
worker_class = "gthread"
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108 - a heartbeat file must not wait for a disk
timeout = 60
graceful_timeout = 30
keepalive = 5
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190
# gunicorn's own control socket would be one more door, and wants a home directory that a service account lacks.
control_socket_disable = True
accesslog = None  # requests are counted and timed as metrics; a line each would be mostly health checks


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001 - gunicorn's signature
    """A worker that ended leaves its counts in the sum of those before it, and no file of its own."""
    forget(worker.pid)
