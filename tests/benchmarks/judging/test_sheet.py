"""Test that a sheet to judge is made of what people have, and is safe to open in a spreadsheet program and a browser."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.feedback import main
from benchmarks.judging import tables
from benchmarks.judging.essays import read_essays
from benchmarks.judging.tables import ReadError, read_table, row_list, write_table
from models.spreadsheets import RISKY_FIRST, safe_cell, unsafe_cell
from tests.support.judging import ESSAYS, TEXT, comment, feedback, read_csv, write_lines, write_sheet

PLAIN = [("a", "One text."), ("b", "Another; with\n\ntwo, “paragraphs”.")]


def as_folder(folder: Path) -> Path:
    for name, text in PLAIN:
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    (folder / ".hidden.txt").write_text("No.", encoding="utf-8")
    (folder / "picture.png").write_bytes(b"\x89PNG\xff")
    return folder


def as_text_route(folder: Path) -> Path:
    for name, text in PLAIN:
        body = {"title": "", "text": text, "format": "plain"}
        (folder / f"{name}.json").write_text(json.dumps(body), encoding="utf-8")
    (folder / "a.feedback.json").write_text(json.dumps({"submission_id": "a", "comments": []}), encoding="utf-8")
    return folder


def as_json_lines(folder: Path) -> Path:
    return write_lines(folder / "essays.jsonl", [{"id": name, "text": text, "age": 14} for name, text in PLAIN])


def as_json_list(folder: Path) -> Path:
    (folder / "essays.json").write_text(
        json.dumps([{"id": name, "text": text} for name, text in PLAIN]), encoding="utf-8"
    )
    return folder / "essays.json"


def as_csv(folder: Path) -> Path:
    with (folder / "essays.csv").open("w", encoding="utf-16", newline="") as file:
        csv.writer(file, delimiter=";").writerows(
            [("Text", " ID ", "other"), *((text, name, "") for name, text in PLAIN)]
        )
    return folder / "essays.csv"


@pytest.mark.parametrize("write", [as_folder, as_text_route, as_json_lines, as_json_list, as_csv])
def test_essays_are_the_same_from_every_kind_of_file(write, tmp_path: Path) -> None:
    essays, said = read_essays(write(tmp_path))
    assert [(essay.id, essay.text) for essay in essays] == PLAIN
    assert said == []


def test_header_of_a_text_file_is_read_and_its_names_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "essay.txt"
    path.write_text(
        "Name: Duc Tran\r\nTitle: Phones\r\nPrompt: Are phones useful?\r\n\r\nYes. They are.", encoding="utf-8"
    )
    (essay,), _ = read_essays(path)
    assert (essay.id, essay.title, essay.assignment, essay.text) == (
        "essay",
        "Phones",
        "Are phones useful?",
        "Yes. They are.",
    )
    path.write_text("Title: Dialogue\nAnna: Hello!\n\nBen: Hi.", encoding="utf-8")
    (essay,), _ = read_essays(path)
    assert essay.text == "Title: Dialogue\nAnna: Hello!\n\nBen: Hi."


def test_essays_that_cannot_be_judged_are_named_and_the_others_are_kept(tmp_path: Path) -> None:
    rows = [
        {"id": "blank", "text": " \n"}, {"id": "long", "text": "a" * 100_001}, {"id": "nul", "text": "a\0b"},
        {"id": "half", "text": "\ud83d"}, {"id": "good", "text": "Good."}, {"id": "good", "text": "Other."}, {"text": "No id."},
        {"id": "as handed in", "text": "Text.", "assignment": {"prompt": "Why?", "title": "T"}},
    ]  # fmt: skip
    essays, said = read_essays(write_lines(tmp_path / "essays.jsonl", rows))
    assert [essay.id for essay in essays] == ["good", "good (2)", "line-7", "as handed in"]
    assert essays[-1].assignment == "Why?"
    assert len(said) == 5
    assert all(name in "".join(said) for name in ("blank", "long", "nul", "half", "good (2)"))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("essays.jsonl", b'{"text": "a"}\n{"text": \n', "line 2 is not JSON"),
        ("essays.jsonl", b'{"text": "a"}\n["a"]\n', "line 2 is not a JSON object"),
        ("essays.jsonl", b'{"essay": "a"}\n{"text": "b"}\n', "line 1: there is no “text”"),
        ("essays.jsonl", b'{"id": "x", "text": 5}\n{"text": "b"}\n', "essay x: “text” is not a text"),
        ("essays.jsonl", b"[" * 100_000, "too many levels"),
        ("essays.csv", b"id,words\n1,a\n", "no column called text"),
        ("essays.csv", b"PK\x03\x04rest", "save the sheet as CSV"),
        ("essays.csv", b"text\n \n", "holds no essay"),
        ("essay.txt", b"caf\xe9", "not UTF-8 text (at byte 3)"),
        ("essay.txt", None, "cannot be read"),
    ],
)
def test_file_that_cannot_be_read_ends_with_one_sentence(
    name: str, content: bytes | None, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SystemExit) as stopped:
        main(["--judge", str(tmp_path / name), "--out", str(tmp_path / "sheet")])
    assert stopped.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "sheet.csv").exists()


def test_sheet_has_a_row_for_each_comment_and_essay_and_no_cell_is_a_formula(tmp_path: Path) -> None:
    sheet = write_sheet(tmp_path)
    assert sheet.with_suffix(".csv").read_bytes().startswith(b"\xef\xbb\xbfitem,")
    header, *rows = read_csv(sheet.with_suffix(".csv"))
    assert [row[0] for row in rows] == [*(f"E1-C{k}" for k in range(1, 6)), "E1-N", "E2-C1", "E3-0"]
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert {row["what"] for row in found} == {"comment", "next steps", "nothing said"}
    assert all(not cell.lstrip(" ").startswith(tuple(RISKY_FIRST)) for row in rows for cell in row)
    assert all("\n" not in cell and "\r" not in cell for row in rows for cell in row)
    assert found[0]["essay"] == "'=HYPERLINK(1)"
    assert [row["first_suggestion_right"] for row in found] == ["", "", "none", "none", "", "none", "", "none"]
    assert found[0]["in_context"].startswith("My [freind] like dogs.")
    assert found[5]["message"] == "1) Proofread. 2) Say why <b>you</b> like dogs."


@given(st.text())
def test_safe_cell_keeps_the_text_and_cannot_be_run(text: str) -> None:
    safe = safe_cell(text)
    assert not safe.lstrip(" ").startswith(tuple(RISKY_FIRST))
    if not text.startswith("'"):
        assert unsafe_cell(safe) == text


@pytest.mark.parametrize("first", RISKY_FIRST)
def test_table_holds_no_formula_and_is_read_back(first: str, tmp_path: Path) -> None:
    cells = {"one": f"{first}cmd|' /C calc'!A0", "two": f"a, {first}1+1", "three": f"  {first}x"}
    file = tmp_path / "sheet.csv"
    write_table(file, list(cells), [cells])
    _, found = read_csv(file)
    assert [cell for cell in found if cell.lstrip(" ").startswith(tuple(RISKY_FIRST))] == []
    (row,) = read_table(file, needed=list(cells))
    assert {name: unsafe_cell(cell) for name, cell in row.cells.items()} == cells


def test_page_makes_the_same_cells_safe_as_the_program() -> None:
    script = (Path(tables.__file__).parent / "page.js").read_text(encoding="utf-8")
    found = re.search(r"const safe = .*?/\^ \*\[(.*?)\]/", script)
    assert found is not None
    assert re.sub(r"\\(.)", lambda one: {"t": "\t", "r": "\r", "n": "\n"}.get(one[1], one[1]), found[1]) == RISKY_FIRST


def test_row_numbers_are_joined() -> None:
    assert row_list([4]) == "row 4"
    assert row_list([12, 4, 5, 6, 5]) == "rows 4–6, 12"


class Page(HTMLParser):
    """Collects what a test asks of the page: ids, texts, marks, inputs, and every address that it names."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: Counter[str] = Counter()
        self.tags: Counter[str] = Counter()
        self.inputs: list[dict[str, str | None]] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.marks: dict[str, str] = {}
        self.inside: list[tuple[str, dict[str, str | None]]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags[tag] += 1
        if given.get("id"):
            self.ids[str(given["id"])] += 1
        self.addresses += [str(value) for name, value in attrs if name in {"src", "href", "action", "srcset"}]
        if tag == "input":
            assert any(name == "label" for name, _ in self.inside), "an input without its label"
            self.inputs.append(given)
        if tag == "div" and given.get("class") == "text":
            self.texts.append("")
        if tag not in {"input", "meta", "br", "img"}:
            self.inside.append((tag, given))

    def handle_endtag(self, tag: str) -> None:
        assert self.inside[-1][0] == tag, f"{tag} closes {self.inside[-1]}"
        self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not any(given.get("class") == "text" for _, given in self.inside):
            return
        if self.inside[-1][0] == "mark":
            for item in str(self.inside[-1][1]["data-items"]).split():
                self.marks[item] = self.marks.get(item, "") + data
        if self.inside[-1][0] != "a":
            self.texts[-1] += data


def test_page_shows_each_essay_letter_by_letter_with_the_words_marked(tmp_path: Path) -> None:
    source = write_sheet(tmp_path).with_suffix(".html").read_bytes().decode()
    page = Page(source)
    assert page.texts == [essay["text"] for essay in ESSAYS]
    first, second, _ = feedback()
    quotes = sorted((one["span"]["start"], one["span"]["end"], one["span"]["quote"]) for one in first["comments"])
    assert page.marks == {
        **{f"E1-C{place}": quote for place, (_, _, quote) in enumerate(quotes, 1)},
        "E2-C1": "waswas",
    }
    assert len(second["comments"]) == 1


def test_page_is_accessible_and_needs_nothing_from_anywhere(tmp_path: Path) -> None:
    source = write_sheet(tmp_path).with_suffix(".html").read_bytes().decode()
    page = Page(source)
    assert set(page.ids.values()) == {1}
    assert page.tags["img"] == page.tags["iframe"] == page.tags["link"] == 0
    assert page.tags["script"] == 2
    assert all(address.startswith("#") and page.ids[address[1:]] for address in page.addresses)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", source.replace("// ", ""))
    # Three verdicts for six comments and one list of next steps, three more where a suggestion is offered.
    assert len(page.inputs) == 3 * 7 + 3 * 4
    assert page.tags["fieldset"] == page.tags["legend"] == 7 + 4
    assert page.tags["textarea"] == 7
    for tag in ("script", "style"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in source


def test_page_does_not_show_the_confidence(tmp_path: Path) -> None:
    source = write_sheet(tmp_path).with_suffix(".html").read_text(encoding="utf-8")
    shown = source[source.index("<main") : source.index("</main>")]
    assert "About go home." in shown
    assert not re.search(r"0\.\d|\.9|agreement|measured", shown)


def test_saved_feedback_is_matched_and_what_does_not_fit_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    essays = write_lines(tmp_path / "essays.jsonl", ESSAYS)
    good = comment(TEXT, "dogs", confidence=True)
    moved = comment(TEXT, "freind")
    moved["span"] = {"start": 0, "end": 6, "quote": "freind"}
    odd = [
        moved,
        comment(TEXT, "home", origin="educator"),
        "text",
        {"message": 5},
        good,
        comment(TEXT, "dogs", confidence="high"),
    ]
    (folder / "007.json").write_text(json.dumps({"submission_id": "x", "comments": []}), encoding="utf-8")
    write_lines(
        folder / "more.jsonl", [{"essay": "=HYPERLINK(1)", "comments": odd}, {"essay": "unknown", "comments": []}]
    )
    assert main(["--judge", str(essays), "--saved", str(folder), "--out", str(tmp_path / "sheet")]) == 0
    said = capsys.readouterr().err
    assert "comment 1 quotes words that are not there" in said
    assert "comment 2 was written by an educator" in said
    assert "comment 3 is not a comment" in said
    assert "comment 4 is not a comment" in said
    assert "number 2: none of the essays is its essay" in said
    assert "Essay “quiet” has no saved feedback" in said
    header, *rows = read_csv(tmp_path / "sheet.csv")
    assert [row[0] for row in rows] == ["E1-C1", "E1-C2", "E1-C3", "E2-0"]
    assert [row[header.index("quote")] for row in rows] == ["dogs", "dogs", "freind", ""]


def test_long_quote_is_shortened_in_the_table_and_marked_whole_on_the_page(tmp_path: Path) -> None:
    text = " ".join(map(str, range(15_000)))
    whole = [comment(text, text[start : len(text) - start], message="Long.") for start in range(0, 200, 2)]
    essays = write_lines(tmp_path / "essays.jsonl", [{"id": "long", "text": text}])
    saved = write_lines(tmp_path / "saved.jsonl", [{"submission_id": "long", "comments": whole}])
    assert main(["--judge", str(essays), "--saved", str(saved), "--out", str(tmp_path / "sheet")]) == 0
    header, first, *_ = read_csv(tmp_path / "sheet.csv")
    assert len(first[header.index("quote")]) == 400
    assert max(map(len, first)) < 1_000
    assert Page((tmp_path / "sheet.html").read_text(encoding="utf-8")).marks["E1-C1"] == text


def test_prompt_is_the_assignment_of_essays_without_one_and_limit_takes_the_first(tmp_path: Path) -> None:
    essays, saved = write_lines(tmp_path / "essays.jsonl", ESSAYS), write_lines(tmp_path / "saved.jsonl", feedback())
    (tmp_path / "prompt.txt").write_text("Write about <where> you were.\n", encoding="utf-8")
    arguments = ["--judge", str(essays), "--saved", str(saved), "--out", str(tmp_path / "sheet"), "--limit", "2"]
    assert main([*arguments, "--prompt", str(tmp_path / "prompt.txt")]) == 0
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert re.findall(r"<b>Assignment:</b> ([^\n]*?)(?:<br>|</p>)", page) == [
        "Write about a pet.",
        "Write about &lt;where&gt; you were.",
    ]
    assert {row[0].split("-")[0] for row in read_csv(tmp_path / "sheet.csv")[1:]} == {"E1", "E2"}


def test_filled_sheet_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = write_sheet(tmp_path)
    sheet.with_suffix(".csv").write_text("filled", encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        write_sheet(tmp_path)
    assert stopped.value.code == 2
    assert "choose another name" in capsys.readouterr().err
    assert sheet.with_suffix(".csv").read_text(encoding="utf-8") == "filled"


@pytest.mark.parametrize(
    "arguments",
    [["--judge", "a", "--judged", "b"], ["--saved", "a"], ["--agree", "a"], ["--judge", "a", "--agree", "b"],
     ["--judged", "a", "--out", "b"], ["corpus.jsonl", "--judge", "a"]],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="cannot be read"):
        read_essays(tmp_path / "nowhere.jsonl")


@pytest.mark.slow(reason="loads the local engine")
def test_local_engine_fills_a_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": "1", "text": "We recieve mail. He have a dog."}, {"id": "2", "text": "The sky is blue."}]
    essays = write_lines(tmp_path / "essays.jsonl", rows)
    assert main(["--judge", str(essays), "--out", str(tmp_path / "sheet")]) == 0
    assert "reading essay 2 of 2: 2" in capsys.readouterr().err
    header, *found = read_csv(tmp_path / "sheet.csv")
    assert [row[header.index("quote")] for row in found[:2]] == ["recieve", "have"]
    assert found[0][header.index("first_suggestion")] == "[receive]"
