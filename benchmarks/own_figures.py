"""Measure the local engine on the essays of our own, half by half: `python -m benchmarks.feedback --own [--json]`.

A comment that is neither planted nor judged counts in no share; `not_judged` says how many there are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from benchmarks.essays import HALVES, Essay, read_essays
from benchmarks.own_essays import JudgedComment, overlaps, read_comments, read_judgements
from benchmarks.report import Benchmark, Figure
from models.jobs import PassName

BANDS = (0.0, 0.76, 0.93, 0.96, 0.975, 1.01)
# A band with fewer comments than this says too little to be held to a bar.
SMALLEST_BAND = 10


def figures_of(essays: Sequence[Essay], comments: Sequence[JudgedComment]) -> dict[str, Any]:
    """Return the figures of one half: recall by type, the shares by kind of comment, and the table of confidence."""
    language = [one for one in comments if one.pass_name is PassName.GRAMMAR]
    noisy = Counter(one.essay.id for one in comments if one.real is False)
    recall = recall_by_type(essays, language)
    planted, found = (sum(row[name] for row in recall.values()) for name in ("planted", "found"))
    bands = confidence_bands(language)
    return {
        "essays": len(essays),
        "planted": planted,
        "found": found,
        "recall": _share(found, planted),
        "recall_by_type": recall,
        "language": shares(language),
        "all_comments": shares(comments),
        "noise_per_essay": round(noisy.total() / len(essays), 2) if essays else None,
        "language_noise_per_essay": round(sum(one.real is False for one in language) / len(essays), 2)
        if essays
        else None,
        "essays_without_noise": sum(not noisy[essay.id] for essay in essays),
        "kinds": {
            name: shares([one for one in comments if one.type == name])
            for name in sorted({one.type for one in comments})
        },
        "bands": bands,
        "calibration_error": calibration_error(bands),
    }


def recall_by_type(essays: Sequence[Essay], comments: Sequence[JudgedComment]) -> dict[str, dict[str, Any]]:
    """Return how many planted mistakes of each type a comment touches at one of its places."""
    planted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for essay in essays:
        places = [place for one in comments if one.essay.id == essay.id for place in one.places]
        for mistake in essay.planted:
            planted[mistake.type] += 1
            found[mistake.type] += any(overlaps(start, end, mistake) for start, end in places)
    return {
        name: {"planted": planted[name], "found": found[name], "recall": _share(found[name], planted[name])}
        for name in sorted(planted)
    }


def shares(comments: Sequence[JudgedComment]) -> dict[str, Any]:
    """Return how many comments there are, how many of the judged ones are real, and how many first suggestions are right."""
    known = [one for one in comments if one.real is not None]
    offered = [one for one in known if one.right is not None]
    return {
        "n": len(comments),
        "real": _share(sum(bool(one.real) for one in known), len(known)),
        "first_suggestion_right": _share(sum(bool(one.right) for one in offered), len(offered)),
        "noise": sum(not one.real for one in known),
        "not_judged": len(comments) - len(known),
    }


def confidence_bands(comments: Sequence[JudgedComment]) -> list[dict[str, Any]]:
    """Return for each band of confidence how many judged comments it holds, their mean confidence, and how many are real."""
    found = []
    for low, high in pairwise(BANDS):
        own = [one for one in comments if one.real is not None and low <= one.comment.confidence < high]
        if own:
            mean = sum(one.comment.confidence for one in own) / len(own)
            share = sum(bool(one.real) for one in own) / len(own)
            row = {"from": low, "to": high, "n": len(own), "confidence": mean, "real": share, "off": share - mean}
            found.append({name: round(value, 3) for name, value in row.items()})
    return found


def calibration_error(bands: Sequence[dict[str, Any]]) -> float | None:
    """Return the expected calibration error: how far confidence and share of real comments are apart, by size of band."""
    total = sum(band["n"] for band in bands)
    return round(sum(band["n"] * abs(band["off"]) for band in bands) / total, 3) if total else None


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def measure() -> dict[str, Any]:
    """Return the figures of both halves."""
    essays = read_essays()
    comments = read_comments(essays, read_judgements())
    return {
        half: figures_of(
            [essay for essay in essays if essay.half == half], [one for one in comments if one.essay.half == half]
        )
        for half in HALVES
    }


def readable(measured: dict[str, Any]) -> Iterable[str]:
    """Yield the lines of the printed tables."""
    for half, figures in measured.items():
        yield f"== {half} half: {figures['essays']} essays, recall {_percent(figures['recall'])} of {figures['planted']} planted mistakes"
        yield f"noise per essay {figures['noise_per_essay']} (language {figures['language_noise_per_essay']}), "
        yield f"{figures['essays_without_noise']} essays without any; calibration error {figures['calibration_error']}"
        yield _row("planted mistake", "n", "found", "recall %")
        for name, row in figures["recall_by_type"].items():
            yield _row(name, row["planted"], row["found"], _percent(row["recall"]))
        yield _row("comment", "n", "real %", "right %", "noise", "not judged")
        kinds = {"all of language": figures["language"], "all": figures["all_comments"], **figures["kinds"]}
        for name, row in kinds.items():
            right = _percent(row["first_suggestion_right"])
            yield _row(name, row["n"], _percent(row["real"]), right, row["noise"], row["not_judged"])
        yield _row("confidence", "n", "mean", "real", "off")
        for band in figures["bands"]:
            yield _row(f"{band['from']} to {band['to']}", band["n"], band["confidence"], band["real"], band["off"])
        yield ""


def show(*, as_json: bool) -> int:
    """Print the figures of both halves, as tables or as one JSON object."""
    measured = measure()
    print(json.dumps(measured) if as_json else "\n".join(readable(measured)))
    return 0


def _row(name: str, *cells: object) -> str:
    return f"{name:24}" + "".join(f"{cell!s:>12}" for cell in cells)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.0f}"


def _run() -> list[Figure]:
    """Return the figures of the test half beside their bars."""
    figures = measure()["test"]
    language, everything = figures["language"], figures["all_comments"]
    worst = max((abs(band["off"]) for band in figures["bands"] if band["n"] >= SMALLEST_BAND), default=0.0)
    return [
        Figure("language comments that are real", f"{_percent(language['real'])} %", "≥ 93 %", (language["real"] or 0) >= 0.93),
        Figure("first suggestions that are right", f"{_percent(language['first_suggestion_right'])} %", "≥ 80 %",
               (language["first_suggestion_right"] or 0) >= 0.8),
        Figure("noise comments an essay", str(figures["noise_per_essay"]), "≤ 0.6", figures["noise_per_essay"] <= 0.6),
        Figure("essays without a noise comment", f"{figures['essays_without_noise']} of {figures['essays']}"),
        Figure("planted mistakes found", f"{_percent(figures['recall'])} % of {figures['planted']}"),
        Figure("calibration error", str(figures["calibration_error"])),
        Figure(f"worst band of confidence (n ≥ {SMALLEST_BAND})", f"{worst:.3f} off", "≤ 0.1", worst <= 0.1),
        Figure("comments that nobody has judged", str(everything["not_judged"]), "0", everything["not_judged"] == 0),
    ]  # fmt: skip


OWN_ESSAYS = Benchmark(
    name="essays",
    title="Comments on essays of our own",
    description=(
        "The comments of the local engine on the test half of benchmarks/data/essays.jsonl, against the planted mistakes "
        "and the judgements of a careful reader. `python -m benchmarks.feedback --own` prints both halves by type of "
        "mistake, by kind of comment and by band of confidence."
    ),
    run=_run,
)
