"""Logistic regression by Newton's method for a few weights, with a quadratic penalty towards given starting weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

ROUNDS = 50
TOLERANCE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A group of observations: their features, the share that turned out true (0 to 1), and how many they are."""

    features: tuple[float, ...]
    share: float
    weight: float = 1.0


def fit(observations: Sequence[Observation], start: Sequence[float], *, pulls: Sequence[float]) -> list[float]:
    """Return one weight for each feature, then the intercept. `start` and `pulls` have the same order.

    A pull is the strength of the penalty for leaving the starting weight, as curvature of the log-likelihood.
    """
    weights = list(start)
    for _ in range(ROUNDS):
        gradient = [-pull * (weight - initial) for pull, weight, initial in zip(pulls, weights, start, strict=True)]
        hessian = [[pull if i == j else 0.0 for j in range(len(weights))] for i, pull in enumerate(pulls)]
        for one in observations:
            x = (*one.features, 1.0)
            p = _probability(_dot(weights, x))
            for i, value in enumerate(x):
                gradient[i] += one.weight * value * (one.share - p)
                for j, other in enumerate(x):
                    hessian[i][j] += one.weight * p * (1 - p) * value * other
        step = solve(hessian, gradient)
        # Far from the optimum a full Newton step may overshoot to where the gradient vanishes, so halve the step as needed.
        current_loss = _loss(observations, weights, start, pulls)
        for _ in range(ROUNDS):
            stepped = [weight + delta for weight, delta in zip(weights, step, strict=True)]
            if (
                max(abs(delta) for delta in step) < TOLERANCE
                or _loss(observations, stepped, start, pulls) <= current_loss
            ):
                break
            step = [delta / 2 for delta in step]
        weights = stepped
        if max(abs(delta) for delta in step) < TOLERANCE:
            break
    return weights


def solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """Solve `matrix x = right` by Gaussian elimination with partial pivoting, and return x."""
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


def _loss(
    observations: Sequence[Observation], weights: Sequence[float], start: Sequence[float], pulls: Sequence[float]
) -> float:
    loss = sum(pull * (weight - initial) ** 2 / 2 for pull, weight, initial in zip(pulls, weights, start, strict=True))
    for one in observations:
        z = _dot(weights, (*one.features, 1.0))
        loss += one.weight * (max(z, 0.0) + math.log1p(math.exp(-abs(z))) - one.share * z)
    return loss
