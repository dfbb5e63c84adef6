"""A real Prometheus and a real Alertmanager that watch the system under test, and the pager at the end of the line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.alert_drill.rules import SCRAPE_SECONDS, shortened_routes, shortened_rules
from tests.support.ports import free_port
from tests.support.races import eventually
from tests.support.servers import ROOT

START_SECONDS = 30.0


@dataclass(frozen=True)
class Notification:
    """One alert in one message to the pager or to the tickets."""

    at: float
    receiver: str
    alert: str
    status: str
    site: str


class Pager:
    """An HTTP server that takes Alertmanager's webhooks at /page and /ticket and keeps what they say."""

    def __init__(self) -> None:
        self.notifications: list[Notification] = []
        pager = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Keep the alerts of one message."""
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                pager.notifications += [
                    Notification(
                        time.monotonic(),
                        self.path.strip("/"),
                        one["labels"]["alertname"],
                        one["status"],
                        one["labels"].get("site", ""),
                    )
                    for one in message["alerts"]
                ]
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass(frozen=True)
class Stack:
    """The addresses of the running programs."""

    prometheus: str
    alertmanager: str
    pager: Pager


def find_program(name: str) -> str:
    """Return the path of a program, which `make promtool` installs beside the Python interpreter. Raises FileNotFoundError."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise FileNotFoundError(
            f"{name} is not installed: run `make promtool` (Debian: prometheus, prometheus-alertmanager)"
        )
    return found


@contextmanager
def running_stack(folder: Path, *, targets: dict[str, str]) -> Iterator[Stack]:
    """Run Prometheus and Alertmanager with the shortened rules and routes. `targets` gives the address of each scrape job."""
    with ExitStack() as stack:
        pager = Pager()
        stack.callback(pager.close)
        alertmanager = stack.enter_context(running_alertmanager(folder, pager=pager))
        port = free_port()
        prometheus = f"http://127.0.0.1:{port}"
        _write(folder / "alerts.yml", shortened_rules())
        _write(
            folder / "prometheus.yml", _prometheus_config(targets, alertmanager=alertmanager.removeprefix("http://"))
        )
        _start(
            stack, folder, "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=prometheus",
            f"--web.listen-address=127.0.0.1:{port}", "--rules.alert.resend-delay=5s",
        )  # fmt: skip
        _wait_until_ready(f"{prometheus}/-/ready", log=folder / "prometheus.log")
        _wait_until_scraped(prometheus)
        yield Stack(prometheus, alertmanager, pager)


@contextmanager
def running_alertmanager(folder: Path, *, pager: Pager) -> Iterator[str]:
    """Run Alertmanager with the shortened routes, which lead to this pager, and give its address."""
    with ExitStack() as stack:
        port = free_port()
        _write(folder / "alertmanager.yml", shortened_routes(f"{pager.url}/page", f"{pager.url}/ticket"))
        templates = Path(find_program("prometheus-alertmanager")).with_name("alertmanager-templates")
        if templates.exists():  # an unpacked package; an installed one finds its own
            shutil.copytree(templates, folder / "templates")
        _start(
            stack, folder, "prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=alertmanager",
            f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
        )  # fmt: skip
        _wait_until_ready(f"http://127.0.0.1:{port}/-/ready", log=folder / "prometheus-alertmanager.log")
        yield f"http://127.0.0.1:{port}"


def get_json(url: str) -> Any:
    """Return the JSON that a GET answers."""
    with urllib.request.urlopen(url, timeout=5) as response:
        return json.loads(response.read())


def _prometheus_config(targets: dict[str, str], *, alertmanager: str) -> dict[str, Any]:
    """Return prometheus.yml with these targets. A job without one is left out."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "monitoring" / "prometheus.yml").read_text(encoding="utf-8"))
    every = f"{SCRAPE_SECONDS}s"
    config["global"] = {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": "1s"}
    config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    config["scrape_configs"] = [
        {"job_name": job["job_name"], "static_configs": [{"targets": [targets[job["job_name"]]]}]}
        for job in config["scrape_configs"]
        if job["job_name"] in targets
    ]  # fmt: skip
    return config


def _start(stack: ExitStack, folder: Path, name: str, *arguments: str) -> None:
    """Start a program in the folder, with its output in NAME.log, and stop it when the stack is closed."""
    log = stack.enter_context((folder / f"{name}.log").open("wb"))
    process = subprocess.Popen([find_program(name), *arguments], cwd=folder, stdout=log, stderr=log)

    def stop() -> None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    stack.callback(stop)


def _wait_until_ready(url: str, *, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            text = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            assert time.monotonic() < deadline, f"{log.stem} did not start:\n{text}"
            time.sleep(0.1)


def _wait_until_scraped(prometheus: str) -> None:
    """Wait for the first scrape of the monitor, which counts as absent until then, and for a rule that has seen it."""
    question = f"{prometheus}/api/v1/query?query=count_over_time(up%7Bjob%3D%22essaycoach%22%7D%5B1m%5D)%20%3E%201"
    eventually(
        lambda: get_json(question)["data"]["result"],
        what="the first scrape of the monitor",
        within_seconds=START_SECONDS,
    )


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False, width=1000), encoding="utf-8")
