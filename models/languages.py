"""Read the name of a language as platforms write it: en_GB, en_us_wp, de_DE.UTF-8, zh_TW_#Hant or English."""

from __future__ import annotations

import re

MAX_LENGTH = 100
_PART = re.compile(r"[A-Za-z0-9]{1,8}")

_NAMES = {
    "afrikaans": "af", "albanian": "sq", "arabic": "ar", "armenian": "hy", "basque": "eu", "bengali": "bn", "bulgarian": "bg",
    "catalan": "ca", "chinese": "zh", "simplified chinese": "zh-Hans", "chinese (simplified)": "zh-Hans",
    "traditional chinese": "zh-Hant", "chinese (traditional)": "zh-Hant", "mandarin": "zh", "croatian": "hr", "czech": "cs",
    "danish": "da", "dutch": "nl", "english": "en", "american english": "en-US", "british english": "en-GB", "english (us)": "en-US",
    "english (united states)": "en-US", "english (uk)": "en-GB", "english (united kingdom)": "en-GB",
    "english (australia)": "en-AU", "english (canada)": "en-CA", "estonian": "et", "filipino": "fil", "finnish": "fi",
    "french": "fr", "french (canada)": "fr-CA", "galician": "gl", "georgian": "ka", "german": "de", "greek": "el", "gujarati": "gu",
    "hebrew": "he", "hindi": "hi", "hungarian": "hu", "icelandic": "is", "indonesian": "id", "irish": "ga", "italian": "it",
    "japanese": "ja", "korean": "ko", "latin": "la", "latvian": "lv", "lithuanian": "lt", "malay": "ms", "norwegian": "no",
    "persian": "fa", "polish": "pl", "portuguese": "pt", "portuguese (brazil)": "pt-BR", "brazilian portuguese": "pt-BR",
    "punjabi": "pa", "romanian": "ro", "russian": "ru", "serbian": "sr", "slovak": "sk", "slovenian": "sl", "somali": "so",
    "spanish": "es", "spanish (mexico)": "es-MX", "swahili": "sw", "swedish": "sv", "tagalog": "tl", "tamil": "ta", "telugu": "te",
    "thai": "th", "turkish": "tr", "ukrainian": "uk", "urdu": "ur", "vietnamese": "vi", "welsh": "cy",
}  # fmt: skip
# Codes of three letters (ISO 639-2), which student information systems use, and codes that Java still writes.
_CODES = {
    "ara": "ar", "ces": "cs", "chi": "zh", "cym": "cy", "cze": "cs", "dan": "da", "deu": "de", "dut": "nl", "ell": "el", "eng": "en",
    "fas": "fa", "fin": "fi", "fra": "fr", "fre": "fr", "ger": "de", "gle": "ga", "gre": "el", "heb": "he", "hin": "hi", "hun": "hu",
    "ita": "it", "jpn": "ja", "kor": "ko", "nld": "nl", "nor": "no", "per": "fa", "pol": "pl", "por": "pt", "ron": "ro", "rum": "ro",
    "rus": "ru", "spa": "es", "swe": "sv", "tur": "tr", "ukr": "uk", "urd": "ur", "vie": "vi", "wel": "cy", "zho": "zh",
    "in": "id", "iw": "he", "ji": "yi",
}  # fmt: skip
# Moodle's packs for a kind of school, and two of its packs whose second part is a script and no country.
_KINDS_OF_SCHOOL = {"comm", "du", "k12", "kids", "uni", "wp"}
_SCRIPTS = {"sr_cr": "sr-Cyrl", "sr_lt": "sr-Latn"}
_REGIONS = {"UK": "GB"}


def canonical_language(written: str) -> str | None:
    """Return the BCP 47 tag of a language (en-GB, zh-Hant-TW), or None when this does not name one.

    Case, the separator, an encoding (.UTF-8), extensions, private parts (-x-school) and a kind of school (_k12) do not matter.
    """
    if len(written) > MAX_LENGTH:
        return None
    name = " ".join(written.casefold().split())
    if known := _NAMES.get(name) or _SCRIPTS.get(name):
        return known
    locale = re.split(r"[.@]", name, maxsplit=1)[0].replace("#", "")
    language, *others = re.split(r"[-_]", locale)
    if not re.fullmatch(r"[a-z]{2,3}", language) or not all(_PART.fullmatch(part) for part in others if part):
        return None
    return "-".join([_CODES.get(language, language), *_subtags(others)])


def _subtags(parts: list[str]) -> list[str]:
    """Return the other parts of a tag in its order, each in its customary case: extended language, script, region, variants."""
    extended = script = region = ""
    variants: list[str] = []
    for position, part in enumerate(parts):
        if len(part) == 1:
            break  # an extension or a private part, which says nothing about the language
        if not part or part in _KINDS_OF_SCHOOL:
            continue
        if len(part) == 3 and part.isalpha() and position == 0:
            extended = part
        elif len(part) == 4 and part.isalpha():
            script = script or part.title()
        elif (len(part) == 2 and part.isalpha()) or (len(part) == 3 and part.isdigit()):
            region = region or _REGIONS.get(part.upper(), part.upper())
        elif len(part) >= 5 or (len(part) == 4 and part[0].isdigit()):
            variants.append(part)
    return [subtag for subtag in (extended, script, region, *variants) if subtag]
