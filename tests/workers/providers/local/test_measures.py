"""Test the feedback benchmark and that fitting the confidence table is reproducible."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.calibrate import fit, solve
from benchmarks.feedback import calibration_error, corrected_tokens, gleu, judge, main, read_corpus, tokens, touches
from models.jobs import PassName
from workers.passes.request import PassRequest
from workers.providers.local.confidence import edit_distance, load
from workers.providers.local.engines import Engines
from workers.providers.local.grammar import find_mistakes
from workers.providers.local.suggest import ranked

ROWS = [
    {"text": "We recieve mail.", "refs": ["We receive mail.", "We get mail."],
     "edits": [[[3, 10, "receive", "R:SPELL"]], [[3, 10, "get", "R:VERB"]]]},
    {"text": "However it rains.", "refs": ["However, it rains.", "However it rains."],
     "edits": [[[8, 8, ",", "M:PUNCT"]], []]},
    {"text": "The sky is blue.", "refs": ["The sky is blue.", "The sky is blue."], "edits": [[], []]},
]  # fmt: skip


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Give the path of a corpus file with three rows."""
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


def test_gleu_is_100_for_the_reference_and_less_for_the_source() -> None:
    source, ref = [tokens("He have a red dog at home .")], tokens("He has a red dog at home .")
    assert gleu(source, [ref], [[ref]]) == pytest.approx(100)
    # By hand: 7/8, 5/7, 4/6 and 3/5 n-grams in common, minus the 1, 2, 2 and 2 source n-grams that the reference lacks.
    assert gleu(source, source, [[ref]]) == pytest.approx(100 * (6 / 8 * 3 / 7 * 2 / 6 * 1 / 5) ** 0.25, abs=0.01)


def test_insertion_is_touched_from_either_side_of_its_space() -> None:
    text = "However it rains."
    assert touches(text, 0, 7, (8, 8))
    assert touches(text, 8, 10, (8, 8))
    assert not touches(text, 11, 16, (8, 8))
    assert touches(text, 3, 5, (4, 9))
    assert not touches(text, 0, 4, (4, 9))


def test_calibration_error_is_the_mean_gap_between_claimed_and_true() -> None:
    assert calibration_error([(0.9, True)] * 9 + [(0.9, False)]) == pytest.approx(0)
    assert calibration_error([(0.8, False)] * 5) == pytest.approx(0.8)
    assert calibration_error([]) == 0


def test_first_suggestions_replace_tokens_of_the_corpus(corpus: Path, engines: Engines) -> None:
    lines = read_corpus(corpus)
    found = find_mistakes(PassRequest(pass_name=PassName.GRAMMAR, text=lines[0].text), engines).shown
    assert corrected_tokens(lines[0], found) == ("We", "receive", "mail", ".")
    (verdict,) = judge(lines[0], found)
    assert verdict.real
    assert verdict.right


@pytest.mark.slow(reason="measures a corpus")
def test_figures_are_one_json_object_with_fixed_names(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(corpus), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) == {"flags", "p_any", "p_first_suggestion", "recall", "gleu", "ece", "words_per_second"}
    assert figures["flags"] == 2
    assert figures["p_any"] == 1
    assert figures["recall"] == 1


@pytest.mark.slow(reason="measures a corpus")
def test_essay_option_shows_all_three_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    essay = tmp_path / "essay.txt"
    essay.write_text("We recieve mail every day.", encoding="utf-8")
    assert main(["--essay", str(essay), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert set(shown["passes"]) == {"grammar", "structure", "content"}
    (comment,) = shown["comments"]
    assert (comment["pass"], comment["span"]["quote"]) == ("grammar", "recieve")
    assert any("too short" in sentence for sentence in shown["not_checked"])
    assert set(shown) == {"comments", "not_checked", "strengths", "next_steps", "passes"}
    assert shown["next_steps"] == []
    assert main(["--essay", str(essay)]) == 0
    assert "recieve" in capsys.readouterr().out


@pytest.mark.slow(reason="measures a corpus")
@pytest.mark.parametrize(("row", "flags"), [
    ({"text": "We recieve mail.", "refs": ["We receive mail."]}, 1),
    ({"text": "We recieve mail.", "edits": [[[3, 10, "receive", "R:SPELL"]]]}, 1),
    ({"text": "The sky is blue.", "refs": ["The sky is blue."], "edits": [[]]}, 0),
])  # fmt: skip
def test_corpus_without_optional_fields_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: dict[str, object], flags: int
) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert main([str(path), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["flags"], figures["p_any"], figures["recall"]) == (flags, flags, flags)


@pytest.mark.parametrize(("content", "message"), [
    ("", "holds no text"), ('{"text": "One.", "refs": [], "edits": []}', "reference"), ("{", "line 1"), ("[1]", "line 1"),
])  # fmt: skip
def test_invalid_corpus_is_refused_with_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        main([str(path), "--json"])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["{}"], ["--essay", "{}"], ["--essay", __file__, "--prompt", "{}"]])
@pytest.mark.parametrize(("content", "message"), [(None, "cannot be read"), (b"caf\xe9\n", "not UTF-8")])
def test_unreadable_file_gives_a_one_line_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], content: bytes | None, message: str
) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit) as stopped:
        main([part.format(path) for part in arguments])
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line
    assert message in line


@pytest.mark.slow(reason="measures a corpus")
def test_calibration_option_prints_the_reliability_of_flags(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(corpus), "--calibration", "--json"]) == 0
    bins = json.loads(capsys.readouterr().out)
    assert sum(one["n"] for one in bins) == 2
    assert all(one["predicted"] >= 0.6 and one["actual"] == 1 for one in bins)


@pytest.mark.slow(reason="measures a corpus")
def test_calibrate_is_reproducible_and_stores_no_corpus_text(corpus: Path, tmp_path: Path) -> None:
    written = []
    for name in ("one.json", "two.json"):
        output = tmp_path / name
        command = [sys.executable, "-m", "benchmarks.calibrate", str(corpus), "-o", str(output)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        written.append(output.read_bytes())
    assert written[0] == written[1]
    assert b"mail" not in written[0]
    assert load(tmp_path / "one.json").rules["L:MORFOLOGIK_RULE_EN_US"].n == 1


def test_fit_finds_weights_that_explain_the_rows() -> None:
    rows = [((1.0,), True)] * 900 + [((1.0,), False)] * 100 + [((-1.0,), False)] * 900 + [((-1.0,), True)] * 100
    (weight,), intercept = fit(rows, (0.0,), 0.0)
    assert 1.5 < weight < 2.2
    assert abs(intercept) < 0.01
    assert solve([[2.0, 1.0], [1.0, 3.0]], [3.0, 5.0]) == pytest.approx([0.8, 1.4])


def test_edit_distance_counts_letters() -> None:
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("", "abc") == 3


def test_likeliest_suggestion_is_ranked_first() -> None:
    common = frozenset({"lake", "like", "which", "with", "wish", "great", "create"})
    assert ranked("wich", ["with", "which", "rich"], ["wish", "which"], common).words[0] == "which"
    assert ranked("Wich", ["With", "Which"], [], common).words[0] == "Which"
    assert ranked("greaat", ["treat", "great"], ["great"], common).words[0] == "great"
