"""Two engines, one list: which flags speak of the same place, which fall away, and what is offered instead?"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, replace

from workers.providers.local.confidence import Signs, confidence, edit_distance
from workers.providers.local.flags import Flag, FlaggedRanges
from workers.providers.local.guards import masked
from workers.providers.local.language import indecent
from workers.providers.local.suggest import ranked

MAX_SUGGESTIONS = 3
REPEATS_UNTIL_KNOWN = 3
_SPELLING_GROUPS = frozenset({"L:spelling", "H:Spelling"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One place in the text, what the engines agree to say of it, and how sure we are of problem and correction."""

    flag: Flag
    second: Flag | None
    agreed: bool
    suggestions: tuple[str, ...]
    signs: Signs
    problem: float
    correction: float

    @property
    def start(self) -> int:
        """Where the words in question begin."""
        return self.flag.start

    @property
    def end(self) -> int:
        """Where the words in question end."""
        return self.flag.end


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What the merge knows besides the flags: the text as written and as shown, the dialect, and words to accept."""

    text: str
    safe: str
    dialect: str
    known: frozenset[str]
    lingo: bool
    harper: bool
    common: frozenset[str] = frozenset()


def findings(first: list[Flag], second: list[Flag], setting: Setting) -> list[Finding]:
    """Return non-overlapping findings in order of place; lingotweaker goes before Harper, our patterns last."""
    usable = [_cleaned(flag, setting.text) for flag in (*first, *second) if _usable(flag, setting)]
    lingo = [flag for flag in usable if flag.engine == "L"]
    harper = [flag for flag in usable if flag.engine == "H"]
    repeated = _repeated_unknowns(lingo or harper, setting)
    of_lingo, of_harper = FlaggedRanges(lingo), FlaggedRanges(harper)
    merged: list[Finding] = []
    for flag in lingo:
        beside = of_harper.beside(flag)
        if _wrong_dialect(flag, beside, setting):
            continue
        if not _accepted(flag, beside, setting, repeated):
            merged.append(_finding(flag, beside, setting))
    for flag in harper:
        if any(not (other.dialect_only and _variant(flag)) for other in of_lingo.beside(flag)):
            continue
        if _variant(flag) and not setting.dialect:
            continue
        if not _accepted(flag, [], setting, repeated):
            merged.append(_finding(flag, [], setting))
    ours = [flag for flag in usable if flag.engine == "O" and not (of_lingo.beside(flag) or of_harper.beside(flag))]
    merged += [_finding(flag, [], setting) for flag in ours]
    return _without_overlaps(merged)


def _usable(flag: Flag, setting: Setting) -> bool:
    if flag.end <= flag.start or masked(setting.text, setting.safe, flag.start, flag.end):
        return False
    # No English rule has an opinion on words in another script.
    return not any(character.isalpha() and character > "\u024f" for character in setting.text[flag.start : flag.end])


def _cleaned(flag: Flag, text: str) -> Flag:
    """Return the flag with suggestions that may be shown: none indecent, none that changes nothing, no repeats."""
    quote = text[flag.start : flag.end]
    kept = [
        suggestion
        for suggestion in dict.fromkeys(flag.suggestions)
        if suggestion != quote and (not indecent(suggestion) or indecent(quote))
    ]
    return replace(flag, message="" if indecent(flag.message) else flag.message, suggestions=tuple(kept))


def _variant(flag: Flag) -> bool:
    """Return whether Harper only asks for the other country's spelling."""
    return flag.variant_of is not None


def _wrong_dialect(flag: Flag, beside: list[Flag], setting: Setting) -> bool:
    """Return whether lingotweaker, which spells American only, flags what the writer's own dialect allows."""
    if flag.group != "L:spelling" or setting.dialect == "US":
        return False
    if flag.dialect_only:
        return True
    if not setting.dialect or not setting.harper:
        return False
    return not beside


def _word(flag: Flag, setting: Setting) -> str:
    return unicodedata.normalize("NFC", setting.safe[flag.start : flag.end])


def _repeated_unknowns(flags: list[Flag], setting: Setting) -> frozenset[str]:
    counts = Counter(_word(flag, setting) for flag in flags if flag.group in _SPELLING_GROUPS)
    return frozenset(word for word, count in counts.items() if count >= REPEATS_UNTIL_KNOWN)


