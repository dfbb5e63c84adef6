"""Merge the flags of both engines and of our own patterns into one list of findings with suggestions and confidence."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, replace

from workers.providers.local.confidence import Evidence, confidence, edit_distance
from workers.providers.local.flags import Flag, FlaggedRanges
from workers.providers.local.guards import masked
from workers.providers.local.language import indecent
from workers.providers.local.suggest import ranked

MAX_SUGGESTIONS = 3
REPEATS_UNTIL_KNOWN = 3
_SPELLING_GROUPS = frozenset({"L:spelling", "H:Spelling"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One place in the text with its flags, its suggestions, and the confidence that they are right.

    `flag` is the flag that is shown. `second` is an overlapping flag of the other engine, if there is one. `agreed`: the first
    suggestions of both lead to the same text.
    """

    flag: Flag
    second: Flag | None
    agreed: bool
    suggestions: tuple[str, ...]
    signs: Evidence
    problem: float
    correction: float

    @property
    def start(self) -> int:
        """Return where the flagged words begin, in code points."""
        return self.flag.start

    @property
    def end(self) -> int:
        """Return where the flagged words end, in code points."""
        return self.flag.end


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeContext:
    """What the merge knows besides the flags.

    `text` is as written, `safe` as the engines saw it. `known`: words of the task. `lingo` and `harper`: the engine read the
    text. `common`: frequent words.
    """

    text: str
    safe: str
    dialect: str
    known: frozenset[str]
    lingo: bool
    harper: bool
    common: frozenset[str] = frozenset()


def findings(first: list[Flag], second: list[Flag], setting: MergeContext) -> list[Finding]:
    """Return findings that do not overlap, in order of place. lingotweaker takes precedence over Harper, our patterns come last."""
    usable = [_without_bad_suggestions(flag, setting.text) for flag in (*first, *second) if _usable(flag, setting)]
    lingo = [flag for flag in usable if flag.engine == "L"]
    harper = [flag for flag in usable if flag.engine == "H"]
    repeated = _repeated_unknowns(lingo or harper, setting)
    lingo_ranges, harper_ranges = FlaggedRanges(lingo), FlaggedRanges(harper)
    merged: list[Finding] = []
    for flag in lingo:
        overlapping = harper_ranges.overlapping(flag)
        if _allowed_by_dialect(flag, overlapping, setting):
            continue
        if not _counts_as_known(flag, overlapping, setting, repeated):
            merged.append(_make_finding(flag, overlapping, setting))
    for flag in harper:
        if any(not (other.dialect_only and _is_dialect_variant(flag)) for other in lingo_ranges.overlapping(flag)):
            continue
        if _is_dialect_variant(flag) and not setting.dialect:
            continue
        if not _counts_as_known(flag, [], setting, repeated):
            merged.append(_make_finding(flag, [], setting))
    own = [
        flag
        for flag in usable
        if flag.engine == "O" and not (lingo_ranges.overlapping(flag) or harper_ranges.overlapping(flag))
    ]
    merged += [_make_finding(flag, [], setting) for flag in own]
    return _without_overlaps(merged)


def _usable(flag: Flag, setting: MergeContext) -> bool:
    if flag.end <= flag.start or masked(setting.text, setting.safe, flag.start, flag.end):
        return False
    # English rules do not apply to words in another script.
    return not any(character.isalpha() and character > "\u024f" for character in setting.text[flag.start : flag.end])


def _without_bad_suggestions(flag: Flag, text: str) -> Flag:
    """Return the flag without suggestions that are indecent, change nothing or repeat, and without an indecent message."""
    quote = text[flag.start : flag.end]
    kept = [
        suggestion
        for suggestion in dict.fromkeys(flag.suggestions)
        if suggestion != quote and (not indecent(suggestion) or indecent(quote))
    ]
    return replace(flag, message="" if indecent(flag.message) else flag.message, suggestions=tuple(kept))


def _is_dialect_variant(flag: Flag) -> bool:
    """Return whether Harper only asks for the spelling of another country."""
    return flag.variant_of is not None


def _allowed_by_dialect(flag: Flag, overlapping: list[Flag], setting: MergeContext) -> bool:
    """Return whether lingotweaker, which knows American spelling only, flags a word that the writer's own dialect allows."""
    if flag.group != "L:spelling" or setting.dialect == "US":
        return False
    if flag.dialect_only:
        return True
    if not setting.dialect or not setting.harper:
        return False
    return not overlapping


def _flagged_word(flag: Flag, setting: MergeContext) -> str:
    return unicodedata.normalize("NFC", setting.safe[flag.start : flag.end])


def _repeated_unknowns(flags: list[Flag], setting: MergeContext) -> frozenset[str]:
    counts = Counter(_flagged_word(flag, setting) for flag in flags if flag.group in _SPELLING_GROUPS)
    return frozenset(word for word, count in counts.items() if count >= REPEATS_UNTIL_KNOWN)


