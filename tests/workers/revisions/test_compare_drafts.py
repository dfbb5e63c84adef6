"""Test the comparison of two drafts: which text is unchanged, changed or deleted."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workers.revisions.compare_drafts import Drafts, State

OLD = (
    "Dogs is better then cats. They are loyal, and they bark.\n\n"
    "My first reason are walking. You gets out every day. It keeps you fit.\n\n"
    "Some people says cats are clean. This is true. In conclusion, get a dog."
)


def traced(new: str, quote: str, old: str = OLD) -> tuple[State, str]:
    start = old.index(quote)
    found = Drafts(old, new).trace(start, start + len(quote))
    return found.state, new[slice(*found.at)] if found.at else ""


def test_same_text_is_unchanged_everywhere() -> None:
    drafts = Drafts(OLD, OLD)
    for start in range(0, len(OLD) - 8, 5):
        found = drafts.trace(start, start + 8)
        assert (found.state, found.at) == ("same", (start, start + 8))
    assert drafts.identical()
    assert len(drafts.unchanged()) == 3


@pytest.mark.parametrize(
    ("change", "quote", "state", "now"),
    [
        (("Dogs is better", "Dogs are better"), "is", "rewritten", ""),
        (("Dogs is better", "Dogs are better"), "then", "touched", "then"),
        (("You gets out every day.", ""), "gets", "gone", ""),
        (("You gets out every day.", ""), "reason are", "same", "reason are"),
        (("Some people says cats are clean. ", ""), "people says", "gone", ""),
        # A word that is only a prefix of a new word is not the same word.
        (("This is true", "Thistle is true"), "This", "rewritten", ""),
        # A new sentence in the same place is a rewrite, not a deletion.
        (("This is true.", "Nobody can deny that fact."), "This is true", "rewritten", ""),
        # A moved paragraph keeps its comments.
        ((OLD, "\n\n".join(reversed(OLD.split("\n\n")))), "Some people says", "same", "Some people says"),
        # The span covers two sentences, and one of them was rewritten.
        (("You gets", "You get"), "walking. You gets", "rewritten", ""),
    ],
)
def test_span_is_traced_through_a_change(change: tuple[str, str], quote: str, state: State, now: str) -> None:
    assert traced(OLD.replace(*change), quote) == (state, now)


def test_fixed_sentence_and_deleted_sentence_are_told_apart() -> None:
    new = OLD.replace("You gets out every day. It keeps you fit.", "It keep us fit and glad.")

    assert traced(new, "gets")[0] == "gone"
    assert traced(new, "keeps you fit")[0] == "rewritten"


def test_moved_paragraphs_are_found_unchanged() -> None:
    one, two, three = OLD.split("\n\n")
    new = f"{three}\n\n{one}\n\nSomething new.\n\n{one}"

    found = Drafts(OLD, new).unchanged()

    assert [new[slice(*place)] for place in found] == [three, one], "a copy of a paragraph is new text"
    assert two not in [new[slice(*place)] for place in found]
    assert not Drafts(OLD, new).identical()


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(["Dogs bark.", "Cats sleep", "\n\n", " ", "A.", "e.g. this", "🙂🙂", "\u202eabc", "e\u0301"]),
        st.text(max_size=12),
    ),
    max_size=20,
).map("".join)


@given(TEXTS, TEXTS, st.data())
@example("A. A. A.", "A. A.", None)
@settings(max_examples=300, deadline=None)
def test_traced_spans_hold_the_same_words_in_both_drafts(old: str, new: str, data: st.DataObject | None) -> None:
    drafts = Drafts(old, new)
    start = data.draw(st.integers(0, max(0, len(old) - 1))) if data else 0
    end = data.draw(st.integers(start + 1, max(start + 1, len(old)))) if data else 1

    found = drafts.trace(start, end)

    assert (found.at is not None) == (found.state in ("same", "touched"))
    if found.at is not None:
        assert new[slice(*found.at)] == old[start:end]
    places = drafts.unchanged()
    assert all(new[first:last] in old for first, last in places)
    assert all(a[1] <= b[0] for a, b in pairwise(places))


@pytest.mark.slow(reason="drafts of full length")
@pytest.mark.parametrize("unit", ["a. ", "Word word word. ", "x\n\n", "!?", "A.B.C. ", "\u0301", "🙂 "])
def test_hostile_drafts_are_compared_in_bounded_time(unit: str) -> None:
    old = (unit * 100_000)[:100_000]
    began = time.monotonic()
    drafts = Drafts(old, old[1000:] + "end")
    for start in range(0, 99_000, 1_000):
        drafts.trace(start, start + 900)
    assert time.monotonic() - began < 20, "the limit is far above the usual time and catches quadratic growth"
