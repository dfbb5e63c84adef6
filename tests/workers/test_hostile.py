"""Test that hostile texts use bounded time and memory, in a child process with a memory limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SECONDS = 20.0  # CPU time of all three passes of a text; generous, because other tests may run at the same time
GROWTH_MIB = 200
ROOT = Path(__file__).resolve().parents[2]

CHILD = """
import json, resource, time
import psutil
from models.jobs import PassName
from workers.providers.contract import PassRequest, ProviderError
from workers.providers.local.provider import LocalProvider

dog = "The dog sleeps under the table because it is tired. "
texts = {
    "one token of 100,000 characters": "a" * 100_000,
    "a token of 99,000 after an essay": dog * 10 + "a" * 99_000,
    "20,000 hyphens after an essay": dog * 10 + "-" * 20_000,
    "18 kB of initials": "A.B.C." * 3_000,
    "a wall of emoji": dog * 10 + chr(0x1F600) * 99_000,
    "a fence of emoji": dog * 10 + (chr(0x1F469) + chr(0x200D) + chr(0x1F680) + " ") * 20_000,
    "Arabic": "".join(map(chr, (0x630, 0x647, 0x628, 0x20))) * 20_000,
    "Hebrew and bidi controls in English": dog * 20 + (chr(0x202E) + chr(0x5E9) * 4 + chr(0x202C) + " " + dog) * 60,
    "100,000 characters of essay": ("I beleive that he go home. " + dog) * 1_265,
    "100,000 line ends": dog * 10 + chr(10) * 99_000,
    "50,000 combining marks": dog * 10 + "a" + chr(0x301) * 50_000,
    "combining marks everywhere": dog.replace("e", "e" + chr(0x301)) * 60,
    "a flood of zero width": dog * 10 + chr(0x200B) * 90_000,
    "100,000 times !?": dog * 10 + "!?" * 49_000,
    "quotation marks": dog * 10 + chr(34) * 40_000 + " " + (chr(0x201C) + " ") * 20_000,
    "brackets": dog * 10 + "(" * 40_000 + (" (word") * 8_000,
    "a name of hyphens": dog * 10 + "A-" * 49_000,
    "20,000 times word": dog * 10 + "word " * 19_000,
    "49,000 times i": dog * 10 + "i " * 49_000,
    "48,000 numbers": dog * 10 + "1 2 3 " * 16_000,
    "halves of surrogate pairs": dog * 10 + chr(0xD800) * 20_000,
    "nested quotations": dog * 10 + (chr(0x201C) + chr(0xAB) + chr(0x201E) + "we ") * 8_000 + (chr(0xBB) + chr(0x201D)) * 8_000,
    "list markers": dog * 10 + (chr(10) + "- 1. * a) ") * 9_900,
    "list items": dog * 10 + (chr(10) + "- we is") * 12_000,
    "a table": dog * 10 + (chr(10) + "| a | b | c |") * 7_000,
    "bars": dog * 10 + "|" * 49_000 + " | a" * 12_000,
    "quoted lines": dog * 10 + (chr(10) + "> > >> we is") * 7_600,
    "angle brackets": dog * 10 + ">" * 49_000 + " >" * 24_000,
    "lines of verse": dog * 10 + (chr(10) + "and so the river bends") * 4_300,
    "verses": dog * 10 + (chr(10) * 2 + "the river bends" + chr(10) + "and carries leaves") * 2_700,
    "salutations": "Dear Ann," + (chr(10) + "Dear Ann,") * 9_900,
    "references": dog * 10 + chr(10) * 2 + "Works Cited" + (chr(10) * 2 + "A") * 33_000,
    "split words": dog * 10 + ("ab-" + chr(10)) * 24_000,
}
provider = LocalProvider()
provider.ask(PassRequest(pass_name=PassName.GRAMMAR, text="We recieve it every day."))
process = psutil.Process()
base = process.memory_info()
limit = base.vms + (1 << 30)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
# ru_maxrss is not used: a new process inherits the value of its parent.
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
result = {}
for name, text in texts.items():
    ends, began, before = [], time.process_time(), peak()
    for pass_name in PassName:
        try:
            answer = provider.ask(PassRequest(pass_name=pass_name, text=text, assignment_prompt=dog)).answer
        except ProviderError as error:
            ends.append("gave up")
            continue
        comments = answer.comments
        proven = all(text[one.span.start:one.span.end] == one.span.quote != "" for one in comments)
        inside = all(0 <= start < end <= len(text) for one in comments for start, end in one.also_at)
        ends.append("answered" if proven and inside and answer.not_checked else "wrong")
    result[name] = {"ends": ends, "seconds": time.process_time() - began, "growth": peak() - before}
print(json.dumps({"texts": result, "growth": peak() - base.rss / 2**20}))
"""

REPEATED_READING = """
import sys
from models.jobs import PassName
from workers.providers.contract import PassRequest
from workers.providers.local.provider import LocalProvider
provider = LocalProvider()
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as essay:
        text = essay.read()
    for name in PassName:
        print(provider.ask(PassRequest(pass_name=name, text=text, assignment_prompt="Should dogs go to school?")).raw)
"""


@pytest.mark.slow(reason="reads 33 texts of up to 100,000 characters; starts three processes")
def test_hostile_texts_use_bounded_time_and_memory(report: Callable[[str], None]) -> None:
    run = subprocess.run(
        [sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=400, check=False, cwd=ROOT
    )
    assert run.returncode == 0, run.stderr[-2_000:]
    measured = json.loads(run.stdout)
    assert len(measured["texts"]) == 33
    for name, one in measured["texts"].items():
        report(f"hostile: {name}: {one['seconds']:.1f} s, {one['growth']:.0f} MiB more")
        assert set(one["ends"]) <= {"answered", "gave up"}, name
        assert one["seconds"] < SECONDS, name
    report(f"hostile: {len(measured['texts'])} texts, three passes each, {measured['growth']:.0f} MiB more at the peak")
    assert measured["growth"] < GROWTH_MIB


@pytest.mark.slow(reason="reads 33 texts of up to 100,000 characters; starts three processes")
def test_three_processes_give_the_same_bytes_for_the_same_essays() -> None:
    essays = sorted(map(str, (ROOT / "standalone" / "essays").glob("*.txt")))[:3]
    assert len(essays) == 3
    started = [
        subprocess.Popen(
            [sys.executable, "-c", REPEATED_READING, *essays],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        for seed in ("0", "1", "4242")
    ]
    outputs = [process.communicate(timeout=90)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert outputs[0].count(b"\n") == 9
    assert outputs[1] == outputs[0]
    assert outputs[2] == outputs[0]
