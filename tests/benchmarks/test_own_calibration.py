"""The confidence table can be fitted on the essays of our own, on the half "fit" and only once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.calibrate import SENTENCE_COUNTS, main, observe_essays, table
from benchmarks.essays import Essay, read_marks
from tests.support.local_engine import shared_engines
from workers.providers.local.confidence import load

SPELLING = "L:MORFOLOGIK_RULE_EN_US"


def essay(marked: str) -> Essay:
    text, planted = read_marks(marked)
    return Essay(
        id="a-1", voice="native", half="fit", category="story", age=12, prompt="Tell a story.", text=text, planted=planted
    )  # fmt: skip


@pytest.mark.slow(reason="the real engines read essays")
def test_a_judged_finding_moves_the_counts_of_its_rule_and_a_finding_without_a_verdict_does_not() -> None:
    marked = "We {recieve|receive|spelling} mail and tell every neigbour about it."
    (found,) = observe_essays([essay(marked)], shared_engines(), alone=False)
    assert (found.finding.signs.rule, found.real, found.right) == (SPELLING, True, True)
    counted = json.loads(SENTENCE_COUNTS.read_text(encoding="utf-8"))
    before, after = counted["rules"][SPELLING], table([found], [], counted, essays=True)["rules"][SPELLING]
    assert (after["n"], after["tp"]) == (before["n"] + 1, before["tp"] + 1)


@pytest.mark.parametrize("arguments", [[], ["--own", "corpus.jsonl"]])
def test_files_or_the_essays_of_our_own_must_be_named(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "-o", str(tmp_path / "table.json")])
    assert stopped.value.code == 2
    assert "either files or --own" in capsys.readouterr().err


def test_the_essays_are_not_counted_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = tmp_path / "table.json"
    counts.write_text(json.dumps({"essays": 32}), encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["--own", "--counts", str(counts), "-o", str(counts)])
    assert "already counts the essays" in capsys.readouterr().err


@pytest.mark.slow(reason="reads whole essays twice")
def test_the_fitted_table_holds_counts_and_no_text(tmp_path: Path) -> None:
    output = tmp_path / "table.json"
    assert main(["--own", "--limit", "2", "-o", str(output)]) == 0
    written = json.loads(output.read_text(encoding="utf-8"))
    assert written["essays"] == 2
    assert load(output).rules[SPELLING].n > load(SENTENCE_COUNTS).rules[SPELLING].n
    assert set(written) == {"about", "overall", "intercept", "coefficients", "coefficient_names", "groups", "corrections",
                            "rules", "essays"}  # fmt: skip
