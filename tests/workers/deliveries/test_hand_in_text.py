"""Which text of a hand-in is the essay."""

from __future__ import annotations

import pytest

from documents.rich_text.recognise import MAX_TAGS
from workers.deliveries.hand_in_text import MAX_TYPED_CHARACTERS, MOST_FILES, Essay, NoEssay, read_essay
from workers.lms.hand_in import Content, HandedInFile

LONG = "word " * 60


def read(
    text: str = "", *, plain: bool = False, sizes: dict[str, int] | None = None, **files: bytes
) -> tuple[Essay, list[str]]:
    """Read a hand-in with this text and these files (`essay_txt` is essay.txt); return also which files were fetched."""
    contents = {name.replace("_", "."): content for name, content in files.items()}
    fetched: list[str] = []

    def fetch(file: HandedInFile) -> bytes:
        fetched.append(file.name)
        return contents[file.name]

    files_of_it = tuple(
        HandedInFile(name=name, url=name, size=(sizes or {}).get(name, len(content)))
        for name, content in contents.items()
    )
    return read_essay(Content(text=text, text_is_plain=plain, files=files_of_it), fetch), fetched


def test_longest_text_is_the_essay() -> None:
    essay, fetched = read(
        "<p>See my file.</p>", a_txt=b"A short list.", b_txt=b"The essay itself, which has the most words here."
    )
    assert essay.text == "The essay itself, which has the most words here."
    assert essay.file is not None
    assert (essay.file.name, fetched) == ("b.txt", ["a.txt", "b.txt"])


def test_typed_text_wins_over_a_shorter_file_and_keeps_no_file() -> None:
    essay, _ = read("<p>One two three four.</p><p>Five.</p>", a_txt=b"Sources used.")
    assert (essay.text, essay.from_html, essay.file) == ("One two three four.\n\nFive.", True, None)


def test_plain_text_is_not_read_as_html() -> None:
    assert read("If a <b and c> d, then so.", plain=True)[0].text == "If a <b and c> d, then so."


def test_other_files_are_not_fetched() -> None:
    assert read("Words.", photo_jpg=b"x", table_xlsx=b"y")[1] == []


def test_no_more_files_than_a_few_are_fetched() -> None:
    files = {f"part{number}_txt": b"Some words." for number in range(MOST_FILES + 3)}
    assert len(read("Words.", **files)[1]) == MOST_FILES


@pytest.mark.parametrize("text", ["", "See my file."])
def test_unreadable_file_is_not_hidden_by_a_note(text: str) -> None:
    with pytest.raises(NoEssay) as caught:
        read(text, essay_docx=b"PK\x03\x04 half a file")
    assert caught.value.reason == "file_unreadable"


def test_long_typed_text_is_read_beside_an_unreadable_file() -> None:
    assert read(LONG, essay_docx=b"PK\x03\x04 half a file")[0].words == 60


def test_too_large_file_is_refused_without_being_fetched() -> None:
    with pytest.raises(NoEssay) as caught:
        read("See my file.", essay_pdf=b"%PDF", sizes={"essay.pdf": 10**9})
    assert caught.value.reason == "file_too_large"


@pytest.mark.parametrize("text", ["", " \n ", "<p>&nbsp;</p>", "\u200b\u2060"])
def test_hand_in_without_words_is_refused(text: str) -> None:
    with pytest.raises(NoEssay) as caught:
        read(text)
    assert caught.value.reason == "no_text"


@pytest.mark.parametrize("text", ["<p>Words.</p>" + " " * MAX_TYPED_CHARACTERS, "<p>Word</p>" * MAX_TAGS])
def test_endless_typed_text_is_refused_unread(text: str) -> None:
    with pytest.raises(NoEssay) as caught:
        read(text)
    assert caught.value.reason == "essay_too_long"
