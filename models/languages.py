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
# Only known subtags are kept: a language goes into the prompt, and `en-ignore-previous-rules` has the form of a tag.
_KNOWN_LANGUAGES = frozenset(
    """
    aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es et eu fa ff
    fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks
    ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps
    pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz
    ve vi vo wa wo xh yi yo za zh zu
    ace ady akk ale ang apa arc arn arz ast awa ban bal bem ber bho bik bin brx byn ceb chk chm chn cho chr chy ckb cmn cop cpe csb
    dak din doi dsb dua dum efi egy enm fil fon frm fro frr fry fur gaa gez gil gla glv gmh goh gon got grc gsw gwi hak hai haw hil
    hmn hsb hup iba ilo ilp inh kab kac kam kbd kha khm kmb kmr kok kos kpe krc kru kum lad lah lez lol loz lua luo lus mad mag mai
    mak man mas mdf men mic min mnc mni moh mos mul mus myv nan nap nds new nia niu nog non nso nyn nys oji osa pag pam pap pau peo
    pnb pon prs quc raj rap rar rom sah sam sat scn sco sgn shn sid sma smj smn sms snk srn srr suk sus swb swg swh syr tem tet tig
    tiv tkl tlh tli tmh tog tok tpi tsi tum tvl tyv tzm udm umb und uzn vai vot wal war was wuu xal yao yap yue zap zgh zsm zun zxx
    """.split()
)
_KNOWN_SCRIPTS = frozenset(
    """
    adlm arab armn beng bopo brai cans cher copt cyrl deva ethi geor goth grek gujr guru hang hani hans hant hebr hira jpan kana khmr
    knda kore laoo latn limb mlym mong mtei mymr nkoo olck orya osge rohg sinh sylc syrc talu taml telu tfng thaa thai tibt vaii yiii
    """.split()
)
_KNOWN_EXTENDED = frozenset("aao abh abv acm apc arb arq ars ary arz cmn gan hak hsn mnp nan wuu yue ase bfi".split())
_KNOWN_VARIANTS = frozenset(
    """
    1606nict 1694acad 1901 1959acad 1994 1996 abl1943 akuapem alalc97 aluku anpezo ao1990 aranes arevela arevmda asante auvern baku1926
    balanka barla basiceng bauddha biscayan biske bohoric boont bornholm cisaup colb1945 cornu creiss dajnko ekavsk emodeng fascia
    fodom fonipa fonupa fonxsamp gallo gascon gherd grclass grital grmistr heploc hepburn hognorsk hsistemo ijekavsk itihasa ivanchov
    jauer jyutping kkcor kociewie kscor laukika lemosin lengadoc lipaw luna1918 metelko monoton mdcegyp mdctrans ndyuka nedis newfound
    nicard njiva nulik osojs oxendict pahawh2 pahawh3 pahawh4 pamaka peano petr1708 pinyin polyton provenc puter rigik rozaj rumgr
    scotland scouse simple solba sotav spanglis surmiran sursilv sutsilv synnejyl tarask tongyong tunumiit uccor ucrcor ulster unifon
    vaidika valbadia valencia vallader vecdruka vivaraup wadegile xsistemo
    """.split()
)


def canonical_language(written: str) -> str | None:
    """Return the BCP 47 tag of a language (en-GB, zh-Hant-TW), or None when this does not name one.

    Case, the separator, an encoding (.UTF-8), extensions, unknown subtags, private parts (-x-school), a kind of school (_k12) do not
    matter.
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
    code = _CODES.get(language, language)
    return "-".join([code, *_subtags(others)]) if code in _KNOWN_LANGUAGES else None


def _subtags(parts: list[str]) -> list[str]:
    """Return the other parts of a tag in its order, each in its customary case: extended language, script, region, variants."""
    extended = script = region = ""
    variants: list[str] = []
    for position, part in enumerate(parts):
        if len(part) == 1:
            break  # an extension or a private part, which says nothing about the language
        if not part or part in _KINDS_OF_SCHOOL:
            continue
        if part in _KNOWN_EXTENDED and position == 0:
            extended = part
        elif part in _KNOWN_SCRIPTS:
            script = script or part.title()
        elif (len(part) == 2 and part.isalpha()) or (len(part) == 3 and part.isdecimal()):
            region = region or _REGIONS.get(part.upper(), part.upper())
        elif part in _KNOWN_VARIANTS and part not in variants:
            variants.append(part)
    return [subtag for subtag in (extended, script, region, *variants) if subtag]
