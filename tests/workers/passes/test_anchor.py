"""Test that quotes are anchored to exact spans or not at all, with chosen scripts and arbitrary Unicode."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.passes.anchor import Anchor, _normal, _pieces, _seen, anchor, is_clean_cut
from workers.text.invisible_characters import from_marks, remove_invisible, to_marks

PIECES = st.sampled_from(
    [
        "a",
        "e\u0301",
        "é",
        "ﬁ",
        " ",
        "\u00a0",
        "\n",
        "“",
        "”",
        '"',
        "’",
        "'",
        "—",
        "-",
        "…",
        "👩‍👩‍👧",
        "👍🏽",
        "🇩🇪",
        "🇫🇷",
        "م",
        "ش",
        "א",
    ]
    + [
        "\u202e",
        "\u200b",
        "\u200d",
        "\u200c",
        "⟦",
        "⟦U+202E⟧",
        "각",
        "가\u11a8",
        "क्षि",
        "the cat",
        "\u0301",
        "\x00",
        "\U000e0041",
    ]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=25).map("".join))


def test_quote_that_occurs_once_is_found_exactly() -> None:
    span = anchor("I has a dog.", "has a")
    assert (span.start, span.end, span.quote, span.match) == (2, 7, "has a", "exact")


def test_span_takes_prefix_and_suffix_from_the_text() -> None:
    span = anchor("I has a dog.", "has", prefix="We", suffix="nothing")
    assert (span.prefix, span.suffix) == ("I ", " a dog.")


def test_quote_that_occurs_twice_needs_context() -> None:
    text = "The cat sat. The cat ran."
    assert anchor(text, "The cat").match == "none"
    assert anchor(text, "The cat", suffix=" ran").start == 13
    assert anchor(text, "The cat", prefix="sat. ").start == 13
    assert anchor(text, "The cat", suffix=" flew").match == "none"


def test_context_that_fits_two_places_anchors_neither() -> None:
    assert anchor("a cat, a cat, a cat", "cat", prefix="a").match == "none"


def test_missing_quote_is_kept_and_not_anchored() -> None:
    span = anchor("I has a dog.", "I had a dog", prefix="x", suffix="y")
    assert (span.start, span.end, span.quote, span.match) == (0, 0, "I had a dog", "none")


def test_wrong_context_does_not_affect_a_unique_quote() -> None:
    assert anchor("I has a dog.", "has a", prefix="He ", suffix=" cat").start == 2


@pytest.mark.parametrize("quote", ["", " ", "\n\t"])
def test_blank_quote_is_not_anchored(quote: str) -> None:
    assert anchor("a b\n\tc", quote).match == "none"


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("She said “no” — twice.", 'said "no" - twice', "said “no” — twice"),
        ("I don’t\u00a0know.", "I don't know", "I don’t\u00a0know"),
        ("one\n  two", "one two", "one\n  two"),
        ("cafe\u0301 noir", "café", "cafe\u0301"),
        ("café noir", "cafe\u0301", "café"),
        ("wait… what", "wait... what", "wait… what"),
        ("co\u200boperate now", "cooperate", "co\u200boperate"),
        ("가\u11a8 나", "각", "가\u11a8"),
        (
            "He said \u201cit isn\u2019t\r\nfair\u201d to me.",
            'said "it isn\'t fair" to',
            "said \u201cit isn\u2019t\r\nfair\u201d to",
        ),
        ("He said \u00a8hola amigo\u00a8 to me.", '"hola amigo"', "\u00a8hola amigo\u00a8"),
        ("She said ``hi'' to me.", 'said "hi" to', "said ``hi'' to"),
        ("Il dit \u00ab\u00a0oui\u00a0\u00bb et part.", '"oui"', "\u00ab\u00a0oui\u00a0\u00bb"),
        ("It is \ufb01ne work.", "fine work", "\ufb01ne work"),
        ("The \u043ewner pays.", "The owner", "The \u043ewner"),
        ("It doesn\u00e2\u20ac\u2122t matter.", "doesn't matter", "doesn\u00e2\u20ac\u2122t matter"),
        ("> we is\n> glad of it", "we is glad", "we is\n> glad"),
        ("The infor\u00ad\nmation is here.", "information is", "infor\u00ad\nmation is"),
    ],
)
def test_spaces_quotes_dashes_and_accents_are_normalised(text: str, quote: str, found: str) -> None:
    span = anchor(text, quote)
    assert (span.quote, span.match) == (found, "normalised")
    assert text[span.start : span.end] == found


def test_word_that_a_hard_wrapped_line_splits_is_found() -> None:
    text = (
        "A shop on the corner knows its customers, and it keeps their infor-\n"
        "mation in a book. The owner of our shop keeps a list of what each\n"
        "class needs in autumn. A large store outside the town cannot do it."
    )
    for quote in ("their information in a book", "their infor-mation in a book"):
        span = anchor(text, quote, suffix=". The owner of our shop keeps a list of what each class")
        assert (span.quote, span.match) == ("their infor-\nmation in a book", "normalised")


def test_hyphenated_word_over_two_lines_is_found() -> None:
    text = (
        "A shop on the corner knows its customers, and its owner is a well-\n"
        "known man in town. The owner of our shop keeps a list of what each\n"
        "class needs in autumn. A large store outside the town cannot do it."
    )
    assert anchor(text, "a well-known man").quote == "a well-\nknown man"


def test_quote_seen_in_two_places_is_not_anchored() -> None:
    text = "The \u043ewner pays. Then the \u043ewner goes."
    assert anchor(text, "owner").match == "none"
    assert anchor(text, "owner", suffix=" goes").start == text.rindex("\u043ewner")


def test_matching_context_wins_over_an_exact_match_elsewhere() -> None:
    text = "I don’t know. You don't."
    assert anchor(text, "don't", prefix="I ", suffix=" know").start == 2


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("cafe\u0301 noir", "cafe"),
        ("family 👩‍👩‍👧 here", "👩"),
        ("well done 👍🏽", "👍"),
        ("🇩🇪🇫🇷", "🇪🇫"),
        ("wait… what", "wait.."),
    ],
)
def test_span_never_splits_an_accent_or_an_emoji(text: str, quote: str) -> None:
    assert anchor(text, quote).match == "none"


def test_right_to_left_text_is_anchored_in_code_points() -> None:
    text = "كتب الطالب مقالا جيدا عن البحر"
    span = anchor(text, "مقالا جيدا")
    assert text[span.start : span.end] == "مقالا جيدا"
    assert span.start == 11


def test_quote_with_marks_matches_invisible_characters() -> None:
    text = "pay \u202eevil\u202c now"
    quote = to_marks(text)[4:-4]
    assert "⟦U+202E⟧" in quote
    span = anchor(text, quote)
    assert (span.quote, span.match) == ("\u202eevil\u202c", "exact")


def test_joiner_that_a_model_adds_is_not_needed_in_the_text() -> None:
    span = anchor("page 00 of it", "00\u200c")
    assert (span.quote, span.match) == ("00", "normalised")


def test_mark_typed_by_the_author_is_not_decoded() -> None:
    text = "I typed ⟦U+202E⟧ myself"
    assert "\u202e" not in from_marks(to_marks(text))
    assert anchor(text, to_marks("⟦U+202E⟧ myself")).start == 8


def test_mark_invented_by_the_model_stays_text() -> None:
    for invented in ("⟦U+0041⟧", "⟦U+FFFFFF⟧", "⟦U+00202E⟧", "⟦U+202E"):
        assert from_marks(invented) == invented


def test_composable_pairs_stay_in_one_piece() -> None:
    for point in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(point)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            pair = chr(int(parts[0], 16)) + chr(int(parts[1], 16))
            if unicodedata.normalize("NFC", pair) != pair:
                assert list(_pieces(pair)) == [(0, 2)], f"{point:04X}"


@given(TEXTS)
def test_marks_round_trip_exactly(text: str) -> None:
    assert from_marks(to_marks(text)) == text


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_every_span_quotes_the_text_or_is_empty(text: str, quote: str, prefix: str, suffix: str) -> None:
    span = anchor(text, quote, prefix=prefix, suffix=suffix)
    if span.match == "none":
        assert (span.start, span.end, span.quote) == (0, 0, quote)
    else:
        assert text[span.start : span.end] == span.quote != ""
        assert is_clean_cut(text, span.start) and is_clean_cut(text, span.end)
        same = _normal(span.quote).strip() in {_normal(from_marks(quote)).strip(), _normal(quote).strip()}
        assert same or _seen(span.quote).strip() == _seen(from_marks(quote)).strip()


@given(TEXTS, st.data())
def test_slice_with_its_context_is_found_in_place_or_not_at_all(text: str, data: st.DataObject) -> None:
    cuts = [index for index in range(len(text) + 1) if is_clean_cut(text, index)]
    start = data.draw(st.sampled_from(cuts))
    end = data.draw(st.sampled_from([cut for cut in cuts if cut >= start]))
    quote = text[start:end]
    span = anchor(text, to_marks(quote), prefix=to_marks(text[:start]), suffix=to_marks(text[end:]))
    if span.match != "none" and _normal(text[:start]).strip() and _normal(text[end:]).strip():
        assert _normal(text[: span.start]).strip() == _normal(text[:start]).strip()
    if quote.strip() and text.count(quote) == 1 and _normal(text).count(_normal(quote).strip() or "\0") == 1:
        assert (span.start, span.end, span.match) == (start, end, "exact")


@given(st.lists(st.sampled_from(["the", "cat", "saw", "a", "dog"]), min_size=4, max_size=12))
def test_retyped_quote_is_mapped_to_the_stored_text(words: list[str]) -> None:
    stored = "Once “" + "\u00a0 ".join(words) + "” ended"
    span = anchor(stored, '"' + " ".join(words) + '"')
    assert span.quote == "“" + "\u00a0 ".join(words) + "”"


@given(TEXTS)
def test_reused_anchor_gives_the_same_spans_as_a_new_one(text: str) -> None:
    reused = Anchor(text)
    for quote in (text[:3], text[2:6], "the cat"):
        assert reused.span(quote) == anchor(text, quote)


@given(TEXTS)
def test_remove_invisible_is_complete_and_idempotent(text: str) -> None:
    assert remove_invisible(remove_invisible(text)) == remove_invisible(text)
    assert not {"\u202e", "\u200b", "\x00"} & set(remove_invisible(text))
