"""Test that a filled sheet is read as spreadsheet programs leave it, added up rightly, and compared with another judge's."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.feedback import main
from benchmarks.judging.agreement import compare
from benchmarks.judging.figures import Share, add_up
from benchmarks.judging.filled import JudgedRow, Verdict, read_confidence, read_filled, read_verdict
from benchmarks.judging.tables import ReadError
from tests.support.judging import read_csv, write_sheet

ANSWERS = {
    "E1-C1": ("yes", "yes"), "E1-C2": ("partly", "no"), "E1-C3": ("no", ""), "E1-C4": ("yes", ""), "E1-C5": ("no", "none"),
    "E1-N": ("partly", ""), "E2-C1": ("yes", "yes"),
}  # fmt: skip


def filled(folder: Path, answers: dict[str, tuple[str, str]] = ANSWERS) -> list[list[str]]:
    """Return the rows of the sheet, with its header, as a judge filled them in."""
    folder.mkdir(exist_ok=True)
    header, *rows = read_csv(write_sheet(folder).with_suffix(".csv"))
    verdict, right = header.index("verdict"), header.index("first_suggestion_right")
    for row in rows:
        row[verdict], answer = answers.get(row[0], ("", ""))
        row[right] = answer or row[right]
    return [header, *rows]


def as_csv(rows: Sequence[Sequence[str]], separator: str = ",") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator).writerows(rows)
    return text.getvalue()


def write(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    path.write_text(as_csv(rows), encoding="utf-8-sig", newline="")
    return path


def changed(rows: list[list[str]], column: str, change: dict[str, str]) -> list[list[str]]:
    at = rows[0].index(column)
    return [rows[0], *([*row[:at], change.get(row[at], row[at]), *row[at + 1 :]] for row in rows[1:])]


def decimal_commas(rows: list[list[str]]) -> list[list[str]]:
    return [[cell.replace(".", ",") if cell[:2] == "0." else cell for cell in row] for row in rows]


def lost_points(rows: list[list[str]]) -> list[list[str]]:
    return [[str(int(cell[2:])) if cell[:2] == "0." else cell for cell in row] for row in rows]


SAVED = {
    "as we wrote it": lambda rows: as_csv(rows).encode("utf-8-sig"),
    "without a mark, with unix line ends": lambda rows: as_csv(rows).replace("\r\n", "\n").encode(),
    "semicolons and decimal commas": lambda rows: as_csv(decimal_commas(rows), ";").encode("utf-8-sig"),
    "semicolons in the code page of Windows": lambda rows: as_csv(rows, ";").encode("cp1252", errors="replace"),
    "Unicode text with tabs": lambda rows: as_csv(rows, "\t").encode("utf-16"),
    "a line that names the separator": lambda rows: b"sep=;\r\n" + as_csv(rows, ";").encode(),
    "decimal points taken for thousands": lambda rows: as_csv(lost_points(rows)).encode(),
    "columns in another order": lambda rows: as_csv([list(reversed(row)) for row in rows]).encode(),
    "a title, blank rows and blank columns": lambda rows: as_csv(
        [["Judged by me"], [], *([*row, "", ""] for row in rows[:3]), ["", " "], [], *rows[3:]]
    ).encode(),
    "other names of columns": lambda rows: as_csv(
        [[name.replace("_", " ").title() + " " for name in rows[0]], *rows[1:]]
    ).encode(),
    "rows sorted": lambda rows: as_csv([rows[0], *sorted(rows[1:], reverse=True)]).encode(),
    "other words": lambda rows: as_csv(
        changed(rows, "verdict", {"yes": " X", "no": "N", "partly": "Partly."})
    ).encode(),
    "all in quotation marks": lambda rows: "".join(
        ",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\r\n" for row in rows
    ).encode(),
}


@pytest.mark.parametrize("save", SAVED.values(), ids=SAVED)
def test_sheet_is_read_however_a_program_saved_it(save, tmp_path: Path) -> None:
    rows = filled(tmp_path / "own")
    (tmp_path / "filled.csv").write_bytes(save(rows))
    found, said = read_filled(tmp_path / "filled.csv")
    expected, _ = read_filled(write(tmp_path / "own.csv", rows))
    assert said == []
    assert add_up(found) == add_up(expected)
    assert sorted((row.item, row.verdict, row.suggestion_right) for row in found) == [
        ("E1-C1", Verdict.YES, True), ("E1-C2", Verdict.PARTLY, False), ("E1-C3", Verdict.NO, None),
        ("E1-C4", Verdict.YES, None), ("E1-C5", Verdict.NO, False), ("E1-N", Verdict.PARTLY, None),
        ("E2-C1", Verdict.YES, True), ("E3-0", None, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "verdict"),
    [("Yes", "yes"), ("y", "yes"), ("1", "yes"), (" x ", "yes"), ("TRUE", "yes"), ("✓", "yes"), ("would say this", "yes"),
     ("Partly.", "partly"), ("half", "partly"), ("0,5", "partly"), ("No", "no"), ("n", "no"), ("0", "no"), ("FALSE", "no"), ("1,0", "yes"),
     ("would not", "no"), ("", None), ("2", None), ("yes and no", None), ("?", None)],
)  # fmt: skip
def test_words_for_a_verdict(cell: str, verdict: str | None) -> None:
    assert read_verdict(cell) == verdict


@pytest.mark.parametrize(
    ("cell", "value"),
    [("0.95", 0.95), ("0,950", 0.95), ("950", 0.95), ("95 %", 0.95), ("95,0%", 0.95), ("1", 1), ("1.000", 1), ("0", 0),
     ("95", None), ("1.2", None), ("120%", None), ("high", None), ("", None), ("-0.5", None), ("nan", None), ("9" * 5000, None)],
)  # fmt: skip
def test_words_for_a_confidence(cell: str, value: float | None) -> None:
    assert read_confidence(cell) == (value if value is None else pytest.approx(value))


def test_what_is_missing_or_unreadable_is_said_by_row_number(tmp_path: Path) -> None:
    rows = filled(
        tmp_path / "own",
        ANSWERS | {"E1-C1": ("yes", "perhaps"), "E1-C3": ("", ""), "E1-C4": ("", ""), "E1-N": ("so so", "")},
    )
    rows = changed(rows, "confidence", {"0.950": "sure"})
    # Row 2 becomes blank, so every row below is one further down.
    rows[1:1] = [[""] * len(rows[0])]
    rows += [rows[2], ["", "lost"]]
    found, said = read_filled(write(tmp_path / "filled.csv", rows))
    assert len(found) == 8
    # In the order of the file; the comments stand in the order of the essay.
    assert said == [
        "row 3: “perhaps” in “first_suggestion_right” is not yes, no or none",
        "rows 5–6: “verdict” is empty",
        "row 7: “sure” in “confidence” is not a number from 0 to 1",
        "row 8: “so so” in “verdict” is not yes, partly or no",
        "row 11: E1-C1 stands there a second time, so the row was left out",
        "row 12: the cell “item” is empty, so the row was left out",
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"item,what\n1,2\n", "no column called verdict"),
        (b"", "no column called item"),
        (b"<!doctype html><title>x</title>", "press “Save as CSV”"),
        (b"PK\x03\x04", "save the sheet as CSV"),
        (b"item,what,verdict,first_suggestion_right,pass,type,kind,confidence\n", "no row that can be read"),
        (b"item,what,verdict,first_suggestion_right,pass,type,kind,confidence\nE1-C1,comment,,,grammar,x,issue,0.9\n",
         "no row has a verdict"),
        (b'item,what,"' + b"a" * 1_100_000, "not a CSV table"),
    ],
)  # fmt: skip
def test_file_that_is_no_filled_sheet_ends_with_a_sentence(
    content: bytes, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "filled.csv").write_bytes(content)
    with pytest.raises(SystemExit) as stopped:
        main(["--judged", str(tmp_path / "filled.csv")])
    assert stopped.value.code == 2
    assert sentence in capsys.readouterr().err


def row(number: int, verdict: str | None, **more: object) -> JudgedRow:
    """Return one judged row; `more` replaces what it says."""
    known = {
        "number": number, "item": f"E1-C{number}", "what": "comment", "pass_name": "grammar", "type": "article",
        "kind": "issue", "message": f"Message {number}.", "confidence": 0.95, "basis": "measured",
        "verdict": None if verdict is None else Verdict(verdict), "offered": False, "suggestion_right": None,
    }  # fmt: skip
    return JudgedRow(**(known | more))


def test_figures_of_a_sheet_counted_by_hand(tmp_path: Path) -> None:
    rows, _ = read_filled(write(tmp_path / "filled.csv", filled(tmp_path / "own")))
    figures = add_up(rows)
    whole = figures.kinds[0]
    assert (whole.real, whole.partly, whole.noise) == (
        Share(part=3, whole=6), Share(part=1, whole=6), Share(part=2, whole=6)
    )  # fmt: skip
    assert whole.suggestion_right == Share(part=2, whole=4)
    assert whole.confidence == pytest.approx((0.97 + 0.9 + 0.5 + 0.8 + 0.95 + 0.97) / 6)
    assert [one.name for one in figures.kinds] == [
        "all comments", "grammar, all", "agreement", "spelling, engines agree", "spelling, not agreed", "content, all",
        "evidence question",
    ]  # fmt: skip
    assert (figures.essays, figures.essays_judged, figures.noise, figures.essays_without_noise) == (3, 3, 2, 2)
    assert figures.next_steps.partly == Share(part=1, whole=1)
    assert dict(figures.bands)["structure and content"][0].name == ".76 to .93"


def test_essay_that_is_judged_in_part_does_not_count_as_one_without_noise() -> None:
    figures = add_up(
        [
            row(1, "no"),
            row(2, "yes"),
            row(3, None, item="E2-C1"),
            row(4, "yes", item="E2-C2"),
            row(5, "yes", item="E3-C1"),
        ]
    )
    assert (figures.comments, figures.judged, figures.essays, figures.essays_judged) == (5, 4, 3, 2)
    assert (figures.noise, figures.essays_without_noise) == (1, 1)


def test_ranges_of_confidence_that_are_off_are_named_and_the_error_is_their_weighted_gap() -> None:
    rows = [row(k, "yes" if k < 57 else "no", confidence=0.95) for k in range(100)]
    rows += [row(100 + k, "yes" if k < 96 else "no", confidence=0.975) for k in range(100)]
    rows += [row(200, "no", confidence=0.759), row(201, "yes", confidence=0.759)]
    figures = add_up(rows)
    (_, bands), = figures.bands  # fmt: skip
    assert [(band.name, band.is_off, band.may_be_chance) for band in bands] == [
        ("below .76", True, True), (".93 to .96", True, False), (".975 and more", False, True)
    ]  # fmt: skip
    by_hand = (2 * 0.259 + 100 * (0.95 - 0.57) + 100 * (0.975 - 0.96)) / 202
    assert figures.calibration_error("grammar") == pytest.approx(by_hand)
    assert figures.calibration_error("structure and content") is None


@pytest.mark.parametrize(
    ("share", "low", "high"), [((8, 10), 0.4902, 0.9433), ((0, 10), 0, 0.2775), ((7, 7), 0.6457, 1), ((0, 0), 0, 1)]
)
def test_interval_is_that_of_wilson(share: tuple[int, int], low: float, high: float) -> None:
    assert Share(part=share[0], whole=share[1]).interval == pytest.approx((low, high), abs=1e-4)


def test_table_names_what_is_off_and_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "filled.csv", filled(tmp_path / "own", ANSWERS | {"E2-C1": ("", "")}))
    capsys.readouterr()
    assert main(["--judged", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "| all comments " in printed
    assert "| 40 (12–77)" in printed
    assert (
        "Off by more than 0.1: below .76: confidence 0.500, real 0.000 (of 1, which may be chance with so few)"
        in printed
    )
    assert "Noise comments an essay (the 2 that are judged whole): 1.00. Essays without any: 1 of 2." in printed
    assert "Next steps of an essay: right 0, partly 1, wrong 0 of 1." in printed
    assert "row 8: “verdict” is empty" in printed
    assert main(["--judged", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kinds"][0]["real"] == {"part": 2, "whole": 5}
    assert found["problems"] == ["row 8: “verdict” is empty"]


def test_kappa_of_a_textbook_example() -> None:
    # 50 cases: both yes 20, both no 15, only the first yes 5, only the second yes 10. Agreement .7, by chance .5, kappa .4.
    mine = ["yes"] * 20 + ["no"] * 15 + ["yes"] * 5 + ["no"] * 10
    theirs = ["yes"] * 20 + ["no"] * 15 + ["no"] * 5 + ["yes"] * 10
    found = compare([row(k, one) for k, one in enumerate(mine)], [row(k, one) for k, one in enumerate(theirs)])
    verdicts, noise, suggestions = found.questions
    assert (verdicts.n, verdicts.same) == (50, 35)
    assert verdicts.kappa == pytest.approx(0.4)
    assert noise.kappa == pytest.approx(0.4)
    assert (suggestions.n, suggestions.kappa) == (0, None)
    assert len(found.opposite) == 15


def test_kappa_is_not_made_up_where_nobody_answers_otherwise() -> None:
    found = compare([row(1, "yes"), row(2, "yes")], [row(1, "yes"), row(2, "yes")])
    assert found.questions[0].same == 2
    assert found.questions[0].kappa is None


def test_rows_of_which_one_judge_said_nothing_or_that_differ_are_left_out_and_counted() -> None:
    mine = [row(1, "yes"), row(2, None), row(3, "no"), row(4, "no")]
    theirs = [row(4, "yes", message="Other words."), row(5, "no"), row(1, "partly"), row(2, "no"), row(3, "no")]
    found = compare(mine, theirs)
    assert (found.questions[0].n, found.questions[0].same) == (2, 1)
    assert found.only_one_judged == 1
    assert found.not_the_same == ("E1-C4", "E1-C5")
    with pytest.raises(ReadError, match="not the same sheet"):
        compare(mine, [row(9, "yes")])


def test_two_sheets_are_compared_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = write(tmp_path / "mine.csv", filled(tmp_path / "own"))
    theirs = write(
        tmp_path / "theirs.csv",
        filled(tmp_path / "other", ANSWERS | {"E1-C1": ("no", "none"), "E1-C4": ("maybe not", "")}),
    )
    capsys.readouterr()
    assert main(["--judged", str(mine), "--agree", str(theirs)]) == 0
    printed = capsys.readouterr().out
    assert "| yes, partly or no | 6 | 83 (44–97) | 0.75 |" in printed
    assert "Judged by one of the two only, so left out: 1." in printed
    assert "One says yes, the other no: E1-C1." in printed
    assert "theirs.csv: row 5: “maybe not” in “verdict” is not yes, partly or no" in printed
    assert main(["--judged", str(mine), "--agree", str(theirs), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["agreement"]["questions"][0]["same"] == 5


def test_sheet_that_lost_letters_in_a_code_page_is_still_the_same_sheet(tmp_path: Path) -> None:
    rows = filled(tmp_path / "own")
    at = rows[0].index("message")
    rows[1][at] = "About “dogs” → Ünï."
    mine, _ = read_filled(write(tmp_path / "mine.csv", rows))
    (tmp_path / "theirs.csv").write_bytes(as_csv(rows, ";").encode("cp1252", errors="replace"))
    theirs, _ = read_filled(tmp_path / "theirs.csv")
    assert compare(mine, theirs).not_the_same == ()
    assert compare(mine, theirs).questions[0].same == 7
