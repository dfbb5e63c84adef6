"""Calibrate confidence: fit it to what reviewers decided, for each provider and pass, and apply the fit to answers.

The fit is a line over log-odds, with a penalty that pulls it towards "leave the confidence as it is". Where comments were
shown with a calibrated confidence, it is first mapped back to what the provider had said, so that a second fit does not
correct the same error twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.errors import SettingsError
from models.jobs import PassName
from models.review_counts import ReviewCounts
from workers.passes.feedback import Comment, PassAnswer
from workers.passes.logistic import Observation, fit

BINS = 20
FEWEST_DECISIONS = 50
REACTION_WEIGHT = 0.25
# Strength of the penalty for leaving the identity line, as curvature: about that of a hundred decisions around 0.8.
SLOPE_PULL = 15.0
INTERCEPT_PULL = 10.0
FLATTEST = 0.05
LOWEST, HIGHEST = 0.01, 0.99

Count = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Bin(_Strict):
    """Counts of decisions and reactions about comments that were shown with about the same confidence.

    `bin` is that confidence in twentieths. `logit` is the log-odds that the provider itself had stated.
    """

    bin: Annotated[int, Field(ge=0, lt=BINS)]
    logit: float
    accepted: Count
    rejected: Count
    helpful: Count
    not_helpful: Count


class Line(_Strict):
    """A line over log-odds for one provider and pass, and the bins it was fitted on."""

    provider: str
    pass_: Annotated[PassName, Field(alias="pass")]
    slope: Annotated[float, Field(gt=0)]
    intercept: float
    fitted_on: tuple[Bin, ...]


class Table(_Strict):
    """The content of a calibration file: at most one line for each provider and pass."""

    about: str = ""
    lines: tuple[Line, ...]

    @model_validator(mode="after")
    def _require_unique_lines(self) -> Table:
        if len({(line.provider, line.pass_) for line in self.lines}) != len(self.lines):
            raise ValueError("a provider's pass has more than one line")
        return self


@dataclass(frozen=True)
class Calibration:
    """Maps the confidence of an answer's comments before they are stored."""

    table: Table

    def apply(self, answer: PassAnswer, provider: str, pass_name: PassName) -> PassAnswer:
        """Return the answer with calibrated confidence, wherever the table has a line for the provider and pass.

        A comment that names its own provider is calibrated by that provider's line.
        """
        return replace(
            answer,
            comments=tuple(self._calibrated(one, one.provider or provider, pass_name) for one in answer.comments),
        )

    def _calibrated(self, comment: Comment, provider: str, pass_name: PassName) -> Comment:
        line = self.line(provider, pass_name)
        if line is None:
            return comment
        mapped = probability(line.slope * logit(comment.confidence) + line.intercept)
        return replace(comment, confidence=min(HIGHEST, max(LOWEST, mapped)), confidence_basis="measured")

    def line(self, provider: str, pass_name: str) -> Line | None:
        """Return the line of this provider and pass, if there is one."""
        return next((one for one in self.table.lines if (one.provider, one.pass_) == (provider, pass_name)), None)


IDENTITY = Calibration(Table(lines=()))


