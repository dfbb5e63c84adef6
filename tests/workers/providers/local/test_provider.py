"""Test the local provider: its interface, and that the same request always gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.jobs import PassName
from workers.passes.request import PassRequest
from workers.providers.contract import Outcome, Provider, Repair, Usage
from workers.providers.local.provider import LocalProvider

TEXT = (
    "Dogs at School\n\nI beleive that every school should have a dog because it makes pupils calm. i have seen it.\n\n"
    "First, a dog help children who is sad. For example, my cousin recieved comfort from the school dog, Bruno.\n\n"
    "Second, a dog teaches care. Pupils has to feed it and walk with it every day, even when it rains.\n\n"
    "In conclusion, a school dog makes pupils calm, and every school should think about it."
)

SCRIPT = """
import hashlib, sys
from models.jobs import PassName
from workers.providers.contract import PassRequest
from workers.providers.local.provider import LocalProvider
provider, text = LocalProvider(), sys.stdin.read()
for name in PassName:
    reply = provider.ask(PassRequest(pass_name=name, text=text, assignment_prompt="Should schools keep a dog?"))
    sys.stdout.write(hashlib.sha256(repr(reply).encode()).hexdigest() + " " + provider.prompt_version(name) + "\\n")
"""


def reply_text(provider: LocalProvider, name: PassName, language: str = "en") -> str:
    request = PassRequest(pass_name=name, text=TEXT, assignment_prompt="Should schools keep a dog?", language=language)
    return repr(provider.ask(request))


def test_local_provider_has_the_provider_interface(provider: LocalProvider) -> None:
    whole: Provider = provider
    assert whole.name == "local"
    assert whole.model.startswith("local-1")


@pytest.mark.slow(reason="starts a process that loads the engines")
def test_another_process_gives_the_same_replies(provider: LocalProvider) -> None:
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=TEXT, capture_output=True, text=True, check=True, timeout=60,
        env={"PYTHONHASHSEED": "4242", "PYTHONPATH": "."},
    )  # fmt: skip
    here = "".join(
        f"{hashlib.sha256(reply_text(provider, name).encode()).hexdigest()} {provider.prompt_version(name)}\n"
        for name in PassName
    )
    assert run.stdout == here


@pytest.mark.slow(reason="the real engines read many essays")
def test_concurrent_requests_give_the_same_replies_as_single_ones(provider: LocalProvider) -> None:
    jobs = [(name, language) for name in PassName for language in ("en", "en-GB", "en-US", "en-AU")] * 4
    alone = {job: reply_text(provider, *job) for job in set(jobs)}
    with ThreadPoolExecutor(32) as threads:
        assert list(threads.map(lambda job: reply_text(provider, *job), jobs)) == [alone[job] for job in jobs]


@pytest.mark.slow(reason="starts a process that loads the engines")
def test_both_engines_use_less_than_800_mib() -> None:
    code = SCRIPT + "\nimport psutil\nprint(psutil.Process().memory_info().rss >> 20)"
    run = subprocess.run(
        [sys.executable, "-c", code], input=TEXT * 20, capture_output=True, text=True, check=True, timeout=90
    )
    assert int(run.stdout.split()[-1]) < 800


def test_raw_answer_is_json_with_versions_and_confidences(provider: LocalProvider) -> None:
    reply = provider.ask(PassRequest(pass_name=PassName.GRAMMAR, text=TEXT))
    raw = json.loads(reply.raw)
    assert set(raw["engines"]) == {"lingotweaker", "harper-py"}
    assert raw["rules"] == provider.prompt_version(PassName.GRAMMAR)
    assert all(0 <= one["confidence"][which] <= 1 for one in raw["findings"] for which in ("problem", "correction"))
    assert all(version in reply.model for version in raw["engines"].values())
    assert reply.usage == Usage()
    assert reply.stop_reason == "end"


def test_repair_gives_the_same_reply(provider: LocalProvider) -> None:
    request = PassRequest(pass_name=PassName.STRUCTURE, text=TEXT)
    assert provider.ask(request, repair=Repair(Outcome.NOT_JSON, "no JSON")) == provider.ask(request)


def test_each_pass_has_its_own_prompt_version(provider: LocalProvider) -> None:
    versions = {provider.prompt_version(name) for name in PassName}
    assert len(versions) == 3
    assert all(len(version) == 16 for version in versions)


def test_every_pass_lists_what_it_did_not_check(provider: LocalProvider) -> None:
    for name in PassName:
        answer = provider.ask(PassRequest(pass_name=name, text=TEXT)).answer
        assert answer.not_checked
        assert not answer.picks
        assert len(answer.next_steps) <= 3
