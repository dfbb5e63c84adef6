"""Compare two judges of the same sheet: percent agreement and Cohen's kappa."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from benchmarks.judging.filled import JudgedRow, Verdict
from benchmarks.judging.sheet import COMMENT, NOTHING
from benchmarks.judging.tables import ReadError


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeAgreement:
    """How far two judges agree about one question. `kappa` is None where both always gave one and the same answer."""

    question: str
    n: int
    same: int
    kappa: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeComparison:
    """Two judges of one sheet. `opposite` names the items of which one says yes and the other no."""

    questions: tuple[JudgeAgreement, ...]
    opposite: tuple[str, ...]
    only_one_judged: int
    not_the_same: tuple[str, ...]


def compare(one: Sequence[JudgedRow], other: Sequence[JudgedRow]) -> JudgeComparison:
    """Return how far two judges agree. Raises ReadError when the files are not the same sheet."""
    theirs = {row.item: row for row in other if row.what != NOTHING}
    pairs: list[tuple[JudgedRow, JudgedRow]] = []
    not_the_same: list[str] = []
    ours = [row for row in one if row.what != NOTHING]
    for row in ours:
        pair = theirs.get(row.item)
        # The words are compared too, because items of two sheets have the same names.
        if pair is None or _letters(pair.message) != _letters(row.message):
            not_the_same.append(row.item)
        else:
            pairs.append((row, pair))
    not_the_same += sorted(set(theirs) - {row.item for row in ours})
    if not pairs:
        raise ReadError("the two files are not the same sheet: they have no row in common")
    both = [(mine, yours) for mine, yours in pairs if mine.verdict is not None and yours.verdict is not None]
    verdicts = [(mine.verdict, yours.verdict) for mine, yours in both]
    noise = [(mine.verdict is Verdict.NO, yours.verdict is Verdict.NO) for mine, yours in both if mine.what == COMMENT]
    suggestions = [
        (mine.suggestion_right, yours.suggestion_right)
        for mine, yours in both
        if mine.suggestion_right is not None and yours.suggestion_right is not None
    ]
    return JudgeComparison(
        questions=(
            _agreement("yes, partly or no", verdicts),
            _agreement("noise or not", noise),
            _agreement("first suggestion right", suggestions),
        ),
        opposite=tuple(mine.item for mine, yours in both if {mine.verdict, yours.verdict} == {Verdict.YES, Verdict.NO}),
        only_one_judged=sum((mine.verdict is None) != (yours.verdict is None) for mine, yours in pairs),
        not_the_same=tuple(not_the_same),
    )


def _letters(message: str) -> str:
    # Other signs do not survive every program that saves a sheet.
    return re.sub(r"[^a-z0-9]+", "", message.lower())


def _agreement(question: str, answers: Sequence[tuple[Hashable, Hashable]]) -> JudgeAgreement:
    n = len(answers)
    same = sum(mine == yours for mine, yours in answers)
    mine, yours = Counter(first for first, _ in answers), Counter(second for _, second in answers)
    by_chance = sum(count * yours[answer] for answer, count in mine.items())
    # In whole numbers, so that agreement by chance of exactly 1 is seen.
    kappa = (same * n - by_chance) / (n * n - by_chance) if n * n > by_chance else None
    return JudgeAgreement(question=question, n=n, same=same, kappa=kappa)
