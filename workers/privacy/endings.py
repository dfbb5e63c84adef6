"""Endings that languages put on a name: whether a word is a form of a name of the roster (`Annas`, `Annával`, `Анны`).

A form that is an English word is no name: `Market` is not a form of Mark. The dictionary of the local engine decides that;
where it is not installed, more words are taken for names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from workers.providers.local.lexicon import tags
from workers.text.skeleton import is_small, looks_latin, skeleton

_LONGEST = 6

# Without accents, as in a skeleton. Germanic, Slavic, Hungarian, Finnic, Turkic, Baltic, Romanian, Basque, Malay and others.
_LATIN = """
    s es e n en ns ens a u y i o em om ie ow owi ami ach ovi ove ou ii iem ia iu am im ym in ina ino inu iny inou inym inej
    ov ova ovo ovy ovu ovym ovej ovou uv t at et ot it nak nek val vel ra re ban ben ba be bol rol tol hoz hez ig ert kent
    ek eket ekkel ja je nal nel on ul an le lle lla lta ssa sta ksi ta han hin ni si ille illa ilta issa ista iin ia aan
    l lt ga st sse ks d nin un ya ye yi yu da de dan den ta te tan ten la yla yle lar ler lari leri nun ai ei as is us os ui
    oje yje uje iai ului lui ul ule ren rekin ri k ekin ar um ur ng g nya lah kah ku mu ning dagi niki ym ych ego emu iej iego iemu ich
""".split()
_CYRILLIC = """
    а у ю я ы и е о ом ем ой ей ою ею ам ям ами ями ах ях ов ев ова ево ово овы ову овой ого его ому ему ым им ых их ыми ими
    ин ина ино ину ины иной ины ові еві єві і ї є ію ії ка ке ку ки ско ски ската та ът ят ия ию ием ья ью ье
    ны ни ның нің ға ге да де дан ден ды ді мен дың дің тың тің
""".split()
_ARMENIAN = "ի ն ը ու ով ից ում եր ներ ին իի իս իդ ները".split()
_GREEK = "ου ο ε η ης ας α ος ω ον οι ων ους ες ιου ις ι υ ιος ιον αδες".split()
# One vowel after another one is rarely an ending: `Alicea` is a name of its own.
_AFTER_VOWEL = frozenset(("a", "u", "y", "o", "e", "i", "а", "у", "ы", "о", "α", "ο", "ω", "η"))
_VOWELS = frozenset("aeiouyаеиоуыэюяьіαεηιουω")
_PREFIXES = (
    *("و", "ف", "ب", "ل", "ك", "ال", "وال", "بال", "لل", "ول", "وب"),
    *("ו", "ה", "ב", "ל", "כ", "מ", "ש", "וה", "של", "שה", "ול", "וב", "וש", "כש", "לה", "בה", "מה"),
    *("የ", "ለ", "በ", "ከ", "እነ"),
)
# Consonants that change before an ending of Czech, Polish and their neighbours.
_CHANGED = {"k": ("ce",), "g": ("ze", "dze"), "h": ("ze",), "t": ("cie",), "d": ("dzie",), "r": ("rze",)}


def _folded(endings: Iterable[str]) -> frozenset[str]:
    plain = {skeleton(one).lower for one in endings}
    return frozenset(plain | {looks_latin(one) for one in plain})


_ENDINGS = _folded((*_LATIN, *_CYRILLIC, *_GREEK, *_ARMENIAN))
_ENDINGS_OF_STEMS = _ENDINGS - {"s"}


def stems(part: str) -> Iterator[str]:
    """Yield the stems to which a language may add an ending instead of the last letters of a name."""
    if len(part) >= 3 and part[-1] in _VOWELS:
        yield part[:-1]
        if len(part) >= 5 and part[-2] == part[-3] and part[-2] not in _VOWELS:
            yield part[:-2] + part[-1]  # Matti, Matin
        for changed in _CHANGED.get(part[-2], ()) if len(part) >= 4 else ():
            yield part[:-2] + changed[:-1]
    if len(part) >= 5 and part[-1] in "sσ":
        yield part[:-1]
        if part[-2] in _VOWELS:
            yield part[:-2]
    if len(part) >= 6 and part.endswith("nen"):
        yield part[:-3] + "se"  # Virtanen, Virtasen
    if len(part) >= 6 and part.endswith("ir"):
        yield part[:-2]  # Jónsdóttir, Jónsdóttur
    if len(part) >= 4 and part[-2] in "eoеоё" and part[-1] not in _VOWELS:
        yield part[:-2] + part[-1]  # Pavel, Pavla
    if len(part) >= 4 and part[-1] == "t":
        yield part[:-1] + "d"  # Ahmet, Ahmede


def is_form(word: str, parts: set[str], stems_of_parts: set[str]) -> bool:
    """Return whether a word of a skeleton in small letters is a part of a name with an ending, or with a prefix of its script."""
    if not word.isascii() and _first_is_uncased(word):
        return _is_form_without_case(word, parts)
    if len(word) >= 5 and word in stems_of_parts:
        return not tags(word)
    for cut in range(min(_LONGEST, len(word) - 2), 0, -1):
        base, ending = word[:-cut], word[-cut:]
        if base in parts and len(base) >= 3 and _may_follow(base, ending):
            return not tags(word)
        if base in stems_of_parts and ending in _ENDINGS_OF_STEMS and (len(base) >= 3 or cut <= 2):
            return not tags(word)
    return False


def _may_follow(base: str, ending: str) -> bool:
    last, first = base[-1], ending[0]
    if last in _VOWELS and ending in _AFTER_VOWEL and first != last:
        return (last in "aа" and ending in "eiеи") or (ending == "a" and last != "e")
    # Hungarian doubles the last consonant: Péterrel, Balázzsal.
    return ending in _ENDINGS or (last == first and ending[1:] in ("al", "el", "a", "e"))


def _first_is_uncased(word: str) -> bool:
    return not is_small(word[0])


def _is_form_without_case(word: str, parts: set[str]) -> bool:
    bare = [word, *(word.removeprefix(prefix) for prefix in _PREFIXES if word.startswith(prefix))]
    for one in bare:
        if one in parts and len(one) >= 3:
            return True
        for cut in range(1, min(5, len(one) - 2)):
            if one[:-cut] in parts and (len(one) - cut >= 4 or cut <= 2):
                return True
    return False
