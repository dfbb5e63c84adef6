"""Which language is this, which words carry no topic, which mark English, and which must a school never be shown?"""

from __future__ import annotations

import re
import unicodedata

from workers.providers.local.tongues import COMMON, ELIDED, LETTERS

# Frequent in English and rare in other languages that share the letters ("in", "is", "a" and "me" are not).
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

# What a task says to do, not what it is about: never held against a student as a missing word.
TASK_WORDS = frozenset(
    """agree answer argue argument assignment assess choose claim class clear compare conclude conclusion consider
    contrast convince criteria describe detail details develop disagree discuss discussion draft essay evaluate evidence
    example examples explain explanation extent express format grade idea ideas include including introduction issue
    issues letter listed main minimum name opinion order page pages paper paragraph paragraphs passage persuade point
    points position prompt provide question questions read reader readers reason reasons refer relevant response rubric
    section sentence sentences show source sources specific state statement structure student students summarise
    summarize support supporting task teacher text thesis title topic view views word words write writer writing written
    good excellent poor fair strong weak level levels grammar spelling organisation organization content style effective
    five four six least different following ask asked academic article book books author quote quotes""".split()
)

# Stems, matched from the start of a word. Suggestions and messages that hold one are not shown to anybody.
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
    """Return whether a suggestion holds a word that must not be put in front of a pupil."""
    return bool(_INDECENT.search(text) or _HIDDEN_INDECENT.search(text))


# The end of "it's" and "I'd" is no word of any language; the head of "l'école" is one, with its apostrophe.
_PLAIN_WORD = re.compile(
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
# Letters of neighbours outside the table: Persian and Urdu, Serbian and Macedonian, Belarusian, Kazakh; Bulgarian is full of ъ.
_NOT_ARABIC = re.compile("[\u067e\u0686\u0698\u06a9\u06af\u06cc\u06d2]")
_ARABIC = re.compile("[\u0643\u064a\u0629\u0649\u0623\u0625]")
_NOT_RUSSIAN = re.compile("[\u0452\u0453\u0458-\u045c\u045e\u045f\u049a-\u04e9]")
_BULGARIAN, _NOT_BULGARIAN = re.compile("[ъЪ]"), re.compile("[ыэёЫЭЁіїєІЇЄ]")
FEWEST_WORDS = 4
FEWEST_LETTERS = 4
FEWEST_COMMON = 0.15
CLEAR_LEAD = 1.15
# Words by which another language must lead English: to be called foreign by mistake costs a student all feedback.
LEAD_OVER_ENGLISH = 2
# One sign of Chinese says as much as about three letters.
_SIGNS = {"zh": 3, "ja": 3, "ko": 2}
LOOKED_AT = 20_000


def detected(text: str) -> str | None:
    """Return the language most of a text is in (one of twenty, `tongues.ENGLISH_NAMES`), or None where that is not plain.

    By script, and for Latin script by the share of words that are common in one language or hold a letter of its own, and by
    the lead over the next. Only the first 20,000 characters are looked at. Right for all the short texts written for it in
    `tests/workers/local` (three and more a language). A language outside the twenty gives None or a close relative: Norwegian
    passes for Danish.
    """
    head = unicodedata.normalize("NFC", text[:LOOKED_AT])
    letters = sum(character.isalpha() for character in head)
    by_script = {name: len(pattern.findall(head)) for name, pattern in _SCRIPTS.items()}
    weighed = {name: count * _SIGNS.get(name, 1) for name, count in by_script.items()}
    latin = letters - sum(min(count, letters) for count in by_script.values())
    foreign = sum(weighed.values())
    if foreign > max(latin, 0) and sum(by_script.values()) >= FEWEST_LETTERS:
        return _by_script(head, by_script, weighed)
    return _by_words(head)


def _by_script(text: str, counts: dict[str, int], weighed: dict[str, int]) -> str | None:
    best = max(weighed, key=lambda name: (weighed[name], name))
    if best in {"zh", "ja"}:
        # Chinese has no kana at all; Japanese prose is half of it.
        return "ja" if counts["ja"] * 20 >= counts["ja"] + counts["zh"] else "zh"
    if best == "ar":
        return None if _count(_NOT_ARABIC, text) > _count(_ARABIC, text) else "ar"
    if best == "ru":
        return _cyrillic(text, counts["ru"])
    return best


def _cyrillic(text: str, letters: int) -> str | None:
    # A few such letters are a name or a quotation; a text of that language has one in fifty.
    if _count(_NOT_RUSSIAN, text) * 50 > letters or _count(_BULGARIAN, text) > _count(_NOT_BULGARIAN, text):
        return None
    return "uk" if _count(_UKRAINIAN, text) > _count(_RUSSIAN, text) else "ru"


def _count(pattern: re.Pattern[str], text: str) -> int:
    return len(pattern.findall(text))


def _by_words(text: str) -> str | None:
    found = _PLAIN_WORD.findall(text)
    if len(found) < FEWEST_WORDS:
        return None
    common = [_common_form(word) for word in found]
    # Names keep their foreign letters in any language.
    spelt = [word.lower() for word in found if not word.istitle()]
    scores = {
        name: sum(word in known for word in common) + sum(not LETTERS[name].isdisjoint(word) for word in spelt)
        for name, known in COMMON.items()
    }
    (best, name), (second, _) = sorted(((score, name) for name, score in scores.items()), reverse=True)[:2]
    if best < FEWEST_COMMON * len(found) or best < CLEAR_LEAD * second:
        return None
    return name if name == "en" or best >= scores["en"] + LEAD_OVER_ENGLISH else None


def _common_form(word: str) -> str:
    plain = word.lower().replace("\u2019", "'")
    return plain if plain in ELIDED else plain.rstrip("'")


def dialect_of(language: str) -> str:
    """Return the two-letter country whose spelling applies, or "" when any English spelling will do."""
    if not (language or "en").lower().startswith("en"):
        return ""
    country = (language or "en").replace("_", "-").upper().split("-")[1:]
    for name, dialect in (("US", "US"), ("GB", "GB"), ("UK", "GB"), ("IE", "GB"), ("NZ", "GB"), ("ZA", "GB"),
                          ("AU", "AU"), ("CA", "CA"), ("IN", "IN")):  # fmt: skip
        if name in country:
            return dialect
    return ""


_VARIANTS = tuple(
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
    """Return whether two different spellings are one word in American and in British dress (colour, color)."""
    return one.lower() != other.lower() and _american(one) == _american(other)


def _american(word: str) -> str:
    plain = word.lower()
    for pattern, replacement in _VARIANTS:
        plain = pattern.sub(replacement, plain)
    return plain
