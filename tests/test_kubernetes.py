"""Test the Kubernetes manifests: valid for the API, complete, and the same programs as the Procfile's."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from documents.convert import MOST_AT_ONCE
from documents.sandbox import MEMORY_BYTES
from install import pinned
from models.setting_catalogue import SETTINGS
from tests.support.servers import ROOT
from workers.settings import read_process

FOLDER = ROOT / "deploy" / "kubernetes"
LISTED = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
OBJECTS: list[dict[str, Any]] = [
    found for name in LISTED for found in yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))
]
DEPLOYMENTS = {found["metadata"]["name"]: found for found in OBJECTS if found["kind"] == "Deployment"}
# Of the oldest release that is still looked after.
API_VERSION = "1.34"


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [found for found in OBJECTS if found["kind"] == kind]


@cache
def definitions() -> dict[str, Any]:
    """Return the schemas of the Kubernetes API, from a package that is downloaded (22 MB) and checked against its hash."""
    folder = Path(sys.prefix) / "kubernetes"
    if not list(folder.glob("*.whl")):
        requirement = pinned("kubernetes-validate")
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--dest", folder,
             "--requirement", "/dev/stdin"],
            input=requirement, text=True, check=True, capture_output=True,
        )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [
            one
            for one in archive.namelist()
            if f"/v{API_VERSION}." in one and one.endswith("-strict/_definitions.json")
        ]
        text = archive.read(name).decode().replace('"/api/_definitions.json#/', '"#/')
        found: dict[str, Any] = json.loads(text)["$defs"]
        return found


def faults(manifest: dict[str, Any]) -> list[str]:
    """Return what the API would refuse. Members that it does not know are refused, too."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    known = [
        name
        for name, schema in definitions().items()
        for one in schema.get("x-kubernetes-group-version-kind", [])
        if one == {"group": group, "version": version, "kind": manifest["kind"]}
    ]
    if not known:
        return [f"there is no {manifest['kind']} in {manifest['apiVersion']}"]
    schema = {"$ref": f"#/$defs/{known[0]}", "$defs": definitions()}
    return [f"{'/'.join(map(str, e.instance_path))}: {e.message}" for e in jsonschema_rs.iter_errors(schema, manifest)]


@pytest.mark.slow(reason="downloads the schemas of the Kubernetes API")
@pytest.mark.parametrize("manifest", OBJECTS, ids=lambda m: f"{m['kind']} {m['metadata']['name']}")
def test_manifest_is_valid_for_the_api(manifest: dict[str, Any]) -> None:
    assert faults(manifest) == []


@pytest.mark.slow(reason="downloads the schemas of the Kubernetes API")
def test_check_finds_a_member_that_the_api_does_not_know() -> None:
    wrong = json.loads(json.dumps(DEPLOYMENTS["web"]))
    wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    wrong["spec"]["replicas"] = "two"

    assert len(faults(wrong)) == 2
    assert faults({"apiVersion": "apps/v9", "kind": "Deployment"}) == ["there is no Deployment in apps/v9"]


def test_every_file_is_listed_and_every_name_is_used_once() -> None:
    assert sorted(LISTED) == sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")
    names = [(found["kind"], found["metadata"]["name"]) for found in OBJECTS]
    assert len(names) == len(set(names))


def test_deployments_are_the_lines_of_the_procfile() -> None:
    lines = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text(encoding="utf-8").splitlines() if line)
    assert set(lines) == set(DEPLOYMENTS)
    for name, line in lines.items():
        (container,) = DEPLOYMENTS[name]["spec"]["template"]["spec"]["containers"]
        assert container["args"] == shlex.split(line), name


def pods() -> dict[str, dict[str, Any]]:
    """Return the pod of each Deployment and Job by its name."""
    return {f["metadata"]["name"]: f["spec"]["template"]["spec"] for f in of_kind("Deployment") + of_kind("Job")}


