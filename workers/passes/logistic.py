"""Logistic regression by Newton's method, for a handful of weights: pulled towards what was known before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

ROUNDS = 50
CLOSE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen: features, the share that turned out true (0 to 1), and how many observations that stands for."""

    features: tuple[float, ...]
    share: float
    weight: float = 1.0


def fit(seen: Sequence[Seen], start: Sequence[float], *, pulls: Sequence[float]) -> list[float]:
    """Return one weight a feature, and the intercept last. `start` and `pulls` have the intercept last too.

    A pull is as if so much curvature spoke for the starting weight.
    """
    weights = list(start)
    for _ in range(ROUNDS):
        gradient = [-pull * (weight - was) for pull, weight, was in zip(pulls, weights, start, strict=True)]
        hessian = [[pull if i == j else 0.0 for j in range(len(weights))] for i, pull in enumerate(pulls)]
        for one in seen:
            x = (*one.features, 1.0)
            p = _probability(_dot(weights, x))
            for i, value in enumerate(x):
                gradient[i] += one.weight * value * (one.share - p)
                for j, other in enumerate(x):
                    hessian[i][j] += one.weight * p * (1 - p) * value * other
        step = solve(hessian, gradient)
        # Far from the goal a whole step may go past it, to where nothing can be told any more.
        now = _misfit(seen, weights, start, pulls)
        for _ in range(ROUNDS):
            stepped = [weight + by for weight, by in zip(weights, step, strict=True)]
            if max(abs(by) for by in step) < CLOSE or _misfit(seen, stepped, start, pulls) <= now:
                break
            step = [by / 2 for by in step]
        weights = stepped
        if max(abs(by) for by in step) < CLOSE:
            break
    return weights


def solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """Return x of matrix x = right, by elimination with the largest pivot."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(len(rows)):
        best = max(range(column, len(rows)), key=lambda k: abs(rows[k][column]))
        rows[column], rows[best] = rows[best], rows[column]
        for below in range(column + 1, len(rows)):
            ratio = rows[below][column] / rows[column][column]
            rows[below] = [a - ratio * b for a, b in zip(rows[below], rows[column], strict=True)]
    found = [0.0] * len(rows)
    for k in range(len(rows) - 1, -1, -1):
        known = sum(rows[k][j] * found[j] for j in range(k + 1, len(rows)))
        found[k] = (rows[k][-1] - known) / rows[k][k]
    return found


def _dot(weights: Sequence[float], x: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, x, strict=True))


def _probability(log_odds: float) -> float:
    return 1 / (1 + math.exp(min(700.0, -log_odds)))


def _misfit(seen: Sequence[Seen], weights: Sequence[float], start: Sequence[float], pulls: Sequence[float]) -> float:
    pulled = sum(pull * (weight - was) ** 2 / 2 for pull, weight, was in zip(pulls, weights, start, strict=True))
    for one in seen:
        z = _dot(weights, (*one.features, 1.0))
        pulled += one.weight * (max(z, 0.0) + math.log1p(math.exp(-abs(z))) - one.share * z)
    return pulled
