"""Stored values in the reader's words: states, types of comments, times, and how far to trust a comment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency
from markupsafe import Markup

from ingest.pages.wording import gettext, language, ngettext
from ingest.web.marking import _n

# The names of the types of comments (table `feedback_types`), as a student reads them.
_TYPES = (
    ("agreement", _n("Agreement")),
    ("article", _n("Article")),
    ("capitalisation", _n("Capital letters")),
    ("citation", _n("Citation")),
    ("clarity", _n("Clarity")),
    ("conclusion", _n("Conclusion")),
    ("content", _n("Content")),
    ("contraction", _n("Contraction")),
    ("coverage", _n("Coverage of the task")),
    ("evidence", _n("Evidence")),
    ("grammar", _n("Grammar")),
    ("introduction", _n("Introduction")),
    ("organisation", _n("Organisation")),
    ("paragraphs", _n("Paragraphs")),
    ("punctuation", _n("Punctuation")),
    ("reasoning", _n("Reasoning")),
    ("redundancy", _n("Said twice")),
    ("relevance", _n("Relevance")),
    ("repetition", _n("Repeated word")),
    ("sentence_length", _n("Sentence length")),
    ("spacing", _n("Spacing")),
    ("spelling", _n("Spelling")),
    ("structure", _n("Structure")),
    ("thesis", _n("Thesis")),
    ("transition", _n("Transition")),
    ("verb_form", _n("Verb form")),
    ("word_choice", _n("Word choice")),
)
TYPES = dict(_TYPES)
STATUSES = {
    "queued": _n("Waiting to be read"), "processing": _n("Being read"), "completed": _n("Read"), "partial": _n("Read in part"),
    "failed": _n("Not read"), "superseded": _n("Replaced by a newer draft"), "cancelled": _n("Cancelled"),
}  # fmt: skip
PASS_STATES = {
    "queued": _n("waiting"), "running": _n("reading…"), "retrying": _n("trying again"), "done": _n("done"),
    "gave_up": _n("did not work"), "cancelled": _n("cancelled"),
}  # fmt: skip
RESOLUTIONS = {
    "open": _n("Not looked at yet"), "addressed": _n("Done"), "persisting": _n("Still open"), "moot": _n("No longer there"),
}  # fmt: skip
PASSES = {"grammar": _n("Grammar"), "structure": _n("Structure"), "content": _n("Content")}


# What the API says in these very words. What it says with figures or names in it stays in English.
SAID = (
    _n("There is nothing here for you"),
    _n("Your role may not do this"),
    _n("Too many requests"),
    _n("The service cannot answer right now"),
    _n("The essay is empty"),
    _n("The essay is too long"),
    _n("The text holds characters that cannot be stored"),
    _n("The body is too large"),
    _n("The body is larger than 1 MiB."),
    _n("The body is larger than 1 MiB. A picture is embedded in it; hand in the text without the picture."),
    _n("The file is too large"),
    _n("The request did not arrive in time"),
    _n("Something went wrong on our side"),
    _n("This student has handed in too much"),
    _n("Credentials are missing or not understood"),
    _n("Some fields are not acceptable"),
    _n("The org, e-mail or password is wrong."),
    _n("The text has no visible character."),
    _n("The file is empty."),
    _n("The file is empty: it has no text."),
    _n("The file is larger than 20 MiB."),
    _n("The file is damaged or not complete. Save it again and send the whole file."),
    _n("The file is protected by a password. Save it without one."),
    _n("The file has no text; scans cannot be read. Send the document from which it was made, or type the text."),
    _n("The file holds pictures and no text; pictures of pages cannot be read. Type the text, or send its document."),
    _n("The file grows too much when it is unpacked. Save it without its pictures."),
    _n(
        "Reading the file took more time or memory than is allowed. Save it in another format, or send the text itself."
    ),
    _n("Reading the file took more memory than is allowed. Save it without its pictures, or send the text itself."),
    _n("Too many files are being read at this moment. Send the same file again in a few seconds."),
    _n("There is no file with this file_id, it is another student's, or it has expired."),
    _n("This file was handed in already."),
    _n("As many files as are allowed wait to be handed in already. Hand one of them in, or wait until one expires."),
    _n("Too many people are signing in at this moment."),
    _n(
        "This LMS is not connected to EssayCoach: an admin of your school has not approved it yet, or has switched it off."
    ),
    _n("There is no such essay."),
    _n("There is nothing at this address."),
    _n("This form did not come from a page of ours. Go back, load the page again, and send it."),
    _n("The token is not known, was used before, or is over. Ask for a new one."),
    _n("The database cannot be reached."),
    _n("The database did not answer in time."),
    _n("The database did not answer, or cannot serve now."),
    _n("The database cannot write (read-only)."),
    _n("The database is busy with other work."),
    _n("This page is not for your account."),
)


def detail(text: str) -> str:
    """Return what the API says was wrong, in the language of the page where it is known there."""
    # What the API says of several fields points to a member of its answer, which no page has.
    return gettext("Some fields are not acceptable" if text.endswith("errors[] names each of them.") else text)


def type_name(slug: str) -> str:
    """Return the name of a type of comment in the language of the page."""
    return gettext(TYPES.get(slug, slug.replace("_", " ").capitalize()))


def pass_name(slug: str) -> str:
    """Return the name of a pass in the language of the page."""
    return gettext(PASSES.get(slug, slug.capitalize()))


def status_name(status: str) -> str:
    """Return the name of a submission's status in the language of the page."""
    return gettext(STATUSES[status])


