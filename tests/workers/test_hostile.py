"""No text takes the process down, holds it for long, or makes it grow: one child reads them all under a memory limit."""

from __future__ import annotations

import json
import subprocess
import sys

SECONDS = 20.0
GROWTH_MIB = 200

CHILD = """
import json, resource, time
import psutil
from models.jobs import PassName
from workers.providers.base import PassRequest, ProviderError
from workers.providers.local.provider import LocalProvider

dog = "The dog sleeps under the table because it is tired. "
texts = {
    "one token of 100,000 characters": "a" * 100_000,
    "a token of 99,000 after an essay": dog * 10 + "a" * 99_000,
    "20,000 hyphens after an essay": dog * 10 + "-" * 20_000,
    "18 kB of initials": dog * 10 + "A.B.C." * 3_000,
    "a wall of emoji": dog * 10 + chr(0x1F600) * 99_000,
    "a fence of emoji": dog * 10 + (chr(0x1F469) + chr(0x200D) + chr(0x1F680) + " ") * 20_000,
    "Arabic": "".join(map(chr, (0x630, 0x647, 0x628, 0x20))) * 20_000,
    "Hebrew and bidi controls in English": dog * 20 + (chr(0x202E) + chr(0x5E9) * 4 + chr(0x202C) + " " + dog) * 60,
    "100,000 characters of essay": ("I beleive that he go home. " + dog) * 1_265,
    "100,000 line ends": chr(10) * 100_000,
    "50,000 combining marks": dog * 10 + "a" + chr(0x301) * 50_000,
    "combining marks everywhere": dog.replace("e", "e" + chr(0x301)) * 60,
    "a flood of zero width": dog * 10 + chr(0x200B) * 90_000,
    "quotation marks": dog * 10 + chr(34) * 40_000 + " " + (chr(0x201C) + " ") * 20_000,
    "brackets": dog * 10 + "(" * 40_000 + (" (word") * 8_000,
    "8,000 times the": "the " * 8_000,
    "halves of surrogate pairs": dog * 10 + chr(0xD800) * 20_000,
}
provider = LocalProvider()
provider.ask(PassRequest(pass_name=PassName.GRAMMAR, text="We recieve it every day."))
process = psutil.Process()
base = process.memory_info()
limit = base.vms + (1 << 30)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
result = {}
for name, text in texts.items():
    ends, slowest = [], 0.0
    for pass_name in PassName:
        began = time.monotonic()
        try:
            answer = provider.ask(PassRequest(pass_name=pass_name, text=text, assignment_prompt=dog)).answer
            proven = all(text[one.span.start:one.span.end] == one.span.quote for one in answer.comments)
            ends.append("answered" if proven and answer.not_checked else "wrong")
        except ProviderError as error:
            ends.append("gave up")
        slowest = max(slowest, time.monotonic() - began)
    result[name] = {"ends": ends, "seconds": slowest}
# Not ru_maxrss: a new process inherits its parent's there.
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) >> 10
print(json.dumps({"texts": result, "growth": peak - (base.rss >> 20)}))
"""


def test_hostile_texts_are_answered_or_given_up_in_bounded_time_and_memory() -> None:
    run = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=180, check=False)
    assert run.returncode == 0, run.stderr[-2_000:]
    seen = json.loads(run.stdout)
    assert len(seen["texts"]) == 17
    for name, one in seen["texts"].items():
        assert set(one["ends"]) <= {"answered", "gave up"}, name
        assert one["seconds"] < SECONDS, name
    assert seen["growth"] < GROWTH_MIB
