"""Measure the CPU time that a worker spends on the three passes of one essay, by stage, beside three plain calls of the SDK."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anthropic

from benchmarks.essays import read_essays
from benchmarks.machine import vendor
from benchmarks.report import Benchmark, Figure, progress
from models.jobs import PassName
from models.people_of_course import CoursePerson
from workers.injection import detector
from workers.passes.prompt import build
from workers.passes.request import Criterion, Level, PassRequest
from workers.privacy.masking import MaskingProvider
from workers.privacy.roster import Roster
from workers.providers.claude import ClaudeProvider
from workers.providers.left_alone import LeftAlone
from workers.text.reading import read

WORDS, LONG_WORDS = 700, 3000
CLASS, LARGE_CLASS = 30, 2000
ROUNDS = 15
# CPU milliseconds of one pass of an essay of WORDS words in a class of CLASS people, with the call of the SDK.
BAR_MS = 8.0
PASSES = tuple(PassName)
_SYLLABLES = ("ba", "lo", "ri", "ne", "ta", "mu", "ke", "so", "vi", "da", "fe", "gu")
_DRAFTS = itertools.count(1)
_LEVELS = ("Beginning", "Developing", "Proficient", "Excellent")


class Essays:
    """Essays of one length. Each is a new text, as nothing that a worker has kept from another one may help."""

    def __init__(self, words: int) -> None:
        texts = itertools.cycle(one.text for one in read_essays())
        parts: list[str] = []
        while sum(len(part.split()) for part in parts) < words:
            parts.append(next(texts))
        self._text = "\n\n".join(parts)

    def requests(self) -> list[PassRequest]:
        """Return the requests of the three passes of a new essay, each with a copy of the text of its own."""
        end = f" Draft {next(_DRAFTS)}"
        rubric = tuple(map(_criterion, ("Thesis", "Evidence", "Organisation", "Language")))
        return [
            PassRequest(
                pass_name=name,
                text="".join((self._text, end)),
                title="Should homework be banned?",
                assignment_prompt="Should homework be banned? Argue for or against it, with two sources.",
                criteria=rubric,
            )
            for name in PASSES
        ]


def run() -> list[Figure]:
    """Measure both class sizes and both lengths, and the stages of the first of them."""
    figures: list[Figure] = []
    with vendor() as url:
        claude = ClaudeProvider("bench", base_url=url)
        plain = _median_ms(_plain_calls(url, Essays(WORDS)))
        figures.append(Figure("three plain calls of the SDK", _ms(plain)))
        for words, people in ((WORDS, CLASS), (WORDS, LARGE_CLASS), (LONG_WORDS, CLASS)):
            progress(f"{words} words, a course of {people}")
            whole = _median_ms(_three_passes(claude, Essays(words), _roster(people)))
            is_first = (words, people) == (WORDS, CLASS)
            name = f"{words} words, a course of {people}: three passes"
            figures += [
                Figure(name, _ms(whole)),
                Figure(f"{name} ÷ plain calls", f"{whole / plain:.1f}"),
                Figure(
                    f"{words} words, a course of {people}: one pass",
                    _ms(whole / 3),
                    f"≤ {BAR_MS:.0f} ms" if is_first else "–",
                    whole / 3 <= BAR_MS if is_first else None,
                ),
            ]
        figures += _stages(claude)
        claude.close()
    return figures


def _three_passes(claude: ClaudeProvider, essays: Essays, roster: Roster) -> Callable[[], Callable[[], None]]:
    """Return a function that makes a new essay and returns the work of its three passes."""

    def prepare() -> Callable[[], None]:
        requests = essays.requests()

        def work() -> None:
            for request in requests:
                reader = MaskingProvider(claude, roster=roster)
                reader.expected_cost_micros(request)
                reader.ask(request)
            _notes(requests[-1])

        return work

    return prepare


def _plain_calls(url: str, essays: Essays) -> Callable[[], Callable[[], None]]:
    client = anthropic.Anthropic(api_key="bench", base_url=url, max_retries=0)

    def prepare() -> Callable[[], None]:
        bodies = [_plain_body(request) for request in essays.requests()]

        def work() -> None:
            for body in bodies:
                client.messages.create(**body)

        return work

    return prepare


def _plain_body(request: PassRequest) -> dict[str, Any]:
    prompt = build(request)
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 8_000,
        "system": prompt.rules + prompt.assignment + prompt.essay,
        "messages": [{"role": "user", "content": prompt.tail}],
    }


def _stages(claude: ClaudeProvider) -> list[Figure]:
    """Measure what is worked out once an essay, and the pass whose essay has all of it."""
    roster = _roster(CLASS)
    essays = Essays(WORDS)

    def once(step: Callable[[PassRequest], object]) -> float:
        def prepare() -> Callable[[], None]:
            request = essays.requests()[0]
            return lambda: _drop(step(request))

        return _median_ms(prepare)

    def last_pass() -> Callable[[], None]:
        requests = essays.requests()
        reader = MaskingProvider(claude, roster=roster)
        for request in requests[:2]:
            reader.ask(request)
        return lambda: _drop(reader.ask(replace(requests[0], pass_name=PassName.CONTENT)))

    def left_alone() -> Callable[[], None]:
        request = essays.requests()[0]
        read(request.text)
        return lambda: _drop(LeftAlone(request.text))

    return [
        Figure("once an essay: names found", _ms(once(lambda request: roster.places_in(request.text)))),
        Figure("once an essay: orders to the AI found", _ms(once(_findings))),
        Figure("once an essay: text read", _ms(once(lambda request: read(request.text)))),
        Figure("once an essay: words that are left alone", _ms(_median_ms(left_alone))),
        Figure("the third pass, which finds all of it", _ms(_median_ms(last_pass))),
    ]


def _drop(_: object) -> None:
    """Drop a value."""


def _findings(request: PassRequest) -> object:
    return detector.findings(request.title, request.text)


def _notes(request: PassRequest) -> None:
    _drop(detector.notes(request.title, request.text))
    _drop(read(request.text).notes)


def _median_ms(prepare: Callable[[], Callable[[], None]]) -> float:
    """Return the median CPU time of this process, in milliseconds, that prepared work takes. The first two do not count."""
    spent: list[float] = []
    for _ in range(ROUNDS + 2):
        work = prepare()
        started = time.process_time()
        work()
        spent.append((time.process_time() - started) * 1000)
    return statistics.median(spent[2:])


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.1f} ms"


def _roster(people: int) -> Roster:
    return Roster([_person(number) for number in range(people)])


def _person(number: int) -> CoursePerson:
    digits = [number // 12**place % 12 for place in range(4)]
    first, last = (
        "".join(_SYLLABLES[(digit + shift) % 12] for digit in digits).capitalize() for shift in (1, number % 7 + 2)
    )
    return CoursePerson(
        name=f"{first} {last}", email=f"{first}.{last}@school.example".lower(), external_id=f"s-{10_000 + number}"
    )


def _criterion(name: str) -> Criterion:
    levels = tuple(
        Level(name=level, points=points, description=f"The essay is {level.lower()} in {name.lower()}.")
        for points, level in enumerate(_LEVELS, start=1)
    )
    return Criterion(name=name, description=f"How well the essay shows {name.lower()}.", levels=levels)


CPU = Benchmark(
    name="cpu",
    title="CPU of a pass",
    description=(
        "The CPU time that a worker process spends on the three passes of an essay with Claude alone and a fake provider that "
        "answers at once: estimate of the cost, masking, prompt, call of the SDK, checks of the answer, anchoring and notes. "
        "The database is left out. Beside it stand three plain calls of the SDK with the same prompts, in the same run. Each "
        "essay is new to the process; its three passes share what is worked out once."
    ),
    run=run,
)