def pass_state(state: str) -> str:
    """Return the name of a pass's state in the language of the page."""
    return gettext(PASS_STATES[state])


def resolution_name(resolution: str) -> str:
    """Return what became of a comment in the language of the page."""
    return gettext(RESOLUTIONS[resolution])


def about_time(seconds: int) -> str:
    """Return a sentence about how long something will take."""
    if seconds < 60:
        return gettext("It will take less than a minute.")
    minutes = round(seconds / 60)
    return ngettext("It will take about a minute.", "It will take about %(count)s minutes.", minutes) % {
        "count": minutes
    }


def wait_sentence(seconds: float) -> str:
    """Return a sentence about how long feedback took. The seconds are the upper edge of a step, so the words are round too."""
    if seconds < 60:
        return gettext("Nine of ten drafts were read in less than a minute.")
    minutes = round(seconds / 60)
    text = ngettext(
        "Nine of ten drafts were read within a minute.",
        "Nine of ten drafts were read within %(count)s minutes.",
        minutes,
    )
    return text % {"count": minutes}


def money(micros: int) -> str:
    """Return an amount of millionths of a US dollar in the language of the page."""
    return str(format_currency(micros / 1_000_000, "USD", locale=language()))


def time(moment: datetime | str) -> Markup:
    """Return a moment for a page. A script shows it in the zone of the reader's device; without it, it is in UTC and says so."""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    text = format_datetime(at, "d MMM yyyy HH:mm", locale=language())
    return Markup('<time datetime="{}">{} UTC</time>').format(at.isoformat(), text)


def day(moment: date) -> str:
    """Return the day of a moment (UTC) in the language of the page."""
    return format_date(moment, "d MMM", locale=language())


def trust(comment: Mapping[str, Any]) -> str:
    """Return one plain sentence about how far to trust a comment."""
    if comment["origin"] == "educator":
        return gettext("Your teacher wrote this.")
    # Never "10 times in 10": nothing that a machine says is always right.
    times = min(9, max(1, round(float(comment["confidence"]) * 10)))
    match comment["confidence_basis"]:
        case "measured":
            text = gettext("A computer wrote this. Comments like it were right about %(times)s times in 10.")
        case "agreement":
            text = gettext("Two programs found this without each other. They are right about %(times)s times in 10.")
        case "model":
            text = gettext(
                "A computer wrote this and gives itself %(times)s points in 10 for being right. It can be wrong."
            )
        case _:
            text = gettext(
                "A computer wrote this. Nobody has measured how often such comments are right: decide yourself."
            )
    return text % {"times": times}
