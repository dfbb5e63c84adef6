"""Measure a class's input tokens beside three plain calls an essay, and the time that the prompt cache gate costs.

`python -m benchmarks.tokens --json` prints the ratios as one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass

from benchmarks.machine import vendor
from benchmarks.report import Benchmark, Figure, duration, progress, table
from models.jobs import PassName
from workers.passes.request import Criterion, EarlierPick, Level, PassRequest, PreviousDraft
from workers.providers.claude import DEFAULT_MODEL, ClaudeProvider
from workers.providers.contract import Usage
from workers.providers.prices import prices_of
from workers.providers.prompt_cache import PromptCacheGate

ESSAYS, THREADS, LATENCY_SECONDS = 30, 8, 1.0
CLASS_BAR, SECOND_DRAFT_BAR = 0.45, 0.5
PROMPT = "Should our town close its main street to cars? Take a position, support it with at least two sources, and answer one objection."
_LEVELS = (
    ("Beginning", "rarely seen"),
    ("Developing", "seen in places"),
    ("Secure", "seen throughout"),
    ("Strong", "carries a reader along"),
)
RUBRIC = tuple(
    Criterion(
        name=name,
        description=f"How well the essay does what is asked of it in {name.lower()}.",
        levels=tuple(
            Level(name=level, points=at, description=f"{name}: {what}.") for at, (level, what) in enumerate(_LEVELS)
        ),
    )
    for name in ("Position", "Evidence", "Organisation", "Style", "Conventions")
)
_CRITERIA_BY_PASS = {
    PassName.GRAMMAR: ("Style", "Conventions"),
    PassName.STRUCTURE: ("Organisation",),
    PassName.CONTENT: ("Position", "Evidence"),
}
# Each essay is made of these parts: a subject, a predicate and a clause, and now and then a short sentence.
_SUBJECTS = "shopkeepers|cyclists|parents|bus drivers|older people|my neighbours|the council|visitors|pupils|delivery riders".split(
    "|"
)
_PREDICATES = "walk there every day|worry about their rent|have asked for quieter evenings|need a place to park|lose an hour a week|remember the old market".split(
    "|"
)
_CLAUSES = "because the noise never stops|since the figures were published|although nobody has counted them|as the survey in spring showed|when the weather is bad".split(
    "|"
)
_SHORT_SENTENCES = "This matters more than speed.|A fair plan would begin here.|I did not expect that.|It is easy to forget.|That is a reason to try it for a year.|Still, others disagree.".split(
    "|"
)


@dataclass(frozen=True)
class Measured:
    """The billed input in plain input tokens, the same input without any cache, and how long all calls took."""

    billed: float
    plain: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Class:
    """The calls of one class: first drafts, their second drafts, and first drafts without the gate."""

    first: Measured
    second: Measured
    gate_off: Measured

    @property
    def ratio(self) -> float:
        """Return the billed input of the first drafts as a share of three plain calls an essay."""
        return self.first.billed / self.first.plain

    @property
    def ratio_gate_off(self) -> float:
        """Return the same share when no call waits for another one's prefix."""
        return self.gate_off.billed / self.gate_off.plain

    @property
    def second_drafts(self) -> float:
        """Return the billed input of the second drafts as a share of that of the first drafts."""
        return self.second.billed / self.first.billed


def measure_class() -> Class:
    """Ask for all passes of a class's first drafts, with and without the gate, and of its second drafts."""
    texts = [essay(number) for number in range(ESSAYS)]
    first_drafts = [request for text in texts for request in first_draft(text)]
    second_drafts = [request for number, text in enumerate(texts) for request in second_draft(text, number)]
    with provider_with(PromptCacheGate(), latency_seconds=LATENCY_SECONDS) as provider:
        progress("first drafts")
        first = measure(provider, first_drafts)
        progress("second drafts")
        second = measure(provider, second_drafts)
    with provider_with(PromptCacheGate(most_seconds=0), latency_seconds=LATENCY_SECONDS) as provider:
        progress("first drafts without the gate")
        gate_off = measure(provider, first_drafts)
    return Class(first=first, second=second, gate_off=gate_off)


def run() -> list[Figure]:
    """Measure the billed input of a class and of its second drafts."""
    return _figures(measure_class())


def _figures(found: Class) -> list[Figure]:
    return [
        Figure(
            "billed input ÷ three plain calls an essay",
            f"{found.ratio:.3f}",
            f"≤ {CLASS_BAR:.2f}",
            found.ratio <= CLASS_BAR,
        ),
        Figure("the same without the prompt cache gate", f"{found.ratio_gate_off:.3f}"),
        Figure(
            "billed input of second drafts ÷ of first drafts",
            f"{found.second_drafts:.3f}",
            f"≤ {SECOND_DRAFT_BAR:.2f}",
            found.second_drafts <= SECOND_DRAFT_BAR,
        ),
        Figure(
            "time of all first drafts with and without the gate",
            f"{duration(found.first.seconds)}, {duration(found.gate_off.seconds)}",
        ),
    ]


