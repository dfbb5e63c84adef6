"""Gunicorn configuration: a few processes with several threads each, behind a proxy that terminates TLS."""

from __future__ import annotations

import os
import resource
import sys
from typing import Any

from gunicorn.glogging import Logger

from ingest import settings as ingest_settings
from ingest.web.metrics_directory import make_directory
from models import log, security_sinks, security_syslog, setting_catalogue, settings
from models.errors import SettingsError
from models.heartbeats import Heartbeat

# A disk must not hold up what a worker writes all the time: its liveness file and its counts.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108
try:
    _level = settings.log_level()
    _server = ingest_settings.read_server()
    _metrics_address = ingest_settings.read_metrics_address()
    _waiting_slots = ingest_settings.read_waiting_slots()
except SettingsError as _error:
    raise SystemExit(f"ingest: {_error}") from None
bind = [f"{_server.host}:{_server.port}"]
# Longer than a load balancer keeps an idle connection (60 s is usual), so that the balancer closes first and never sends a
# request into a connection that is being closed here.
keepalive = _server.keepalive_seconds
if _metrics_address is not None:
    _host, _port = _metrics_address
    bind.append(f"[{_host}]:{_port}" if ":" in _host else f"{_host}:{_port}")
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", make_directory(worker_tmp_dir))

from ingest.web.metrics import fold_dead_process  # noqa: E402 - prometheus_client reads the variable when it is imported

workers = _server.processes
threads = _server.threads
worker_class = "ingest.web.server.BufferingWorker"
# Connections that one process holds open, busy or not. One that is stalled or waits costs a few KiB and no thread.
worker_connections = _waiting_slots + 1000
timeout = 60
graceful_timeout = 30
# What an LMS wants to have back from a launch stands in an address.
limit_request_line = 8190
limit_request_fields = 100
# Browsers send the cookies of every site of a school's domain. This is 16 KiB for a value, and its name.
limit_request_field_size = 16 * 1024 + 256
http_protocols = "h1"
# No header of a client or proxy changes what gunicorn takes for the scheme, the path or the environment, not even from the same
# machine. What our proxies say about the scheme and the address is read by the app, and only as far as ESSAYCOACH_PROXIES reaches.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
header_map = "drop"
# Gunicorn's control socket would widen the attack surface, and needs a home directory that a service account lacks.
control_socket_disable = True
accesslog = None  # metrics count and time the requests; an access log would be mostly health checks

# The usual limit of 1,024 open files is too low for that many connections. A negative limit means none.
FILES = 4096 + _waiting_slots
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if 0 <= _soft < FILES:
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if _hard < 0 else min(FILES, _hard), _hard))


class JsonLogger(Logger):  # type: ignore[misc]  # gunicorn is untyped
    """Gunicorn's lines as JSON, in all its processes, and without the traceback of a SettingsError, which gunicorn prints as a sentence."""

    def setup(self, cfg: Any) -> None:  # noqa: ARG002 - gunicorn's signature
        """Let gunicorn's logger use our handler, and no file or format of its own."""
        log.set_up("ingest", level=_level)
        self.error_log.handlers[:] = []
        self.error_log.propagate = True
        self.access_log.handlers[:] = []

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log an error with its traceback."""
        if not isinstance(sys.exc_info()[1], SettingsError):
            super().exception(msg, *args, **kwargs)


logger_class = JsonLogger


def on_starting(server: Any) -> None:
    """Check the settings before any worker does, so that a wrong one is one sentence and not one for each worker."""
    try:
        # Options of the command line count as well.
        for address in server.cfg.address:
            if not isinstance(address, str):
                is_metrics = _metrics_address is not None and address[1] == _metrics_address[1]
                settings.check_listening("ESSAYCOACH_METRICS_HOST" if is_metrics else "ESSAYCOACH_HOST", address[0])
        setting_catalogue.warn_unknown()
        ingest_settings.read()
        settings.database_url()
        settings.read_crypto()
        security_sinks.read_path()
        security_syslog.read_syslog_url()
    except SettingsError as error:
        raise SystemExit(f"ingest: {error}") from None


def post_worker_init(worker: Any) -> None:
    """Let this process write heartbeats, now that it can answer."""
    Heartbeat("web", worker.look).start()


def child_exit(server: Any, worker: Any) -> None:
    """Add the counts of a worker that ended to the sum of all dead workers, and remove its metrics files.

    Never raises: an exception here would end gunicorn's master process, and with it the whole web server.
    """
    try:
        fold_dead_process(worker.pid)
    except Exception:
        server.log.exception("metrics of a dead worker were not folded")
