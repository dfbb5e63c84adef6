"""Print figures and comparisons for people, as tables that Markdown understands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.judging.agreement import JudgeComparison
from benchmarks.judging.figures import MOST_OFF, Figures, GroupFigures, Share

# Below this number of cases an interval stands beside the share.
SMALL = 100
_MOST_NAMED = 20
_COLUMNS = ("n", "real %", "first suggestion right %", "partly %", "noise %", "mean confidence")


def figures_as_text(figures: Figures) -> str:
    """Return the tables of a judged sheet with a legend."""
    parts = [_table("judged", figures.kinds)]
    for passes, bands in figures.bands:
        parts += [_table(f"{passes}, by confidence", bands), _calibration(figures, passes, bands)]
    if figures.bases:
        parts.append(_table("by what the confidence rests on", figures.bases))
    parts += ["\n".join(_sentences(figures)), _legend()]
    return "\n\n".join(part for part in parts if part)


def _table(title: str, groups: Sequence[GroupFigures]) -> str:
    if not groups:
        return ""
    rows = [(title, *_COLUMNS), *map(_row, groups)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |" for row in rows]
    rule = "|".join("-" * (width + 2) for width in widths)
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def _row(group: GroupFigures) -> tuple[str, ...]:
    confidence = "–" if group.confidence is None else f"{group.confidence:.3f}"
    partly = "–" if group.partly.value is None else f"{100 * group.partly.value:.0f}"
    real, right, noise = map(percent, (group.real, group.suggestion_right, group.noise))
    return (group.name, str(group.real.whole), real, right, partly, noise, confidence)


def percent(share: Share) -> str:
    """Return a share in per cent, with its 95 % interval where it stands for few cases."""
    if share.value is None:
        return "–"
    low, high = share.interval
    beside = f" ({100 * low:.0f}–{100 * high:.0f})" if share.whole < SMALL else ""
    return f"{100 * share.value:.0f}{beside}"


def _calibration(figures: Figures, passes: str, bands: Sequence[GroupFigures]) -> str:
    error = figures.calibration_error(passes)
    if error is None:
        return ""
    lines = [f"Calibration error of {passes}: {error:.3f}"]
    for band in bands:
        if band.is_off and band.confidence is not None and band.real.value is not None:
            chance = ", which may be chance with so few" if band.may_be_chance else ""
            claim = f"confidence {band.confidence:.3f}, real {band.real.value:.3f} (of {band.real.whole}{chance})"
            lines.append(f"Off by more than {MOST_OFF:g}: {band.name}: {claim}")
    return "\n".join(lines)


def _sentences(figures: Figures) -> Iterator[str]:
    yield f"{figures.judged} of {figures.comments} comments on {figures.essays} essays are judged."
    if figures.essays_judged:
        which = (
            "" if figures.essays_judged == figures.essays else f" (the {figures.essays_judged} that are judged whole)"
        )
        each = figures.noise / figures.essays_judged
        yield f"Noise comments an essay{which}: {each:.2f}. Essays without any: {figures.essays_without_noise} of {figures.essays_judged}."
    else:
        yield "No essay is judged whole, so noise comments an essay are not counted."
    steps = figures.next_steps
    if steps.real.whole:
        counts = f"right {steps.real.part}, partly {steps.partly.part}, wrong {steps.noise.part} of {steps.real.whole}"
        yield f"Next steps of an essay: {counts}."


def _legend() -> str:
    return (
        "Real: a good teacher would say this. Noise: a good teacher would not. The rest is partly so.\n"
        "First suggestion right: of the comments that offer one and were answered.\n"
        f"In brackets, for fewer than {SMALL} cases: the range that holds the true share 19 times of 20 (Wilson)."
    )


def comparison_as_text(comparison: JudgeComparison) -> str:
    """Return how far two judges agree, with the items on which they say the opposite."""
    lines = ["| two judges | n | same answer % | Cohen's kappa |", "|---|---|---|---|"]
    for one in comparison.questions:
        same = percent(Share(part=one.same, whole=one.n))
        kappa = "–" if one.kappa is None else f"{one.kappa:.2f}"
        lines.append(f"| {one.question} | {one.n} | {same} | {kappa} |")
    lines += ["", "Kappa is 1 for full agreement and 0 for agreement by chance; – if nobody ever answered otherwise."]
    if comparison.only_one_judged:
        lines.append(f"Judged by one of the two only, so left out: {comparison.only_one_judged}.")
    for title, items in (
        ("One says yes, the other no", comparison.opposite),
        ("Not the same comment in both files, so left out", comparison.not_the_same),
    ):
        if items:
            more = f" and {len(items) - _MOST_NAMED} more" if len(items) > _MOST_NAMED else ""
            lines.append(f"{title}: {', '.join(items[:_MOST_NAMED])}{more}.")
    return "\n".join(lines)


def figures_as_object(figures: Figures) -> dict[str, Any]:
    """Return the figures as an object for JSON."""
    return {
        "kinds": [_as_object(one) for one in figures.kinds],
        "bands": {passes: [_as_object(one) for one in bands] for passes, bands in figures.bands},
        "calibration_error": {passes: _rounded(figures.calibration_error(passes)) for passes, _ in figures.bands},
        "bases": [_as_object(one) for one in figures.bases],
        "next_steps": _as_object(figures.next_steps),
        **{
            name: getattr(figures, name)
            for name in ("comments", "judged", "essays", "essays_judged", "essays_without_noise", "noise")
        },
    }


def _as_object(group: GroupFigures) -> dict[str, Any]:
    low, high = group.real.interval
    shares = {name: asdict(getattr(group, name)) for name in ("real", "partly", "noise", "suggestion_right")}
    return {
        "name": group.name, "n": group.real.whole, **shares, "real_interval": [_rounded(low), _rounded(high)],
        "confidence": _rounded(group.confidence), "off": group.is_off,
    }  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def comparison_as_object(comparison: JudgeComparison) -> dict[str, Any]:
    """Return how far two judges agree as an object for JSON."""
    found = asdict(comparison)
    for one in found["questions"]:
        one["kappa"] = _rounded(one["kappa"])
    return found
