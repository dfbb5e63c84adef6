"""Texts that name a person of a course in many ways of writing, for measuring what masking leaves of a name.

`probes` gives the same texts in every process. People, forms and sentences are invented.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from models.people_of_course import CoursePerson

SEED = 14

# Name, and forms of its first or last word as its language writes them.
PEOPLE = (
    ("Alice Smith", "Alices|l'Alice|Smiths|Alice'in"),
    ("Anna Kowalska", "Annas|Anny|Annie|Kowalskiej|Kowalską"),
    ("Anna Nagy", "Annával|Annának|Annáért|Annához|Annáék|Nagynak"),
    ("Péter Szabó", "Péterrel|Pétert|Péternek|Péterhez|Szabóval|Szabóék"),
    ("Shaun O'Brien", "OBrien|O’Briens|O`Brien|Shauns"),
    ("Gabriele D'Annunzio", "dell'Annunzio|DAnnunzio|d’Annunzio"),
    ("Zoë L'Estrange", "Zoes|LEstrange|Zoës"),
    ("José García", "Josés|Jose|Garcias|Garcías"),
    ("Anne-Marie Müller", "Annemarie|Mueller|Müllers|AnneMarie|Muellers"),
    ("Jürgen Groß", "Juergen|Gross|Jürgens"),
    ("Søren Ødegård", "Soren|Sørens|Odegard|Ødegårds"),
    ("Łukasz Wójcik", "Łukasza|Lukasz|Łukaszowi|Wójcika|Wojcik"),
    ("Pavel Novák", "Pavla|Pavlovi|Pavlem|Nováka|Novákovi|Novákova"),
    ("Hanka Dvořáková", "Hanky|Hance|Hanku|Dvořákové"),
    ("Matti Virtanen", "Matin|Matille|Mattia|Virtaselle|Virtasen"),
    ("Aino Korhonen", "Ainon|Ainolle|Ainoa|Ainosta"),
    ("Ahmet Yılmaz", "Ahmet'in|Ahmede|Yılmazın|Ahmetler"),
    ("Ayşe Demir", "Ayşe'nin|Ayşenin|Aysenin|Demirin"),
    ("Jānis Bērziņš", "Jāņa|Jānim|Jāni|Bērziņa"),
    ("Jonas Kazlauskas", "Jono|Jonui|Joną|Kazlausko"),
    ("Ioana Popescu", "Ioanei|Ioano|Popescului"),
    ("Mihai Ionescu", "Mihaiului|Mihais|Ionescului"),
    ("Ane Etxeberria", "Anerekin|Aneren|Etxeberriaren"),
    ("Maria de la Cruz", "Marias|Maria's|Marías"),
    ("Jan van der Berg", "Jans|Jana|VanDerBerg"),
    ("Siti Rahayu", "Sitinya|Rahayunya"),
    ("Nguyễn Minh Thảo", "Nguyen|Minhs|Thao"),
    ("Chidi Okonkwo", "Chidis|Okonkwos"),
    ("Thandi Nkosi", "uThandi|kaThandi|noNkosi"),
    ("Bo Lindqvist", "Bos|Lindqvists"),
    ("Kim Lee", "Kims|Lees"),
    ("Will Grace", "Wills|Graces"),
    ("Анна Иванова", "Анны|Анне|Анну|Анной|Ивановой|Аннe|АННЫ"),
    ("Павел Смирнов", "Павла|Павлу|Павлом|Смирнова|Смирновым"),
    ("Ольга Кузнецова", "Ольги|Ольге|Ольгой|Кузнецовой"),
    ("Олена Шевченко", "Олени|Олені|Оленою|Шевченком"),
    ("Дмитрий Соколов", "Дмитрия|Дмитрию|Дмитрием|Соколову"),
    ("Айгүл Нұрланова", "Айгүлдің|Айгүлге|Нұрлановаға"),
    ("Γιώργος Παπαδόπουλος", "Γιώργου|Γιώργο|Γιώργε|Παπαδόπουλου"),
    ("Μαρία Νικολάου", "Μαρίας|ΜΑΡΙΑΣ|Μαρια"),
    ("გიორგი ბერიძე", "გიორგის|გიორგიმ|ბერიძეს"),
    ("Անի Պետրոսյան", "Անիի|Անին|Պետրոսյանի"),
    ("أحمد منصور", "وأحمد|لأحمد|احمد|بأحمد|منصورا"),
    ("فاطمة الزهراني", "وفاطمة|فاطمه|لفاطمة"),
    ("שרה כהן", "ושרה|לשרה|לכהן|שכהן"),
    ("सीता शर्मा", "सीताको|सीताने|शर्माजी"),
    ("রহিম উদ্দিন", "রহিমের|রহিমকে"),
    ("முருகன் செல்வம்", "முருகனை|செல்வத்தை"),
    ("สมชาย ใจดี", "คุณสมชายมา|กับสมชาย"),
    ("王小明", "小明的|叫王小明"),
    ("田中花子", "田中花子さん|は田中花子"),
    ("김민수", "민수가|민수는|김민수의"),
    ("አበበ ከበደ", "ለአበበ|የአበበ|በከበደ"),
    ("Tomasz Zieliński", "Tomaszem|Zielińskiego|Zielinski"),
    ("Björk Jónsdóttir", "Bjork|Björks|Jónsdóttur"),
    ("Emeka Nwosu", "Emekas|Nwosus"),
)  # fmt: skip
SENTENCES = (
    "Then we met {} at the old bridge.",
    "{} was there too, and nobody knew why.",
    "My friend is called {}, as everybody says.",
    "I wrote it with ({}) in one evening.",
)
CLASS = tuple(
    CoursePerson(name=name, email=f"{name.split()[0].lower()}@west.example", external_id=f"w{number}90210")
    for number, name in enumerate(("Bela Vargas", "Ingrid Solheim", "Tunde Bakare", "Priya Raman", "Colm Doyle"))
)
ALIKE = dict(zip("aceopxyiABEKMHOPCTX", "асеорхуіАВЕКМНОРСТХ", strict=True))
GREEK = dict(zip("oviABEZHIKMNOPTYX", "ονιΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", strict=True))
UNSEEN = (
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u061c\u180e\u2062\u2064\u206a\u115f\u3164\ufe01\U000e0041\U000e0101"
)
_SEEN = str.maketrans(dict.fromkeys(UNSEEN, ""))
_BACK = str.maketrans({y: x for table in (ALIKE, GREEK) for x, y in table.items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """A text, the place in it that names a person, how it is written, and the people around it."""

    form: str
    text: str
    start: int
    end: int
    people: tuple[CoursePerson, ...]
    secrets: tuple[str, ...]

    def left(self, masked: str) -> str:
        """Return what the masked text still shows of the person, empty when it is nothing."""
        kept = "".join(now if was == now else "\0" for was, now in zip(self.text, masked, strict=True))[
            self.start : self.end
        ]
        shown = {bare(kept), bare(kept.translate(_BACK))}
        pieces = (piece for secret in self.secrets for piece in _pieces(bare(secret)))
        return next((piece for piece in pieces if any(piece in one for one in shown)), "")


def bare(text: str) -> str:
    """Return letters and digits, without accents and in small letters. NUL stays."""
    plain = unicodedata.normalize("NFKD", text.translate(_SEEN)).casefold()
    return "".join(char for char in plain if char == "\0" or char.isalnum())


def _pieces(secret: str) -> Iterator[str]:
    """Yield every run of three letters; of a shorter name, and of one in Chinese or Japanese signs, a run of two."""
    size = 2 if len(secret) < 3 or "\u3040" <= secret[0] <= "\u9fff" else 3
    yield from (secret[at : at + size] for at in range(len(secret) - size + 1))


def _person(name: str, number: int) -> CoursePerson:
    words = [bare(word) for word in name.split()]
    ascii_words = [word for word in words if word.isascii()] or [f"pupil{number}"]
    local = ".".join((ascii_words[0], ascii_words[-1])) if len(ascii_words) > 1 else f"{ascii_words[0]}.n{number}"
    return CoursePerson(name=name, email=f"{local}@north.example", external_id=f"sis-{447_711 + 13 * number}")


Form = Callable[[CoursePerson, Random], str]


def _words(person: CoursePerson) -> list[str]:
    return [word for word in person.name.split() if word[0].lower() != word[0] or not word.isascii()]


def _long(person: CoursePerson) -> str:
    """Return a word of the name: the longest one, because a short one may be a common word."""
    return max(_words(person), key=len)


def _is_latin(person: CoursePerson) -> bool:
    return bare(person.name).isascii() and "LATIN" in unicodedata.name(person.name[0])


def _is_cased(person: CoursePerson) -> bool:
    return person.name[0].upper() != person.name[0].lower()


def _unseen(word: str, random: Random) -> str:
    return "".join(char + random.choice(UNSEEN) for char in word[:-1]) + word[-1]


def _look(word: str, table: dict[str, str], random: Random) -> str:
    places = [at for at, char in enumerate(word) if char in table]
    if not places:
        return _unseen(word, random)
    chosen = set(random.sample(places, random.randint(1, len(places))))
    return "".join(table[char] if at in chosen else char for at, char in enumerate(word))


def _plain_words(person: CoursePerson) -> list[str]:
    return [re.sub(r"[^\w]", "", word) for word in _words(person)]


def _signs(word: str) -> list[str]:
    """Return the letters of a word, each with its marks."""
    return re.findall(r"[^\W_](?:(?![^\W_])[^ ])*", "".join(re.findall(r"[^'’ -]", word)))


def _camel(person: CoursePerson, random: Random) -> str:
    name = "".join(_plain_words(person))
    return random.choice(("iAm{}", "my{}Diary", "call{}Now", "{}IsHere")).format(name)


def _handle(person: CoursePerson, random: Random) -> str:
    words = [word.lower() for word in _plain_words(person)]
    first, last = words[0], words[-1]
    return random.choice(
        (f"@{first}_{last}", f"@{first}{last}", f"@{first}.{last}", f"{first}_{last}{random.randint(1, 99)}",
         f"@{last}_{first}", f"#{first}{last}", f"@{max(words, key=len)}", f"@iam{first}{last}", f"{first}-{last}-07")
    )  # fmt: skip


def _local(person: CoursePerson, random: Random) -> str:
    return person.email.partition("@")[0] if random.random() < 0.7 else person.email.partition("@")[0].replace(".", "_")


def _hidden_address(person: CoursePerson, random: Random) -> str:
    local = person.email.partition("@")[0]
    return random.choice(
        ("{} (at) north dot example", "{} [at] north [dot] example", "{} at north dot example", "{}(at)north(dot)example",
         "{} AT north DOT example", "{} @ north . example", "{}＠north.example", "{}%40north.example", "{} {{at}} north.example")
    ).format(random.choice((local, local.replace(".", " dot "))))  # fmt: skip


def _small_pair(person: CoursePerson, random: Random) -> str:
    words = [word.lower() for word in _words(person)]
    first, last = words[0], words[-1]
    return random.choice(
        (f"{first} {last}", f"{last} {first}", f"{last}, {first}", f"{first} m. {last}", f"{first}  {last}", f"{first}\n{last}",
         f"{first}{last}", f"{first} {last}'s", f"{first} {last.upper()}", f"{first}-{last}")
    )  # fmt: skip


def _bare_id(person: CoursePerson, random: Random) -> str:
    number = person.external_id.partition("-")[2]
    return random.choice(
        (number, f"SIS {number}", f"sis{number}", f"#{number}", f"No.{number}", f"{number[:3]} {number[3:]}", f"S{number}",
         f"{number[:3]}-{number[3:]}", f"sis_{number}", "".join(chr(0xFF10 + int(digit)) for digit in number))
    )  # fmt: skip


def _styled(person: CoursePerson, random: Random) -> str:
    return _in_style(bare(_long(person)).capitalize(), random)


def _unseen_or_styled(word: str, _: dict[str, str], random: Random) -> str:
    return random.choice((_unseen, _in_style))(word, random)


def _in_style(word: str, random: Random) -> str:
    offset, small = random.choice(((0x1D400, 0x1D41A), (0xFF21, 0xFF41), (0x24B6, 0x24D0), (0x1D5D4, 0x1D5EE)))
    return "".join(chr((offset if char.isupper() else small) + ord(char.lower()) - ord("a")) for char in word)


FORMS: dict[str, Form] = {
    "as it is": lambda person, random: person.name,
    "one word of it": lambda person, random: random.choice(_words(person)) if len(_long(person)) > 2 else _long(person),
    "in capitals": lambda person, random: person.name.upper(),
    "with 's": lambda person, random: f"{_long(person)}{random.choice(('’s', chr(39) + 's'))}",
    "camel case": _camel,
    "handle": _handle,
    "local part": _local,
    "hidden address": _hidden_address,
    "hyphenated letters": lambda person, random: random.choice("-._*·").join(_signs(_long(person))),
    "spaced letters": lambda person, random: " ".join(_signs("".join(_words(person)))),
    "spaced small letters": lambda person, random: " ".join(_signs(_long(person).lower())),
    "a mark within": lambda person, random: random.choice("-*·_|").join((_long(person)[:2], _long(person)[2:])),
    "Cyrillic look-alikes": lambda person, random: _look(_long(person), ALIKE, random),
    "Greek look-alikes": lambda person, random: _look(_long(person).upper(), GREEK, random),
    "styled letters": _styled,
    "disguised small letters": lambda person, random: random.choice((_look, _unseen_or_styled))(
        bare(_long(person)), ALIKE, random
    ),
    "invisible characters": lambda person, random: _unseen(_long(person), random),
    "without accents": lambda person, random: "".join(
        char for char in unicodedata.normalize("NFD", _long(person)) if unicodedata.category(char) != "Mn"
    ),
    "accents apart": lambda person, random: unicodedata.normalize("NFD", person.name),
    "pair in small letters": _small_pair,
    "bare id": _bare_id,
    "over a line end": lambda person, random: f"{_long(person)[:2]}-\n{_long(person)[2:]}",
}  # fmt: skip
LATIN_ONLY = {
    "disguised small letters",
    "Cyrillic look-alikes",
    "Greek look-alikes",
    "styled letters",
    "hidden address",
    "local part",
}
CASED_ONLY = {"camel case", "a mark within", "over a line end", "without accents", "pair in small letters", "handle"}


def probes() -> Iterator[Probe]:
    """Yield every probe: each form of each person, in two sentences."""
    random = Random(SEED)
    for number, (name, forms) in enumerate(PEOPLE):
        person = _person(name, number)
        for form, write in FORMS.items():
            if (form in LATIN_ONLY and not _is_latin(person)) or (form in CASED_ONLY and not _is_cased(person)):
                continue
            for sentence in random.sample(SENTENCES, 2):
                yield _probe(form, write(person, random), sentence, person)
        for written in forms.split("|"):
            yield _probe("with an ending", written, random.choice(SENTENCES), person)


def _probe(form: str, surface: str, sentence: str, person: CoursePerson) -> Probe:
    start = sentence.index("{}")
    words = [
        word for word in re.split(r"[\s'’-]+", person.name) if len(word) > 1 and word not in ("de", "la", "van", "der")
    ]
    unspaced = [person.name, person.name[1:]] if " " not in person.name else []
    return Probe(
        form=form,
        text=sentence.replace("{}", surface),
        start=start,
        end=start + len(surface),
        people=(person, *CLASS),
        secrets=(*words, *unspaced, person.email.partition("@")[0], person.external_id.partition("-")[2]),
    )
