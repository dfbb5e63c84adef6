"""What a class costs in input tokens, beside three plain calls an essay, and what the gate before the vendor costs in time."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass

from benchmarks.machine import vendor
from models.jobs import PassName
from workers.passes.request import Criterion, Earlier, EarlierPick, Level, PassRequest
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
_JUDGES = {  # each criterion is one reading's
    PassName.GRAMMAR: ("Style", "Conventions"),
    PassName.STRUCTURE: ("Organisation",),
    PassName.CONTENT: ("Position", "Evidence"),
}
_WHO = "shopkeepers|cyclists|parents|bus drivers|older people|my neighbours|the council|visitors|pupils|delivery riders".split(
    "|"
)
_DO = "walk there every day|worry about their rent|have asked for quieter evenings|need a place to park|lose an hour a week|remember the old market".split(
    "|"
)
_WHY = "because the noise never stops|since the figures were published|although nobody has counted them|as the survey in spring showed|when the weather is bad".split(
    "|"
)
_SO = "This matters more than speed.|A fair plan would begin here.|I did not expect that.|It is easy to forget.|That is a reason to try it for a year.|Still, others disagree.".split(
    "|"
)


@dataclass(frozen=True)
class Measured:
    """Billed input in plain input tokens, the same without any cache, and how long it all took."""

    billed: float
    plain: float
    seconds: float


def run(*, as_json: bool = False) -> bool:
    """Print billed input against three plain calls, for a class and its second drafts; return whether the bars are reached."""
    firsts = [essay(number) for number in range(ESSAYS)]
    with asked_through(LATENCY_SECONDS, gate=PromptCacheGate()) as provider:
        first = measure(provider, [request for text in firsts for request in first_draft(text)])
        second = measure(
            provider, [request for number, text in enumerate(firsts) for request in second_draft(text, number)]
        )
    with asked_through(LATENCY_SECONDS, gate=PromptCacheGate(most_seconds=0)) as provider:
        off = measure(provider, [request for text in firsts for request in first_draft(text)])
    ratio, ratio_off, again = first.billed / first.plain, off.billed / off.plain, second.billed / first.billed
    if as_json:
        print(
            json.dumps(
                {
                    "class": ratio,
                    "class_gate_off": ratio_off,
                    "second_drafts": again,
                    "seconds": first.seconds,
                    "seconds_gate_off": off.seconds,
                }
            )
        )
        return ratio <= CLASS_BAR and again <= SECOND_DRAFT_BAR
    print(
        f"\nTokens: {ESSAYS} essays of one class, three passes each, {THREADS} threads, a vendor that takes {LATENCY_SECONDS:.1f} s"
    )
    print(
        f"  billed input ÷ three plain calls {ratio:.3f} (bar: {CLASS_BAR}), gate off {ratio_off:.3f}   repeat: python -m benchmarks.tokens"
    )
    print(
        f"  second drafts ÷ first drafts {again:.3f} (bar: {SECOND_DRAFT_BAR})   the gate: {first.seconds:.1f} s in all, off {off.seconds:.1f} s"
    )
    return ratio <= CLASS_BAR and again <= SECOND_DRAFT_BAR


@contextmanager
def asked_through(latency_seconds: float, *, gate: PromptCacheGate) -> Iterator[ClaudeProvider]:
    """Yield a provider with this gate, before a vendor that has seen nothing yet."""
    with (
        vendor(latency_seconds=latency_seconds) as url,
        closing(ClaudeProvider("bench", base_url=url, gate=gate)) as provider,
    ):
        yield provider


def measure(provider: ClaudeProvider, requests: list[PassRequest], *, threads: int = THREADS) -> Measured:
    """Return what these calls were billed, asked in this order by so many threads."""
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
    """Return the input of a call in tokens, had there been no cache."""
    return usage.input_tokens + usage.cache_write_tokens + usage.cache_read_tokens


def essay(number: int) -> str:
    """Return an essay of five paragraphs and 500 to 700 words; each number gives another one."""
    return "\n\n".join(_paragraph(random.Random(f"{number}.{part}")) for part in range(5))


def first_draft(text: str) -> list[PassRequest]:
    """Return the three requests of an essay."""
    return [
        PassRequest(pass_name=name, text=text, title="Our street", assignment_prompt=PROMPT, criteria=RUBRIC)
        for name in PassName
    ]


def second_draft(text: str, number: int) -> list[PassRequest]:
    """Return the three requests of the next draft, in which one of the five paragraphs is another."""
    parts = text.split("\n\n")
    changed = number % len(parts)
    parts[changed] = _paragraph(random.Random(f"{number}.again"))
    places, at = [], 0
    for index, part in enumerate(parts):
        if index != changed:
            places.append((at, at + len(part)))
        at += len(part) + 2
    return [
        PassRequest(
            pass_name=name,
            text="\n\n".join(parts),
            title="Our street",
            assignment_prompt=PROMPT,
            criteria=RUBRIC,
            earlier=_earlier(name, places),
        )
        for name in PassName
    ]


def _earlier(name: PassName, places: list[tuple[int, int]]) -> Earlier:
    picks = tuple(
        EarlierPick(criterion=one, level="Secure", rationale="Two places in the essay show it.")
        for one in _JUDGES[name]
    )
    return Earlier(unchanged=tuple(places), picks=picks)


def _paragraph(chance: random.Random) -> str:
    words = chance.randint(100, 140)
    sentences: list[str] = []
    while len(" ".join(sentences).split()) < words - 8:
        who = chance.choice(_WHO)
        sentences.append(
            f"{who[0].upper()}{who[1:]} {chance.choice(_DO)} {chance.choice(_WHY)}, and {chance.choice(_WHO)} {chance.choice(_DO)}."
        )
        if chance.random() < 0.4:
            sentences.append(chance.choice(_SO))
    return " ".join(sentences)


if __name__ == "__main__":
    sys.exit(0 if run(as_json="--json" in sys.argv[1:]) else 1)