def _counts_as_known(flag: Flag, overlapping: list[Flag], setting: MergeContext, repeated: frozenset[str]) -> bool:
    """Return whether an unknown word counts as known: the task uses it, or the writer uses it REPEATS_UNTIL_KNOWN times.

    A lower-case word that both engines correct in the same way stays a mistake, however often it occurs.
    """
    if flag.group not in _SPELLING_GROUPS:
        return False
    word = _flagged_word(flag, setting)
    if word.lower().removesuffix("'s") in setting.known or word.lower() in setting.known:
        return True
    if word not in repeated:
        return False
    return not (word.islower() and any(_same_correction(flag, other, setting) for other in overlapping))


def _same_correction(one: Flag, other: Flag, setting: MergeContext) -> bool:
    """Return whether the first suggestions of two flags lead to the same text."""
    if not one.suggestions or not other.suggestions:
        return False
    start, end = min(one.start, other.start), max(one.end, other.end)
    return _corrected_text(one, setting.safe, start, end) == _corrected_text(other, setting.safe, start, end)


def _corrected_text(flag: Flag, text: str, start: int, end: int) -> str:
    return " ".join((text[start : flag.start] + flag.suggestions[0] + text[flag.end : end]).split())


def _make_finding(flag: Flag, overlapping: list[Flag], setting: MergeContext) -> Finding:
    agreeing = next((other for other in overlapping if _same_correction(flag, other, setting)), None)
    other = agreeing or (overlapping[0] if overlapping else None)
    suggestions = _choose_suggestions(flag, other, overlapping, agreed=agreeing is not None, setting=setting)
    word = setting.text[flag.start : flag.end]
    spelling = flag.group in _SPELLING_GROUPS
    # Harper as the only engine has another precision than Harper beside lingotweaker, so it is counted under a name of its own.
    engine = "S" if flag.engine == "H" and not setting.lingo else flag.engine
    signs = Evidence(
        rule=f"{engine}:{flag.rule}",
        group=f"{engine}{flag.group[1:]}",
        second=bool(overlapping),
        agreed=agreeing is not None,
        capitalised=spelling and word[:1].isupper() and not _starts_sentence(setting.safe, flag.start),
        near=spelling and bool(flag.suggestions) and edit_distance(word.lower(), flag.suggestions[0].lower()) <= 2,
        variant=flag.variant_of is not None,
    )
    problem, correction = confidence(signs)
    return Finding(
        flag=flag, second=other, agreed=agreeing is not None, suggestions=suggestions, signs=signs,
        problem=problem, correction=correction if suggestions else 0.0,
    )  # fmt: skip


def _choose_suggestions(
    flag: Flag, other: Flag | None, overlapping: list[Flag], *, agreed: bool, setting: MergeContext
) -> tuple[str, ...]:
    """Return one correction where the engines agree on it, otherwise up to MAX_SUGGESTIONS to choose from."""
    quote = setting.text[flag.start : flag.end]
    same_place = other is not None and (other.start, other.end) == (flag.start, flag.end)
    other_suggestions = other.suggestions if other is not None and same_place else ()
    if flag.variant_of is not None:
        offered = [flag.variant_of]
    elif flag.group in _SPELLING_GROUPS:
        offered = ranked(quote, flag.suggestions, other_suggestions, setting.common)
        offered = offered[:1] if agreed and offered[:1] == list(flag.suggestions[:1]) else offered
    elif agreed:
        offered = list(flag.suggestions[:1])
    else:
        offered = [*flag.suggestions[:1], *other_suggestions[:1], *flag.suggestions[1:]]
    if any(one.rule == "SentenceCapitalization" for one in overlapping):
        offered = [one[:1].upper() + one[1:] for one in offered]
    return tuple(one for one in dict.fromkeys(offered) if one != quote)[:MAX_SUGGESTIONS]


def _starts_sentence(text: str, start: int) -> bool:
    before = (
        text[:start].rstrip(" \"'\u201c\u2018([")
        if start < 200
        else text[start - 200 : start].rstrip(" \"'\u201c\u2018([")
    )
    return not before or before[-1] in ".!?:\n\u2026"


def _without_overlaps(candidates: list[Finding]) -> list[Finding]:
    """Return the findings in order of place, keeping only the best supported one of those that overlap.

    The confidence does not decide: the table of confidences is fitted on what this function returns, so the choice must not
    depend on the table.
    """
    kept: list[Finding] = []
    kept_ranges = FlaggedRanges()
    for finding in sorted(
        candidates,
        key=lambda finding: (
            finding.second is None,
            not finding.agreed,
            finding.flag.engine != "L",
            finding.start,
            finding.end,
            finding.flag.rule,
        ),
    ):
        if not kept_ranges.overlapping(finding.flag):
            kept.append(finding)
            kept_ranges.add(finding.flag)
    return sorted(kept, key=lambda finding: (finding.start, finding.end))
