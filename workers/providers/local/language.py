"""Detect the language of a text, and hold word lists: function words, stop words, task words, indecent words."""

from __future__ import annotations

import re
import unicodedata

from workers.providers.local.tongues import COMMON, ELIDED, LETTERS

# Words that are frequent in English and rare in other languages in Latin script. "in", "is", "a" and "me" are not rare there.
ENGLISH_FUNCTION_WORDS = frozenset(
    """the and to of that this these those are were was with they their them you your have has had not but for be been
    from which would should could because when what who will can there then than people about into also if or by it its
    he she we our i my his her how why where do does did don't can't very some any more most many other""".split()
) - {"was", "die"}

STOP_WORDS = frozenset(
    """a about above after again against all almost also although always am an and another any anyone anything are
    around as at away back be became because become been before being below between both but by came can cannot could
    did do does doing done down during each either else enough even ever every everyone everything few first for from
    further get gets getting give given go goes going gone got had has have having he hence her here hers herself him
    himself his how however i if in instead into is it its itself just keep kind know last less let like likely lot lots
    made make makes making many may maybe me might mine more most much must my myself need needs neither never next no
    nobody none nor not nothing now of off often on once one ones only or other others otherwise our ours ourselves out
    over own perhaps please put quite rather really said same say says second see seem seems several shall she should
    since so some somebody someone something sometimes soon still such sure take takes than that the their theirs them
    themselves then there therefore these they thing things think this those though three through thus to together too
    toward towards two under until up upon us use used uses using usually very want wants was way ways we well went were
    what whatever when whenever where whether which while who whoever whole whom whose why will with within without
    would yes yet you your yours yourself yourselves don't
    doesn't didn't isn't aren't wasn't weren't can't couldn't won't
    wouldn't shouldn't i'm it's that's there's they're we're you're i've you've we've they've i'll
    you'll let's""".split()
)

# Stems, matched at the start of a word. Suggestions and messages that contain one are not shown.
_INDECENT = re.compile(
    r"\b(?:whor|slut|fuck|shit|bitch|cunt|cock|dick|prick|piss|wank|bastard|bollock|arse|ass(?:es|hole\w*)?\b|tit(?:s|ty|ties)\b|"
    r"boob|porn|rape[ds]?\b|rapist|raping|nigg|fag(?:s|got\w*)?\b|dyke|spic[ks]?\b|kike|chink|coon|gook|wog|tranny|"
    r"retard|penis|vagina|pussy|dildo|anus|anal\b|orgasm|orgy|orgies|semen|sperm|cum(?:s|ming)?\b|masturbat|erotic|sex|"
    r"brothel|harlot|hooker|prostitut|turd|crap|damn|bugger|sodom|incest|pedo|paedo|nazi|lynch|homo[s]?\b|lesbo|"
    r"queer|tart[s]?\b|hell\b|bloody|nude|naked|genital|testic|scrot|clit|breast|butt(?:s|hole\w*)?\b|poop|pee[ds]?\b|suicid|"
    r"heroin\b|cocaine|meth\b)",
    re.IGNORECASE,
)
_HIDDEN_INDECENT = re.compile(r"whore|fuck|shit|cunt|bitch|nigger|faggot|rapist", re.IGNORECASE)


def indecent(text: str) -> bool:
    """Return whether a text contains a word that must not be shown to a student."""
    return bool(_INDECENT.search(text) or _HIDDEN_INDECENT.search(text))


# The part after the apostrophe in "it's" and "I'd" does not count as a word. The part before it in "l'école" does, with its
# apostrophe.
_WORD = re.compile(
    r"(?<!['\u2019\w])[^\W\d_]+['\u2019]?|(?<=['\u2019])(?!(?:s|t|d|m|re|ve|ll)\b)[^\W\d_]+", re.IGNORECASE
)
_SCRIPTS = {
    "ar": re.compile("[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]"),
    "he": re.compile("[\u05d0-\u05ea]"),
    "el": re.compile("[\u0370-\u03ff\u1f00-\u1fff]"),
    "ru": re.compile("[\u0400-\u04ff]"),
    "hi": re.compile("[\u0900-\u097f]"),
    "ko": re.compile("[\u1100-\u11ff\uac00-\ud7a3]"),
    "ja": re.compile("[\u3041-\u30ff]"),
    "zh": re.compile("[\u3400-\u4dbf\u4e00-\u9fff]"),
}
_UKRAINIAN = re.compile("[іїєґІЇЄҐ]")
_RUSSIAN = re.compile("[ыэъёЫЭЪЁ]")
# Letters of related languages outside the table: Persian and Urdu, Serbian and Macedonian, Belarusian, Kazakh. Bulgarian uses
# ъ often.
_NOT_ARABIC = re.compile("[\u067e\u0686\u0698\u06a9\u06af\u06cc\u06d2]")
_ARABIC = re.compile("[\u0643\u064a\u0629\u0649\u0623\u0625]")
_NOT_RUSSIAN = re.compile("[\u0452\u0453\u0458-\u045c\u045e\u045f\u049a-\u04e9]")
_BULGARIAN, _NOT_BULGARIAN = re.compile("[ъЪ]"), re.compile("[ыэёЫЭЁіїєІЇЄ]")
FEWEST_WORDS = 4
FEWEST_LETTERS = 4
FEWEST_COMMON = 0.15
CLEAR_LEAD = 1.15
# Number of words by which another language must lead English: an English text taken for another language gets no feedback.
LEAD_OVER_ENGLISH = 2
# How many Latin letters one character of these languages is worth.
_LETTERS_PER_CHARACTER = {"zh": 3, "ja": 3, "ko": 2}
LOOKED_AT = 20_000


