"""Test the order of the comments, how many are shown first, and that no point is made twice."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from ingest.feedback.reading_order import SHOWN_FIRST, ordered

Comment = dict[str, Any]


def make(pass_: str, type_: str, start: int, end: int, **changes: Any) -> Comment:
    """Return a comment as the database gives it."""
    return {
        "id": uuid4(), "pass": pass_, "type": type_, "kind": "issue", "severity": "minor", "priority": 1, "match": "exact",
        "span_start": start, "span_end": end, "confidence": 0.9, "origin": "rule", "message": f"{type_} {start}", **changes,
    }  # fmt: skip


def read(*comments: Comment, decisions: dict[UUID, str] | None = None) -> list[Comment]:
    """Return the comments in reading order."""
    return ordered(comments, decisions=decisions or {})


def types(*comments: Comment, decisions: dict[UUID, str] | None = None) -> list[tuple[str, str]]:
    """Return type and kind of the comments in reading order."""
    return [(one["type"], one["kind"]) for one in read(*comments, decisions=decisions)]


def test_at_most_twelve_are_shown_first_and_none_is_lost() -> None:
    many = [make("grammar", "spelling", 10 * at, 10 * at + 5, priority=at + 1) for at in range(25)]
    found = read(*many)
    assert [one["order"] for one in found] == list(range(1, 26))
    assert [one["shown_first"] for one in found] == [True] * SHOWN_FIRST + [False] * 13
    assert {one["id"] for one in found} == {one["id"] for one in many}


def test_sense_comes_before_spelling_and_one_of_each_pattern_first() -> None:
    spellings = [make("grammar", "spelling", 10 * at, 10 * at + 5, priority=at + 1) for at in range(3)]
    comments = (
        *spellings, make("grammar", "agreement", 100, 105), make("grammar", "agreement", 110, 115, priority=2),
        make("structure", "thesis", 200, 250, kind="question"), make("content", "relevance", 300, 350, kind="question"),
        make("grammar", "spacing", 400, 401),
    )  # fmt: skip
    assert [one["type"] for one in read(*comments)] == [
        "relevance", "thesis", "agreement", "spelling", "spacing", "agreement", "spelling", "spelling",
    ]  # fmt: skip


def test_order_does_not_depend_on_the_order_of_the_rows() -> None:
    comments = [make("grammar", "spelling", 10 * at, 10 * at + 5, priority=at + 1) for at in range(6)]
    comments += [make("content", "evidence", 100, 150), make("structure", "thesis", 100, 150)]
    assert read(*comments) == read(*reversed(comments))


def test_own_comment_of_an_educator_comes_first_and_stays() -> None:
    own = make("grammar", "spelling", 0, 5, origin="educator")
    machine = make("content", "relevance", 50, 60)
    assert [one["id"] for one in read(machine, own)] == [own["id"], machine["id"]]
    assert len(read(own, make("grammar", "spelling", 0, 5, origin="educator"))) == 2


@pytest.mark.parametrize(("one", "other", "left"), [
    # Praise and a question about the same sentence.
    (make("structure", "thesis", 0, 50, kind="praise"), make("structure", "sentence_length", 0, 50, kind="question"),
     [("sentence_length", "question")]),
    (make("structure", "thesis", 0, 50, kind="praise"), make("content", "redundancy", 0, 50, kind="question"),
     [("redundancy", "question")]),
    (make("content", "evidence", 10, 50, kind="praise"), make("content", "clarity", 20, 30, kind="question"),
     [("clarity", "question")]),
    # A misspelling inside a praised sentence is no contradiction; praise for the misspelled word alone is one.
    (make("structure", "thesis", 0, 50, kind="praise"), make("grammar", "spelling", 10, 15),
     [("thesis", "praise"), ("spelling", "issue")]),
    (make("grammar", "word_choice", 10, 15, kind="praise"), make("grammar", "spelling", 10, 15), [("spelling", "issue")]),
    # The same point of two passes or engines.
    (make("structure", "paragraphs", 0, 50, confidence=0.95), make("structure", "organisation", 0, 50, confidence=0.6),
     [("paragraphs", "issue")]),
    (make("content", "clarity", 0, 50, confidence=0.5), make("structure", "sentence_length", 10, 50),
     [("sentence_length", "issue")]),
    (make("grammar", "agreement", 0, 9), make("grammar", "verb_form", 0, 9, confidence=0.5), [("agreement", "issue")]),
    (make("content", "evidence", 0, 9), make("content", "citation", 0, 9, message="evidence 0", confidence=0.5),
     [("evidence", "issue")]),
    # Other points about the same words, and the same point about other words.
    (make("content", "evidence", 0, 50), make("structure", "thesis", 0, 50), [("thesis", "issue"), ("evidence", "issue")]),
    (make("grammar", "spelling", 0, 5), make("grammar", "spelling", 10, 15), [("spelling", "issue")] * 2),
    (make("grammar", "agreement", 0, 50), make("grammar", "verb_form", 10, 15), [("agreement", "issue"), ("verb_form", "issue")]),
])  # fmt: skip
def test_one_comment_for_each_place_and_point(one: Comment, other: Comment, left: list[tuple[str, str]]) -> None:
    assert types(one, other) == left
    assert types(other, one) == left


def test_repeat_that_an_educator_decided_about_stays() -> None:
    first, second = make("structure", "paragraphs", 0, 50), make("structure", "organisation", 0, 50, confidence=0.5)
    assert len(read(first, second, decisions={second["id"]: "accepted"})) == 1
    assert read(first, second, decisions={second["id"]: "accepted"})[0]["id"] == second["id"]
    rejected = read(first, second, decisions={second["id"]: "rejected"})
    assert [one["id"] for one in rejected] == [first["id"], second["id"]]
    assert [one["shown_first"] for one in rejected] == [True, False]


def test_comments_without_a_place_come_last_and_are_never_repeats() -> None:
    lost = [make("content", "relevance", 0, 0, match="none", span_start=None, span_end=None) for _ in range(2)]
    assert [one["match"] for one in read(*lost, make("grammar", "spacing", 0, 1))] == ["exact", "none", "none"]