def _accepted(flag: Flag, beside: list[Flag], setting: Setting, repeated: frozenset[str]) -> bool:
    """Return whether an unknown word counts as known: the task uses it, or the writer does so steadily.

    A small-letter word that both engines correct in the same way stays a mistake however often it is made.
    """
    if flag.group not in _SPELLING_GROUPS:
        return False
    word = _word(flag, setting)
    if word.lower().removesuffix("'s") in setting.known or word.lower() in setting.known:
        return True
    if word not in repeated:
        return False
    return not (word.islower() and any(_same(flag, other, setting) for other in beside))


def _same(one: Flag, other: Flag, setting: Setting) -> bool:
    """Return whether the first suggestions of two flags lead to the same text."""
    if not one.suggestions or not other.suggestions:
        return False
    start, end = min(one.start, other.start), max(one.end, other.end)
    return _applied(one, setting.safe, start, end) == _applied(other, setting.safe, start, end)


def _applied(flag: Flag, text: str, start: int, end: int) -> str:
    return " ".join((text[start : flag.start] + flag.suggestions[0] + text[flag.end : end]).split())


def _finding(flag: Flag, beside: list[Flag], setting: Setting) -> Finding:
    agreeing = next((other for other in beside if _same(flag, other, setting)), None)
    other = agreeing or (beside[0] if beside else None)
    suggestions = _choices(flag, other, beside, agreed=agreeing is not None, setting=setting)
    word = setting.text[flag.start : flag.end]
    spelling = flag.group in _SPELLING_GROUPS
    # Harper alone is another witness than Harper where lingotweaker is silent: it is counted under a name of its own.
    engine = "S" if flag.engine == "H" and not setting.lingo else flag.engine
    signs = Signs(
        rule=f"{engine}:{flag.rule}",
        group=f"{engine}{flag.group[1:]}",
        second=bool(beside),
        agreed=agreeing is not None,
        capitalised=spelling and word[:1].isupper() and not _sentence_start(setting.safe, flag.start),
        near=spelling and bool(flag.suggestions) and edit_distance(word.lower(), flag.suggestions[0].lower()) <= 2,
        variant=flag.variant_of is not None,
    )
    problem, correction = confidence(signs)
    return Finding(
        flag=flag, second=other, agreed=agreeing is not None, suggestions=suggestions, signs=signs,
        problem=problem, correction=correction if suggestions else 0.0,
    )  # fmt: skip


def _choices(flag: Flag, other: Flag | None, beside: list[Flag], *, agreed: bool, setting: Setting) -> tuple[str, ...]:
    """Return one correction where the engines agree on it, and up to three to choose from where they do not."""
    quote = setting.text[flag.start : flag.end]
    same_place = other is not None and (other.start, other.end) == (flag.start, flag.end)
    theirs = other.suggestions if other is not None and same_place else ()
    if flag.variant_of is not None:
        offered = [flag.variant_of]
    elif flag.group in _SPELLING_GROUPS:
        offered = ranked(quote, flag.suggestions, theirs, setting.common)
        offered = offered[:1] if agreed and offered[:1] == list(flag.suggestions[:1]) else offered
    elif agreed:
        offered = list(flag.suggestions[:1])
    else:
        offered = [*flag.suggestions[:1], *theirs[:1], *flag.suggestions[1:]]
    if any(one.rule == "SentenceCapitalization" for one in beside):
        offered = [one[:1].upper() + one[1:] for one in offered]
    return tuple(one for one in dict.fromkeys(offered) if one != quote)[:MAX_SUGGESTIONS]


def _sentence_start(text: str, start: int) -> bool:
    before = (
        text[:start].rstrip(" \"'\u201c\u2018([")
        if start < 200
        else text[start - 200 : start].rstrip(" \"'\u201c\u2018([")
    )
    return not before or before[-1] in ".!?:\n\u2026"


def _without_overlaps(found: list[Finding]) -> list[Finding]:
    """Return what is left when, of findings on the same words, only the best witnessed stays.

    Not the surest: the table is fitted on what this leaves, so it must not depend on the table.
    """
    kept: list[Finding] = []
    places = FlaggedRanges()
    for one in sorted(
        found,
        key=lambda item: (
            item.second is None,
            not item.agreed,
            item.flag.engine != "L",
            item.start,
            item.end,
            item.flag.rule,
        ),
    ):
        if not places.beside(one.flag):
            kept.append(one)
            places.add(one.flag)
    return sorted(kept, key=lambda item: (item.start, item.end))
