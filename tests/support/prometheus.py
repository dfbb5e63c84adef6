"""A real Prometheus that scrapes what a test gives it, and the answers of its HTTP API."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.support.ports import free_port
from tests.support.races import eventually

# `make promtool` installs it beside the Python interpreter.
PROMETHEUS = shutil.which("prometheus") or shutil.which("prometheus", path=str(Path(sys.executable).parent))
MISSING = "prometheus is not installed: run `make promtool`, or install it (Debian: apt-get install prometheus)"


class Prometheus:
    """A running Prometheus."""

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self.log = log

    def ask(self, path: str, **parameters: str) -> Any:
        """Return the data of one answer of the HTTP API. Raise AssertionError when Prometheus refuses the question."""
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=30) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError((parameters, error.read().decode())) from None

    def values(self, expression: str) -> list[float]:
        """Return the value of every series that an expression has now."""
        found = self.ask("query", query=expression)
        if found["resultType"] == "scalar":
            return [float(found["result"][1])]
        return [float(series["value"][1]) for series in found["result"]]

    def is_ready(self) -> bool:
        """Return whether it answers questions."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False


@contextmanager
def prometheus(folder: Path, config: Mapping[str, Any]) -> Iterator[Prometheus]:
    """Run Prometheus with this configuration and its data in `folder`, and stop it afterwards."""
    assert PROMETHEUS, MISSING
    (folder / "prometheus.yml").write_text(yaml.safe_dump(dict(config)), encoding="utf-8")
    address, log = f"127.0.0.1:{free_port()}", folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [PROMETHEUS, "--config.file=prometheus.yml", f"--web.listen-address={address}", "--storage.tsdb.path=data"],
            cwd=folder, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        running = Prometheus(f"http://{address}", log)
        eventually(running.is_ready, what="Prometheus")
        yield running
    finally:
        process.terminate()
        process.wait(30)
