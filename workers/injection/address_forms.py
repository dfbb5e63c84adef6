"""The forms in which a text can name an address: patterns, signs that look like others, and words that make no address."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workers.injection.reading import read

# Endings that are a site also before a capital letter, with spaces around the dot, or after the word "dot".
UNMISTAKABLE = frozenset(
    "com org net edu gov biz xyz ru cn uk eu ly gl cc pw tk tv gg icu lol wtf onion example invalid io dev".split()
)
# Endings that count after the word "dot" or a dot between spaces, where any other word would be prose.
_SPOKEN = "|".join(
    sorted(
        {
            *UNMISTAKABLE,
            *"""ai info online shop site club zip mov app co de fr es nl ch pl br jp kr ca au us store tech cloud website
            live blog link click top vip fun space pro ink ws me tel name mobi asia cat jobs travel museum xxx porn sex adult
            test local guru ninja pizza rocks buzz cyou sbs bond quest rest monster sh st su ua by it se no fi dk cz sk hu
            ro gr pt ie at be in za mx ar cl nz tr ir il sg hk tw my th vn ph id ml ga cf gq im nu fm am la vc so page
            agency academy email games digital network social chat media news today world zone life best help wiki""".split(),
        }
    )
)
_SURE = "|".join(sorted(UNMISTAKABLE))
_OTHER_ENDINGS = "|".join(
    read(ending)[0]
    for ending in """рф рус онлайн сайт ком орг укр бг срб мкд бел қаз 中国 中國 公司 网络 网址 在线 香港 台湾 台灣 新加坡
        みんな コム 닷컴 닷넷 한국 भारत مصر امارات السعودية ايران شبكة موقع""".split()
)

# Words after a dot without a space that are no ending of any site: a model forgot the space.
PROSE_WORDS = frozenset(
    """the then and but this that these those they them their there we he she if when while what who which where why or for
    of with from your his her its our was were are has have had not because also however an on can will would could should
    more most some any all each every after before since until very etc und der die das et les des une que los las
    txt doc docx pdf jpg png html""".split()
)
# Words before such a dot that are shortened, so that the dot is part of them.
ABBREVIATIONS = frozenset(
    "etc vs cf pp dr mr mrs ms st no fig vol ed eds approx jr sr prof inc ltd ca bzw usw resp eg ie al".split()
)

_DOT = r"(?:d[o0]t|punkt|punto|ponto|point|punt|kropka|nokta|tochka|toчka)"
_AT = r"(?:at|arroba|chiocciola)"
_OPEN, _CLOSE = r"[\[({<*_|~-]{1,3}", r"[\])}>*_|~-]{1,3}"
_SLASH_PART = r"(?:\s?(?:/|\bslash\b)\s?[^\s/]{1,80})"
_REST = rf"(?:[/?#:]\S*|{_SLASH_PART}{{1,4}})?"
_LABELS = r"(?<![\w.-])(?:[\w-]{1,63}\.){1,6}"

_SCHEME = (
    r"\b[a-z][a-z0-9+.-]{1,20}:(?:/{1,3}|\\{1,3})\S*"
    r"|\b(?:https?|hxxps?|h\*\*ps?|ftps?|sftp|wss?)\s?[\[(]?\s?:\s?[\])]?\s?[/\\]\s?[/\\]?\s?\S*"
    r"|\b(?:javascript|vbscript|mailto)\s?:\s?\S+|\bdata:\s?\w{2,20}/\S+"
    r"|\b(?:data|tel|sms|callto|skype|facetime|geo|blob|about|magnet|intent|bitcoin|view-source|xmpp|irc|file|urn|whatsapp|tg):(?=\S)\S*"
)
_PATH = r"(?<![\w.-])(?:[\w-]{1,63}\.){1,6}[^\W\d_]{2,12}/\S*"
_SURE_SITE = rf"(?<![\w.-])(?:[\w-]{{1,63}}\.){{1,6}}(?:{_SURE}|xn--[\w-]{{2,60}}|{_OTHER_ENDINGS})(?![\w-]){_REST}"


_SITE = (
    rf"\bwww\.\S+|(?<![\w.])//[\w-]{{1,63}}\.\S*|(?<!\w)\.[a-z]{{2,12}}/\S+"
    rf"|{_SURE_SITE}|{_PATH}|{_LABELS}(?:[a-z0-9-]{{2,24}})(?::\d{{2,5}}\b|[?#]\w\S*)"
    r"|(?<![\w.-])(?P<site>(?:[\w-]{1,63}\.){1,6}[a-z][a-z0-9]{1,23})(?![\w@-])"
    r"|(?<![\w.])(?:\d{1,3}|0x[0-9a-f]{1,2})(?:\.(?:\d{1,3}|0x[0-9a-f]{1,2})){3}(?![\w.]*\w)(?::\d{1,5})?(?:/\S*)?"
    r"|(?<!\w)[\w-]{1,63}[\[({<]\s?\.\s?[\])}>]\w{2,24}\S*"
    rf"|(?<!\w)[\w-]{{1,63}}\s?[\[({{<]\s?\.\s?[\])}}>]\s?(?:{_SPOKEN})\b{_REST}"
)
# A dot with a space on one side: the ending must be in small letters, because sentences begin with capitals.
_SPACED_SITE = (
    rf"\bw\s?w\s?w\s?\.\s?\S+|"
    rf"(?<![\w-])[\w-]{{1,63}}(?:\s{{1,3}}\.\s{{0,3}}|\.\s{{1,3}})(?-i:{_SURE}|info)(?![\w-]|['’]\w){_REST}"
    rf"|(?<![\w-])(?-i:[A-Z0-9-]{{2,63}}(?:\s{{1,3}}\.\s{{0,3}}|\.\s{{1,3}})(?:COM|ORG|NET|XYZ|RU))\b"
    rf"|(?<![\w-])[\w-]{{1,63}}\s{{1,3}}\.\s{{1,3}}(?-i:{_SPOKEN})(?![\w-]){_REST}"
    rf"|(?<![\w-])[\w-]{{1,63}}\s{{1,3}}\.\s{{1,3}}(?:{_SPOKEN})\s?/\s?\w\S*"
    r"|(?<!\w)(?:\w\s){2,40}\.\s?(?:\w\s){1,12}\w(?!\w)"
)
_SPOKEN_SITE = (
    rf"(?:(?<!\S)\S{{1,64}}\s(?:{_AT}|@)\s)?(?<![\w-])(?!(?:the|a|an|of|this|that|big|red|every|each)\s)"
    rf"[\w-]{{1,63}}\s{{1,3}}{_DOT}\s{{1,3}}(?:{_SPOKEN})(?![\w-]){_REST}"
    rf"|(?<!\w)[\w]{{1,63}}\s?{_OPEN}\s?{_DOT}\s?{_CLOSE}\s?\w{{2,24}}\S*|(?<!\w)[\w-]{{2,63}}\s{_DOT}(?:com|org|net)\b"
    rf"|(?<!\w)[^\W_]{{1,63}}_{{1,2}}{_DOT}_{{1,2}}[^\W_]{{2,24}}\S*"
    rf"|(?<![\w-])[\w-]{{1,63}}\s{_DOT}\s[\w-]{{1,63}}\s(?:slash|{_DOT})\s\w\S*"
    rf"|\bh\s?t\s?t\s?p\s?s?\b(?:\s?colon)?\s?(?:(?:forward\s)?slash\s?){{1,2}}\S*"
)
_SPOKEN_HINT = (
    rf"(?i){_DOT} ?{_CLOSE}|[ _]{_DOT}(?:com|org|net)|\b{_DOT} (?:{_SPOKEN})\b"
    rf"|\b{_DOT} [\w-]{{1,63}} (?:slash|{_DOT}) |\bh ?t ?t ?p"
)
_MAIL = (
    r"(?<![^\s@])[^\s@]{1,64}\s?@\s?[\w-]{1,63}(?:\s?\.\s?[\w-]{2,63}){1,6}|[\w.+-]{0,64}@(?:[\w][\w.-]{1,63})"
    r"|(?<!\w)[\w.+-]{1,64}\s@\s(?=[^\W\d_])[\w-]{2,63}"
)
_PROVIDER = r"(?:gmail|googlemail|hotmail|yahoo|outlook|icloud|proton(?:mail)?|aol|gmx|msn|yandex)\b"
_MAIL_HINT = rf"(?i){_AT} ?{_CLOSE}|{_AT} (?:{_PROVIDER}|[\w-]{{1,63}}\.[a-z])"
_SPOKEN_MAIL = (
    rf"(?<!\S)\S{{1,64}}\s?{_OPEN}\s?at\s?{_CLOSE}\s?\w\S*(?:\s?{_OPEN}?\s?(?:\.|{_DOT})\s?{_CLOSE}?\s?\w{{2,24}})?"
    rf"|(?<!\S)\S{{1,64}}\s{_AT}\s{_PROVIDER}(?:\.\w+)*|(?<!\S)\S{{1,64}}\s{_AT}\s[\w-]{{1,63}}\.[a-z]{{2,24}}\b"
)

_SERVICE = (
    r"(?:discord|telegram|whats\s?app|snap(?:chat)?|insta(?:gram)?|tik\s?tok|kik|we\s?chat|skype|viber|facebook|twitter|"
    r"you\s?tube|reddit|only\s?fans|twitch|wickr|vk|mastodon|bluesky|steam)"
)
_ANY_SERVICE = rf"(?:{_SERVICE}|ig|fb|x|signal|line|threads|messenger|zoom|teams|matrix|session|qq|imessage)"
_MESSENGER = r"(?:discord|telegram|whats\s?app|snap(?:chat)?|kik|we\s?chat|skype|viber|wickr)"
_ACCOUNT = r"(?:id|handle|user(?:\s?name)?|name|tag|link|group|channel|server|invite)"
_HANDLE = (
    rf"\b{_MESSENGER}\s?{_ACCOUNT}?\s?[:=]\s?[\w.#-]{{2,40}}"
    rf"|\b{_SERVICE}\s?{_ACCOUNT}?\s?[:=]\s?(?:[\w.-]{{0,40}}[\d_#.-]\w[\w.#-]{{0,40}}|[\w.-]{{2,32}}(?=\s*(?:[.!?;)]|$)))"
    rf"|\b(?:on|via)\s{_SERVICE}\s(?:as|at|under|@)\s[^\s.!?]{{2,40}}"
    r"|(?<!\w)/?[ur]/\w{3,30}\b|(?<![\w#])[\w.]{2,32}\s?#\s?\d{4}\b"
)
_INVITATION = (
    r"\b(?:add|follow|find|message|dm|pm|text|contact|reach|join|hit|write(?:\sto)?|see|ping|meet|talk\sto|chat\swith)\s"
    rf"(?:me|us|him|her|them)\s(?:up\s)?(?:on|at|via|in|through|over|by|using)\s(?:my\s|our\s|the\s)?{_ANY_SERVICE}\b[^.!?\n]{{0,80}}"
    rf"|\b(?:my|our|his|her)\s{_ANY_SERVICE}\s(?:{_ACCOUNT}\s)?(?:is|[:=])\s?[^\s.!?]{{2,40}}"
)

_DIGIT_WORDS = (
    "zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple|null|eins|zwei|drei|vier|funf|sechs|sieben|acht|neun"
    "|deux|trois|quatre|cinq|sept|huit|neuf|cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve"
)
_DIGIT_WORD = rf"(?:{_DIGIT_WORDS}|\d)"
# No year range, date, or thousands: 1990-1995, 2026-11-28, 28.11.2026, 1 000 000, 10.000.000, 5000000, 3.1415926.
_NO_NUMBER = (
    r"(?!(?:1\d|20)\d\d\s?[-/ ]\s?(?:1\d|20)\d\d(?![\w-])|\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2}(?!\w|[\s./-]{1,2}\d)"
    r"|\d{1,2}[-./ ]\d{1,2}[-./ ]\d{2,4}(?!\w|[\s./-]{1,2}\d)|[1-9]\d{0,2}(?:[., ]?000){1,5}(?![\w-])|\d{1,3}(?:\.\d{3}){2,5}(?![\w-])"
    r"|\d{1,2}\.\d+(?![\w.-])|\d{3}\.(?!\d{4}(?!\d))\d+(?![\w.-]))"
)
_PHONE = (
    r"(?:\btel\.?\s?:?\s?)?(?<![\w+])\+\s?\(?\d(?:[\s().-]{0,3}\d){5,16}"
    rf"|(?<![\w.,/$€£+-])\(?{_NO_NUMBER}\d(?:[\s().-]{{0,3}}\d|[\s-]?/[\s-]?\d){{6,16}}(?!\w|[.,]\d|\s?%)"
    r"|\b(?:call|text|phone|ring|dial|sms|tel|whatsapp|fax|mobile|number)\W{1,3}(?:(?:me|us|at|on|is|now|this|number|under)\W{1,3}){0,3}"
    r"(?!(?:1\d|20)\d\d\b)\d(?:[\s().-]{0,2}\d){4,16}|\b(?:1[- ])?8\d\d[- ][a-z]{4,10}(?:-[a-z]{2,8})?\b(?-i:(?<=[A-Z]))"
    r"|\b0x[0-9a-f]{6,16}\b"
)
_SPELLED_PHONE = rf"\b{_DIGIT_WORD}(?:[\s,.-]{{1,3}}{_DIGIT_WORD}){{6,20}}\b"
_IPV6 = (
    r"(?<![\w:])\[?(?:(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{1,4}"
    r"|(?:(?:[0-9a-f]{1,4}:){1,6}|:):[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})\]?(?![\w:])(?::\d{1,5})?(?:/\S*)?"
)


@dataclass(frozen=True)
class AddressForm:
    """A form of an address. It is tried only where a text has its words, so many of them, and its hint: they are quick to see."""

    words: tuple[str, ...]
    pattern: re.Pattern[str]
    hint: re.Pattern[str] | None = None
    at_least: int = 1

    def may_be_in(self, text: str, small: str) -> bool:
        """Return whether the text may hold the form. `small` is the text in small letters; both have single spaces."""
        possible = sum(map(small.count, self.words)) >= self.at_least
        return possible and (self.hint is None or self.hint.search(text) is not None)


def _form(words: str, form: str, hint: str = "", *, at_least: int = 1) -> AddressForm:
    pattern = re.compile(form, re.IGNORECASE)
    return AddressForm(tuple(words.split("|")), pattern, re.compile(hint) if hint else None, at_least)


_SERVICE_WORDS = (
    "discord|telegram|whats|snap|insta|tok|kik|chat|"
    "skype|viber|face|twitter|tube|reddit|fans|twitch|wickr|vk|mastodon|bluesky|steam"
)
# For a text with broken lines, read as if they were not broken. Prose has too many words that would be joined for the rest.
STRICT = _form(":|/|.", rf"{_SCHEME}|{_PATH}|{_SURE_SITE}|\bwww\.\S+")
FORMS = (
    _form(":|/|\\", rf"{_SCHEME}|{_IPV6}|\\\\\w\S*", r":(?! )|: ?[/\\]|//|\\|(?i:script|mailto|data|https?|ftp) ?:"),
    _form("@", _MAIL),
    _form(".", _SITE, r"\.[\w-]{2}|\.\w?[/:?#]|\.\d|[\[({<] ?\."),
    _form(".", _SPACED_SITE, rf"\. (?:{_SURE}|info)\b|[A-Z0-9]\. (?:COM|ORG|NET|XYZ|RU)\b| \.|\b\w \w\."),
    _form("dot|d0t|punkt|punto|ponto|point|punt|kropka|nokta|tochka|toчka|http|h t t p", _SPOKEN_SITE, _SPOKEN_HINT),
    _form("at|arroba|chiocciola", _SPOKEN_MAIL, _MAIL_HINT),
    _form(f"{_SERVICE_WORDS}|#|r/|u/", _HANDLE, r"[:=#/@]|(?i:on|via) "),
    _form(
        f"{_SERVICE_WORDS}| ig| fb| x|signal| line|threads|messenger|zoom|teams|matrix|session| qq|imessage",
        _INVITATION,
        r"(?i)\b(?:me|us|him|her|them|my|our|his) ",
    ),
    _form("0|1|2|3|4|5|6|7|8|9", _PHONE, r"\d(?:\D{0,3}\d){4}|8\d\d[- ]|0[xX]"),
    _form(f"{_DIGIT_WORDS}|0|1|2|3|4|5|6|7|8|9", _SPELLED_PHONE, at_least=7),
)
