"""A comment on an essay of our own is real where a mistake was planted or a reader says so, and the shares follow from that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.essays import Essay, read_essays, read_marks
from benchmarks.own_essays import (
    JUDGEMENTS,
    JudgedComment,
    Judgement,
    judge_comment,
    key_of,
    open_row,
    read_judgements,
)
from benchmarks.own_figures import calibration_error, confidence_bands, figures_of, readable
from models.jobs import PassName
from workers.passes.feedback import Comment, QuotedSpan
from workers.passes.request import CommentKind


def essay(marked: str) -> Essay:
    text, planted = read_marks(marked)
    return Essay(
        id="a-1", voice="native", half="test", category="story", age=12, prompt="Tell a story.", text=text, planted=planted
    )  # fmt: skip


def comment(
    of: Essay,
    quote: str,
    *suggestions: str,
    type_: str = "agreement",
    kind: CommentKind = "issue",
    confidence: float = 0.9,
) -> Comment:
    start = of.text.index(quote)
    return Comment(
        type=type_,
        kind=kind,
        severity="minor",
        span=QuotedSpan(start=start, end=start + len(quote), quote=quote),
        message="Look here.",
        next_step="Look again.",
        suggestions=suggestions,
        confidence=confidence,
        confidence_basis="measured",
        origin="rule",
    )


def judged(
    of: Essay, own: Comment, judgement: Judgement | None = None, name: PassName = PassName.GRAMMAR
) -> JudgedComment:
    return judge_comment(of, name, own, judgement)


MARKED = "{She go|She goes|agreement} home. Ravi laughs."


@pytest.mark.parametrize(
    ("quote", "suggestion", "real", "right"),
    [
        ("go", "goes", True, True),
        ("She go", "She goes", True, True),
        ("go home", "goes home", True, True),
        ("go", "went", True, False),
        ("Ravi", "Race", None, None),
    ],
)
def test_a_planted_mistake_decides(quote: str, suggestion: str, real: bool | None, right: bool | None) -> None:
    of = essay(MARKED)
    found = judged(of, comment(of, quote, suggestion))
    assert (found.real, found.right) == (real, right)


def test_a_comment_without_a_suggestion_has_no_right_suggestion() -> None:
    of = essay(MARKED)
    found = judged(of, comment(of, "go"))
    assert (found.real, found.right) == (True, None)


def test_a_reader_goes_before_the_planted_mistake() -> None:
    of = essay(MARKED)
    assert judged(of, comment(of, "go", "goes"), Judgement(real=False)).real is False
    assert judged(of, comment(of, "go", "went"), Judgement(real=True, corrections=("went",))).right is True
    assert judged(of, comment(of, "Ravi", "Race"), Judgement(real=False)).right is False


def test_a_comment_of_another_pass_is_not_real_because_a_language_mistake_stands_there() -> None:
    of = essay(MARKED)
    assert judged(of, comment(of, "She go home."), name=PassName.STRUCTURE).real is None


def test_the_figures_of_a_half() -> None:
    of = essay(f"{MARKED} {{He eat|He eats|agreement}} {{wich|which|spelling}}.")
    found = [
        judged(of, comment(of, "go", "goes", confidence=0.98)),
        judged(of, comment(of, "eat", "eaten", confidence=0.98)),
        judged(of, comment(of, "Ravi", "Race", type_="spelling", confidence=0.75), Judgement(real=False)),
        judged(of, comment(of, "home", "Home", type_="capitalisation")),
        judged(of, comment(of, "Ravi", kind="praise"), Judgement(real=False), PassName.STRUCTURE),
    ]
    figures = figures_of([of], found)
    assert figures["recall_by_type"] == {
        "agreement": {"planted": 2, "found": 2, "recall": 1.0},
        "spelling": {"planted": 1, "found": 0, "recall": 0.0},
    }
    assert figures["language"] == {"n": 4, "real": 0.667, "first_suggestion_right": 0.333, "noise": 1, "not_judged": 1}
    assert (figures["noise_per_essay"], figures["language_noise_per_essay"], figures["essays_without_noise"]) == (
        2,
        1,
        0,
    )
    assert figures["kinds"]["agreement praise"]["noise"] == 1
    assert [(band["n"], band["off"]) for band in figures["bands"]] == [(1, -0.75), (2, 0.02)]
    assert any("agreement praise" in line for line in readable({"test": figures}))


def test_calibration_error_weighs_each_band_by_its_size() -> None:
    of = essay(MARKED)
    right, wrong = comment(of, "go", confidence=0.5), comment(of, "Ravi", confidence=1.0)
    found = [judged(of, right)] * 3 + [judged(of, wrong, Judgement(real=False))]
    assert calibration_error(confidence_bands(found)) == pytest.approx((3 * 0.5 + 1 * 1.0) / 4)
    assert calibration_error([]) is None


def test_each_judgement_names_words_of_its_essay_once() -> None:
    texts = {essay.id: essay.text for essay in read_essays()}
    rows = [json.loads(line) for line in JUDGEMENTS.read_text(encoding="utf-8").splitlines()]
    assert [row for row in rows if not texts[row["essay"]].startswith(row["quote"], row["start"])] == []
    assert {row["verdict"] for row in rows} == {"real", "noise"}
    assert len(read_judgements()) == len(rows)


def test_a_spelling_is_judged_at_all_its_places() -> None:
    assert key_of("a-1", 4, "Ravi", "spelling") == key_of("a-1", 40, "Ravi", "spelling")
    assert key_of("a-1", 4, "and", "punctuation") != key_of("a-1", 40, "and", "punctuation")


def test_a_judgement_is_read_by_its_key(tmp_path: Path) -> None:
    path = tmp_path / "judgements.jsonl"
    row = {"essay": "a-1", "start": 4, "quote": "go", "type": "agreement", "verdict": "real", "corrections": ["goes"]}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert read_judgements(path) == {("a-1", 4, "go", "agreement"): Judgement(real=True, corrections=("goes",))}


def test_a_comment_without_a_verdict_becomes_a_line_to_fill_in(tmp_path: Path) -> None:
    of = essay(MARKED)
    row = open_row(judged(of, comment(of, "Ravi", "Race", type_="spelling")))
    assert (row["context"], row["corrections"]) == ("She go home. [Ravi] laughs.", ["Race"])
    path = tmp_path / "judgements.jsonl"
    path.write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(KeyError):
        read_judgements(path)
    path.write_text(json.dumps({**row, "verdict": "noise"}), encoding="utf-8")
    assert (
        judged(
            of, comment(of, "Ravi", type_="spelling"), read_judgements(path)[key_of("a-1", 13, "Ravi", "spelling")]
        ).real
        is False
    )