@pytest.mark.parametrize("name", pods())
def test_container_is_confined_and_has_limits(name: str) -> None:
    pod = pods()[name]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    user = f"--uid {pod['securityContext']['runAsUser']} "
    assert user in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert container["image"] == "essaycoach"
    assert {"cpu", "memory"} == set(container["resources"]["requests"])
    assert "memory" in container["resources"]["limits"]
    # Only its own secret: no program can read the password of another.
    assert container["envFrom"] == [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": name}}]


@pytest.mark.parametrize("name", ["web", "worker"])
def test_files_are_read_within_the_memory_of_the_pod(name: str) -> None:
    (container,) = DEPLOYMENTS[name]["spec"]["template"]["spec"]["containers"]
    own, limit = (int(container["resources"][kind]["memory"].removesuffix("Mi")) for kind in ("requests", "limits"))
    setting = f"{name.upper()}_PROCESSES"
    values = {one.name: one.default for one in SETTINGS} | {one["name"]: one["value"] for one in container["env"]}
    assert limit * 1024 * 1024 >= own * 1024 * 1024 + int(values[setting]) * MOST_AT_ONCE * MEMORY_BYTES


@pytest.mark.parametrize("name", ["web", "worker"])
def test_programs_that_must_not_stop_survive_a_drained_node(name: str) -> None:
    (budget,) = [one for one in of_kind("PodDisruptionBudget") if one["metadata"]["name"] == name]
    (scaler,) = [one for one in of_kind("HorizontalPodAutoscaler") if one["metadata"]["name"] == name]
    assert budget["spec"]["selector"]["matchLabels"] == {"app": name}
    assert scaler["spec"]["scaleTargetRef"]["name"] == name
    assert scaler["spec"]["minReplicas"] > budget["spec"]["minAvailable"]
    # Otherwise each `apply` would undo the scaling.
    assert "replicas" not in DEPLOYMENTS[name]["spec"]
    assert DEPLOYMENTS[name]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_grace_is_longer_than_what_the_program_takes_to_stop() -> None:
    drain = read_process()[2] / 1000
    assert DEPLOYMENTS["worker"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > drain
    # gunicorn finishes its requests within 30 s, after the pause of preStop.
    web = DEPLOYMENTS["web"]["spec"]["template"]["spec"]
    pause = web["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert web["terminationGracePeriodSeconds"] > 30 + pause


def test_every_program_is_behind_the_network_policies() -> None:
    """Everything is closed. Only web and worker reach what lies outside, and only scrapers and the ingress come in."""
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind("NetworkPolicy")}
    assert policies.pop("nothing-else") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    stores = policies.pop("stores")
    assert {rule["port"] for one in stores["egress"] for rule in one["ports"]} == {53, 5432, 6432, 6379}
    open_in = {name for name, one in policies.items() if "ingress" in one}
    assert open_in == {"web", "metrics"}
    for name, one in policies.items():
        assert one["podSelector"] == {"matchLabels": {"app": name}}
        assert name in DEPLOYMENTS
        assert all("from" in rule and "ports" in rule for rule in one.get("ingress", []))
        assert all("ports" in rule for rule in one.get("egress", []))
    for name in ("web", "worker"):
        assert {rule["port"] for one in policies[name]["egress"] for rule in one["ports"]} >= {443, 465, 587}, name


def test_metric_of_the_scaler_exists(scrape_names: set[str]) -> None:
    (worker,) = [one for one in of_kind("HorizontalPodAutoscaler") if one["metadata"]["name"] == "worker"]
    metric = worker["spec"]["metrics"][0]["external"]["metric"]
    assert metric["name"] in scrape_names


@pytest.fixture
def scrape_names() -> set[str]:
    """The names of the metrics that the alerts use; another test compares those with a real scrape."""
    text = (ROOT / "monitoring" / "alerts.yml").read_text(encoding="utf-8")
    return set(re.findall(r"essaycoach_\w+", text))
