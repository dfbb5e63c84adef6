"""The metrics page of web: the sums of all processes of this host, on a port of its own and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from ingest.web.metrics import read_sums

PATH = "/metrics"
App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Sums(Collector):
    def describe(self) -> list[Metric]:
        """Return an empty list, so that registering the collector reads nothing."""
        return []

    def collect(self) -> list[Metric]:
        """Return the sums."""
        return read_sums()


def is_on_port(address: Any, port: int | None) -> bool:
    """Return whether a socket's own address is on that port. A Unix socket has none."""
    return port is not None and isinstance(address, tuple) and address[1] == port


def split_by_port(app: App, port: int | None) -> App:
    """Return an app that answers requests on the metrics port with the metrics, and all others with `app`.

    The socket that took the request decides, not its Host header. The metrics page uses neither the app nor the database.
    """
    registry = CollectorRegistry()
    registry.register(_Sums())
    page: App = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not is_on_port(environ["gunicorn.socket"].getsockname(), port):
            return app(environ, start_response)
        if environ["PATH_INFO"] != PATH:
            return _refuse("404 Not Found", start_response)
        if environ["REQUEST_METHOD"] != "GET":
            return _refuse("405 Method Not Allowed", start_response, ("Allow", "GET"))
        return page(environ, start_response)

    return app if port is None else answer


def _refuse(status: str, start_response: Callable[..., Any], *headers: tuple[str, str]) -> list[bytes]:
    start_response(status, [("Content-Length", "0"), *headers])
    return []
