"""Fit the confidence table of the local engine again: `python -m benchmarks.calibrate FILES… [--counts FILE] -o confidence.json`.

`--own` fits it on the half "fit" of the essays of our own instead, starting from a table that was fitted on sentences. The table holds counts and coefficients only, never text. The same files give the same table, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.essays import DATA, Essay, read_essays
from benchmarks.feedback import Judged, Line, judge, read_corpus
from benchmarks.own_essays import key_of, read_judgements, verdict_of
from models.jobs import PassName
from workers.passes import logistic
from workers.passes.logistic import Observation
from workers.passes.request import PassRequest
from workers.providers.local import grammar
from workers.providers.local.confidence import Evidence, RuleCounts, Table, correction_key
from workers.providers.local.engines import Engines
from workers.text.reading import read

# Strength of the penalty for leaving the starting coefficients, as curvature of the log-likelihood.
PULL = 40.0
INTERCEPT_PULL = 10.0
# The same for essays, which are fewer: chosen by leaving out an eighth of the essays of the half "fit" at a time.
ESSAY_PULL = 10.0
# A table fitted on sentences, which are not in this repository: counts and weights only.
SENTENCE_COUNTS = DATA / "sentence_counts.json"
# The starting coefficients: they trust the measured precision of the rule and lower the confidence in capitalised words.
START = (1.0, 0.0, 0.5, -2.0, 0.5)

_CAPITALISED, _NEAR = 3, 4

Row = tuple[tuple[float, ...], bool]

solve = logistic.solve


@dataclass
class Tally:
    """Running counts by name."""

    rows: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, *, n: float = 1, tp: float = 0) -> None:
        """Add `n` findings, of which `tp` are right."""
        row = self.rows.setdefault(name, [0, 0])
        row[0] += n
        row[1] += tp

    def counts(self) -> dict[str, RuleCounts]:
        """Return the counts so far, sorted by name."""
        return {name: RuleCounts(n=n, tp=tp) for name, (n, tp) in sorted(self.rows.items())}


def fit(
    rows: Sequence[Row], start: Sequence[float], intercept: float, *, pull: float = PULL
) -> tuple[tuple[float, ...], float]:
    """Return the coefficients and the intercept of a logistic regression with a penalty towards the starting values."""
    observations = [Observation(features=features, share=float(real)) for features, real in rows]
    weights = logistic.fit(
        observations, (*start, intercept), pulls=[pull] * len(start) + [pull * INTERCEPT_PULL / PULL]
    )
    return tuple(round(weight, 4) for weight in weights[:-1]), round(weights[-1], 4)


def observe(lines: Iterable[Line], engines: Engines, *, alone: bool) -> list[Judged]:
    """Return every finding on the lines that is not held back, with its verdict. With `alone`, read as if only Harper were installed."""
    found: list[Judged] = []
    for line in lines:
        findings = grammar.find_mistakes(PassRequest(pass_name=PassName.GRAMMAR, text=line.text), engines, alone=alone)
        found += judge(line, [one for one in findings.all if not one.held])
    return found


def observe_essays(essays: Iterable[Essay], engines: Engines, *, alone: bool) -> list[Judged]:
    """Return every finding on essays of our own that a planted mistake or a reader judges."""
    judgements = read_judgements()
    found: list[Judged] = []
    for essay in essays:
        reading = read(essay.text)
        request = PassRequest(pass_name=PassName.GRAMMAR, text=reading.clean, assignment_prompt=essay.prompt)
        for finding in grammar.find_mistakes(request, engines, alone=alone, reading=reading).all:
            if finding.held:
                continue
            span = reading.original_span(finding.start, finding.end)
            key = key_of(essay.id, span[0], essay.text[slice(*span)], finding.flag.type)
            real, right = verdict_of(essay, span, finding.suggestions, judgements.get(key))
            if real is not None:
                found.append(Judged(finding=finding, real=real, right=right))
    return found


def table(
    judged: Sequence[Judged], alone: Sequence[Judged], counted: dict[str, Any], *, essays: bool = False
) -> dict[str, Any]:
    """Return the table fitted on the verdicts, together with `counted`, the counts from other corpora.

    `essays`: the verdicts are on essays, which hold enough names to fit the weight of capitalised words.
    """
    rules, groups, corrections = Tally(), Tally(), Tally()
    for tally, name in ((rules, "rules"), (groups, "groups"), (corrections, "corrections")):
        for key, row in counted.get(name, {}).items():
            tally.add(key, n=row["n"], tp=row["tp"])
    # Our own patterns (engine "O") do not depend on the engines, so they are counted once.
    for verdict in (*judged, *(one for one in alone if one.finding.flag.engine != "O")):
        signs = verdict.finding.signs
        rules.add(signs.rule, tp=verdict.real)
        groups.add(signs.group, tp=verdict.real)
        if verdict.right is not None:
            corrections.add(correction_key(signs), tp=verdict.right)
    for verdict in judged:
        if verdict.right is not None:
            corrections.add("all", tp=verdict.right)
    total = [row for name, row in groups.rows.items() if not name.startswith("S:")]
    n, tp = sum(row[0] for row in total), sum(row[1] for row in total)
    start = tuple(counted.get("coefficients", counted.get("coef_without_density", START)))
    intercept = float(counted.get("intercept", counted.get("intercept_without_density", 0.0)))
    before = Table(
        overall=round(tp / n, 4) if n else 0.5,
        rules=rules.counts(),
        groups=groups.counts(),
        coefficients=start,
        intercept=intercept,
        corrections=corrections.counts(),
    )
    # Spellings of the other country have a fixed confidence, and learner corpora hold too few names to learn from.
    rows = [
        (_features_without_itself(before, one.finding.signs, real=one.real), one.real)
        for one in judged
        if not one.finding.signs.variant and (essays or not one.finding.signs.capitalised)
    ]
    coefficients, fitted = fit(rows, start, intercept, pull=ESSAY_PULL if essays else PULL)
    if not essays:
        # The fit leaves out capitalised words, and their total must not change: their weight takes back what intercept and
        # "within two letters" have gained.
        gained = (fitted - intercept) + (coefficients[_NEAR] - start[_NEAR])
        capitalised = round(start[_CAPITALISED] - gained, 4)
        coefficients = (*coefficients[:_CAPITALISED], capitalised, *coefficients[_CAPITALISED + 1 :])
    return {
        "about": "n = findings, tp = findings on words at least one corrector changed. Counts and weights only, no text.",
        "overall": before.overall,
        "intercept": fitted,
        "coefficients": list(coefficients),
        "coefficient_names": ["logit(prior)", "second engine", "same correction", "capitalised", "within two letters"],
        "groups": {name: _row(row) for name, row in before.groups.items()},
        "corrections": {name: _row(row) for name, row in before.corrections.items()},
        "rules": {name: _row(row) for name, row in before.rules.items()},
    }


def _features_without_itself(before: Table, signs: Evidence, *, real: bool) -> tuple[float, ...]:
    """Return the features that a finding would have if it had not been counted itself."""
    return before.features(signs, without=RuleCounts(n=1, tp=float(real)))


def _row(counts: RuleCounts) -> dict[str, int]:
    return {"n": round(counts.n), "tp": round(counts.tp)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit the table on the files, or on the essays of our own, and write it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibrate", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="corrected texts, JSON lines")
    parser.add_argument("--own", action="store_true", help='fit on the half "fit" of the essays of our own instead')
    parser.add_argument("--counts", type=Path, help="counts per rule and starting coefficients from other corpora")
    parser.add_argument("--limit", type=int, help="read only the first N texts of each file")
    parser.add_argument("-o", "--output", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    if chosen.own == bool(chosen.files):
        parser.error("name either files or --own")
    counts = chosen.counts or (SENTENCE_COUNTS if chosen.own else None)
    counted = json.loads(counts.read_text(encoding="utf-8")) if counts else {}
    if chosen.own and "essays" in counted:
        parser.error(f"{counts} already counts the essays of our own")
    engines = Engines()
    if chosen.own:
        essays = [essay for essay in read_essays() if essay.half == "fit"][: chosen.limit]
        read, alone = (observe_essays(essays, engines, alone=alone) for alone in (False, True))
        fitted = {**table(read, alone, counted, essays=True), "essays": len(essays)}
        texts = len(essays)
    else:
        lines = [line for path in sorted(chosen.files) for line in read_corpus(path, chosen.limit)]
        fitted = table(observe(lines, engines, alone=False), observe(lines, engines, alone=True), counted)
        texts = len(lines)
    chosen.output.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")
    print(f"{texts} texts, coefficients {fitted['coefficients']}, intercept {fitted['intercept']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
