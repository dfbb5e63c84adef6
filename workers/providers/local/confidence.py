"""Estimate how likely a careful corrector would also change these words, and accept the correction offered.

The estimate is a logistic regression over the measured precision of rules and groups. `python -m benchmarks.calibrate` fits
the table.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("confidence.json")
SHOWN_FROM = 0.60
RULE_WEIGHT = 8.0
GROUP_WEIGHT = 5.0
# That a word is spelled as in another country is a fact, not an estimate, so its confidence is fixed.
VARIANT_CONFIDENCE = 0.90
CEILING = 0.99


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """The evidence for a finding. It holds nothing of the text.

    `second`: the other engine flags the same place. `agreed`: both first suggestions lead to the same text. `capitalised`: a
    word flagged for its spelling starts with a capital within a sentence. `near`: its first suggestion is at most two letters
    away. `variant`: it is only spelled as in another country.
    """

    rule: str
    group: str
    second: bool
    agreed: bool
    capitalised: bool
    near: bool
    variant: bool = False

    def numbers(self) -> tuple[float, float, float, float]:
        """Return the numbers that belong to the coefficients after the first."""
        return (float(self.second), float(self.agreed), float(self.capitalised), float(self.near))


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleCounts:
    """How often a rule or group made a finding (`n`), and how often a corrector changed the same words (`tp`)."""

    n: float
    tp: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """The measured precision by rule and group, and the weights that turn it into a confidence."""

    overall: float
    rules: Mapping[str, RuleCounts]
    groups: Mapping[str, RuleCounts]
    coefficients: tuple[float, ...]
    intercept: float
    corrections: Mapping[str, RuleCounts]

    def prior(self, signs: Evidence, *, without: RuleCounts | None = None) -> float:
        """Return the rule's precision, shrunk towards that of its group, which is shrunk towards the overall one.

        `without` is subtracted from both counts.
        """
        left_out = without or RuleCounts(n=0, tp=0)
        group = self.groups.get(signs.group, left_out)
        rule = self.rules.get(signs.rule, left_out)
        group_precision = (group.tp - left_out.tp + GROUP_WEIGHT * self.overall) / (group.n - left_out.n + GROUP_WEIGHT)
        return (rule.tp - left_out.tp + RULE_WEIGHT * group_precision) / (rule.n - left_out.n + RULE_WEIGHT)

    def features(self, signs: Evidence, *, without: RuleCounts | None = None) -> tuple[float, ...]:
        """Return the numbers that belong to the coefficients. `without` leaves one observation out while the table is fitted."""
        prior = min(max(self.prior(signs, without=without), 0.01), 0.99)
        return (math.log(prior / (1 - prior)), *signs.numbers())

    def problem(self, signs: Evidence) -> float:
        """Return the probability that a careful corrector would change something at this place."""
        if signs.variant:
            return VARIANT_CONFIDENCE
        total = self.intercept + sum(
            weight * value for weight, value in zip(self.coefficients, self.features(signs), strict=True)
        )
        return round(min(1 / (1 + math.exp(-total)), CEILING), 3)

    def correction(self, signs: Evidence) -> float:
        """Return the share of first suggestions of this kind that a corrector would accept, shrunk towards the overall share."""
        overall = self.corrections.get("all", RuleCounts(n=0, tp=0))
        base = (overall.tp + 1) / (overall.n + 2)
        counts = self.corrections.get(correction_key(signs), RuleCounts(n=0, tp=0))
        return round((counts.tp + RULE_WEIGHT * base) / (counts.n + RULE_WEIGHT), 3)


def correction_key(signs: Evidence) -> str:
    """Return the key of `corrections` for a finding: its group, and whether the engines agree."""
    return f"{signs.group}{'+same' if signs.agreed else '+other' if signs.second else ''}"


def load(path: Path) -> Table:
    """Return the table in a file. Raises KeyError or ValueError when the file holds no table."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    return Table(
        overall=float(raw["overall"]),
        rules={name: RuleCounts(**row) for name, row in raw["rules"].items()},
        groups={name: RuleCounts(**row) for name, row in raw["groups"].items()},
        coefficients=tuple(raw["coefficients"]),
        intercept=float(raw["intercept"]),
        corrections={name: RuleCounts(**row) for name, row in raw["corrections"].items()},
    )


@cache
def shipped() -> Table:
    """Return the table that ships with this package. The file is read once."""
    return load(TABLE)


def confidence(signs: Evidence) -> tuple[float, float]:
    """Return the confidence that there is a problem, and the confidence in the first correction."""
    table = shipped()
    return table.problem(signs), table.correction(signs)


def edit_distance(one: str, other: str) -> int:
    """Return the Levenshtein distance: how many letters to insert, delete or change to turn one word into the other."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        above, row = row, [i]
        for j, right in enumerate(other, 1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (left != right)))
    return row[-1]