def detect_language(text: str) -> str | None:
    """Return the language of most of a text (one of the twenty in `tongues.ENGLISH_NAMES`), or None when it is not clear.

    The script decides first. In Latin script, a language gets a point for each word that is common in it, and one for each
    word with a letter of its own. The best language must have points for a share FEWEST_COMMON of the words and CLEAR_LEAD
    times as many points as the next one. Only the first 20,000 characters are read. All short texts in
    `tests/workers/providers/local` (three or more for each language) are detected correctly. For a language outside the twenty
    the result is None or a related language: Norwegian is detected as Danish.
    """
    beginning = unicodedata.normalize("NFC", text[:LOOKED_AT])
    if beginning.isascii():
        return _detect_by_words(beginning)
    letters = sum(character.isalpha() for character in beginning)
    counts = {name: len(pattern.findall(beginning)) for name, pattern in _SCRIPTS.items()}
    weighted = {name: count * _LETTERS_PER_CHARACTER.get(name, 1) for name, count in counts.items()}
    latin = letters - sum(min(count, letters) for count in counts.values())
    foreign = sum(weighted.values())
    if foreign > max(latin, 0) and sum(counts.values()) >= FEWEST_LETTERS:
        return _detect_by_script(beginning, counts, weighted)
    return _detect_by_words(beginning)


def _detect_by_script(text: str, counts: dict[str, int], weighted: dict[str, int]) -> str | None:
    best = max(weighted, key=lambda name: (weighted[name], name))
    if best in {"zh", "ja"}:
        # Chinese has no kana. In Japanese prose about half of the characters are kana.
        return "ja" if counts["ja"] * 20 >= counts["ja"] + counts["zh"] else "zh"
    if best == "ar":
        return None if _count(_NOT_ARABIC, text) > _count(_ARABIC, text) else "ar"
    if best == "ru":
        return _detect_cyrillic(text, counts["ru"])
    return best


def _detect_cyrillic(text: str, letters: int) -> str | None:
    # A few letters of another language may be a name or a quotation. A text in that language has more than one in fifty.
    if _count(_NOT_RUSSIAN, text) * 50 > letters or _count(_BULGARIAN, text) > _count(_NOT_BULGARIAN, text):
        return None
    return "uk" if _count(_UKRAINIAN, text) > _count(_RUSSIAN, text) else "ru"


def _count(pattern: re.Pattern[str], text: str) -> int:
    return len(pattern.findall(text))


def _detect_by_words(text: str) -> str | None:
    found_words = _WORD.findall(text)
    if len(found_words) < FEWEST_WORDS:
        return None
    scores = dict.fromkeys(COMMON, 0)
    for word in found_words:
        for name in _LANGUAGES_OF_WORD.get(_table_form(word), ()):
            scores[name] += 1
        # Names keep their foreign letters in any language, so words in title case are left out.
        if not word.isascii() and not word.istitle():
            lowered = word.lower()
            for name, letters in LETTERS.items():
                scores[name] += not letters.isdisjoint(lowered)
    (best, name), (second, _) = sorted(((score, name) for name, score in scores.items()), reverse=True)[:2]
    if best < FEWEST_COMMON * len(found_words) or best < CLEAR_LEAD * second:
        return None
    return name if name == "en" or best >= scores["en"] + LEAD_OVER_ENGLISH else None


_LANGUAGES_OF_WORD: dict[str, tuple[str, ...]] = {}
for _name, _words in COMMON.items():
    for _word in _words:
        _LANGUAGES_OF_WORD[_word] = (*_LANGUAGES_OF_WORD.get(_word, ()), _name)


def _table_form(word: str) -> str:
    plain = word.lower().replace("\u2019", "'")
    return plain if plain in ELIDED else plain.rstrip("'")


def dialect_of(language: str) -> str:
    """Return the two-letter code of the country whose spelling applies, or "" when every English spelling is accepted."""
    if not (language or "en").lower().startswith("en"):
        return ""
    country = (language or "en").replace("_", "-").upper().split("-")[1:]
    for name, dialect in (("US", "US"), ("GB", "GB"), ("UK", "GB"), ("IE", "GB"), ("NZ", "GB"), ("ZA", "GB"),
                          ("AU", "AU"), ("CA", "CA"), ("IN", "IN")):  # fmt: skip
        if name in country:
            return dialect
    return ""


_BRITISH_TO_AMERICAN = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("our", "or"), ("is(?=e|ing|ation|ab)", "iz"), ("ys(?=e|ing)", "yz"), ("tre(?=s|d|$)", "ter"),
        ("bre(?=s|d|$)", "ber"), ("ogue", "og"), ("ll", "l"), ("ence(?=s|$)", "ense"), ("ae", "e"), ("oe", "e"),
        ("grey", "gray"), ("programme", "program"), ("mould", "mold"), ("plough", "plow"), ("tyre", "tire"),
        ("pyjamas", "pajamas"), ("cheque", "check"), ("sceptic", "skeptic"), ("ageing", "aging"), ("kerb", "curb"),
        ("jewellery", "jewelry"), ("practis", "practic"), ("judgement", "judgment"), ("moustache", "mustache"),
    )
)  # fmt: skip


def same_but_for_dialect(one: str, other: str) -> bool:
    """Return whether two spellings differ only as American and British spelling differ (colour, color)."""
    return one.lower() != other.lower() and _american_spelling(one) == _american_spelling(other)


def _american_spelling(word: str) -> str:
    plain = word.lower()
    for pattern, replacement in _BRITISH_TO_AMERICAN:
        plain = pattern.sub(replacement, plain)
    return plain
