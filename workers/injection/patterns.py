"""Patterns of prompt injection: how people address the AI that reads their essay.

Each pattern has words, one of which must be in the text before the pattern is tried. The patterns are lower case and without
accents, because Latin, Greek and Cyrillic text is matched in that form. Wordings that ordinary essays also use ("students
ignore the rules", "she gave me full marks") are left out on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property

_PIECE = 3
_PIECES = re.compile(rf".{{{_PIECE}}}", re.DOTALL)


@dataclass(frozen=True)
class InjectionPattern:
    """A pattern, and words of which every match holds at least one."""

    words: tuple[str, ...]
    pattern: re.Pattern[str]

    def words_possible(self, pieces: AbstractSet[str]) -> Iterator[str]:
        """Yield the words that a text with these pieces (`pieces_of`) may hold. It is quick to see that most are not there."""
        return (word for word, needed in self._needed if needed is None or not pieces.isdisjoint(needed))

    @cached_property
    def _needed(self) -> tuple[tuple[str, tuple[str, ...] | None], ...]:
        # However a text is cut into pieces, one of them lies within so many letters of it.
        enough = 2 * _PIECE - 1
        return tuple(
            (word, tuple(word[at : at + _PIECE] for at in range(_PIECE)) if len(word) >= enough else None)
            for word in self.words
        )


def pieces_of(text: str) -> frozenset[str]:
    """Return the pieces of a text that is cut every three characters."""
    return frozenset(_PIECES.findall(text))


def _pattern(words: str, pattern: str) -> InjectionPattern:
    return InjectionPattern(tuple(words.split("|")), re.compile(pattern, re.MULTILINE))


_AI = r"(?:ai|a\.i\.|llm|large language model|language model|chat ?bot|chatgpt|gpt[\w.-]{0,8}|claude|gemini|copilot)"
_GRADER = r"(?:grader|marker|reader|model|assistant|system|scorer|evaluator|reviewer|checker|bot|tutor|examiner)"
_TOP_GRADE = (
    r"(?:full (?:marks|credit|points|score)|(?:top|maximum|highest|perfect|best)[ -](?:possible )?(?:marks?|scores?|grades?|levels?"
    r"|points|bands?|rating)|100\b|10/10|20/20|an? a\+|level \d|the highest|excellent on)"
)
_ESSAY = (
    r"(?:this|my|the) (?:\w+ )?(?:essay|paper|work|text|submission|student|response|writing|answer|piece|author|writer)"
)
_CLAUSE_START = r"(?:^|[.!?:;,>\])\"'“(-]\s{0,3}|\b(?:please|must|now|then|simply|just|always|should|to)\s)"

ORDERS: tuple[InjectionPattern, ...] = (
    _pattern(
        "ignore|disregard|forget|override|bypass|discard|do not follow|stop following|neglect",
        r"\b(?:ignore|disregard|forget|override|bypass|discard|do not follow|stop following|neglect)\b(?:[^.!?\n]{0,40}?\b(?:previous|"
        r"prior|above|earlier|preceding|foregoing|system|developer|original|initial|hidden)\b[^.!?\n]{0,25}?|\s(?:all |any )?(?:of )?"
        r"(?:your|these|all|any|my)\s(?:\w+ ){0,2}?)\b(?:instructions?|prompts?|rules|guidelines|directions|commands?|messages?|rubric"
        r"|programming|orders|context)\b",
    ),
    _pattern(
        "you are|you're|act as|pretend|role|behave|imagine",
        r"\b(?:you are|you're|act as|pretend (?:to be|you are|that you are)|role-?play as|behave (?:like|as)|"
        r"imagine (?:that )?you are)\s"
        rf"(?:now |no longer )?(?:an? |the |my )?(?:[\w-]+ ){{0,3}}?(?:{_AI}\b|grader\b|dan\b|essay[- ]scorer|marking (?:system|bot))",
    ),
    _pattern(
        "as an ai|as a language|as a large",
        r"\bas (?:an ai|a (?:large )?language model)(?: language)?(?: model|"
        r" assistant)?(?:,| you\b| i\b)",
    ),
    _pattern(
        "dear|hey|hello|hi |attention|note |message|instruction|notice|for |to |if you|ai |automat",
        rf"\b(?:dear|hey|hello|hi|attention|note (?:to|for)|message (?:to|for)|instructions? (?:to|for)|notice (?:to|"
        rf"for))\s(?:the |any |all )?"
        rf"(?:{_AI}s?\b|(?:ai|automated|automatic) {_GRADER}|{_GRADER}s?\s?[:,])|\b(?:for|to) (?:the |any )?(?:ai|"
        rf"automated) {_GRADER}s?\s?:"
        rf"|\b(?:ai|automated|automatic) {_GRADER}s?\s?[:,]|\bif you are (?:an? |the )?(?:{_AI}\b|automated)",
    ),
    _pattern(
        "system|assistant|developer|admin|user|teacher|instructor|tool|function|grader|moderator|anthropic|openai",
        r"(?:^|[.!?][ \t])[ \t>*#\[<|(-]{0,8}(?:(?:system|assistant|developer)(?:[ _-](?:message|prompt|note|override|"
        r"instruction|update|notice))?|(?:admin"
        r"(?:istrator)?|user|teacher|instructor|tool|function|grader|moderator|anthropic|openai)[ _-](?:message|prompt|note|override|"
        r"instructions?|update|results?|output|notice))[ \t\])>|*]{0,5}:",
    ),
    _pattern(
        "give|award|assign|grant|grade|mark|rate|score|choose|pick|select|return|output|set",
        rf"{_CLAUSE_START}(?:give|award|assign|grant|grade|mark|rate|score)\s(?:{_ESSAY}|this|it|"
        rf"me\b(?<!to give me))[^.!?\n]{{0,40}}?\b{_TOP_GRADE}"
        rf"|{_CLAUSE_START}(?:give|award|assign|choose|pick|select|return|output|"
        rf"set)\s(?:[^.!?\n]{{0,30}}?\b)?{_TOP_GRADE}[^.!?\n]{{0,40}}?\b(?:for |in |on |to )?"
        rf"(?:{_ESSAY}|(?:every|each|all) (?:criterion|criteria|categor(?:y|ies)|rubric))",
    ),
    _pattern(
        "deserves|should|must|merits|is worth|has earned|shall",
        rf"\b{_ESSAY}\s(?:deserves|should|must|merits|is worth|has earned|shall)\b[^.!?\n]{{0,30}}?\b{_TOP_GRADE}",
    ),
    _pattern(
        "reveal|print|repeat|output|display|recite|leak|show|tell|write out|copy|quote",
        r"\b(?:reveal|print|repeat|output|display|recite|leak|show|tell|write out|copy|"
        r"quote)\b[^.!?\n]{0,30}?\b(?:your (?:\w+ ){0,2}?(?:prompts?|"
        r"rules|instructions|guidelines|marker)|(?:the|this) (?:system|hidden|secret|initial|original|"
        r"developer) (?:\w+ )?(?:prompt|rules|"
        r"instructions|message|marker))\b",
    ),
    _pattern(
        "only|exactly|just|solely",
        r"\b(?:respond|reply|answer|output|say)\s(?:only|exactly|just|"
        r"solely)\b(?:\s(?:with|in|as)\b|\s?[:\"“'])",
    ),
    _pattern("only", r"\b(?:respond|reply|output) with (?:only|exactly|nothing)\b"),
    _pattern(
        "feedback|comment|message|response|answer|reply|output|verdict|rationale",
        r"\b(?:include|insert|write|put|add|append|use|place|mention|repeat)\b[^.!?\n]{0,80}?\b(?:in|into|to|of|"
        r"at the (?:start|end) of) (?:your|every|each"
        r"|all|all your|all of your)\s(?:\w+ )?(?:feedback|comments?|messages?|responses?|repl(?:y|ies)|outputs?|rationales?)\b",
    ),
    _pattern(
        "mention|report|critici|flag|comment|point out",
        rf"{_CLAUSE_START}(?:do not|don't|never)\s(?:mention|report|criticis\w+|criticiz\w+|flag|comment on|"
        rf"point out)\b[^.!?\n]{{0,40}}?\b(?:errors?|"
        r"mistakes?|problems?|weaknesses|this (?:note|message|instruction|order))\b",
    ),
    _pattern(
        " mode",
        r"\b(?:enter|enable|activate|switch to|you are (?:now )?in)\s(?:the )?(?:\w+ )?(?:developer|debug|"
        r"admin|god|dan|maintenance|test|jailbreak) mode\b",
    ),
    _pattern(
        "end of|end the|begin|new instruction|real instruction|actual instruction|new task",
        r"\b(?:new|real|actual|true|updated) (?:instructions?|task) ?(?:for the (?:ai|model|grader))?\s?:",
    ),
    # German, French, Spanish, Portuguese, Italian, Dutch, Polish, Turkish, Russian and Ukrainian
    _pattern(
        "ignorier|vergiss|missachte",
        r"\b(?:ignorier\w*|vergiss|vergessen sie|"
        r"missachte\w*)\b[^.!?\n]{0,50}?\b(?:anweisung\w*|instruktion\w*|prompt\w*|vorgaben)",
    ),
    _pattern(
        "gib |geben sie|vergib|bewerte",
        r"\b(?:gib|geben sie|vergib|"
        r"bewerte\w*)\b[^.!?\n]{0,50}?\b(?:volle\w* punktzahl|hochst\w* (?:punkt\w*|note|stufe)|bestnote|maximale punktzahl)",
    ),
    _pattern(
        "ignore|oublie",
        r"\b(?:ignore[sz]?|ignorer|oublie[sz]?)\b[^.!?\n]{0,40}?\b(?:instructions|"
        r"consignes)\b[^.!?\n]{0,20}?\b(?:precedentes|anterieures|ci-dessus|du systeme)",
    ),
    _pattern(
        "donne|attribue|accorde|mets|mettez",
        r"\b(?:donne[sz]?|attribue[sz]?|accorde[sz]?|mets|"
        r"mettez)\b[^.!?\n]{0,30}?\b(?:cet?te? \w+|ce devoir)\b[^.!?\n]{0,30}?\b(?:note maximale|meilleure note|20/20|"
        r"20 sur 20)|\b(?:donne[sz]?|attribue[sz]?|accorde[sz]?) (?:la note maximale|la meilleure note|20/20) a ce",
    ),
    _pattern(
        "ignora|ignore|olvida|olvide",
        r"\b(?:ignora|ignore|ignorad|olvida|olvide)\b[^.!?\n]{0,40}?\b(?:instrucciones|"
        r"indicaciones)\b",
    ),
    _pattern(
        "maxima|maximo",
        r"\b(?:da|dale|dele|otorga|otorgue|asigna|asigne|pon|ponga|de|atribua|de a|assegna|"
        r"dai)\b[^.!?\n]{0,40}?\b(?:(?:puntuacion|nota|calificacion|pontuacao) maxima|maxima (?:nota|puntuacion|"
        r"calificacion|pontuacao)|(?:voto|punteggio) massimo)",
    ),
    _pattern("instrucoes", r"\b(?:ignore|ignora|esqueca|desconsidere)\b[^.!?\n]{0,40}?\binstrucoes\b"),
    _pattern(
        "istruzioni|massimo",
        r"\b(?:ignora|ignorate|dimentica)\b[^.!?\n]{0,40}?\bistruzioni\b|\b(?:assegna|dai|"
        r"da)\b[^.!?\n]{0,40}?\b(?:voto|punteggio) massimo",
    ),
    _pattern(
        "negeer|vergeet|geef",
        r"\b(?:negeer|vergeet)\b[^.!?\n]{0,40}?\b(?:instructies|opdrachten)\b|"
        r"\bgeef dit\b[^.!?\n]{0,40}?\b(?:hoogste|maximale)",
    ),
    _pattern("ignoruj", r"\b(?:zignoruj|ignoruj)\b[^.!?\n]{0,40}?\b(?:instrukcje|polecenia)\b"),
    _pattern(
        "talimat|komut", r"\b(?:talimat\w*|komut\w*)\b[^.!?\n]{0,20}?\b(?:yok say|gormezden gel|unut|dikkate alma)"
    ),
    _pattern(
        "игнорир|забудь|ігнору",
        r"\b(?:про)?(?:игнориру\w*|забудь\w*|ігнору\w*)\b[^.!?\n]{0,50}?\b(?:инструкц\w*|"
        r"указан\w*|команд\w*|інструкц\w*)",
    ),
    _pattern(
        "постав|оцен|даи",
        r"\b(?:поставь\w*|оцени\w*|даи\w*)\b[^.!?\n]{0,50}?\b(?:высш\w*|максимальн\w*)\s(?:балл\w*|оценк\w*)",
    ),
    # Chinese, Japanese, Korean, Arabic, Hindi
    _pattern(
        "忽略|无视|忘记|不要理会|忽視|無視",
        r"(?:忽略|无视|忘记|不要理会|忽視|無視)[^。！？\n]{0,16}(?:指令|指示|提示|規則)|"
        r"(?:指示|命令|プロンプト)[^。\n]{0,10}無視し",
    ),
    _pattern(
        "满分|最高分|滿分|満点",
        r"(?:给|打|评|給)[^。\n]{0,4}(?:这篇|本文|此文|該文|這篇)[^。\n]{0,10}(?:满分|最高分|滿分)|(?:この|本)[^。\n]{0,10}満点を",
    ),
    _pattern("무시|잊", r"(?:지시|명령|지침|프롬프트)[^.\n]{0,10}(?:무시하|잊어)"),
    _pattern("تجاهل", r"تجاهل[^.\n]{0,25}(?:التعليمات|الأوامر|الاوامر)"),
    _pattern("निर्देश|आदेश", r"(?:निर्देश|आदेश)[^।\n]{0,20}(?:अनदेख|नजरअंदाज|भूल)"),
)

# Text that imitates the frame around an essay in a prompt, or a model's answer.
TEMPLATES: tuple[InjectionPattern, ...] = (
    _pattern("<|", r"<\|[\w ]{1,20}\|>"),
    _pattern(
        "inst]|<<|system>|instructions>|prompt>|assistant>|essay|earlier-",
        r"\[/?inst\]|<<?/?sys>>?|</?(?:system|"
        r"instructions?|prompt|assistant|user|essay|earlier)(?:-[\w-]{0,80})?>|</?(?:essay|earlier)-[0-9a-f]",
    ),
    _pattern(
        "begin|end|start|stop",
        r"(?:[-=#*~_]{3,}|\[|<<)\s{0,3}(?:begin|end|start|stop)(?: of)?(?: the)? (?:student )?(?:essay|data|input|"
        r"document|prompt|user|text|submission|context|"
        r"instructions?|system)",
    ),
    _pattern(
        '"',
        r"\\?\"(?:comments|picks|criterion|level|confidence|rationale|score|grade|role|strengths|feedback)\\?\"\s?:",
    ),
    _pattern("}", r"\"\s?}\s{0,3}\]?}?\s{0,3}(?:\n|</)|\\\"}"),
)

MARKUP: tuple[InjectionPattern, ...] = (
    _pattern(
        "<",
        r"</?(?:a|b|i|u|p|br|div|span|img|script|style|iframe|svg|font|table|td|tr|h[1-6]|html|body|form|input|"
        r"object|embed|link|meta)\b[^<>\n]{0,300}>|<!--",
    ),
    _pattern("](", r"!?\[[^\[\]\n]{0,200}\]\([^()\s]{3,300}"),
    _pattern("]:", r"^\[[^\[\]\n]{1,40}\]:\s?\S{4}"),
    _pattern("```", r"```"),
)
