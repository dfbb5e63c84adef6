"""Test the calibration of confidence by educator decisions: the fit, its file, its use on answers, and the command."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models import db, essays, review_counts
from models.errors import SettingsError
from models.essays import Draft
from models.jobs import PassName
from models.review_counts import ReviewCounts
from tests.conftest import Become
from tests.support.schools import School, session_of
from tests.support.servers import ROOT, Database
from workers.passes.calibration import IDENTITY, Calibration, load, logit, middle, probability, refit
from workers.passes.feedback import Comment, PassAnswer, QuotedSpan


def counts(
    true_share: Callable[[float], float], *, each: int, bins: range = range(10, 20), provider: str = "local"
) -> list[ReviewCounts]:
    """Return `each` decisions for each bin, with the accepted share that `true_share` gives for its middle."""
    found = []
    for number in bins:
        accepted = round(each * true_share(middle(number)))
        found.append(
            ReviewCounts(
                provider=provider, pass_name="grammar", bin=number, accepted=accepted, rejected=each - accepted, helpful=0, not_helpful=0
            )
        )  # fmt: skip
    return found


def comment(confidence: float, *, provider: str = "") -> Comment:
    return Comment(
        type="agreement", kind="issue", severity="minor", span=QuotedSpan(start=0, end=4, quote="they"), message="m", next_step="n",
        confidence=confidence, confidence_basis="model", origin="model", provider=provider,
    )  # fmt: skip


def applied(to: Calibration, confidence: float, provider: str = "local", own: str = "") -> Comment:
    return to.apply(PassAnswer(comments=(comment(confidence, provider=own),)), provider, PassName.GRAMMAR).comments[0]


def test_overconfident_provider_is_corrected_to_the_accepted_share() -> None:
    real = lambda claimed: probability(logit(claimed) - 1.0)  # noqa: E731
    calibration = Calibration(refit(counts(real, each=200)))
    for claimed in (0.6, 0.8, 0.95):
        mapped = applied(calibration, claimed)
        assert mapped.confidence == pytest.approx(real(claimed), abs=0.03)
        assert mapped.confidence_basis == "measured"


def test_few_decisions_move_little_and_too_few_are_not_fitted() -> None:
    wrong = lambda _: 0.2  # noqa: E731
    few = Calibration(refit(counts(wrong, each=6)))
    many = Calibration(refit(counts(wrong, each=600)))
    assert 0.9 > applied(few, 0.9).confidence > applied(many, 0.9).confidence + 0.1
    assert refit(counts(wrong, each=4)).lines == ()
    untouched = PassAnswer(comments=(comment(0.9),))
    assert IDENTITY.apply(untouched, "local", PassName.GRAMMAR) == untouched
    assert few.apply(untouched, "anthropic", PassName.GRAMMAR) == untouched
    assert few.apply(untouched, "local", PassName.CONTENT) == untouched


def test_comment_uses_the_calibration_of_its_own_provider() -> None:
    calibration = Calibration(refit(counts(lambda _: 0.3, each=100)))
    assert applied(calibration, 0.9, provider="anthropic", own="local").confidence < 0.8
    assert applied(calibration, 0.9, provider="anthropic").confidence == 0.9


def test_reactions_count_a_quarter_and_are_not_fitted_alone() -> None:
    base = counts(lambda _: 0.5, each=100, bins=range(15, 16))[0]
    liked = ReviewCounts(**{**base.__dict__, "helpful": 400})
    accepted = ReviewCounts(**{**base.__dict__, "accepted": base.accepted + 100})
    [one], [other] = refit([liked]).lines, refit([accepted]).lines
    assert (one.slope, one.intercept) == (other.slope, other.intercept)
    assert refit([ReviewCounts(**{**base.__dict__, "accepted": 0, "rejected": 0, "helpful": 1000})]).lines == ()


def test_second_fit_does_not_apply_the_first_correction_twice() -> None:
    real = lambda claimed: probability(logit(claimed) - 1.0)  # noqa: E731
    first = refit(counts(real, each=400))
    assert refit(counts(real, each=400), Calibration(first)) == first
    # Decisions after the first fit see calibrated confidences, which match the accepted share.
    line = first.lines[0]
    since = {number: round(400 * middle(number)) for number in range(7, 19)}
    total = {one.bin: (one.accepted, one.rejected) for one in counts(real, each=400)}
    together = [
        ReviewCounts(
            provider="local", pass_name="grammar", bin=number, accepted=total.get(number, (0, 0))[0] + since.get(number, 0),
            rejected=total.get(number, (0, 0))[1] + (400 - since[number] if number in since else 0), helpful=0, not_helpful=0,
        )
        for number in sorted({*since, *total})
    ]  # fmt: skip
    second = refit(together, Calibration(first)).lines[0]
    assert (second.slope, second.intercept) == pytest.approx((line.slope, line.intercept), abs=0.1)


def test_calibration_keeps_the_order_of_comments() -> None:
    draw = random.Random(1)
    calibration = Calibration(refit(counts(lambda claimed: 1 - claimed, each=500)))
    claimed_values = sorted(draw.uniform(0.05, 0.99) for _ in range(50))
    mapped = [applied(calibration, one).confidence for one in claimed_values]
    assert mapped == sorted(mapped)
    assert all(0.01 <= one <= 0.99 for one in mapped)


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"lines": [{"provider": "local"}]}',
        '{"lines": [{"provider": "local", "pass": "style", "slope": 1, "intercept": 0, "fitted_on": []}]}',
        '{"lines": [{"provider": "local", "pass": "grammar", "slope": -1, "intercept": 0, "fitted_on": []}]}',
        '{"lines": [{"provider": "local", "pass": "grammar", "slope": NaN, "intercept": 0, "fitted_on": []}]}',
        '{"lines": [], "more": 1}',
        '{"lines": [' + ", ".join(['{"provider": "a", "pass": "grammar", "slope": 1, "intercept": 0, "fitted_on": []}'] * 2) + "]}",
    ],
)  # fmt: skip
def test_invalid_calibration_file_is_a_settings_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(SettingsError, match="ESSAYCOACH_CALIBRATION is no calibration"):
        load(tmp_path / "c.json")
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "none.json")


def test_calibrate_command_writes_a_file_that_workers_load(
    database: Database, school: School, become: Become, program_env: Callable[[str], None], tmp_path: Path
) -> None:
    with session_of(school, "alice"):
        receipt = essays.receive(school.alice, Draft(title="T", text="They was.", source="app"), org=school.org)
    database.sql(
        "insert into feedback (org_id, submission_id, text_characters, essay_id, user_id, audience_id, pass, type, kind, severity,"
        " priority, match, span_start, span_end, confidence, confidence_basis, origin, provider, model, body)"
        " select s.org_id, s.id, s.characters, s.essay_id, s.user_id, s.audience_id, 'grammar', 'agreement', 'issue', 'minor', n,"
        " 'exact', 0, 4, 0.93, 'measured', 'rule', 'local', 'rules', '\\x00' from submissions as s, generate_series(1, 60) as n"
        " where s.id = %s",
        receipt.submission,
    )
    database.sql(
        "insert into feedback_reviews (org_id, feedback_id, submission_id, user_id, audience_id, educator_id, decision)"
        " select org_id, id, submission_id, user_id, audience_id, %s, case when priority <= 30 then 'rejected' else 'accepted' end"
        " from feedback", school.ed,
    )  # fmt: skip
    become("ec_worker")
    with db.session():
        [found] = review_counts.count_reviews()
    assert (found.provider, found.pass_name, found.bin, found.accepted, found.rejected) == (
        "local",
        "grammar",
        18,
        30,
        30,
    )
    program_env("ec_worker")
    output = tmp_path / "calibration.json"
    command = [sys.executable, "-m", "workers", "calibrate", "-o", str(output), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [entry] = json.loads(done.stdout)["reliability"]
    assert entry["bins"] == [{"confidence": 0.925, "decisions": 60, "reactions": 0, "accepted": 0.5}]
    assert 0.5 < applied(load(output), 0.93).confidence < 0.9
