"""Confidence as reviews have shown it to be: fitted per provider and pass from counts, and applied to answers.

Fitted is a line over log-odds, shrunk to "leave it as it is". What people said of comments whose confidence had been mapped
already is mapped back first, so that a second fit does not do the work of the first one again.
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
from workers.passes.logistic import Seen, fit

BINS = 20
FEWEST_DECISIONS = 50
REACTION_WEIGHT = 0.25
# As if so much curvature spoke for leaving confidence as it is: about that of a hundred decisions around 0.8.
SLOPE_PULL = 15.0
INTERCEPT_PULL = 10.0
FLATTEST = 0.05
LOWEST, HIGHEST = 0.01, 0.99

Count = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Bin(_Strict):
    """What people made of comments shown with about the same confidence. `bin` is twentieths, `logit` what the provider had said."""

    bin: Annotated[int, Field(ge=0, lt=BINS)]
    logit: float
    accepted: Count
    rejected: Count
    helpful: Count
    not_helpful: Count


class Line(_Strict):
    """A line over log-odds for one provider and pass, and what it was fitted on."""

    provider: str
    pass_: Annotated[PassName, Field(alias="pass")]
    slope: Annotated[float, Field(gt=0)]
    intercept: float
    fitted_on: tuple[Bin, ...]


class Table(_Strict):
    """The file's content."""

    about: str = ""
    lines: tuple[Line, ...]

    @model_validator(mode="after")
    def _one_line_each(self) -> Table:
        if len({(line.provider, line.pass_) for line in self.lines}) != len(self.lines):
            raise ValueError("a provider's pass has more than one line")
        return self


@dataclass(frozen=True)
class Calibration:
    """What confidence becomes before it is stored."""

    table: Table

    def apply(self, answer: PassAnswer, provider: str, pass_name: PassName) -> PassAnswer:
        """Return the answer with the confidence of its comments as measured, where enough people have judged such comments."""
        return replace(
            answer, comments=tuple(self._measured(one, one.provider or provider, pass_name) for one in answer.comments)
        )

    def _measured(self, comment: Comment, provider: str, pass_name: PassName) -> Comment:
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
    """Return the calibration in a file that `python -m workers calibrate` wrote. Raises SettingsError."""
    try:
        return Calibration(Table.model_validate_json(Path(path).read_bytes()))
    except OSError as error:
        raise SettingsError(f"ESSAYCOACH_CALIBRATION cannot be read: {error.strerror}: {path}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        at = ".".join(map(str, first["loc"])) or "the file"
        raise SettingsError(f"ESSAYCOACH_CALIBRATION is no calibration: {at}: {first['msg']}: {path}") from None


def refit(found: Sequence[ReviewCounts], now: Calibration = IDENTITY) -> Table:
    """Return the calibration that all judgements speak for, those given while `now` was in force included.

    A provider's pass that too few decisions were made about keeps the line it has, if any.
    """
    lines = []
    for provider, name in sorted({(one.provider, one.pass_name) for one in found}):
        before = now.line(provider, name)
        bins = _observed([one for one in found if (one.provider, one.pass_name) == (provider, name)], before)
        if sum(one.accepted + one.rejected for one in bins) >= FEWEST_DECISIONS:
            lines.append(_line(provider, name, bins))
        elif before is not None:
            lines.append(before)
    kept = {(line.provider, line.pass_) for line in lines}
    lines += [line for line in now.table.lines if (line.provider, line.pass_) not in kept]
    return Table(
        about="How often comments were accepted, by the confidence they came with. Counts only, no text.",
        lines=tuple(lines),
    )


def evidence(accepted: int, rejected: int, helpful: int, not_helpful: int) -> tuple[float, float]:
    """Return the weight of what speaks for comments, and of what speaks against them."""
    return accepted + REACTION_WEIGHT * helpful, rejected + REACTION_WEIGHT * not_helpful


def logit(share: float) -> float:
    """Return the log-odds of a share, kept away from certainty."""
    share = min(HIGHEST, max(LOWEST, share))
    return math.log(share / (1 - share))


def probability(log_odds: float) -> float:
    """Return the share with these log-odds."""
    return 1 / (1 + math.exp(-min(30.0, max(-30.0, log_odds))))


def middle(bin_number: int) -> float:
    """Return the confidence that stands for a bin."""
    return (bin_number + 0.5) / BINS


def _observed(found: Sequence[ReviewCounts], before: Line | None) -> tuple[Bin, ...]:
    """Return what the line before was fitted on, and what came since, by what the provider itself had said."""
    known: dict[int, list[int]] = {}
    for one in before.fitted_on if before else ():
        sums = known.setdefault(one.bin, [0, 0, 0, 0])
        sums[:] = [a + b for a, b in zip(sums, (one.accepted, one.rejected, one.helpful, one.not_helpful), strict=True)]
    since = []
    for count in found:
        fresh = [
            max(0, now - old)
            for now, old in zip(
                (count.accepted, count.rejected, count.helpful, count.not_helpful),
                known.get(count.bin, (0, 0, 0, 0)),
                strict=True,
            )
        ]
        shown = logit(middle(count.bin))
        said = (shown - before.intercept) / before.slope if before else shown
        if any(fresh):
            names = ("accepted", "rejected", "helpful", "not_helpful")
            since.append(Bin(bin=count.bin, logit=round(said, 6), **dict(zip(names, fresh, strict=True))))
    return (*(before.fitted_on if before else ()), *since)


def _line(provider: str, name: str, bins: tuple[Bin, ...]) -> Line:
    seen = []
    for one in bins:
        good, bad = evidence(one.accepted, one.rejected, one.helpful, one.not_helpful)
        seen.append(Seen(features=(one.logit,), share=good / (good + bad), weight=good + bad))
    slope, intercept = fit(seen, (1.0, 0.0), pulls=(SLOPE_PULL, INTERCEPT_PULL))
    if slope < FLATTEST:
        # A line that falls would turn the order of comments upside down: then only how often they are kept is learned.
        [level] = fit([replace(one, features=()) for one in seen], (0.0,), pulls=(INTERCEPT_PULL,))
        centre = sum(one.weight * one.features[0] for one in seen) / sum(one.weight for one in seen)
        slope, intercept = FLATTEST, level - FLATTEST * centre
    return Line.model_validate(
        {
            "provider": provider, "pass": name, "slope": round(slope, 4), "intercept": round(intercept, 4), "fitted_on": bins,
        }
    )  # fmt: skip
