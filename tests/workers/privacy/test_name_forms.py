"""Test that masking finds names however they are written, and leaves ordinary words alone. The measured figures are printed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.essays import DATA
from models.jobs import PassName
from models.people_of_course import CoursePerson
from tests.conftest import Report
from tests.support.name_probes import FORMS, Probe, probes
from workers.passes.request import PassRequest
from workers.privacy.masking import Mask
from workers.privacy.roster import Roster

MOST_LEFT = 0.02
FAST = 4  # probes of each form in the fast test

# Names that are also words, so that a false alarm can happen at all.
WORDS_AS_NAMES = tuple(
    CoursePerson(
        name=name, email=f"{name[0]}{name.split()[1]}@school.example".lower(), external_id=f"s{100_200 + 7 * number}"
    )
    for number, name in enumerate(
        """Will May|Grace Rose|Mark Young|Hope Summers|Art Banks|Bill Price|Faith Long|Joy Brown|Rose Hill|Jan Stone|Sam Light
        |Tim Fields|Eve Best|Sue Ward|Ann Other|Don King|Ben Day|Kim Lee|Ali Khan|Maria Garcia|Anna Nagy|Tom Rich|Dan Wood
        |Pat Black|Max Power|Ray White|Drew Good|Jack Strong|Christian Bell|Will Power""".replace(
            "\n        ", ""
        ).split("|")
    )
)


def masked(text: str, people: tuple[CoursePerson, ...]) -> str:
    mask = Mask(PassRequest(pass_name=PassName.GRAMMAR, text=text), roster=Roster(people))
    assert mask.shown(mask.request.text) == text
    return mask.request.text


def left(found: list[Probe]) -> list[tuple[str, str, str]]:
    """Return form, written name and what is left of it, for each probe that leaves anything."""
    seen = ((one, one.left(masked(one.text, one.people))) for one in found)
    return [(one.form, one.text[one.start : one.end], rest) for one, rest in seen if rest]


def test_every_form_of_a_name_is_masked() -> None:
    by_form: dict[str, list[Probe]] = {}
    for one in probes():
        by_form.setdefault(one.form, []).append(one)
    assert set(by_form) == {*FORMS, "with an ending"}
    for found in by_form.values():
        assert left(found[:FAST]) == []


@pytest.mark.slow(reason="masks 2,000 texts")
def test_at_most_two_in_a_hundred_probes_leave_anything_of_a_name(report: Report) -> None:
    found = list(probes())
    rest = left(found)
    missed, asked = Counter(form for form, *_ in rest), Counter(one.form for one in found)
    report("masking: " + ", ".join(f"{form} {missed[form]}/{asked[form]}" for form in asked))
    report(f"masking: {len(rest)} of {len(found)} probes leave anything of a name ({len(rest) / len(found):.1%})")
    assert len(found) >= 2_000 and len(asked) >= 20
    assert len(rest) <= MOST_LEFT * len(found), rest


def test_name_probes_see_what_nobody_masks() -> None:
    """Check the measure itself: a text that is sent as it is leaves something in every probe."""
    assert [one.text for one in probes() if not one.left(one.text)] == []


ESSAYS = [json.loads(line)["text"] for line in (DATA / "essays.jsonl").read_text(encoding="utf-8").splitlines()]
RIGHT = [path.read_text(encoding="utf-8") for path in sorted(Path(DATA / "right_texts").iterdir()) if path.is_file()]


def test_no_word_in_small_letters_is_masked_in_essays(report: Report) -> None:
    """Mask essays for a class whose names are words. A word with a capital may be masked: it may be the name."""
    roster = Roster(WORDS_AS_NAMES)
    texts = [*ESSAYS, *RIGHT]
    hit = Counter(text[start:end] for text in texts for start, end, how in roster.places_in(text) if how != "address")
    number = sum(len(text.split()) for text in texts)
    report(
        f"masking: {hit.total()} of {number} words of {len(texts)} essays masked for a class of {len(WORDS_AS_NAMES)}"
    )
    assert [word for word in hit if word[0].islower()] == []
    assert hit.total() <= 0.002 * number, hit


@pytest.mark.parametrize(
    "text",
    [
        "Another day, willpower and a long light are what we may want. I will. I may! Maybe.",
        "Market Street, Evening News, Willing helpers, Graceful Timing, Hopeless Daylight, Annual Artist",
        "You may. I will. A mark, a ward; the rose of hope, the price is best at 9.30 in 2nd place.",
        "See p.3, e.g. _will_ or *may*, #1 of the 1990s, H2O, COVID19 and at the bank.Then we left.",
        "We met at north bridge. The dot is at the end . then nothing",
    ],
)
def test_ordinary_words_are_not_masked(text: str) -> None:
    assert masked(text, WORDS_AS_NAMES) == text