def load(path: str | Path) -> Calibration:
    """Return the calibration in a file that `python -m workers calibrate` wrote. Raises SettingsError when it cannot be used."""
    try:
        return Calibration(Table.model_validate_json(Path(path).read_bytes()))
    except OSError as error:
        raise SettingsError(f"ESSAYCOACH_CALIBRATION cannot be read: {error.strerror}: {path}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        at = ".".join(map(str, first["loc"])) or "the file"
        raise SettingsError(f"ESSAYCOACH_CALIBRATION is no calibration: {at}: {first['msg']}: {path}") from None


def refit(found: Sequence[ReviewCounts], now: Calibration = IDENTITY) -> Table:
    """Return the calibration fitted to all judgements, including those given while `now` was in force.

    A provider's pass with fewer than FEWEST_DECISIONS decisions keeps its line of `now`, if it has one.
    """
    lines = []
    for provider, name in sorted({(one.provider, one.pass_name) for one in found}):
        before = now.line(provider, name)
        bins = _all_bins([one for one in found if (one.provider, one.pass_name) == (provider, name)], before)
        if sum(one.accepted + one.rejected for one in bins) >= FEWEST_DECISIONS:
            lines.append(_fit_line(provider, name, bins))
        elif before is not None:
            lines.append(before)
    kept = {(line.provider, line.pass_) for line in lines}
    lines += [line for line in now.table.lines if (line.provider, line.pass_) not in kept]
    return Table(
        about="How often comments were accepted, by the confidence they came with. Counts only, no text.",
        lines=tuple(lines),
    )


def evidence(accepted: int, rejected: int, helpful: int, not_helpful: int) -> tuple[float, float]:
    """Return the weights of the evidence for and against comments. A decision weighs 1, a reaction REACTION_WEIGHT."""
    return accepted + REACTION_WEIGHT * helpful, rejected + REACTION_WEIGHT * not_helpful


def logit(share: float) -> float:
    """Return the log-odds of a share, limited to LOWEST and HIGHEST so that they stay finite."""
    share = min(HIGHEST, max(LOWEST, share))
    return math.log(share / (1 - share))


def probability(log_odds: float) -> float:
    """Return the share that has these log-odds."""
    return 1 / (1 + math.exp(-min(30.0, max(-30.0, log_odds))))


def middle(bin_number: int) -> float:
    """Return the confidence in the middle of a bin."""
    return (bin_number + 0.5) / BINS


def _all_bins(found: Sequence[ReviewCounts], before: Line | None) -> tuple[Bin, ...]:
    """Return the bins that the earlier line was fitted on, and new bins for the counts that came since.

    The counts are running totals, so what the earlier line was fitted on is subtracted. The confidence of the new bins is
    mapped back to what the provider itself had stated.
    """
    known: dict[int, list[int]] = {}
    for one in before.fitted_on if before else ():
        sums = known.setdefault(one.bin, [0, 0, 0, 0])
        sums[:] = [a + b for a, b in zip(sums, (one.accepted, one.rejected, one.helpful, one.not_helpful), strict=True)]
    new_bins = []
    for count in found:
        new_counts = [
            max(0, now - old)
            for now, old in zip(
                (count.accepted, count.rejected, count.helpful, count.not_helpful),
                known.get(count.bin, (0, 0, 0, 0)),
                strict=True,
            )
        ]
        shown = logit(middle(count.bin))
        stated_logit = (shown - before.intercept) / before.slope if before else shown
        if any(new_counts):
            names = ("accepted", "rejected", "helpful", "not_helpful")
            new_bins.append(
                Bin(bin=count.bin, logit=round(stated_logit, 6), **dict(zip(names, new_counts, strict=True)))
            )
    return (*(before.fitted_on if before else ()), *new_bins)


def _fit_line(provider: str, name: str, bins: tuple[Bin, ...]) -> Line:
    observations = []
    for one in bins:
        good, bad = evidence(one.accepted, one.rejected, one.helpful, one.not_helpful)
        observations.append(Observation(features=(one.logit,), share=good / (good + bad), weight=good + bad))
    slope, intercept = fit(observations, (1.0, 0.0), pulls=(SLOPE_PULL, INTERCEPT_PULL))
    if slope < FLATTEST:
        # A falling line would reverse the order of comments. Fit only the share that is kept, with the flattest slope.
        [level] = fit([replace(one, features=()) for one in observations], (0.0,), pulls=(INTERCEPT_PULL,))
        centre = sum(one.weight * one.features[0] for one in observations) / sum(one.weight for one in observations)
        slope, intercept = FLATTEST, level - FLATTEST * centre
    return Line.model_validate(
        {
            "provider": provider, "pass": name, "slope": round(slope, 4), "intercept": round(intercept, 4), "fitted_on": bins,
        }
    )  # fmt: skip
