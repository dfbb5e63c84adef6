"""The language of a page: chosen by the reader, else by the browser. Texts are translated by gettext files (`translations/`)."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, request

# Each by its own name, so that a reader finds theirs on a page in a language they cannot read.
LANGUAGES = {"en": "English", "de": "Deutsch", "es": "Español", "ar": "العربية"}
RIGHT_TO_LEFT = frozenset({"ar"})
COOKIE = "essaycoach-language"
_FOLDER = Path(__file__).parent / "translations"


def language() -> str:
    """Return the language of the page that is being made, one of LANGUAGES."""
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    return request.accept_languages.best_match(LANGUAGES, default="en") or "en"


def direction() -> str:
    """Return `rtl` where the language is written from right to left, else `ltr`."""
    return "rtl" if language() in RIGHT_TO_LEFT else "ltr"


def gettext(text: str) -> str:
    """Return the text in the language of the page."""
    return _translations(language()).gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """Return the text for so many things in the language of the page."""
    return _translations(language()).ngettext(one, many, count)


def set_up(app: Flask) -> None:
    """Let templates write `{{ _('…') }}` and `{% trans %}`."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]


@cache
def _translations(name: str) -> NullTranslations:
    file = _FOLDER / f"{name}.po"
    if not file.exists():
        return NullTranslations()
    compiled = BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source, locale=name))
    compiled.seek(0)
    return Translations(compiled)