@contextmanager
def provider_with(gate: PromptCacheGate, *, latency_seconds: float) -> Iterator[ClaudeProvider]:
    """Yield a Claude provider with this gate, in front of a new fake provider whose cache is empty."""
    with (
        vendor(latency_seconds=latency_seconds) as url,
        closing(ClaudeProvider("bench", base_url=url, gate=gate)) as provider,
    ):
        yield provider


def measure(provider: ClaudeProvider, requests: list[PassRequest], *, threads: int = THREADS) -> Measured:
    """Ask these requests in this order from so many threads, and return what the calls were billed."""
    started = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        usages = [reply.usage for reply in pool.map(provider.ask, requests)]
    seconds = time.monotonic() - started
    return Measured(sum(map(billed, usages)), sum(map(plain, usages)), seconds)


def billed(usage: Usage) -> float:
    """Return the input of a call in tokens at the plain price."""
    rates = prices_of(DEFAULT_MODEL)
    weighted = usage.cache_write_tokens * rates.cache_write + usage.cache_read_tokens * rates.cache_read
    return usage.input_tokens + weighted / rates.input


def plain(usage: Usage) -> float:
    """Return the input tokens that the call would have had without a cache."""
    return usage.input_tokens + usage.cache_write_tokens + usage.cache_read_tokens


def essay(number: int) -> str:
    """Return an essay of five paragraphs and 500 to 700 words. Each number gives another essay, always the same one."""
    return "\n\n".join(_paragraph(random.Random(f"{number}.{part}")) for part in range(5))


def first_draft(text: str) -> list[PassRequest]:
    """Return the three requests of an essay."""
    return [
        PassRequest(pass_name=name, text=text, title="Our street", assignment_prompt=PROMPT, criteria=RUBRIC)
        for name in PassName
    ]


def second_draft(text: str, number: int) -> list[PassRequest]:
    """Return the three requests of the next draft, in which one of the five paragraphs is new."""
    parts = text.split("\n\n")
    changed = number % len(parts)
    parts[changed] = _paragraph(random.Random(f"{number}.again"))
    unchanged, at = [], 0
    for index, part in enumerate(parts):
        if index != changed:
            unchanged.append((at, at + len(part)))
        at += len(part) + 2
    return [
        PassRequest(
            pass_name=name,
            text="\n\n".join(parts),
            title="Our street",
            assignment_prompt=PROMPT,
            criteria=RUBRIC,
            earlier=_earlier(name, unchanged),
        )
        for name in PassName
    ]


def _earlier(name: PassName, unchanged: list[tuple[int, int]]) -> PreviousDraft:
    picks = tuple(
        EarlierPick(criterion=one, level="Secure", rationale="Two places in the essay show it.")
        for one in _CRITERIA_BY_PASS[name]
    )
    return PreviousDraft(unchanged=tuple(unchanged), picks=picks)


def _paragraph(random_source: random.Random) -> str:
    words = random_source.randint(100, 140)
    sentences: list[str] = []
    while len(" ".join(sentences).split()) < words - 8:
        who = random_source.choice(_SUBJECTS)
        sentences.append(
            f"{who[0].upper()}{who[1:]} {random_source.choice(_PREDICATES)} {random_source.choice(_CLAUSES)}, "
            f"and {random_source.choice(_SUBJECTS)} {random_source.choice(_PREDICATES)}."
        )
        if random_source.random() < 0.4:
            sentences.append(random_source.choice(_SHORT_SENTENCES))
    return " ".join(sentences)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, or the ratios as JSON; return 0 when the bars were reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tokens", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args(arguments).json
    found = measure_class()
    figures = _figures(found)
    if as_json:
        print(
            json.dumps(
                {
                    "class": found.ratio,
                    "class_gate_off": found.ratio_gate_off,
                    "second_drafts": found.second_drafts,
                    "seconds": found.first.seconds,
                    "seconds_gate_off": found.gate_off.seconds,
                }
            )
        )
    else:
        print(table(figures))
    return 0 if all(one.reached is not False for one in figures) else 1


TOKENS = Benchmark(
    name="tokens",
    title="Tokens",
    description=(
        f"The billed input tokens of a class of {ESSAYS} essays with three passes each, beside three plain calls an essay, "
        f"{THREADS} calls at a time, with a fake provider that takes {LATENCY_SECONDS:.0f} s a call and counts the prompt cache "
        "as the real one documents."
    ),
    run=run,
)

if __name__ == "__main__":
    sys.exit(main())
