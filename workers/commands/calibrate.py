"""Show how often comments were accepted at each confidence, and fit a calibration: `python -m workers calibrate`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from models import db, log, settings
from models.db import session
from models.review_counts import ReviewCounts, count_reviews
from workers.passes.calibration import FEWEST_DECISIONS, IDENTITY, Table, evidence, load, middle, refit
from workers.settings import read_reading

ANSWER_SECONDS = 15.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `calibrate` to the parser."""
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the fitted calibration there")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(chosen: argparse.Namespace) -> int:
    """Print the table, write the calibration and return the exit code. Raises SettingsError and DatabaseAway.

    The calibration that ESSAYCOACH_CALIBRATION names is taken into account: judgements are mapped back through it.
    """
    log.set_up("worker", level="WARNING")
    path = read_reading().calibration
    now = load(path) if path else IDENTITY
    db.connect(settings.read_store("ec-worker", pool_size=1, answer_seconds=ANSWER_SECONDS))
    with session():
        found = count_reviews()
    fitted = refit(found, now)
    table = reliability(found)
    report = {"reliability": table, "calibration": fitted.model_dump(mode="json", by_alias=True)}
    sys.stdout.write((json.dumps(report, indent=1) if chosen.json else as_text(table, fitted)) + "\n")
    if chosen.output is not None:
        # Replace the file in one step, because a worker that is starting may read it.
        temporary = chosen.output.with_name(f"{chosen.output.name}.{os.getpid()}")
        temporary.write_text(fitted.model_dump_json(by_alias=True, indent=1) + "\n", encoding="utf-8")
        temporary.replace(chosen.output)
    return 0


def reliability(found: Sequence[ReviewCounts]) -> list[dict[str, Any]]:
    """Return one entry for each provider and pass, with bins of a twentieth.

    `error` is the weighted mean distance between the confidence of a bin and the share of accepted comments in it.
    """
    entries = []
    for (provider, name), group in groupby(found, key=lambda one: (one.provider, one.pass_name)):
        bins, error_sum, total = [], 0.0, 0.0
        for one in group:
            good, bad = evidence(one.accepted, one.rejected, one.helpful, one.not_helpful)
            share = good / (good + bad)
            error_sum += abs(share - middle(one.bin)) * (good + bad)
            total += good + bad
            bins.append(
                {
                    "confidence": middle(one.bin), "decisions": one.accepted + one.rejected,
                    "reactions": one.helpful + one.not_helpful, "accepted": round(share, 4),
                }
            )  # fmt: skip
        decisions = sum(one["decisions"] for one in bins)
        entries.append(
            {
                "provider": provider,
                "pass": name,
                "decisions": decisions,
                "error": round(error_sum / total, 4),
                "bins": bins,
            }
        )
    return entries


def as_text(table: Sequence[dict[str, Any]], fitted: Table) -> str:
    """Return the reliability table and the fitted lines as text for people."""
    lines = {(one.provider, str(one.pass_)): one for one in fitted.lines}
    rows = []
    for entry in table:
        line = lines.get((entry["provider"], entry["pass"]))
        calibration_text = (
            f"log-odds × {line.slope:.3f} {line.intercept:+.3f}"
            if line
            else f"left as it is: fewer than {FEWEST_DECISIONS} decisions"
        )
        rows.append(
            f"{entry['provider']} {entry['pass']}: {entry['decisions']} decisions, off by {entry['error']:.3f}; {calibration_text}"
        )
        rows += [
            f"  {one['confidence']:.3f}  accepted {one['accepted']:.3f}  of {one['decisions']} decisions, {one['reactions']} reactions"
            for one in entry["bins"]
        ]
    return "\n".join(rows) or "nobody has reviewed a comment yet"
