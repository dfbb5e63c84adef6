"""The essays of our own: every planted mistake stands where the file says, and both halves hold every voice."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from benchmarks.essays import (
    CATEGORIES,
    ESSAYS,
    HALVES,
    TYPES,
    Essay,
    marked_essays,
    parse_marked,
    read_essays,
    read_marks,
    to_json,
)

HEADER = "=== a-1 | fit | story | 12\nPrompt: Tell a story.\n\n"


@pytest.fixture(scope="module")
def essays() -> list[Essay]:
    return read_essays()


def test_every_planted_mistake_stands_at_its_place(essays: list[Essay]) -> None:
    wrong = [
        (essay.id, one.quote)
        for essay in essays
        for one in essay.planted
        if essay.text[one.start : one.end] != one.quote or one.quote in one.corrections or one.type not in TYPES
    ]
    assert wrong == []


def test_planted_mistakes_do_not_overlap(essays: list[Essay]) -> None:
    for essay in essays:
        places = [(one.start, one.end) for one in essay.planted]
        assert all(end <= start for (_, end), (start, _) in pairwise(places)), essay.id


def test_the_file_holds_the_marked_essays() -> None:
    assert to_json(marked_essays()) == ESSAYS.read_text(encoding="utf-8"), "run python -m benchmarks.essays"


def test_there_are_sixty_whole_essays_by_students_of_the_ages_served(essays: list[Essay]) -> None:
    assert len({essay.id for essay in essays}) == len(essays) >= 60
    assert [essay.id for essay in essays if not 120 <= len(essay.text.split()) <= 400] == []
    assert {essay.age for essay in essays} == set(range(11, 18))


def test_both_halves_hold_every_voice_and_category(essays: list[Essay]) -> None:
    voices = {half: Counter(essay.voice for essay in essays if essay.half == half) for half in HALVES}
    assert voices["fit"] == voices["test"]
    assert len(voices["fit"]) >= 6
    for half in HALVES:
        assert {essay.category for essay in essays if essay.half == half} == set(CATEGORIES)


def test_both_halves_hold_each_type_of_mistake(essays: list[Essay]) -> None:
    for half in HALVES:
        assert {one.type for essay in essays if essay.half == half for one in essay.planted} == set(TYPES)


def test_a_mark_becomes_a_place_in_the_text() -> None:
    text, planted = read_marks("She {go|goes|went|agreement} home.")
    assert text == "She go home."
    assert [(one.start, one.end, one.quote, one.corrections) for one in planted] == [(4, 6, "go", ("goes", "went"))]


@pytest.mark.parametrize(
    "marked",
    ["{go|goes}", "{go|go|agreement}", "{go|goes|magic}", "{|goes|agreement}", "She {go home.", "She go} home."],
)
def test_a_mark_that_is_not_in_the_format_names_its_essay(marked: str) -> None:
    with pytest.raises(ValueError, match="a-1: "):
        parse_marked(f"{HEADER}{marked}\n", "native")


@pytest.mark.parametrize(
    "header", [HEADER.replace("fit", "all"), HEADER.replace("Prompt", "Task"), HEADER.replace("story", "saga")]
)
def test_a_header_that_is_not_in_the_format_names_its_essay(header: str) -> None:
    with pytest.raises(ValueError, match="a-1: "):
        parse_marked(f"{header}Text.\n", "native")
