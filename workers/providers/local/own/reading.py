"""Find mistakes that both engines miss and that a rule over a sentence finds with few false alarms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from workers.providers.local.flags import Flag
from workers.providers.local.own import (
    article_phrases,
    articles,
    definite_articles,
    noun_subjects,
    number,
    openings,
    phrases,
    plural_subjects,
    runons,
    singular_subjects,
    spelled,
    verbs,
)
from workers.providers.local.own.tokens import flag, sentence_of
from workers.text.segmentation import Piece, sentences, words

END_MARK_FROM_WORDS = 8
_RULES = (
    openings.openings,
    openings.clauses_in_front,
    openings.because_comma,
    number.one_of_many,
    number.many_of_one,
    number.lot_of_one,
    number.one_of_the,
    number.peoples,
    verbs.well_for_will,
    verbs.after_modal,
    verbs.base_after_be,
    verbs.base_after_passive,
    singular_subjects.everyone_have,
    singular_subjects.one_with_plural_verb,
    singular_subjects.one_with_base,
    noun_subjects.who_with_base,
    plural_subjects.many_with_singular_verb,
    plural_subjects.many_with_third_person,
    plural_subjects.counted_with_singular_verb,
    plural_subjects.that_many_is,
    noun_subjects.of_phrase,
    plural_subjects.two_subjects,
    plural_subjects.that_is_after_many,
    plural_subjects.people_thinks,
    plural_subjects.there_is_many,
    plural_subjects.who_is,
    noun_subjects.bare_subject,
    phrases.phrases,
    articles.missing_article,
    articles.be_someone,
    articles.bare_thing,
    articles.like_thing,
    definite_articles.bare_place,
    definite_articles.fixed_places,
    article_phrases.article_phrases,
    definite_articles.missing_the,
    definite_articles.the_country,
    spelled.torn_words,
    spelled.capitals,
    runons.comma_splice,
    runons.run_on,
    runons.fragment,
)
# Longer "sentences" are texts without end marks: the rules speak about sentences.
LONGEST_SENTENCE = 600
_LINE = re.compile(r"[^\s][^\n]*(?<=\S)")


def own_flags(safe: str, paragraphs: Iterable[tuple[int, int]] | None = None) -> list[Flag]:
    """Return the flags of our own rules, in order of place, for a text that `guards.engine_text` has made safe.

    `paragraphs`: the parts of the text that hold sentences. Without them, each line is one.
    """
    pieces = [Piece(start, end, safe[start:end]) for start, end in (_lines(safe) if paragraphs is None else paragraphs)]
    found: list[Flag] = []
    for paragraph in pieces:
        after_question = False
        in_paragraph = sentences(paragraph.text, start=paragraph.start)
        for piece in in_paragraph:
            if len(piece.text) <= LONGEST_SENTENCE:
                sentence = sentence_of(piece, after_question=after_question)
                found += [one for rule in _RULES for one in rule(sentence)]
            after_question = piece.text.rstrip("\"'\u201d\u2019)").endswith("?")
        # A lone line in the middle of a text may be a heading or the words under a picture.
        if len(in_paragraph) > 1 or paragraph is pieces[-1]:
            found += _missing_end_mark(paragraph, in_paragraph)
    # Two rules may see one mistake.
    once = {(one.start, one.end, one.rule): one for one in found}
    return [once[place] for place in sorted(once)]


def _lines(text: str) -> list[tuple[int, int]]:
    return [found.span() for found in _LINE.finditer(text)]


def _missing_end_mark(paragraph: Piece, in_paragraph: Sequence[Piece]) -> list[Flag]:
    last_words = words(in_paragraph[-1].text) if in_paragraph else []
    if not _lacks_end_mark(last_words, paragraph):
        return []
    word, end = last_words[-1].text, paragraph.end
    message = "The paragraph stops here without a full stop or another end mark."
    return [flag("END_MARK", "punctuation", end - len(word), end, message, f"{word}.")]


def _lacks_end_mark(last_words: list[Piece], paragraph: Piece) -> bool:
    """Return whether a paragraph ends without an end mark, and is a sentence rather than a heading with capitals."""
    if (
        len(last_words) < END_MARK_FROM_WORDS
        or not last_words[-1].text.isalpha()
        or not paragraph.text.endswith(last_words[-1].text)
    ):
        return False
    return sum(word.text[0].isupper() for word in last_words) * 3 < len(last_words)
